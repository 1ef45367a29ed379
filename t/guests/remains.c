// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Data that a neighbour left in pages that ring 1 can read (XSA-122, 239, 308). The stacks of the
 * gate belonged to the core: after a #DB, an NMI or a machine check they held the registers of the
 * guest that ran before, and the length of its LDT was in the GDT.
 * Attack: run two copies on one core. `leave` fills every register with marks and takes exceptions
 * of all kinds, from both rings. The other fills what it can write, records every byte of the gate
 * area, lets `leave` run, and looks for changes. With `storm` the test also sends NMIs, which
 * interrupt the hypervisor too.
 * Expected: nothing changes except what the guest's own exits write; there is no mark anywhere, and
 * no stack contains an address of the hypervisor's.
 */
#include "guest.h"

#define PAGES	1024 /* of the gate area, from its start */
#define READERS 80
#define MARK	0xc0deull /* the upper 16 bits of all marks */
#define TURN_NS 1000000
#define ROUNDS	100
#define FRAME	(22 * 8) /* what an exit writes at the top of the entry stack */

static const uint64_t entry_stack_tops[] = { 0xd000, 0x202000 };

#define MARK_ALL                                                                                \
	"movq %0, %%rax; movq %%rax, %%rcx; movq %%rax, %%rdx; movq %%rax, %%rbx; movq %%rax, " \
	"%%rbp; movq %%rax, %%rsi; movq %%rax, %%rdi; movq %%rax, %%r8; movq %%rax, %%r9; "     \
	"movq %%rax, %%r10; movq %%rax, %%r11; movq %%rax, %%r12; movq %%rax, %%r13; movq "     \
	"%%rax, %%r14; movq %%rax, %%r15; "
#define SET_TF "pushfq; orl $0x100, (%%rsp); popfq; "
#define WITH_MARKS(name, end)                                                           \
	static void name(void *arg)                                                     \
	{                                                                               \
		(void)arg;                                                              \
		__asm__ volatile(MARK_ALL end ::"i"(MARK << 48 | 0x123456) : "memory"); \
	}
/* attempt() restores every register that matters */
WITH_MARKS(debug_trap, SET_TF "nop")
WITH_MARKS(breakpoint, "int3")
WITH_MARKS(undefined, "ud2")
WITH_MARKS(page_fault, "movq 0x7ffffff000, %%rax")
WITH_MARKS(protection, "cli; hlt")
WITH_MARKS(debug_trap_no_stack, SET_TF "movq %%rax, %%rsp")
WITH_MARKS(undefined_no_stack, "movq %%rax, %%rsp; ud2")

static void leave(void)
{
	static void (*const anywhere[])(void *) = { debug_trap, breakpoint, undefined, page_fault,
						    protection };
	static uint64_t ldt[801];

	expect_is(veneer_hypercall(VENEER_HC_SET_LDT, (uint64_t)ldt, 801, 0), 0, "a LDT");
	for (unsigned round = 0; round < 20 * ROUNDS; round++) {
		for (unsigned i = 0; i < 5; i++) {
			expect(attempt_user(anywhere[i], NULL) != -1, "an exception from ring 3");
			expect(attempt(anywhere[i], NULL) != -1, "an exception from the kernel");
		}
		attempt_user(undefined_no_stack, NULL);
		attempt_user(debug_trap_no_stack, NULL);
	}
}

static uint8_t then[READERS][4096] __attribute__((aligned(4096)));
static uint16_t page_of[READERS];
static bool writable[READERS];
static unsigned readable;

static void read_byte(void *at)
{
	(void)*(volatile char *)at;
}

static void write_byte(void *at)
{
	volatile char *p = at;

	*p = *p;
}

static uint8_t *page_at(unsigned i)
{
	return (uint8_t *)VENEER_GATE_BASE + page_of[i] * 4096ull;
}

static void find_pages(void)
{
	for (unsigned n = 0; n < PAGES; n++) {
		void *at = (void *)(VENEER_GATE_BASE + n * 4096ull);

		if (at == (void *)VENEER_VCPU_PAGE || attempt(read_byte, at) != -1)
			continue;
		expect(readable < READERS, "room for all pages");
		writable[readable] = attempt(write_byte, at) == -1;
		page_of[readable++] = (uint16_t)n;
	}
}

static bool is_own_frame(uint64_t offset)
{
	for (unsigned i = 0; i < 2; i++)
		if (offset < entry_stack_tops[i] && offset >= entry_stack_tops[i] - FRAME)
			return true;
	return false;
}

static void remember(void)
{
	for (unsigned i = 0; i < readable; i++) {
		volatile uint64_t *p = (void *)page_at(i);

		for (unsigned n = 0; writable[i] && n < 512; n++)
			if (!is_own_frame(page_of[i] * 4096ull + n * 8))
				p[n] = ~0ull;
		for (unsigned n = 0; n < 512; n++)
			((uint64_t *)then[i])[n] = p[n];
	}
}

static unsigned changed, marks, addresses;
static bool storm; /* NMIs that this guest takes change the stacks as well */

static bool is_hypervisors(uint64_t v)
{
	return (v >= VENEER_GATE_END && v < 0xffff820000000000) ||
	       (v >= 0xffffffff40000000 && v < 0xffffffff40200000) ||
	       (v >= 0xffffffff80000000 && v < 0xffffffff81000000);
}

static void compare(void)
{
	for (unsigned i = 0; i < readable; i++)
		for (unsigned n = 0; n < 512; n++) {
			uint64_t offset = page_of[i] * 4096ull + n * 8;
			uint64_t value = ((volatile uint64_t *)page_at(i))[n];
			bool mark = value >> 48 == MARK;
			bool address = writable[i] && is_hypervisors(value);
			bool differs = !storm && value != ((uint64_t *)then[i])[n] &&
				       !is_own_frame(offset);

			if ((mark || address || differs) && changed + marks + addresses < 8)
				say("remains at %p: %p\n", (void *)offset, (void *)value);
			marks += mark;
			addresses += address;
			changed += differs;
		}
}

int guest_main(const struct veneer_start_info *info)
{
	if (*info->cmdline == 'l') {
		leave();
		return 0;
	}
	storm = *info->cmdline == 's';
	find_pages();
	for (unsigned round = 0; round < ROUNDS; round++) {
		remember();
		veneer_timer_set(veneer_clock_ns() + TURN_NS, 0);
		veneer_halt();
		veneer_mask();
		compare();
	}
	expect(!marks, "no register of a neighbour's can be read");
	expect(!addresses, "no address of the hypervisor can be read");
	expect(!changed, "nothing changes except by this guest's own exits");
	say("%d pages compared %d times\n", readable, ROUNDS);
	return 0;
}
