/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PORT_INLINE_H
#define PORT_INLINE_H

#include <stdint.h>

#define FLAGS_IF 0x200ul

static inline unsigned long irq_save(void)
{
	unsigned long flags;

	__asm__ volatile("pushf; pop %0; cli" : "=r"(flags)::"memory");
	return ~flags & FLAGS_IF; /* 0: was unmasked */
}

static inline void irq_mask(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static inline void irq_unmask(void)
{
	__asm__ volatile("sti" ::: "memory");
}

static inline void irq_restore(unsigned long state)
{
	if (!state)
		irq_unmask();
}

static inline long user_syscall(long nr, long a, long b)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b) : "memory");
	return result;
}

static inline uint64_t port_tsc(void)
{
	uint64_t t;

	__asm__ volatile("lfence; rdtsc" : "=A"(t)::"memory");
	return t;
}

#endif
