// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads and the scheduler: fixed priorities, round robin among equals, one ready list for each
 * priority and a bitmap of those that are not empty. A switch is a call: port_switch saves what the
 * compiler expects to survive one. Interrupts switch on their way out, on the thread's own stack.
 */
#include "kernel.h"

#define PRIORITIES  57
#define THREADS	    32
#define STACK_SIZE  8192
#define SLICE_TICKS 5
#define MIN(a, b)   ((a) < (b) ? (a) : (b))

struct thread *current;
bool in_interrupt;

static struct thread threads[THREADS], idle_thread, boot_thread;
static struct list ready[PRIORITIES];
static uint32_t ready_bits[2]; /* bit n of word n / 32: ready[n] is not empty */
static struct list sleepers;   /* sorted by wake */
static int32_t locked;
static osKernelState_t kernel_state;
static bool switch_wanted;
static uint64_t tick_ns; /* time of the last tick that was counted */
static uint64_t tick_count;
static uint64_t armed_for = ~0ull; /* tick the timer interrupt is set to */

static bool periodic; /* a measurement wants every tick */

static void arm_timer_at(uint64_t tick);

void list_init(struct list *l)
{
	l->next = l->prev = l;
}

void list_append(struct list *at, struct list *node)
{
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}

void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* --- the ready lists --- */

static void start_slice(struct thread *t);

static void make_ready(struct thread *t)
{
	t->state = osThreadReady;
	list_append(&ready[t->priority], &t->node);
	ready_bits[t->priority >> 5] |= 1u << (t->priority & 31);
	if (t->priority > current->priority || current->state != osThreadRunning)
		switch_wanted = true;
	else if (t->priority == current->priority && !current->slice_end)
		start_slice(current);
}

static void unready(struct thread *t)
{
	list_remove(&t->node);
	if (list_empty(&ready[t->priority]))
		ready_bits[t->priority >> 5] &= ~(1u << (t->priority & 31));
}

static int highest_ready(void)
{
	if (ready_bits[1])
		return 63 - __builtin_clz(ready_bits[1]);
	return ready_bits[0] ? 31 - __builtin_clz(ready_bits[0]) : -1;
}

/* Round robin: another thread of the same priority is ready, so t only gets a slice. */
static void start_slice(struct thread *t)
{
	t->slice_end = kernel_ticks() + SLICE_TICKS;
	arm_timer_at(t->slice_end);
}

static void switch_to(struct thread *next)
{
	struct thread *old = current;

	current = next;
	next->state = osThreadRunning;
	if (next == old)
		return;
	next->slice_end = 0;
	if (next != &idle_thread && !list_empty(&ready[next->priority]))
		start_slice(next);
	port_kernel_stack(next->kernel_stack_top);
	port_switch(&old->sp, next->sp);
}

/* Switches to the ready thread of highest priority; the caller has queued the current one. */
static void dispatch(void)
{
	int p = highest_ready();
	struct thread *next = p < 0 ? &idle_thread : list_entry(ready[p].next, struct thread, node);

	switch_wanted = false;
	if (p >= 0)
		unready(next);
	switch_to(next);
}

void reschedule(void)
{
	if (!switch_wanted || in_interrupt || locked || kernel_state != osKernelRunning)
		return;
	int p = highest_ready();
	if (current->state == osThreadRunning) {
		if (p <= current->priority) {
			switch_wanted = false;
			return;
		}
		current->state = osThreadReady; /* preempted: first among its equals */
		if (current != &idle_thread) {
			struct list *l = &ready[current->priority];

			list_append(l->next, &current->node);
			ready_bits[current->priority >> 5] |= 1u << (current->priority & 31);
		}
	}
	dispatch();
}

/* --- waiting --- */

void queue_init(struct wait_queue *q)
{
	list_init(&q->threads);
}

static void enqueue(struct wait_queue *q, struct thread *t)
{
	struct list *at = q->threads.next;

	while (at != &q->threads && list_entry(at, struct thread, node)->priority >= t->priority)
		at = at->next;
	list_append(at, &t->node);
	t->waiting = q;
}

struct thread *first_waiting(const struct wait_queue *q)
{
	return list_empty(&q->threads) ? NULL : list_entry(q->threads.next, struct thread, node);
}

static void sleep_until(struct thread *t, uint64_t tick)
{
	struct list *at = sleepers.next;

	while (at != &sleepers && list_entry(at, struct thread, timeout)->wake <= tick)
		at = at->next;
	t->wake = tick;
	t->timed = true;
	list_append(at, &t->timeout);
	if (sleepers.next == &t->timeout)
		arm_timer();
}

osStatus_t wait_on(struct wait_queue *q, uint32_t timeout)
{
	struct thread *t = current;

	if (!timeout)
		return osErrorResource;
	if (in_interrupt || locked)
		return osErrorISR;
	t->state = osThreadBlocked;
	t->result = osErrorTimeout;
	if (q)
		enqueue(q, t);
	if (timeout != osWaitForever)
		sleep_until(t, kernel_ticks() + timeout);
	dispatch();
	return t->result;
}

void wake(struct thread *t, osStatus_t result)
{
	if (t->waiting) {
		list_remove(&t->node);
		t->waiting = NULL;
	}
	if (t->timed) {
		list_remove(&t->timeout);
		t->timed = false;
	}
	t->result = result;
	if (!t->suspended)
		make_ready(t);
}

struct thread *wake_first(struct wait_queue *q, osStatus_t result)
{
	struct thread *t = first_waiting(q);

	if (t)
		wake(t, result);
	return t;
}

void wake_all(struct wait_queue *q, osStatus_t result)
{
	while (wake_first(q, result))
		;
}

void set_effective_priority(struct thread *t, int priority)
{
	if (t->priority == priority)
		return;
	if (t->state == osThreadReady) {
		unready(t);
		t->priority = priority;
		make_ready(t);
		return;
	}
	t->priority = priority;
	if (t->waiting) {
		struct wait_queue *q = t->waiting;

		list_remove(&t->node);
		enqueue(q, t);
	}
	if (t == current)
		switch_wanted = true;
}

/* --- time --- */

uint64_t kernel_ticks(void)
{
	uint64_t elapsed = port_time_ns() - tick_ns;

	if (elapsed >= 1000000) {
		div64(&elapsed, 1000000);
		tick_count += elapsed;
		tick_ns += elapsed * 1000000;
	}
	return tick_count;
}

static void arm_timer_at(uint64_t tick)
{
	if (tick >= armed_for)
		return;
	armed_for = tick;
	port_timer_set(tick_ns + (tick - tick_count) * 1000000);
}

/* The earliest of: a sleeper, a software timer, the end of a slice. None: no interrupt at all. */
void arm_timer(void)
{
	uint64_t now = kernel_ticks(), next = timers_run(now);

	if (!list_empty(&sleepers))
		next = MIN(next, list_entry(sleepers.next, struct thread, timeout)->wake);
	if (current->slice_end && !list_empty(&ready[current->priority]))
		next = MIN(next, current->slice_end);
	if (periodic)
		next = MIN(next, now + 1);
	if (next != ~0ull)
		arm_timer_at(next);
}

static void end_slice(uint64_t now)
{
	if (!current->slice_end || now < current->slice_end || current->state != osThreadRunning)
		return;
	current->slice_end = 0;
	if (current == &idle_thread || list_empty(&ready[current->priority]))
		return;
	make_ready(current);
	switch_wanted = true;
}

unsigned kernel_timer_interrupts;

uint64_t kernel_deadline_ns(uint32_t ticks)
{
	unsigned long irq = irq_save();
	uint64_t now = kernel_ticks(), ns = tick_ns + (now + ticks - tick_count) * 1000000;

	irq_restore(irq);
	return ns;
}

void kernel_periodic_tick(bool on)
{
	unsigned long irq = irq_save();

	periodic = on;
	arm_timer();
	irq_restore(irq);
}

void kernel_timer(void)
{
	uint64_t now = kernel_ticks();

	kernel_timer_interrupts++;
	armed_for = ~0ull;
	while (!list_empty(&sleepers)) {
		struct thread *t = list_entry(sleepers.next, struct thread, timeout);

		if (t->wake > now)
			break;
		wake(t, osErrorTimeout);
	}
	end_slice(now);
	arm_timer();
}

void kernel_interrupt_enter(void)
{
	in_interrupt = true;
}

void kernel_interrupt_exit(void)
{
	in_interrupt = false;
	if (!switch_wanted || locked || kernel_state != osKernelRunning)
		return;
	if (current->state == osThreadReady) /* its slice is over: last among its equals */
		dispatch();
	else
		reschedule();
}

/* --- the API: kernel --- */

static void idle(void *arg)
{
	(void)arg;
	for (;;) {
		port_idle();
		reschedule();
	}
}

osStatus_t osKernelInitialize(void)
{
	if (kernel_state != osKernelInactive)
		return osError;
	for (unsigned i = 0; i < PRIORITIES; i++)
		list_init(&ready[i]);
	list_init(&sleepers);
	timers_init();
	boot_thread.state = osThreadRunning;
	boot_thread.priority = PRIORITIES - 1;
	current = &boot_thread;
	tick_ns = port_time_ns();
	idle_thread.name = "idle";
	idle_thread.stack_size = STACK_SIZE;
	idle_thread.stack = heap_alloc(STACK_SIZE);
	idle_thread.kernel_stack_top = (char *)idle_thread.stack + STACK_SIZE;
	idle_thread.sp = port_stack_init(idle_thread.kernel_stack_top, idle, NULL);
	kernel_state = osKernelReady;
	return osOK;
}

osStatus_t osKernelGetInfo(osVersion_t *version, char *id_buf, uint32_t id_size)
{
	static const char id[] = "Veneer RTOS";

	if (version)
		version->api = version->kernel = 20010000;
	for (uint32_t i = 0; id_buf && i < id_size && i < sizeof(id); i++)
		id_buf[i] = id[i];
	return osOK;
}

osKernelState_t osKernelGetState(void)
{
	return kernel_state == osKernelRunning && locked ? osKernelLocked : kernel_state;
}

osStatus_t osKernelStart(void)
{
	if (kernel_state != osKernelReady)
		return osError;
	irq_save();
	kernel_state = osKernelRunning;
	boot_thread.state = osThreadTerminated;
	dispatch();
	return osError;
}

int32_t osKernelLock(void)
{
	unsigned long irq = irq_save();
	int32_t was = locked;

	locked = 1;
	irq_restore(irq);
	return in_interrupt ? osErrorISR : was;
}

static int32_t set_lock(int32_t to)
{
	unsigned long irq = irq_save();
	int32_t was = locked;

	locked = to;
	if (!to)
		reschedule();
	irq_restore(irq);
	return was;
}

int32_t osKernelUnlock(void)
{
	return in_interrupt ? osErrorISR : set_lock(0);
}

int32_t osKernelRestoreLock(int32_t lock)
{
	if (in_interrupt)
		return osErrorISR;
	set_lock(lock);
	return lock;
}

uint32_t osKernelGetTickCount(void)
{
	unsigned long irq = irq_save();
	uint32_t t = (uint32_t)kernel_ticks();

	irq_restore(irq);
	return t;
}

uint32_t osKernelGetTickFreq(void)
{
	return 1000;
}

uint32_t osKernelGetSysTimerCount(void)
{
	return (uint32_t)port_time_ns();
}

uint32_t osKernelGetSysTimerFreq(void)
{
	return 1000000000;
}

/* --- the API: threads --- */

static void thread_start(void *arg)
{
	struct thread *t = arg;

	if (t->attr & osThreadUnprivileged)
		port_enter_user(t->func, t->arg, (char *)t->stack + t->stack_size);
	irq_restore(0);
	t->func(t->arg);
	osThreadExit();
}

static struct thread *thread_check(osThreadId_t id)
{
	struct thread *t = id;

	if (t < threads || t >= threads + THREADS || !t->in_use)
		return NULL;
	return t;
}

/* A dead thread's stack is freed when the next thread dies or is created: it may still be the
 * current stack. */
static struct thread *grave;

static void bury(void)
{
	struct thread *t = grave;

	grave = NULL;
	if (!t)
		return;
	if (t->attr & osThreadUnprivileged)
		heap_free((char *)t->kernel_stack_top - STACK_SIZE);
	if (t->own_stack)
		heap_free(t->stack);
	t->stack = NULL;
	if (!(t->attr & osThreadJoinable))
		t->in_use = false;
}

static struct thread *free_thread(void)
{
	for (unsigned i = 0; i < THREADS; i++)
		if (!threads[i].in_use)
			return &threads[i];
	return NULL;
}

static struct thread *thread_create(osThreadFunc_t func, void *arg, const osThreadAttr_t *attr)
{
	static const osThreadAttr_t defaults;
	struct thread *t;
	bool user;

	bury();
	t = free_thread();
	if (!attr)
		attr = &defaults;
	if (!t || !func || attr->priority < 0 || attr->priority >= osPriorityISR)
		return NULL;
	*t = (struct thread){
		.name = attr->name, .func = func, .arg = arg, .attr = attr->attr_bits
	};
	t->stack_size = attr->stack_size ? attr->stack_size & ~15u : STACK_SIZE;
	t->stack = attr->stack_mem ? attr->stack_mem : heap_alloc(t->stack_size);
	t->own_stack = !attr->stack_mem;
	user = t->attr & osThreadUnprivileged;
	char *kernel_stack = user ? heap_alloc(STACK_SIZE) : t->stack;
	if (!t->stack || !kernel_stack) {
		heap_free(t->own_stack ? t->stack : NULL);
		return NULL;
	}
	t->kernel_stack_top = kernel_stack + (user ? STACK_SIZE : t->stack_size);
	t->base_priority = t->priority = attr->priority ? attr->priority : osPriorityNormal;
	t->sp = port_stack_init(t->kernel_stack_top, thread_start, t);
	list_init(&t->node);
	list_init(&t->timeout);
	t->in_use = true;
	return t;
}

osThreadId_t osThreadNew(osThreadFunc_t func, void *argument, const osThreadAttr_t *attr)
{
	if (in_interrupt)
		return NULL;
	unsigned long irq = irq_save();
	struct thread *t = thread_create(func, argument, attr);

	if (t) {
		make_ready(t);
		reschedule();
	}
	irq_restore(irq);
	return t;
}

const char *osThreadGetName(osThreadId_t id)
{
	struct thread *t = thread_check(id);

	return t ? t->name : NULL;
}

osThreadId_t osThreadGetId(void)
{
	return current;
}

osThreadState_t osThreadGetState(osThreadId_t id)
{
	struct thread *t = thread_check(id);

	return t ? t->state : osThreadError;
}

uint32_t osThreadGetStackSize(osThreadId_t id)
{
	struct thread *t = thread_check(id);

	return t ? t->stack_size : 0;
}

osStatus_t osThreadSetPriority(osThreadId_t id, osPriority_t priority)
{
	struct thread *t = thread_check(id);

	if (in_interrupt)
		return osErrorISR;
	if (!t || priority < osPriorityIdle || priority >= osPriorityISR)
		return osErrorParameter;
	if (t->state == osThreadTerminated)
		return osErrorResource;
	unsigned long irq = irq_save();
	t->base_priority = priority;
	if (t->priority < (int)priority || !t->holds)
		set_effective_priority(t, priority);
	reschedule();
	irq_restore(irq);
	return osOK;
}

osPriority_t osThreadGetPriority(osThreadId_t id)
{
	struct thread *t = thread_check(id);

	return t ? (osPriority_t)t->priority : osPriorityError;
}

osStatus_t osThreadYield(void)
{
	if (in_interrupt)
		return osErrorISR;
	unsigned long irq = irq_save();
	if (!locked && !list_empty(&ready[current->priority])) {
		make_ready(current);
		dispatch();
	}
	irq_restore(irq);
	return osOK;
}

osStatus_t osThreadSuspend(osThreadId_t id)
{
	struct thread *t = thread_check(id);

	if (in_interrupt)
		return osErrorISR;
	if (!t)
		return osErrorParameter;
	unsigned long irq = irq_save();
	osStatus_t status = osOK;
	if (t->state == osThreadTerminated || t->suspended || (t == current && locked)) {
		status = osErrorResource;
	} else {
		t->suspended = true;
		if (t->state == osThreadReady)
			unready(t);
		t->state = osThreadBlocked;
		if (t == current)
			dispatch();
	}
	irq_restore(irq);
	return status;
}

osStatus_t osThreadResume(osThreadId_t id)
{
	struct thread *t = thread_check(id);

	if (in_interrupt)
		return osErrorISR;
	if (!t)
		return osErrorParameter;
	unsigned long irq = irq_save();
	osStatus_t status = t->suspended ? osOK : osErrorResource;
	if (t->suspended) {
		t->suspended = false;
		if (!t->waiting && !t->timed)
			make_ready(t);
		reschedule();
	}
	irq_restore(irq);
	return status;
}

osStatus_t osThreadDetach(osThreadId_t id)
{
	struct thread *t = thread_check(id);

	if (!t)
		return osErrorParameter;
	if (!(t->attr & osThreadJoinable))
		return osErrorResource;
	unsigned long irq = irq_save();
	t->attr &= ~osThreadJoinable;
	if (t->state == osThreadTerminated)
		t->in_use = false;
	irq_restore(irq);
	return osOK;
}

osStatus_t osThreadJoin(osThreadId_t id)
{
	struct thread *t = thread_check(id);

	if (in_interrupt)
		return osErrorISR;
	if (!t)
		return osErrorParameter;
	if (!(t->attr & osThreadJoinable) || t == current || t->joiner)
		return osErrorResource;
	unsigned long irq = irq_save();
	if (t->state != osThreadTerminated) {
		t->joiner = current;
		wait_on(NULL, osWaitForever);
	}
	t->in_use = false;
	irq_restore(irq);
	return osOK;
}

static void terminate(struct thread *t)
{
	bury();
	if (t->state == osThreadReady)
		unready(t);
	if (t->waiting)
		list_remove(&t->node);
	if (t->timed)
		list_remove(&t->timeout);
	t->waiting = NULL;
	t->timed = false;
	t->state = osThreadTerminated;
	thread_leave_mutexes(t);
	if (t->joiner)
		wake(t->joiner, osOK);
	grave = t;
}

void osThreadExit(void)
{
	irq_save();
	terminate(current);
	dispatch();
	__builtin_unreachable();
}

osStatus_t osThreadTerminate(osThreadId_t id)
{
	struct thread *t = thread_check(id);

	if (in_interrupt)
		return osErrorISR;
	if (!t)
		return osErrorParameter;
	if (t->state == osThreadTerminated)
		return osErrorResource;
	if (t == current)
		osThreadExit();
	unsigned long irq = irq_save();
	terminate(t);
	bury();
	reschedule();
	irq_restore(irq);
	return osOK;
}

uint32_t osThreadGetCount(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < THREADS; i++)
		n += threads[i].in_use && threads[i].state != osThreadTerminated;
	return n;
}

osStatus_t osDelay(uint32_t ticks)
{
	if (in_interrupt)
		return osErrorISR;
	if (!ticks)
		return osOK;
	unsigned long irq = irq_save();
	wait_on(NULL, ticks);
	irq_restore(irq);
	return osOK;
}

osStatus_t osDelayUntil(uint32_t ticks)
{
	uint32_t left = ticks - osKernelGetTickCount();

	if (!left || left > 0x7fffffff)
		return osErrorParameter;
	return osDelay(left);
}

/* --- thread flags --- */

static bool flags_satisfied(uint32_t have, uint32_t want, uint32_t options)
{
	return options & osFlagsWaitAll ? (have & want) == want : have & want;
}

uint32_t osThreadFlagsSet(osThreadId_t id, uint32_t flags)
{
	struct thread *t = thread_check(id);

	if (!t || (flags & osFlagsError))
		return osFlagsErrorParameter;
	unsigned long irq = irq_save();
	t->flags |= flags;
	uint32_t now = t->flags;
	if (t->wait_flags && flags_satisfied(t->flags, t->wait_flags, t->wait_options)) {
		uint32_t want = t->wait_flags;

		t->wait_flags = 0;
		t->message = (void *)(uintptr_t)t->flags;
		if (!(t->wait_options & osFlagsNoClear))
			t->flags &= ~want;
		wake(t, osOK);
		reschedule();
	}
	irq_restore(irq);
	return now;
}

uint32_t osThreadFlagsClear(uint32_t flags)
{
	unsigned long irq = irq_save();
	uint32_t was = current->flags;

	current->flags &= ~flags;
	irq_restore(irq);
	return was;
}

uint32_t osThreadFlagsGet(void)
{
	return current->flags;
}

uint32_t osThreadFlagsWait(uint32_t flags, uint32_t options, uint32_t timeout)
{
	struct thread *t = current;

	if (in_interrupt)
		return osFlagsErrorISR;
	if (!flags || (flags & osFlagsError))
		return osFlagsErrorParameter;
	unsigned long irq = irq_save();
	uint32_t result = t->flags;
	if (flags_satisfied(t->flags, flags, options)) {
		if (!(options & osFlagsNoClear))
			t->flags &= ~flags;
	} else if (!timeout) {
		result = osFlagsErrorResource;
	} else {
		t->wait_flags = flags;
		t->wait_options = options;
		osStatus_t status = wait_on(NULL, timeout);
		t->wait_flags = 0;
		result = status == osOK ? (uint32_t)(uintptr_t)t->message : osFlagsErrorTimeout;
	}
	irq_restore(irq);
	return result;
}
