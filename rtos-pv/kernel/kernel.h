/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal interfaces: threads, waiting, time. One processor; masking interrupts is the only
 * lock. */
#ifndef KERNEL_H
#define KERNEL_H

#include "cmsis_os2.h"
#include "port.h"

struct thread;

struct list {
	struct list *next, *prev;
};

/* Threads that wait for an object, highest priority first, equals in their order. */
struct wait_queue {
	struct list threads;
};

struct mutex;

struct thread {
	void *sp;	     /* first: port_switch */
	struct list node;    /* in a ready list, or in a wait queue */
	struct list timeout; /* in the list of sleepers */
	struct wait_queue *waiting;
	uint64_t wake; /* tick */
	osThreadState_t state;
	int priority, base_priority;
	osStatus_t result; /* the result of the wait */
	void *message;	   /* of a queue operation in progress */
	uint32_t flags, wait_flags, wait_options;
	struct mutex *holds; /* mutexes it owns */
	struct mutex *wants;
	struct thread *joiner;
	bool suspended, in_use, own_stack, timed;
	uint32_t attr;
	uint64_t slice_end;
	osThreadFunc_t func;
	void *arg;
	const char *name;
	void *stack, *kernel_stack_top;
	uint32_t stack_size;
};

extern struct thread *current;
extern bool in_interrupt;

void list_init(struct list *l);
void list_append(struct list *at, struct list *node);
void list_remove(struct list *node);
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
#define list_entry(node, type, field) ((type *)((char *)(node)-offsetof(type, field)))

/* All with interrupts masked. */
void queue_init(struct wait_queue *q);
osStatus_t wait_on(struct wait_queue *q, uint32_t timeout); /* blocks; returns wake's result */
struct thread *wake_first(struct wait_queue *q, osStatus_t result);
void wake(struct thread *t, osStatus_t result);
void wake_all(struct wait_queue *q, osStatus_t result);
struct thread *first_waiting(const struct wait_queue *q);
void set_effective_priority(struct thread *t, int priority);
void reschedule(void); /* switches if a higher-priority thread is ready and switching is allowed */
void thread_leave_mutexes(struct thread *t);

uint64_t kernel_ticks(void);
void timers_init(void);
uint64_t timers_run(uint64_t now); /* next tick at which one is due */
void arm_timer(void);

/* For the measurements: when a delay of that many ticks from now would end; the number of timer
 * interrupts; an interrupt each tick, even if not needed. */
uint64_t kernel_deadline_ns(uint32_t ticks);
extern unsigned kernel_timer_interrupts;
void kernel_periodic_tick(bool on);

/* Control blocks and buffers: in attr's memory if it is large enough, else on the heap. */
void *object_memory(void *given, uint32_t given_size, uint32_t size, bool *own);
void *heap_alloc(size_t bytes);
void heap_free(void *p);

/* Each object starts with its type, so that a wrong identifier is noticed. */
enum object_type {
	OBJECT_TIMER = 0x7101,
	OBJECT_FLAGS,
	OBJECT_MUTEX,
	OBJECT_SEMAPHORE,
	OBJECT_POOL,
	OBJECT_QUEUE
};

struct object {
	uint32_t type;
	bool own_memory;
	const char *name;
};
void *object_check(void *id, uint32_t type);
void object_delete(struct object *o);

static inline uint32_t div64(uint64_t *n, uint32_t by) /* *n /= by; the rest */
{
	uint32_t high = (uint32_t)(*n >> 32), low = (uint32_t)*n, q_high = high / by,
		 rest = high % by, q;

	__asm__("divl %4" : "=a"(q), "=d"(rest) : "a"(low), "d"(rest), "r"(by));
	*n = (uint64_t)q_high << 32 | q;
	return rest;
}

#endif
