/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The TSC's rate, and time measured with it. */
#pragma once

#include "lib/types.h"

#define CLOCK_SAMPLE_MS 5

/* Ticks in as long. */
struct clock_sample {
	uint64_t tsc;
	uint32_t apic; /* of the APIC timer */
};

/* Takes samples until two agree to a thousandth. The shortest is the best, since disturbances (by
 * an emulator's host or the machine's firmware) only make a sample longer. Returns the number of
 * samples, and the longest; 0: no two agreed. */
#define CLOCK_SAMPLES 16
unsigned clock_sample(struct clock_sample *best, uint64_t *longest);

/* The TSC's rate, from CPUID if it reports it, else from samples; the APIC timer's from samples. */
void clock_calibrate(void);

uint64_t tsc_from_ns(uint64_t ns);
uint64_t ns_from_tsc(uint64_t tsc);
extern uint64_t tsc_khz, apic_per_tsc; /* APIC timer ticks in one of the TSC, 32.32 fixed point */
void delay_us(unsigned us);

/* The machine's real-time clock, read once: seconds since 1970, UTC, at TSC 0. */
uint64_t clock_boot_seconds(void);
