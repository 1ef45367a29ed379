// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel that controls its own branch predictors by WRMSR to SPEC_CTRL and PRED_CMD, as on bare
 * hardware. Where the processor has them, each guest has its own SPEC_CTRL, which survives turns of
 * guests that set another value, and what a processor would refuse is refused. Where it does not,
 * both are #GP. The command line is the value to set, 1 to 7.
 */
#include "guest.h"

#define SPEC_CTRL    0x48
#define PRED_CMD     0x49
#define CAPABILITIES 0x10a
#define APIC_BASE    0x1b
#define EFER	     0xc0000080
#define GP	     13
#define TURNS	     50

static uint64_t number, value;

static void write(void *arg)
{
	(void)arg;
	__asm__ volatile("wrmsr" ::"c"((uint32_t)number), "a"((uint32_t)value),
			 "d"((uint32_t)(value >> 32)));
}

static void read(void *arg)
{
	uint32_t low, high;

	(void)arg;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"((uint32_t)number));
	value = (uint64_t)high << 32 | low;
}

static int write_msr(uint64_t n, uint64_t v)
{
	number = n;
	value = v;
	return attempt(write, NULL);
}

static int read_msr(uint64_t n)
{
	number = n;
	value = ~0ull;
	return attempt(read, NULL);
}

static void not_there(void)
{
	expect(read_msr(SPEC_CTRL) == GP && write_msr(SPEC_CTRL, 1) == GP, "no SPEC_CTRL");
	expect(write_msr(PRED_CMD, 1) == GP, "no PRED_CMD");
	say("no SPEC_CTRL here\n");
}

int guest_main(const struct veneer_start_info *info)
{
	uint64_t mine = (uint64_t)(info->cmdline[0] - '0');

	expect(read_msr(APIC_BASE) == GP && write_msr(APIC_BASE, 0) == GP, "APIC_BASE is #GP");
	expect(write_msr(CAPABILITIES, 0) == GP, "a write to ARCH_CAPABILITIES is #GP");
	if (in_ring1())
		expect(read_msr(EFER) == GP && write_msr(EFER, 0) == GP, "EFER is #GP");
	if (read_msr(SPEC_CTRL) == GP) {
		not_there();
		return failures != 0;
	}
	expect(value == 0, "SPEC_CTRL is 0 at the start");
	expect(write_msr(SPEC_CTRL, mine) == -1, "SPEC_CTRL can be set");
	for (unsigned i = 0; i < TURNS; i++) {
		veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
		expect(read_msr(SPEC_CTRL) == -1 && value == mine, "SPEC_CTRL keeps its value");
	}
	expect(write_msr(SPEC_CTRL, 8) == GP && write_msr(SPEC_CTRL, 1ull << 40) == GP,
	       "reserved bits of SPEC_CTRL are #GP");
	expect(write_msr(PRED_CMD, 1) == -1 && write_msr(PRED_CMD, 0) == -1,
	       "PRED_CMD accepts IBPB");
	expect(write_msr(PRED_CMD, 2) == GP && read_msr(PRED_CMD) == GP,
	       "PRED_CMD refuses anything else");
	expect(read_msr(SPEC_CTRL) == -1 && value == mine, "SPEC_CTRL has not changed");
	say("SPEC_CTRL %d through %d turns\n", (int)mine, TURNS);
	return failures != 0;
}
