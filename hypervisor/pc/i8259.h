/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pair of Intel 8259A interrupt controllers, as in a PC (data sheet 231468). */
#pragma once

#include "pc/bus.h"

struct pic_chip {
	uint8_t irr, isr, imr, lines, elcr;
	uint8_t base;	   /* ICW2 */
	uint8_t init_step; /* 0: operating; 2, 3, 4: that ICW is expected */
	uint8_t lowest;	   /* IRQ of lowest priority */
	bool icw4_wanted, read_isr, poll, auto_eoi, rotate_aeoi, special_mask, special_nested;
};

struct pic {
	struct pic_chip chip[2]; /* master, slave on its IRQ 2 */
	bool intr;
};

void pic_reset(struct pic *p);
void pic_set_line(struct pic *p, unsigned irq, bool level);
unsigned
pic_acknowledge(struct pic *p); /* returns the vector; the spurious one if none is pending */
uint64_t pic_read(void *device, struct bus_access a);
void pic_write(void *device, struct bus_access a, uint64_t value);

void pic_attach(struct pic *p, struct bus *b);
