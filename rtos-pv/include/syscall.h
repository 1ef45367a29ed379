/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls of threads with osThreadUnprivileged: user_syscall(number, a, b). */
#ifndef SYSCALL_H
#define SYSCALL_H

enum {
	SYS_NULL, /* a */
	SYS_EXIT,
	SYS_DELAY, /* a: ticks */
	SYS_YIELD,
	SYS_SEM_ACQUIRE, /* a: semaphore, b: timeout */
	SYS_SEM_RELEASE, /* a: semaphore */
	SYS_TICKS,
	SYS_COUNT
};

#define SYSCALL_VECTOR 0x80

#endif
