// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The translator's tables. It keeps a bit for each page of RAM with translated code, and what it
 * translated from a page in lists. The bits had been rounded down to whole bytes, so that the last
 * pages of a guest of 128 MiB and a few pages had theirs in memory of somebody else; and one write
 * dropped all that had been translated from its page, however much that was.
 * Attack: code in the last pages, which then become writable again; a page with code at every byte,
 * written to; code at addresses that share a bucket.
 * Expected: it comes to its end, and the neighbour and the longest stay are as always. Runs with
 * `memory = 131100K`.
 */
#include "pc.h"

#define PAGE	4096
#define LAST	0x8000000 /* 128 MiB */
#define PAGES	7
#define CROWD	0x800000
#define BLOCKS	2950
#define RET	0xc3
#define BUCKETS 2048
#define ALIKE	400

static uint32_t go(uint32_t at)
{
	__asm__ volatile("call *%0" ::"r"(at) : "memory", "cc");
	return at;
}

static void last_pages(void)
{
	volatile uint8_t *p = (uint8_t *)LAST;

	for (unsigned i = 0; i < PAGES; i++) {
		p[i * PAGE] = RET;
		go(LAST + i * PAGE);
	}
	for (unsigned i = 0; i < PAGES; i++)
		p[i * PAGE + 8] = 1;
}

static void crowd(void)
{
	volatile uint8_t *p = (uint8_t *)CROWD;

	for (unsigned i = 0; i < PAGE; i++)
		p[i] = RET;
	for (unsigned i = 0; i < BLOCKS; i++)
		go(CROWD + i);
	p[5] = RET;
	for (unsigned i = 0; i < 10; i++)
		go(CROWD + i);
}

/* The bucket is EIP ^ EIP >> 11, by its low bits. */
static void one_bucket(void)
{
	unsigned n = 0;

	for (uint32_t at = 2 * CROWD; n < ALIKE; at++) {
		if ((at ^ at >> 11) % BUCKETS)
			continue;
		*(volatile uint8_t *)at = RET;
		go(at);
		n++;
	}
}

int guest_main(void)
{
	for (unsigned i = 0; i < 2; i++) {
		last_pages();
		crowd();
		one_bucket();
	}
	say("well so far\n");
	return 0;
}
