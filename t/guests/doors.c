// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ways into ring 0, combined with debug exceptions (XSA-260, 265, 339).
 * Attack, from rings 1 and 3: INT n for every n, INT3, SYSENTER, SYSCALL outside the hypercall
 * page, other privileged instructions, each of them also with TF set and after a MOV SS; far calls
 * and segment loads with every selector; every MSR in the architectural ranges.
 * Expected: an exception in the guest, or no effect.
 */
#include "guest.h"

static uint8_t code[64] __attribute__((aligned(64)));

static void run_code(void *arg)
{
	((void (*)(void *))code)(arg);
}

static void put(const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		code[i] = bytes[i];
	code[n] = 0xc3;
}

/* mov %ss, %eax; mov %eax, %ss; then the bytes; ret */
static void put_behind_mov_ss(const uint8_t *bytes, unsigned n)
{
	static const uint8_t mov_ss[] = { 0x8c, 0xd0, 0x8e, 0xd0 };

	for (unsigned i = 0; i < 4; i++)
		code[i] = mov_ss[i];
	for (unsigned i = 0; i < n; i++)
		code[4 + i] = bytes[i];
	code[4 + n] = 0xc3;
}

/* pushf; orl $TF, (%rsp); popf; then the bytes */
static void put_stepped(const uint8_t *bytes, unsigned n)
{
	static const uint8_t set_tf[] = { 0x9c, 0x81, 0x0c, 0x24, 0x00, 0x01, 0x00, 0x00, 0x9d };

	for (unsigned i = 0; i < 9; i++)
		code[i] = set_tf[i];
	for (unsigned i = 0; i < n; i++)
		code[9 + i] = bytes[i];
	code[9 + n] = 0xc3;
}

static void clear_tf(void)
{
	__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "cc", "memory");
}

static unsigned tried;

static void every_way(const uint8_t *bytes, unsigned n)
{
	void (*const forms[])(const uint8_t *, unsigned) = { put, put_behind_mov_ss, put_stepped };

	for (unsigned i = 0; i < 3; i++) {
		forms[i](bytes, n);
		attempt(run_code, NULL);
		clear_tf();
		attempt_user(run_code, NULL);
		tried += 2;
	}
}

static void soft_interrupts(void)
{
	for (unsigned n = 0; n < 256; n++) {
		uint8_t bytes[] = { 0xcd, (uint8_t)n };

		if (n == 0x81)
			continue;
		put(bytes, 2);
		int kernel = attempt(run_code, NULL), user = attempt_user(run_code, NULL);
		if (n != 3 && n != 4) {
			expect(kernel == 13 && user == 13, "INT n is #GP where there is no gate");
			expect((fault_error & ~7ull) == n * 8, "the error code names the vector");
		}
		every_way(bytes, 2);
	}
}

static void others(void)
{
	static const struct {
		uint8_t bytes[10], n;
	} door[] = {
		{ { 0xcc }, 1 },       /* int3 */
		{ { 0xf1 }, 1 },       /* icebp */
		{ { 0x0f, 0x34 }, 2 }, /* sysenter */
		{ { 0x0f, 0x35 }, 2 }, /* sysexit */
		{ { 0x0f, 0x07 }, 2 }, /* sysret */
		{ { 0x48, 0x0f, 0x07 }, 3 },
		{ { 0x0f, 0x01, 0xf8 }, 3 }, /* swapgs */
		{ { 0x0f, 0x01, 0xc1 }, 3 }, /* vmcall */
		{ { 0x0f, 0x01, 0xd9 }, 3 }, /* vmmcall */
		{ { 0x0f, 0x01, 0xd8 }, 3 }, /* vmrun */
		{ { 0x0f, 0xaa }, 2 },	     /* rsm */
		{ { 0xfa }, 1 },
		{ { 0xf4 }, 1 },		   /* cli, hlt */
		{ { 0x0f, 0x06 }, 2 },		   /* clts */
		{ { 0x0f, 0x09 }, 2 },		   /* wbinvd */
		{ { 0x0f, 0x01, 0xd1 }, 3 },	   /* xsetbv */
		{ { 0x0f, 0x22, 0xc0 }, 3 },	   /* mov %rax, %cr0 */
		{ { 0x0f, 0x22, 0xd8 }, 3 },	   /* mov %rax, %cr3 */
		{ { 0x0f, 0x22, 0xe0 }, 3 },	   /* mov %rax, %cr4 */
		{ { 0x44, 0x0f, 0x22, 0xc0 }, 4 }, /* mov %rax, %cr8 */
		{ { 0x0f, 0x20, 0xd8 }, 3 },	   /* mov %cr3, %rax */
		{ { 0x0f, 0x23, 0xf8 }, 3 },	   /* mov %rax, %dr7 */
		{ { 0x0f, 0x23, 0xc0 }, 3 },	   /* mov %rax, %dr0 */
		{ { 0x0f, 0x01, 0x10 }, 3 },	   /* lgdt (%rax) */
		{ { 0x0f, 0x01, 0x18 }, 3 },	   /* lidt (%rax) */
		{ { 0x0f, 0x00, 0xd0 }, 3 },	   /* lldt %ax */
		{ { 0x0f, 0x00, 0xd8 }, 3 },	   /* ltr %ax */
		{ { 0x0f, 0x01, 0x38 }, 3 },	   /* invlpg (%rax) */
		{ { 0x0f, 0x05 }, 2 },		   /* syscall outside the hypercall page */
	};

	for (unsigned i = 0; i < sizeof(door) / sizeof(door[0]); i++)
		every_way(door[i].bytes, door[i].n);
}

static void far_call(void *arg)
{
	struct {
		uint64_t offset;
		uint16_t selector;
	} __attribute__((packed)) target = { 0, (uint16_t)(uint64_t)arg };

	__asm__ volatile("lea %0, %%rax; .byte 0x48, 0xff, 0x18" ::"m"(target)
			 : "rax", "memory"); /* REX.W lcall (%rax) */
}

static void load_ds(void *arg)
{
	__asm__ volatile("movl %0, %%ds" ::"r"((uint32_t)(uint64_t)arg));
}

static void load_ss(void *arg)
{
	__asm__ volatile("movl %0, %%ss" ::"r"((uint32_t)(uint64_t)arg));
}

static void selectors(void)
{
	for (unsigned s = 0; s < 0x1040; s++) {
		attempt(far_call, (void *)(uint64_t)s);
		attempt(load_ds, (void *)(uint64_t)s);
		attempt_user(load_ds, (void *)(uint64_t)s);
		attempt_user(load_ss, (void *)(uint64_t)s);
		if ((s & ~3u) == 0x1000 || (s & ~3u) == 0x1008)
			expect_is(attempt(far_call, (void *)(uint64_t)s), 13,
				  "a far call to a ring-0 segment is #GP");
	}
}

static void read_msr(void *arg)
{
	__asm__ volatile("rdmsr" ::"c"((uint32_t)(uint64_t)arg) : "eax", "edx");
}

static void write_msr(void *arg)
{
	__asm__ volatile("wrmsr" ::"c"((uint32_t)(uint64_t)arg), "a"(~0u), "d"(~0u));
}

/* SPEC_CTRL and ARCH_CAPABILITIES, where the processor has them; see speculation.c. */
static bool may_be_read(uint32_t msr)
{
	return msr == 0x48 || msr == 0x10a;
}

static void msrs(void)
{
	static const uint32_t start[] = { 0, 0xc0000000, 0xc0010000, 0x40000000 };

	for (unsigned r = 0; r < 4; r++)
		for (uint32_t i = 0; i < 0x400; i++) {
			void *msr = (void *)(uint64_t)(start[r] + i);

			expect(attempt(read_msr, msr) == 13 || may_be_read(start[r] + i),
			       "RDMSR is #GP");
			expect_is(attempt(write_msr, msr), 13, "WRMSR is #GP");
			expect_is(attempt_user(write_msr, msr), 13, "WRMSR is #GP in ring 3");
		}
}

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	soft_interrupts();
	others();
	selectors();
	msrs();
	say("%d doors tried\n", tried);
	return 0;
}
