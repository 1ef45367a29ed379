/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local APIC (Intel SDM 3A chapter 10), I/O APIC (82093AA data sheet). */
#pragma once

#include "lib/types.h"

struct acpi_info;
struct clock_sample;

void pic_disable(void); /* the machine's own 8259 pair: all masked */
void apic_init(void);	/* this CPU's */
void apic_eoi(void);
/* The interrupt in service, if there is one, as if it had not been taken. */
void apic_raise_again(void);
void apic_timer_set(uint64_t ticks_of_tsc); /* one shot, VECTOR_TIMER; 0 stops it */
#define ICR_FIXED   0x4000 /* delivery modes, asserted; the low byte is a vector or a page */
#define ICR_INIT    0x4500
#define ICR_STARTUP 0x4600
void apic_send(uint32_t apic_id, uint32_t command);
/* Routes the only device interrupt that the hypervisor uses; all other pins are masked. */
void ioapic_route(const struct acpi_info *p, uint32_t gsi, uint8_t vector, uint32_t apic_id);

/* For clock.c: the TSC's and the APIC timer's ticks during a sample, by the 8254's channel
 * 2. */
void apic_sample(struct clock_sample *s);
