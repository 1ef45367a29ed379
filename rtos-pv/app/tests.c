// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's own tests, as TAP on the console. */
#include "app.h"

#include "cmsis_os2.h"
#include "port.h"
#include "syscall.h"

static unsigned done, failed;

static void ok(bool good, const char *what)
{
	done++;
	failed += !good;
	print("%s %u - %s\n", good ? "ok" : "not ok", done, what);
}

static char trace[32];
static unsigned traced;

static void mark(char c)
{
	if (traced < sizeof(trace) - 1) {
		trace[traced++] = c;
		trace[traced] = 0;
	}
}

static bool traced_is(const char *want)
{
	const char *a = trace;

	while (*a && *a == *want)
		a++, want++;
	bool same = !*a && !*want;
	if (!same)
		print("# trace: %s\n", trace);
	traced = 0;
	trace[0] = 0;
	return same;
}

static osThreadId_t spawn(osThreadFunc_t f, void *arg, osPriority_t priority)
{
	osThreadAttr_t attr = { .name = "test",
				.priority = priority,
				.attr_bits = osThreadJoinable };

	return osThreadNew(f, arg, &attr);
}

static void mark_thread(void *arg)
{
	mark(*(const char *)arg);
}

static void priorities(void)
{
	osThreadId_t low = spawn(mark_thread, "l", osPriorityLow);
	osThreadId_t high = spawn(mark_thread, "h", osPriorityHigh);

	mark('m');
	osThreadJoin(high);
	osThreadJoin(low);
	ok(traced_is("hml"), "higher priority runs first, lower when others wait");
}

static void yielder(void *arg)
{
	for (unsigned i = 0; i < 3; i++) {
		mark(*(const char *)arg);
		osThreadYield();
	}
}

static void yields(void)
{
	osThreadId_t a = spawn(yielder, "a", osPriorityNormal),
		     b = spawn(yielder, "b", osPriorityNormal);

	osThreadJoin(a);
	osThreadJoin(b);
	ok(traced_is("ababab"), "yield goes round among equals");
}

static volatile uint32_t spins[2];

static void spinner(void *arg)
{
	volatile uint32_t *mine = arg;
	uint32_t end = osKernelGetTickCount() + 60;

	while (osKernelGetTickCount() < end)
		(*mine)++;
}

static void round_robin(void)
{
	spins[0] = spins[1] = 0;
	osThreadId_t a = spawn(spinner, (void *)&spins[0], osPriorityNormal);
	osThreadId_t b = spawn(spinner, (void *)&spins[1], osPriorityNormal);

	osThreadJoin(a);
	osThreadJoin(b);
	ok(spins[0] && spins[1] && spins[0] / 3 < spins[1] && spins[1] / 3 < spins[0],
	   "equals that never wait share the processor");
}

static osMutexId_t mutex, mutex2;

static void low_holder(void *arg)
{
	(void)arg;
	osMutexAcquire(mutex, osWaitForever);
	mark('1');
	osDelay(10);
	mark(osThreadGetPriority(osThreadGetId()) == osPriorityHigh ? 'i' : '-');
	osMutexRelease(mutex);
	mark(osThreadGetPriority(osThreadGetId()) == osPriorityLow ? 'r' : '-');
}

static void high_taker(void *arg)
{
	(void)arg;
	osMutexAcquire(mutex, osWaitForever);
	mark('2');
	osMutexRelease(mutex);
}

static void inheritance(void)
{
	mutex = osMutexNew(NULL);
	osThreadId_t low = spawn(low_holder, NULL, osPriorityLow);
	osDelay(2);
	osThreadId_t high = spawn(high_taker, NULL, osPriorityHigh);
	osThreadJoin(high);
	osThreadJoin(low);
	ok(traced_is("1i2r"),
	   "a mutex's owner inherits the priority of who waits, and gives it back");
	ok(osMutexGetOwner(mutex) == NULL, "a released mutex has no owner");
	osMutexDelete(mutex);
}

static void chain_middle(void *arg)
{
	(void)arg;
	osMutexAcquire(mutex2, osWaitForever);
	osMutexAcquire(mutex, osWaitForever);
	osMutexRelease(mutex);
	osMutexRelease(mutex2);
}

static void chain_high(void *arg)
{
	(void)arg;
	osMutexAcquire(mutex2, osWaitForever);
	osMutexRelease(mutex2);
}

static void inheritance_chain(void)
{
	mutex = osMutexNew(NULL);
	mutex2 = osMutexNew(NULL);
	osThreadId_t low = spawn(low_holder, NULL, osPriorityLow);
	osDelay(2);
	osThreadId_t middle = spawn(chain_middle, NULL, osPriorityAboveNormal);
	osThreadId_t high = spawn(chain_high, NULL, osPriorityHigh);
	osThreadJoin(high);
	osThreadJoin(middle);
	osThreadJoin(low);
	ok(traced_is("1ir"), "inheritance goes along a chain of owners");
	osMutexDelete(mutex);
	osMutexDelete(mutex2);
}

static void mutex_rules(void)
{
	osMutexAttr_t recursive = { .attr_bits = osMutexRecursive };
	osMutexId_t m = osMutexNew(NULL), r = osMutexNew(&recursive);

	osMutexAcquire(m, 0);
	ok(osMutexAcquire(m, 0) == osErrorResource, "a plain mutex is not taken twice");
	osMutexAcquire(r, 0);
	ok(osMutexAcquire(r, 0) == osOK && osMutexRelease(r) == osOK && osMutexGetOwner(r) &&
		   osMutexRelease(r) == osOK && !osMutexGetOwner(r),
	   "a recursive one is, and must be released as often");
	osMutexRelease(m);
	ok(osMutexRelease(m) == osErrorResource, "releasing what one does not own is refused");
	ok(osMutexAcquire(NULL, 0) == osErrorParameter && osSemaphoreRelease(m) == osErrorParameter,
	   "wrong identifiers are refused");
	osMutexDelete(m);
	osMutexDelete(r);
}

static void semaphores(void)
{
	osSemaphoreId_t s = osSemaphoreNew(2, 1, NULL);

	ok(osSemaphoreAcquire(s, 0) == osOK && osSemaphoreAcquire(s, 0) == osErrorResource,
	   "a semaphore counts down to nothing");
	uint32_t start = osKernelGetTickCount();
	ok(osSemaphoreAcquire(s, 20) == osErrorTimeout && osKernelGetTickCount() - start >= 20,
	   "waiting for it ends at the timeout, not before");
	osSemaphoreRelease(s);
	osSemaphoreRelease(s);
	ok(osSemaphoreRelease(s) == osErrorResource && osSemaphoreGetCount(s) == 2,
	   "it does not count past its maximum");
	osSemaphoreDelete(s);
}

static osMessageQueueId_t queue;

static void putter(void *arg)
{
	uint32_t v = (uint32_t)(uintptr_t)arg;

	mark(osMessageQueuePut(queue, &v, 0, osWaitForever) == osOK ? 'p' : '-');
}

static void queues(void)
{
	uint32_t v = 1, got[3] = { 0 };
	uint8_t prio = 9;

	queue = osMessageQueueNew(2, sizeof(v), NULL);
	osMessageQueuePut(queue, &v, 0, 0);
	v = 2;
	osMessageQueuePut(queue, &v, 5, 0);
	ok(osMessageQueuePut(queue, &v, 0, 0) == osErrorResource, "a full queue takes no more");
	osThreadId_t t = spawn(putter, (void *)3, osPriorityHigh);
	osMessageQueueGet(queue, &got[0], &prio, 0);
	osMessageQueueGet(queue, &got[1], NULL, 0);
	osMessageQueueGet(queue, &got[2], NULL, 0);
	ok(got[0] == 2 && prio == 5 && got[1] == 1 && got[2] == 3 && traced_is("p"),
	   "messages come by priority, then in order; who waited to put gets in");
	osThreadJoin(t);
	ok(osMessageQueueGet(queue, &v, NULL, 5) == osErrorTimeout, "an empty queue times out");
	osMessageQueueDelete(queue);
}

static osEventFlagsId_t events;

static void flag_waiter(void *arg)
{
	uint32_t r = osEventFlagsWait(events, 6, osFlagsWaitAll, osWaitForever);

	(void)arg;
	mark((r & 6) == 6 ? 'f' : '-');
}

static void event_flags(void)
{
	events = osEventFlagsNew(NULL);
	osThreadId_t t = spawn(flag_waiter, NULL, osPriorityHigh);
	osEventFlagsSet(events, 2);
	mark('.');
	osEventFlagsSet(events, 4);
	osThreadJoin(t);
	ok(traced_is(".f") && osEventFlagsGet(events) == 0,
	   "waiting for all flags; they are cleared");
	ok(osEventFlagsWait(events, 1, 0, 0) == osFlagsErrorResource &&
		   osEventFlagsWait(events, 1, 0, 3) == osFlagsErrorTimeout,
	   "not set: refused at once, or after the timeout");
	osEventFlagsDelete(events);
}

static void thread_flag_waiter(void *arg)
{
	(void)arg;
	mark(osThreadFlagsWait(3, osFlagsWaitAny, 100) == 1 ? 't' : '-');
}

static void thread_flags(void)
{
	osThreadId_t t = spawn(thread_flag_waiter, NULL, osPriorityHigh);

	osThreadFlagsSet(t, 1);
	osThreadJoin(t);
	ok(traced_is("t"), "thread flags wake their thread");
}

static volatile unsigned beats;

static void beat(void *arg)
{
	(void)arg;
	beats++;
}

static void timers(void)
{
	osTimerId_t periodic = osTimerNew(beat, osTimerPeriodic, NULL, NULL);
	osTimerId_t once = osTimerNew(beat, osTimerOnce, NULL, NULL);

	beats = 0;
	osTimerStart(periodic, 5);
	osDelay(52);
	ok(osTimerStop(periodic) == osOK && beats >= 9 && beats <= 11, "a periodic timer beats");
	beats = 0;
	osTimerStart(once, 5);
	osDelay(30);
	ok(beats == 1 && !osTimerIsRunning(once), "a one-shot timer fires once");
	osTimerDelete(periodic);
	osTimerDelete(once);
}

static void delays(void)
{
	uint32_t start = osKernelGetTickCount();

	osDelay(120); /* longer than the 8254 can count */
	uint32_t took = osKernelGetTickCount() - start;
	ok(took >= 120 && took < 170, "a long delay takes as long as it should");
}

static void pools(void)
{
	osMemoryPoolId_t p = osMemoryPoolNew(2, 24, NULL);
	void *a = osMemoryPoolAlloc(p, 0), *b = osMemoryPoolAlloc(p, 0);

	ok(a && b && a != b && !osMemoryPoolAlloc(p, 0) && osMemoryPoolGetCount(p) == 2,
	   "a pool gives as many blocks as it has");
	ok(osMemoryPoolFree(p, a) == osOK && osMemoryPoolAlloc(p, 0) == a &&
		   osMemoryPoolFree(p, (char *)b + 1) == osErrorParameter,
	   "and takes them back, but no others");
	osMemoryPoolDelete(p);
}

static void for_ever(void *arg)
{
	(void)arg;
	osMutexAcquire(mutex, osWaitForever);
	osDelay(osWaitForever);
}

static void termination(void)
{
	mutex = osMutexNew(NULL);
	osThreadId_t t = spawn(for_ever, NULL, osPriorityHigh);
	uint32_t threads = osThreadGetCount();

	ok(osMutexGetOwner(mutex) == t && osThreadTerminate(t) == osOK &&
		   osThreadGetCount() == threads - 1,
	   "a waiting thread can be terminated");
	ok(osMutexGetOwner(mutex) == NULL, "and its mutexes are free again");
	osThreadJoin(t);
	for (unsigned i = 0; i < 200; i++) /* would exhaust the heap if stacks leaked */
		osThreadJoin(spawn(mark_thread, "x", osPriorityHigh));
	traced = 0;
	trace[0] = 0;
	ok(osThreadGetCount() == threads - 1, "two hundred threads come and go");
	osMutexDelete(mutex);
}

static void suspended(void *arg)
{
	(void)arg;
	mark('1');
	osDelay(5);
	mark('2');
}

static void suspension(void)
{
	osThreadId_t t = spawn(suspended, NULL, osPriorityHigh);

	osThreadSuspend(t);
	osDelay(15);
	mark('.');
	osThreadResume(t);
	osThreadJoin(t);
	ok(traced_is("1.2"), "a suspended thread stays away until it is resumed");
}

static void locked(void)
{
	osKernelLock();
	osThreadId_t t = spawn(mark_thread, "h", osPriorityHigh);
	mark('l');
	osKernelUnlock();
	osThreadJoin(t);
	ok(traced_is("lh"), "nobody else runs while the kernel is locked");
}

static volatile long user_result;

static void user(void *arg)
{
	unsigned cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	user_result = user_syscall(SYS_NULL, 7, 0) + (cs & 3) * 100;
	user_syscall(SYS_DELAY, 5, 0);
	user_syscall(SYS_SEM_RELEASE, (long)arg, 0);
}

static void unprivileged(void)
{
	osThreadAttr_t attr = { .attr_bits = osThreadUnprivileged };
	osSemaphoreId_t s = osSemaphoreNew(1, 0, NULL);

	user_result = 0;
	osThreadNew(user, s, &attr);
	ok(osSemaphoreAcquire(s, 1000) == osOK && user_result == 307,
	   "an unprivileged thread runs in ring 3 and makes system calls");
	osSemaphoreDelete(s);
}

static void exceptions(void)
{
	ok(port_bench_divide_errors(3) == 3,
	   "a divide error reaches its handler, which goes on behind it");
}

int run_tests(void)
{
	static void (*const tests[])(void) = {
		priorities,  yields,	   round_robin, inheritance, inheritance_chain,
		mutex_rules, semaphores,   queues,	event_flags, thread_flags,
		timers,	     delays,	   pools,	termination, suspension,
		locked,	     unprivileged, exceptions,
	};

	for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i]();
	print("1..%u\n", done);
	return failed ? 1 : 0;
}
