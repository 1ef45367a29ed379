/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports and COM1, for all 32-bit test kernels: guests-pc/, attacker/, programs/. */
#pragma once

#include <stdint.h>

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

/* serial.c, and the attacker's own, which does not wait for the transmitter */
void say(const char *s);
void say_number(uint32_t v);
