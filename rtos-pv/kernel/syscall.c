// SPDX-License-Identifier: GPL-2.0-or-later
/* System calls of unprivileged threads. Interrupts are unmasked while one is served. */
#include "kernel.h"
#include "syscall.h"

static long sys_null(long a, long b)
{
	(void)b;
	return a;
}

static long sys_exit(long a, long b)
{
	(void)a;
	(void)b;
	osThreadExit();
}

static long sys_delay(long a, long b)
{
	(void)b;
	return osDelay((uint32_t)a);
}

static long sys_yield(long a, long b)
{
	(void)a;
	(void)b;
	return osThreadYield();
}

static long sys_sem_acquire(long a, long b)
{
	return osSemaphoreAcquire((osSemaphoreId_t)a, (uint32_t)b);
}

static long sys_sem_release(long a, long b)
{
	(void)b;
	return osSemaphoreRelease((osSemaphoreId_t)a);
}

static long sys_ticks(long a, long b)
{
	(void)a;
	(void)b;
	return (long)osKernelGetTickCount();
}

static long (*const calls[SYS_COUNT])(long a, long b) = {
	[SYS_NULL] = sys_null,
	[SYS_EXIT] = sys_exit,
	[SYS_DELAY] = sys_delay,
	[SYS_YIELD] = sys_yield,
	[SYS_SEM_ACQUIRE] = sys_sem_acquire,
	[SYS_SEM_RELEASE] = sys_sem_release,
	[SYS_TICKS] = sys_ticks,
};

long kernel_syscall(long nr, long a, long b)
{
	if (nr < 0 || nr >= SYS_COUNT)
		return osErrorParameter;
	return calls[nr](a, b);
}
