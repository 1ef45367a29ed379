// SPDX-License-Identifier: GPL-2.0-or-later
/* Event flags, mutexes, semaphores. */
#include "kernel.h"

void *object_check(void *id, uint32_t type)
{
	struct object *o = id;

	return o && o->type == type ? o : NULL;
}

void object_delete(struct object *o)
{
	o->type = 0;
	if (o->own_memory)
		heap_free(o);
}

static void *object_new(uint32_t type, const osTimerAttr_t *attr, uint32_t size)
{
	bool own;
	struct object *o =
		object_memory(attr ? attr->cb_mem : NULL, attr ? attr->cb_size : 0, size, &own);

	if (o)
		*o = (struct object){ type, own, attr ? attr->name : NULL };
	return o;
}

/* --- event flags --- */

struct event_flags {
	struct object object;
	uint32_t flags;
	struct wait_queue waiters;
};

osEventFlagsId_t osEventFlagsNew(const osEventFlagsAttr_t *attr)
{
	struct event_flags *e = in_interrupt ? NULL : object_new(OBJECT_FLAGS, attr, sizeof(*e));

	if (e) {
		e->flags = 0;
		queue_init(&e->waiters);
	}
	return e;
}

static bool satisfied(uint32_t have, uint32_t want, uint32_t options)
{
	return options & osFlagsWaitAll ? (have & want) == want : have & want;
}

uint32_t osEventFlagsSet(osEventFlagsId_t id, uint32_t flags)
{
	struct event_flags *e = object_check(id, OBJECT_FLAGS);

	if (!e || (flags & osFlagsError))
		return osFlagsErrorParameter;
	unsigned long irq = irq_save();
	uint32_t clear = 0;
	e->flags |= flags;
	for (struct list *at = e->waiters.threads.next, *next; at != &e->waiters.threads;
	     at = next) {
		struct thread *t = list_entry(at, struct thread, node);

		next = at->next;
		if (!satisfied(e->flags, t->wait_flags, t->wait_options))
			continue;
		t->message = (void *)(uintptr_t)e->flags;
		if (!(t->wait_options & osFlagsNoClear))
			clear |= t->wait_flags;
		wake(t, osOK);
	}
	e->flags &= ~clear;
	uint32_t result = e->flags;
	reschedule();
	irq_restore(irq);
	return result;
}

uint32_t osEventFlagsClear(osEventFlagsId_t id, uint32_t flags)
{
	struct event_flags *e = object_check(id, OBJECT_FLAGS);

	if (!e || (flags & osFlagsError))
		return osFlagsErrorParameter;
	unsigned long irq = irq_save();
	uint32_t was = e->flags;
	e->flags &= ~flags;
	irq_restore(irq);
	return was;
}

uint32_t osEventFlagsGet(osEventFlagsId_t id)
{
	struct event_flags *e = object_check(id, OBJECT_FLAGS);

	return e ? e->flags : 0;
}

uint32_t osEventFlagsWait(osEventFlagsId_t id, uint32_t flags, uint32_t options, uint32_t timeout)
{
	struct event_flags *e = object_check(id, OBJECT_FLAGS);

	if (!e || !flags || (flags & osFlagsError) || (in_interrupt && timeout))
		return osFlagsErrorParameter;
	unsigned long irq = irq_save();
	uint32_t result = e->flags;
	if (satisfied(e->flags, flags, options)) {
		if (!(options & osFlagsNoClear))
			e->flags &= ~flags;
	} else if (!timeout) {
		result = osFlagsErrorResource;
	} else {
		struct thread *t = current;

		t->wait_flags = flags;
		t->wait_options = options;
		osStatus_t status = wait_on(&e->waiters, timeout);
		t->wait_flags = 0;
		result = status == osOK		    ? (uint32_t)(uintptr_t)t->message
			 : status == osErrorTimeout ? osFlagsErrorTimeout
						    : osFlagsErrorResource;
	}
	irq_restore(irq);
	return result;
}

osStatus_t osEventFlagsDelete(osEventFlagsId_t id)
{
	struct event_flags *e = object_check(id, OBJECT_FLAGS);

	if (in_interrupt)
		return osErrorISR;
	if (!e)
		return osErrorParameter;
	unsigned long irq = irq_save();
	wake_all(&e->waiters, osErrorResource);
	object_delete(&e->object);
	reschedule();
	irq_restore(irq);
	return osOK;
}

/* --- mutexes: always with priority inheritance, along chains of owners --- */

struct mutex {
	struct object object;
	uint32_t attr;
	struct thread *owner;
	uint32_t depth;
	struct wait_queue waiters;
	struct mutex *next_held;
};

osMutexId_t osMutexNew(const osMutexAttr_t *attr)
{
	struct mutex *m = in_interrupt ? NULL : object_new(OBJECT_MUTEX, attr, sizeof(*m));

	if (m) {
		m->attr = attr ? attr->attr_bits : 0;
		m->owner = NULL;
		m->depth = 0;
		queue_init(&m->waiters);
	}
	return m;
}

static void take_mutex(struct mutex *m, struct thread *t)
{
	m->owner = t;
	m->depth = 1;
	m->next_held = t->holds;
	t->holds = m;
}

static void drop_mutex(struct mutex *m)
{
	struct mutex **at = &m->owner->holds;

	while (*at != m)
		at = &(*at)->next_held;
	*at = m->next_held;
	m->owner = NULL;
	m->depth = 0;
}

/* A thread's effective priority: the highest of its own and of threads that wait for mutexes it
 * owns. */
static void recompute(struct thread *t)
{
	for (;;) {
		int best = t->base_priority;

		for (struct mutex *m = t->holds; m; m = m->next_held) {
			struct thread *w = first_waiting(&m->waiters);

			if (w && w->priority > best)
				best = w->priority;
		}
		if (best == t->priority)
			return;
		set_effective_priority(t, best);
		if (!t->wants || !t->wants->owner)
			return;
		t = t->wants->owner;
	}
}

osStatus_t osMutexAcquire(osMutexId_t id, uint32_t timeout)
{
	struct mutex *m = object_check(id, OBJECT_MUTEX);
	struct thread *t = current;

	if (in_interrupt)
		return osErrorISR;
	if (!m)
		return osErrorParameter;
	unsigned long irq = irq_save();
	osStatus_t status = osOK;
	if (!m->owner) {
		take_mutex(m, t);
	} else if (m->owner == t) {
		if (m->attr & osMutexRecursive)
			m->depth++;
		else
			status = osErrorResource;
	} else if (!timeout) {
		status = osErrorResource;
	} else {
		if (t->priority > m->owner->priority) {
			struct thread *owner = m->owner;

			/* before waiting: the chain ends at a thread that can run */
			for (; owner && owner->priority < t->priority;
			     owner = owner->wants ? owner->wants->owner : NULL)
				set_effective_priority(owner, t->priority);
		}
		t->wants = m;
		status = wait_on(&m->waiters, timeout);
		t->wants = NULL;
		if (status != osOK && m->object.type == OBJECT_MUTEX && m->owner)
			recompute(m->owner);
	}
	irq_restore(irq);
	return status;
}

/* Passes it to the first waiting thread. */
static void pass_on(struct mutex *m)
{
	struct thread *t = m->owner, *next;

	drop_mutex(m);
	recompute(t);
	next = first_waiting(&m->waiters);
	if (next) {
		next->wants = NULL;
		wake(next, osOK);
		take_mutex(m, next);
		recompute(next);
	}
}

osStatus_t osMutexRelease(osMutexId_t id)
{
	struct mutex *m = object_check(id, OBJECT_MUTEX);

	if (in_interrupt)
		return osErrorISR;
	if (!m)
		return osErrorParameter;
	unsigned long irq = irq_save();
	osStatus_t status = osOK;
	if (m->owner != current) {
		status = osErrorResource;
	} else if (!--m->depth) {
		pass_on(m);
		reschedule();
	}
	irq_restore(irq);
	return status;
}

void thread_leave_mutexes(struct thread *t)
{
	while (t->holds)
		pass_on(t->holds);
	if (t->wants && t->wants->owner)
		recompute(t->wants->owner);
	t->wants = NULL;
}

osThreadId_t osMutexGetOwner(osMutexId_t id)
{
	struct mutex *m = object_check(id, OBJECT_MUTEX);

	return m ? m->owner : NULL;
}

osStatus_t osMutexDelete(osMutexId_t id)
{
	struct mutex *m = object_check(id, OBJECT_MUTEX);

	if (in_interrupt)
		return osErrorISR;
	if (!m)
		return osErrorParameter;
	unsigned long irq = irq_save();
	struct thread *owner = m->owner;
	if (owner)
		drop_mutex(m);
	wake_all(&m->waiters, osErrorResource);
	if (owner)
		recompute(owner);
	object_delete(&m->object);
	reschedule();
	irq_restore(irq);
	return osOK;
}

/* --- semaphores --- */

struct semaphore {
	struct object object;
	uint32_t count, max;
	struct wait_queue waiters;
};

osSemaphoreId_t osSemaphoreNew(uint32_t max_count, uint32_t initial_count,
			       const osSemaphoreAttr_t *attr)
{
	if (in_interrupt || !max_count || initial_count > max_count)
		return NULL;
	struct semaphore *s = object_new(OBJECT_SEMAPHORE, attr, sizeof(*s));
	if (s) {
		s->count = initial_count;
		s->max = max_count;
		queue_init(&s->waiters);
	}
	return s;
}

osStatus_t osSemaphoreAcquire(osSemaphoreId_t id, uint32_t timeout)
{
	struct semaphore *s = object_check(id, OBJECT_SEMAPHORE);
	osStatus_t status = osOK;

	if (!s || (in_interrupt && timeout))
		return osErrorParameter;
	unsigned long irq = irq_save();
	if (s->count)
		s->count--;
	else
		status = wait_on(&s->waiters, timeout);
	irq_restore(irq);
	return status;
}

osStatus_t osSemaphoreRelease(osSemaphoreId_t id)
{
	struct semaphore *s = object_check(id, OBJECT_SEMAPHORE);
	osStatus_t status = osOK;

	if (!s)
		return osErrorParameter;
	unsigned long irq = irq_save();
	if (wake_first(&s->waiters, osOK))
		reschedule();
	else if (s->count < s->max)
		s->count++;
	else
		status = osErrorResource;
	irq_restore(irq);
	return status;
}

uint32_t osSemaphoreGetCount(osSemaphoreId_t id)
{
	struct semaphore *s = object_check(id, OBJECT_SEMAPHORE);

	return s ? s->count : 0;
}

osStatus_t osSemaphoreDelete(osSemaphoreId_t id)
{
	struct semaphore *s = object_check(id, OBJECT_SEMAPHORE);

	if (in_interrupt)
		return osErrorISR;
	if (!s)
		return osErrorParameter;
	unsigned long irq = irq_save();
	wake_all(&s->waiters, osErrorResource);
	object_delete(&s->object);
	reschedule();
	irq_restore(irq);
	return osOK;
}
