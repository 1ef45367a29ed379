// SPDX-License-Identifier: GPL-2.0-or-later
/* Numbers to attack with. */
#include "pv.h"

const struct place places[PLACES] = {
	{ TABLES, TABLE_PAGES }, { DATA, DATA_PAGES },	    { CODE, CODE_PAGES },
	{ RINGS, RING_PAGES },	 { VCPU_PAGES, 2 * VCPUS }, { DESCRIPTORS, DESCRIPTOR_PAGES },
};

bool is_spare(uint64_t gpa)
{
	for (unsigned i = 0; i < PLACES; i++)
		if (gpa - places[i].at < 4096ull * places[i].pages)
			return true;
	return gpa >= first_spare && gpa < info->memory;
}

uint64_t own_address(struct random *r)
{
	unsigned i = below(r, PLACES);
	uint64_t at = places[i].at + 4096ull * below(r, places[i].pages);

	switch (below(r, 4)) {
	case 0: return at + below(r, 4096);
	case 1: return at + 4096 - about(r, 6);
	default: return at;
	}
}

/* Mostly one of a few, so that tables get linked to each other. */
uint64_t table_at(struct random *r)
{
	if (one_in(r, 16) && spare_pages)
		return first_spare + 4096ull * below(r, (uint32_t)spare_pages);
	return TABLES + 4096ull * (about(r, 8) % TABLE_PAGES);
}

#define SHOWN 32
static uint64_t shown_words[SHOWN];
static unsigned shown_count;

/* Records addresses of the hypervisor that can be read in the gate area, such as in its data
 * page. */
void note_shown(void)
{
	const volatile uint64_t *at = (const volatile uint64_t *)(VENEER_GATE_BASE + 0xa000);

	for (unsigned i = 0; i < 512 && shown_count < SHOWN; i++)
		if (at[i])
			shown_words[shown_count++] = at[i];
}

static uint64_t shown(struct random *r)
{
	return shown_count ? shown_words[below(r, shown_count)] + about(r, 6) - about(r, 6) : 0;
}

uint64_t edge(struct random *r)
{
	uint64_t v;

	switch (below(r, 17)) {
	case 16: return shown(r);
	case 0: return 0;
	case 1: return ~0ull - about(r, 14);
	case 2: return 1ull << below(r, 64);
	case 3: return (1ull << below(r, 64)) - 1 - about(r, 6);
	case 4: return ~0ull << below(r, 64);
	case 5: return (1ull << 47) - about(r, 14) + about(r, 14);
	case 6: v = info->memory; return v + 4096ull * below(r, 16) - about(r, 14);
	case 7: return VENEER_GATE_BASE + 4096ull * below(r, 80) + about(r, 12);
	case 8: return 0xffffffff80100000 + below(r, 1 << 19); /* where hypervisors are linked */
	case 9: return 0xffff808000000000 + (random64(r) >> below(r, 48) >> 16);
	case 10: return about(r, 16);
	case 11: return random64(r);
	case 12: return table_at(r) | about(r, 12);
	default: return own_address(r);
	}
}

void random_registers(struct random *r, struct registers *g)
{
	uint64_t *to = (uint64_t *)g;

	for (unsigned i = 0; i < 15; i++)
		to[i] = one_in(r, 2) ? own_address(r) : edge(r);
	if (one_in(r, 2))
		g->rcx = random_msr(r);
	if (one_in(r, 2))
		g->rdx = random_port(r);
	if (one_in(r, 2))
		g->rax = about(r, 8); /* a hypercall number, or a CPUID leaf */
	if (one_in(r, 2))
		g->rcx = about(r, 12);
}

/* On the vCPU's own page, or on one that others write and execute too. Ends with an instruction
 * that cannot continue. */
uint64_t random_code(struct self *s, bool kernel, bool shared)
{
	static const uint8_t ends[][2] = {
		{ 0x0f, 0x0b }, { 0x0f, 0x05 }, { 0xcd, 0x81 }, { 0xc3, 0xc3 }
	};
	struct random *r = &s->random;
	uint64_t page = CODE + 4096ull * (shared ? VCPUS + below(r, CODE_PAGES - VCPUS) : s->id);
	uint64_t at = page + (one_in(r, 16) ? 4096 - about(r, 5) : 64 * below(r, 56));
	uint8_t *to = (uint8_t *)at;
	unsigned n = 1 + about(r, 3);

	kernel |= shared;

	while (n--) {
		to += random_instruction(r, to, kernel);
		s->attempts++;
	}
	const uint8_t *end = ends[below(r, 4)];
	to[0] = end[0];
	to[1] = end[1];
	return at;
}
