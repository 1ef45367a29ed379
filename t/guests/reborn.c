// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Restarts during starts of vCPUs (another life's registers, roots, shadow pages). A start has
 * turns of its own, and loads the root in further ones.
 * Attack: seven vCPUs are started on their own roots, stop and are started again, and load LDTs and
 * flush meanwhile. At any moment one of them reboots the guest, after leaving a mark in its memory.
 * Expected: each vCPU begins with zeroed registers, on its own root, and finds nothing of an
 * earlier life. Runs with `vcpus = 8`; with `crash` on the command line each life ends in a crash.
 */
#include "roots.h"

#define VCPUS	8
#define STACK	4096
#define ENTRIES 8192
#define MARK	0x600dbad1600dbad1ull

static char stack[VCPUS][STACK] __attribute__((aligned(16)));
static struct veneer_vcpu_page page[VCPUS] __attribute__((aligned(4096)));
static uint64_t descriptors[ENTRIES] __attribute__((aligned(4096)));
static uint64_t left_behind[4096];
static volatile unsigned came, wrong, dirty;
static volatile unsigned reboot_by;
static bool crash;

void reborn_entry(void);

/* Pushes all registers as they are at the first instruction, then calls reborn(). */
__asm__(".text\n"
	"reborn_entry:\n"
	"	pushq %r15; pushq %r14; pushq %r13; pushq %r12; pushq %r11; pushq %r10\n"
	"	pushq %r9; pushq %r8; pushq %rbp; pushq %rbx; pushq %rdx; pushq %rcx\n"
	"	pushq %rax; pushq %rsi\n"
	"	movq %xmm5, %rax; pushq %rax\n"
	"	xorl %eax, %eax; movw %fs, %ax; pushq %rax\n"
	"	movq %rsp, %rsi\n"
	"	jmp reborn\n");

static uint64_t seed;

static unsigned random(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % n;
}

static void end_life(void)
{
	for (unsigned i = 0; i < 4096; i++)
		left_behind[i] = MARK;
	veneer_hypercall(VENEER_HC_SHUTDOWN, crash ? VENEER_SHUTDOWN_CRASH : VENEER_SHUTDOWN_REBOOT,
			 0, 0);
}

static void use_up(unsigned n)
{
	for (volatile unsigned i = 0; i < n; i++)
		;
}

void reborn(uint64_t which, const uint64_t *regs);
void reborn(uint64_t which, const uint64_t *regs)
{
	if (!runs_on_root(which))
		wrong++;
	for (unsigned i = 0; i < 16; i++)
		if (regs[i])
			dirty |= 1u << i;
	__atomic_add_fetch(&came, 1, __ATOMIC_SEQ_CST);
	__asm__ volatile("movq %0, %%xmm5; movq %0, %%r12; movq %0, %%r13" ::"r"(MARK)
			 : "r12", "r13");
	if (which % 3 == 0)
		veneer_hypercall(VENEER_HC_SET_LDT, (uint64_t)descriptors, ENTRIES, 0);
	if (which % 5 == 0)
		veneer_hypercall(VENEER_HC_MMU_FLUSH, 0, ~0ull, 0);
	if (which % 4 == 0)
		use_up(5000 * (unsigned)(which % 7));
	if (which % 11 == 0)
		veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT,
				 (uint64_t)root[(which + 1) % ROOTS] | VENEER_ROOT_FLUSH, 0, 0);
	if (which == reboot_by)
		end_life();
	for (;;)
		veneer_hypercall(VENEER_HC_VCPU_STOP, 0, 0, 0);
}

static int64_t start(uint64_t id, unsigned which)
{
	return start_on_root(id, which, reborn_entry, stack[id] + STACK, &page[id]);
}

/* A life is ended by vCPU 0 while starts are in progress, or by a vCPU that has just begun. */
int guest_main(const struct veneer_start_info *info)
{
	unsigned lives;

	crash = info->cmdline[0] == 'c';
	seed = veneer_clock_ns() * 2654435761u;
	for (unsigned i = 0; i < 4096; i++)
		expect(!left_behind[i], "memory is zero");
	for (unsigned id = 0; id < VCPUS; id++)
		for (unsigned i = 0; i < 512; i++)
			if (((volatile uint64_t *)&page[id])[i])
				expect(false, "a page is zero");
	make_roots();
	reboot_by = random(2) ? random(ROOTS) : ~0u;
	lives = 20 + random(300);
	for (unsigned n = 0; n < lives || reboot_by != ~0u; n++) {
		int64_t r = start(1 + random(VCPUS - 1), random(ROOTS));

		expect(r == 0 || r == -16, "a start");
		if (!random(4))
			veneer_hypercall(VENEER_HC_YIELD, 0, 0, 0);
		if (!random(16))
			use_up(random(20000));
		if (n > 3000)
			break;
	}
	expect(!wrong, "each vCPU runs on its own root");
	if (dirty)
		say("dirty %x\n", dirty);
	expect(!dirty, "each vCPU begins with zeroed registers");
	say("so far: %d came\n", came);
	for (unsigned n = 0; n < 3000; n++)
		start(1 + random(VCPUS - 1), random(ROOTS));
	end_life();
	return 1;
}
