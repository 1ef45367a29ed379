/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast the TSC counts, and time by it. */
#ifndef VENEER_CLOCK_H
#define VENEER_CLOCK_H

#include "lib/types.h"

#define CLOCK_SAMPLE_MS 5

/* Ticks in as long. */
struct clock_sample {
	uint64_t tsc;
	uint32_t apic; /* of the APIC timer */
};

/* Takes samples until two agree to a thousandth; the best is the shortest, since whatever comes
 * between (an emulator's host, a machine's firmware) makes one longer. How many it took, and the
 * longest; 0: no two agreed. */
#define CLOCK_SAMPLES 16
unsigned clock_sample(struct clock_sample *best, uint64_t *longest);

/* The TSC's rate, from CPUID where it says, else from samples; the APIC timer's from samples. */
void clock_calibrate(void);

uint64_t tsc_from_ns(uint64_t ns);
uint64_t ns_from_tsc(uint64_t tsc);
extern uint64_t tsc_khz, apic_per_tsc; /* APIC timer ticks in one of the TSC, 32.32 fixed point */
void delay_us(unsigned us);

/* The machine's own clock, read once: seconds since 1970, UTC, when its TSC was 0. */
uint64_t clock_boot_seconds(void);

#endif
