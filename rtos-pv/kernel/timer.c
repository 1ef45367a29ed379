// SPDX-License-Identifier: GPL-2.0-or-later
/* Software timers: a sorted list; callbacks run in a high-priority thread. */
#include "kernel.h"

struct timer {
	struct object object;
	struct list node;
	osTimerFunc_t func;
	void *arg;
	osTimerType_t type;
	uint32_t period;
	uint64_t due;
	bool running;
};

static struct list timers; /* sorted by due */
static struct wait_queue worker_wait;
static bool worker_made;

void timers_init(void)
{
	list_init(&timers);
	queue_init(&worker_wait);
}

static void insert(struct timer *t)
{
	struct list *at = timers.next;

	while (at != &timers && list_entry(at, struct timer, node)->due <= t->due)
		at = at->next;
	list_append(at, &t->node);
	t->running = true;
}

static void stop(struct timer *t)
{
	list_remove(&t->node);
	t->running = false;
}

/* Wakes the worker if a timer is due; returns the next deadline. */
uint64_t timers_run(uint64_t now)
{
	if (list_empty(&timers))
		return ~0ull;
	uint64_t due = list_entry(timers.next, struct timer, node)->due;
	if (due > now)
		return due;
	wake_first(&worker_wait, osOK);
	return ~0ull; /* the worker arms it again when it is done */
}

static void worker(void *arg)
{
	(void)arg;
	irq_save();
	for (;;) {
		struct timer *t =
			list_empty(&timers) ? NULL : list_entry(timers.next, struct timer, node);

		if (!t || t->due > kernel_ticks()) {
			arm_timer();
			wait_on(&worker_wait, osWaitForever);
			continue;
		}
		stop(t);
		if (t->type == osTimerPeriodic) {
			t->due += t->period;
			insert(t);
		}
		osTimerFunc_t func = t->func;
		void *func_arg = t->arg;
		irq_restore(0);
		func(func_arg);
		irq_save();
	}
}

osTimerId_t osTimerNew(osTimerFunc_t func, osTimerType_t type, void *argument,
		       const osTimerAttr_t *attr)
{
	static const osThreadAttr_t worker_attr = { .name = "timers",
						    .priority = osPriorityRealtime };
	bool own;

	if (in_interrupt || !func || (type != osTimerOnce && type != osTimerPeriodic))
		return NULL;
	if (!worker_made) {
		worker_made = true;
		osThreadNew(worker, NULL, &worker_attr);
	}
	struct timer *t = object_memory(attr ? attr->cb_mem : NULL, attr ? attr->cb_size : 0,
					sizeof(*t), &own);
	if (!t)
		return NULL;
	*t = (struct timer){ .object = { OBJECT_TIMER, own, attr ? attr->name : NULL },
			     .func = func,
			     .arg = argument,
			     .type = type };
	list_init(&t->node);
	return t;
}

const char *osTimerGetName(osTimerId_t id)
{
	struct timer *t = object_check(id, OBJECT_TIMER);

	return t ? t->object.name : NULL;
}

osStatus_t osTimerStart(osTimerId_t id, uint32_t ticks)
{
	struct timer *t = object_check(id, OBJECT_TIMER);

	if (in_interrupt)
		return osErrorISR;
	if (!t || !ticks)
		return osErrorParameter;
	unsigned long irq = irq_save();
	if (t->running)
		stop(t);
	t->period = ticks;
	t->due = kernel_ticks() + ticks;
	insert(t);
	arm_timer();
	reschedule();
	irq_restore(irq);
	return osOK;
}

osStatus_t osTimerStop(osTimerId_t id)
{
	struct timer *t = object_check(id, OBJECT_TIMER);

	if (in_interrupt)
		return osErrorISR;
	if (!t)
		return osErrorParameter;
	unsigned long irq = irq_save();
	osStatus_t status = t->running ? osOK : osErrorResource;
	if (t->running)
		stop(t);
	irq_restore(irq);
	return status;
}

uint32_t osTimerIsRunning(osTimerId_t id)
{
	struct timer *t = object_check(id, OBJECT_TIMER);

	return t && t->running;
}

osStatus_t osTimerDelete(osTimerId_t id)
{
	struct timer *t = object_check(id, OBJECT_TIMER);

	if (in_interrupt)
		return osErrorISR;
	if (!t)
		return osErrorParameter;
	unsigned long irq = irq_save();
	if (t->running)
		stop(t);
	object_delete(&t->object);
	irq_restore(irq);
	return osOK;
}
