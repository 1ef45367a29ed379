// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Translations that outlive their page tables. A shadow that was found again was not updated for
 * the kernel's half of the address space, and a flush there reached only what the loaded root links
 * to.
 * Attack: a page table of a program whose root is not loaded becomes one of the kernel's, with
 * other pages; a kernel page is changed and flushed under a root that has never used it, and read
 * under one that has.
 * Expected: the kernel reads what its tables say, as it would with a TLB.
 */
#include "guest.h"

#define P      0x67 /* present, writable, user, accessed, dirty */
#define USER   0x8000000000ull
#define KERNEL 0xffff960000000000ull
#define ROUNDS 200

/* The roots share slot 0, which maps this code, and slot 300, the kernel's. Slot 1 of root 0 is a
 * program. */
static uint64_t root[2][512] __attribute__((aligned(4096)));
static uint64_t user3[512] __attribute__((aligned(4096))),
	user2[512] __attribute__((aligned(4096)));
static uint64_t kernel3[512] __attribute__((aligned(4096)));
static uint64_t kernel2[512] __attribute__((aligned(4096)));
static uint64_t table[4][512] __attribute__((aligned(4096)));
static uint64_t data[4][512] __attribute__((aligned(4096)));

static void load(unsigned i, uint64_t flush)
{
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)root[i] | flush, 0, 0);
}

static uint64_t read_at(uint64_t va)
{
	return *(volatile uint64_t *)va;
}

static void set(uint64_t *entry, uint64_t value)
{
	*(volatile uint64_t *)entry = value;
}

/* The program's table is freed while root 1 is loaded; the flush that this requires comes with the
 * next load of root 0. The kernel's entry was not present before, so it requires none. */
static void reused_table(unsigned n)
{
	uint64_t *t = table[n % 4], va = KERNEL + ((uint64_t)(n % 256) << 21);

	for (unsigned i = 0; i < 512; i++)
		set(&t[i], (uint64_t)data[0] | P);
	set(&user2[0], (uint64_t)t | P);
	load(0, VENEER_ROOT_FLUSH);
	for (unsigned i = 0; i < 512; i += 8)
		expect(read_at(USER + i * 4096) == 0, "the program reads its own page");
	load(1, 0);
	(void)read_at(KERNEL + (511ull << 21)); /* the kernel's upper tables are in use */
	set(&user2[0], 0);
	for (unsigned i = 0; i < 512; i++)
		set(&t[i], (uint64_t)data[1 + i % 3] | P);
	set(&kernel2[n % 256], (uint64_t)t | P);
	for (unsigned i = 0; i < 512; i += 5)
		expect(read_at(va + i * 4096) == 1 + i % 3,
		       "the kernel reads through a reused page table");
	set(&kernel2[n % 256], 0);
	veneer_hypercall(VENEER_HC_MMU_FLUSH, va, 1 << 21, 0);
}

/* A flush under root 1, where the kernel's half has not been used since the root was made. */
static void flushed_elsewhere(unsigned n)
{
	uint64_t va = KERNEL + (511ull << 21) + (n % 512) * 4096, *entry = &table[3][n % 512];

	set(entry, (uint64_t)data[1] | P);
	set(&kernel2[511], (uint64_t)table[3] | P);
	load(0, VENEER_ROOT_FLUSH);
	veneer_hypercall(VENEER_HC_MMU_FLUSH, va, 4096, 0);
	expect(read_at(va) == 1, "a kernel page is mapped");
	veneer_hypercall(VENEER_HC_MMU_DROP_ROOT, (uint64_t)root[1], 0, 0);
	load(1, VENEER_ROOT_FLUSH);
	set(entry, (uint64_t)data[2] | P);
	veneer_hypercall(VENEER_HC_MMU_FLUSH, va, 4096, 0);
	load(0, 0);
	expect(read_at(va) == 2, "a kernel page flushed under another root is up to date");
}

int guest_main(const struct veneer_start_info *info)
{
	const uint64_t *own = veneer_root();

	(void)info;
	for (unsigned r = 0; r < 2; r++) {
		root[r][0] = own[0];
		root[r][300] = (uint64_t)kernel3 | P;
	}
	root[0][1] = (uint64_t)user3 | P;
	user3[0] = (uint64_t)user2 | P;
	kernel3[0] = (uint64_t)kernel2 | P;
	kernel2[511] = (uint64_t)table[3] | P;
	for (unsigned i = 0; i < 512; i++)
		table[3][i] = (uint64_t)data[1] | P;
	for (unsigned i = 0; i < 4; i++)
		data[i][0] = i;
	for (unsigned n = 0; n < ROUNDS && !failures; n++)
		flushed_elsewhere(n);
	unsigned elsewhere = failures;
	failures = 0;
	for (unsigned n = 0; n < ROUNDS && !failures; n++)
		reused_table(n % 3 + n / 3 * 4); /* not table 3 */
	failures += elsewhere;
	say("%d tables were used again\n", ROUNDS);
	return 0;
}
