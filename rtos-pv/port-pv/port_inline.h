/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PORT_INLINE_H
#define PORT_INLINE_H

#include "veneer_guest.h"

static inline unsigned long irq_save(void)
{
	return veneer_save();
}

static inline void irq_restore(unsigned long state)
{
	veneer_restore(state);
}

static inline void irq_mask(void)
{
	veneer_mask();
}

static inline void irq_unmask(void)
{
	veneer_unmask();
}

static inline long user_syscall(long nr, long a, long b)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "D"(a), "S"(b) : "memory");
	return result;
}

static inline uint64_t port_tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

#endif
