// SPDX-License-Identifier: GPL-2.0-or-later
/* The heap (first fit, free neighbours are merged), memory pools, and message queues, which are
 * ordered pools. */
#include "kernel.h"

#define HEAP_BYTES (512 * 1024)
#define ALIGN	   16

struct chunk {
	size_t bytes;  /* with this header; bit 0: in use */
	size_t before; /* bytes of the chunk before */
} __attribute__((aligned(ALIGN)));

static union {
	struct chunk first;
	char bytes[HEAP_BYTES];
} heap __attribute__((aligned(ALIGN)));

static struct chunk *after(struct chunk *c)
{
	return (struct chunk *)((char *)c + (c->bytes & ~1ul));
}

static bool inside(const struct chunk *c)
{
	return (const char *)c < heap.bytes + HEAP_BYTES;
}

void *heap_alloc(size_t bytes)
{
	size_t need = (bytes + sizeof(struct chunk) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	unsigned long irq = irq_save();
	struct chunk *c = &heap.first;
	void *result = NULL;

	if (!c->bytes)
		c->bytes = HEAP_BYTES;
	for (; inside(c); c = after(c)) {
		if ((c->bytes & 1) || c->bytes < need)
			continue;
		size_t rest = c->bytes - need;
		if (rest > sizeof(struct chunk)) {
			c->bytes = need;
			after(c)->bytes = rest;
			after(c)->before = need;
			if (inside(after(after(c))))
				after(after(c))->before = rest;
		}
		c->bytes |= 1;
		result = c + 1;
		break;
	}
	irq_restore(irq);
	return result;
}

static void join(struct chunk *c)
{
	struct chunk *next = after(c);

	if (inside(next) && !(next->bytes & 1))
		c->bytes += next->bytes;
	if (inside(after(c)))
		after(c)->before = c->bytes;
}

void heap_free(void *p)
{
	if (!p)
		return;
	unsigned long irq = irq_save();
	struct chunk *c = (struct chunk *)p - 1;
	c->bytes &= ~1ul;
	join(c);
	if (c->before) {
		struct chunk *previous = (struct chunk *)((char *)c - c->before);

		if (!(previous->bytes & 1))
			join(previous);
	}
	irq_restore(irq);
}

void *object_memory(void *given, uint32_t given_size, uint32_t size, bool *own)
{
	*own = !given;
	if (given)
		return given_size >= size ? given : NULL;
	return heap_alloc(size);
}

/* --- memory pools --- */

struct pool {
	struct object object;
	uint32_t count, block_size, used;
	void *free; /* list through the first word of each block */
	char *memory;
	bool own_buffer;
	struct wait_queue waiters;
};

osMemoryPoolId_t osMemoryPoolNew(uint32_t block_count, uint32_t block_size,
				 const osMemoryPoolAttr_t *attr)
{
	uint32_t size = (block_size + sizeof(void *) - 1) & ~(uint32_t)(sizeof(void *) - 1);
	bool own;

	if (in_interrupt || !block_count || !block_size || size > HEAP_BYTES / block_count)
		return NULL;
	struct pool *p = object_memory(attr ? attr->cb_mem : NULL, attr ? attr->cb_size : 0,
				       sizeof(*p), &own);
	if (!p)
		return NULL;
	*p = (struct pool){ .object = { OBJECT_POOL, own, attr ? attr->name : NULL },
			    .count = block_count,
			    .block_size = size };
	p->memory = object_memory(attr ? attr->mp_mem : NULL, attr ? attr->mp_size : 0,
				  block_count * size, &p->own_buffer);
	if (!p->memory) {
		object_delete(&p->object);
		return NULL;
	}
	queue_init(&p->waiters);
	for (uint32_t i = 0; i < block_count; i++) {
		void **block = (void **)(p->memory + i * size);

		*block = p->free;
		p->free = block;
	}
	return p;
}

static void *pool_take(struct pool *p)
{
	void **block = p->free;

	if (block) {
		p->free = *block;
		p->used++;
	}
	return block;
}

void *osMemoryPoolAlloc(osMemoryPoolId_t id, uint32_t timeout)
{
	struct pool *p = object_check(id, OBJECT_POOL);

	if (!p || (in_interrupt && timeout))
		return NULL;
	unsigned long irq = irq_save();
	void *block = pool_take(p);
	if (!block && timeout && wait_on(&p->waiters, timeout) == osOK)
		block = current->message;
	irq_restore(irq);
	return block;
}

osStatus_t osMemoryPoolFree(osMemoryPoolId_t id, void *block)
{
	struct pool *p = object_check(id, OBJECT_POOL);
	char *b = block;

	if (!p || b < p->memory || b >= p->memory + p->count * p->block_size ||
	    (b - p->memory) % p->block_size)
		return osErrorParameter;
	unsigned long irq = irq_save();
	struct thread *t = wake_first(&p->waiters, osOK);
	if (t) {
		t->message = block;
		reschedule();
	} else {
		*(void **)block = p->free;
		p->free = block;
		p->used--;
	}
	irq_restore(irq);
	return osOK;
}

uint32_t osMemoryPoolGetCapacity(osMemoryPoolId_t id)
{
	struct pool *p = object_check(id, OBJECT_POOL);

	return p ? p->count : 0;
}

uint32_t osMemoryPoolGetCount(osMemoryPoolId_t id)
{
	struct pool *p = object_check(id, OBJECT_POOL);

	return p ? p->used : 0;
}

osStatus_t osMemoryPoolDelete(osMemoryPoolId_t id)
{
	struct pool *p = object_check(id, OBJECT_POOL);

	if (in_interrupt)
		return osErrorISR;
	if (!p)
		return osErrorParameter;
	unsigned long irq = irq_save();
	wake_all(&p->waiters, osErrorResource);
	if (p->own_buffer)
		heap_free(p->memory);
	object_delete(&p->object);
	reschedule();
	irq_restore(irq);
	return osOK;
}

/* --- message queues --- */

struct message {
	struct message *next;
	uint8_t prio;
	char data[] __attribute__((aligned(8)));
};

struct queue {
	struct object object;
	uint32_t count, size, used, slot;
	struct message *free, *first;
	struct message *last; /* a message of priority 0 goes after it at once */
	char *memory;
	bool own_buffer;
	struct wait_queue getters, putters;
};

static void copy(void *to, const void *from, uint32_t n)
{
	__builtin_memcpy(to, from, n);
}

static void free_all(struct queue *q)
{
	q->first = q->last = q->free = NULL;
	q->used = 0;
	for (uint32_t i = 0; i < q->count; i++) {
		struct message *m = (struct message *)(q->memory + i * q->slot);

		m->next = q->free;
		q->free = m;
	}
}

osMessageQueueId_t osMessageQueueNew(uint32_t msg_count, uint32_t msg_size,
				     const osMessageQueueAttr_t *attr)
{
	bool own;

	if (in_interrupt || !msg_count || !msg_size || msg_size > HEAP_BYTES)
		return NULL;
	uint32_t slot = (sizeof(struct message) + msg_size + 7) & ~7u;
	if (slot > HEAP_BYTES / msg_count)
		return NULL;
	struct queue *q = object_memory(attr ? attr->cb_mem : NULL, attr ? attr->cb_size : 0,
					sizeof(*q), &own);
	if (!q)
		return NULL;
	*q = (struct queue){ .object = { OBJECT_QUEUE, own, attr ? attr->name : NULL },
			     .count = msg_count,
			     .size = msg_size,
			     .slot = slot };
	q->memory = object_memory(attr ? attr->mq_mem : NULL, attr ? attr->mq_size : 0,
				  msg_count * slot, &q->own_buffer);
	if (!q->memory) {
		object_delete(&q->object);
		return NULL;
	}
	queue_init(&q->getters);
	queue_init(&q->putters);
	free_all(q);
	return q;
}

static void insert(struct queue *q, struct message *m)
{
	struct message **at = &q->first;

	if (q->last && q->last->prio >= m->prio)
		at = &q->last->next;
	else
		while (*at && (*at)->prio >= m->prio)
			at = &(*at)->next;
	m->next = *at;
	*at = m;
	if (!m->next)
		q->last = m;
	q->used++;
}

static void append(struct queue *q, const void *data, uint8_t prio)
{
	struct message *m = q->free;

	q->free = m->next;
	m->prio = prio;
	copy(m->data, data, q->size);
	insert(q, m);
}

static uint8_t take(struct queue *q, void *data)
{
	struct message *m = q->first;

	q->first = m->next;
	if (!q->first)
		q->last = NULL;
	q->used--;
	copy(data, m->data, q->size);
	m->next = q->free;
	q->free = m;
	return m->prio;
}

osStatus_t osMessageQueuePut(osMessageQueueId_t id, const void *msg, uint8_t prio, uint32_t timeout)
{
	struct queue *q = object_check(id, OBJECT_QUEUE);
	osStatus_t status = osOK;
	struct thread *t;

	if (!q || !msg || (in_interrupt && timeout))
		return osErrorParameter;
	unsigned long irq = irq_save();
	if ((t = first_waiting(&q->getters))) { /* hand it over directly */
		copy(t->message, msg, q->size);
		t->wait_flags = prio;
		wake(t, osOK);
		reschedule();
	} else if (q->used < q->count) {
		append(q, msg, prio);
	} else {
		current->message = (void *)msg;
		current->wait_flags = prio;
		status = wait_on(&q->putters, timeout);
		current->wait_flags = 0;
	}
	irq_restore(irq);
	return status;
}

osStatus_t osMessageQueueGet(osMessageQueueId_t id, void *msg, uint8_t *prio, uint32_t timeout)
{
	struct queue *q = object_check(id, OBJECT_QUEUE);
	osStatus_t status = osOK;
	uint8_t got = 0;

	if (!q || !msg || (in_interrupt && timeout))
		return osErrorParameter;
	unsigned long irq = irq_save();
	if (q->first) {
		got = take(q, msg);
		struct thread *t = first_waiting(&q->putters);
		if (t) {
			append(q, t->message, (uint8_t)t->wait_flags);
			wake(t, osOK);
			reschedule();
		}
	} else {
		current->message = msg;
		status = wait_on(&q->getters, timeout);
		got = (uint8_t)current->wait_flags;
		current->wait_flags = 0;
	}
	irq_restore(irq);
	if (prio && status == osOK)
		*prio = got;
	return status;
}

uint32_t osMessageQueueGetCapacity(osMessageQueueId_t id)
{
	struct queue *q = object_check(id, OBJECT_QUEUE);

	return q ? q->count : 0;
}

uint32_t osMessageQueueGetCount(osMessageQueueId_t id)
{
	struct queue *q = object_check(id, OBJECT_QUEUE);

	return q ? q->used : 0;
}

uint32_t osMessageQueueGetSpace(osMessageQueueId_t id)
{
	struct queue *q = object_check(id, OBJECT_QUEUE);

	return q ? q->count - q->used : 0;
}

osStatus_t osMessageQueueReset(osMessageQueueId_t id)
{
	struct queue *q = object_check(id, OBJECT_QUEUE);

	if (in_interrupt)
		return osErrorISR;
	if (!q)
		return osErrorParameter;
	unsigned long irq = irq_save();
	free_all(q);
	for (struct thread *t; q->used < q->count && (t = first_waiting(&q->putters));) {
		append(q, t->message, (uint8_t)t->wait_flags);
		wake(t, osOK);
	}
	reschedule();
	irq_restore(irq);
	return osOK;
}

osStatus_t osMessageQueueDelete(osMessageQueueId_t id)
{
	struct queue *q = object_check(id, OBJECT_QUEUE);

	if (in_interrupt)
		return osErrorISR;
	if (!q)
		return osErrorParameter;
	unsigned long irq = irq_save();
	wake_all(&q->getters, osErrorResource);
	wake_all(&q->putters, osErrorResource);
	if (q->own_buffer)
		heap_free(q->memory);
	object_delete(&q->object);
	reschedule();
	irq_restore(irq);
	return osOK;
}
