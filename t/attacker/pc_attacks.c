// SPDX-License-Identifier: GPL-2.0-or-later
/* The attacks of the 32-bit attacker. */
#include "pc.h"

static uint32_t own_address(struct random *r)
{
	uint32_t at = PLACE + 4096 * below(r, (PLACE_END - PLACE) / 4096);

	switch (below(r, 4)) {
	case 0: return at + below(r, 4096);
	case 1: return at + 4096 - about(r, 6);
	default: return at;
	}
}

static uint32_t edge(struct random *r)
{
	switch (below(r, 10)) {
	case 0: return 0;
	case 1: return ~0u - about(r, 14);
	case 2: return 1u << below(r, 32);
	case 3: return (1u << below(r, 32)) - about(r, 6);
	case 4: return memory_bytes + 4096 * below(r, 4) - about(r, 12);
	case 5: return about(r, 16);
	case 6: return random32(r);
	default: return own_address(r);
	}
}

static void random_registers(struct random *r, struct registers *g)
{
	uint32_t *to = (uint32_t *)g;

	for (unsigned i = 0; i < 8; i++)
		to[i] = one_in(r, 2) ? own_address(r) : edge(r);
	g->ecx = one_in(r, 4) ? edge(r) : one_in(r, 2) ? random_msr(r) : about(r, 12);
	if (one_in(r, 2))
		g->edx = random_port(r);
	if (one_in(r, 2))
		g->eax = one_in(r, 2) ? random_selector(r) : about(r, 6);
}

/* --- instructions --- */

static uint32_t random_code(struct self *s, bool kernel, bool shared)
{
	static const uint8_t ends[][2] = { { 0x0f, 0x0b }, { 0xcd, 0x81 }, { 0xc3, 0xc3 } };
	struct random *r = &s->random;
	uint32_t page = CODE + 4096 * (shared ? VCPUS + below(r, CODE_PAGES - VCPUS) : s->id);
	uint32_t at = page + (one_in(r, 16) ? 4096 - about(r, 5) : 64 * below(r, 56));
	uint8_t *to = (uint8_t *)at;
	unsigned n = 1 + about(r, 3);

	for (; n--; s->attempts++)
		to += random_instruction(r, to, kernel || shared);
	const uint8_t *end = ends[below(r, 3)];
	to[0] = end[0];
	to[1] = end[1];
	return at;
}

/* Starts the timer before an attack that may halt or never end. */
static void arm(struct self *s)
{
	if (in_machine && s->dirty & DIRTY_CONTROL) /* else the APICs may not be mapped */
		set_control(s);
	if (s->dirty & DIRTY_DEVICES)
		set_up_devices(s);
	s->dirty &= ~DIRTY_DEVICES;
}

static void attack_code(struct self *s)
{
	struct registers g;
	uint32_t at = random_code(s, true, one_in(&s->random, 4));

	random_registers(&s->random, &g);
	arm(s);
	s->dirty = ~0u;
	run_code(&g, at);
}

static void attack_user(struct self *s)
{
	struct random *r = &s->random;
	struct registers g;
	uint32_t frame[5] = { random_code(s, false, one_in(r, 4)) - PLACE, USER_CS, 0x202,
			      DATA - PLACE + 4096 * below(r, DATA_PAGES) + 2048, USER_DS };

	random_registers(r, &g);
	if (one_in(r, 16))
		frame[2] |= 0x100;
	arm(s);
	enter_frame(&g, frame);
}

static void attack_frames(struct self *s)
{
	struct random *r = &s->random;
	uint32_t at = one_in(r, 4) ? edge(r) : (uint32_t)far_landing;
	uint32_t frame[5] = { at, random_selector(r), random_flags(r) & ~0x20000u, edge(r),
			      random_selector(r) };
	struct registers g;

	random_registers(r, &g);
	arm(s);
	s->dirty |= DIRTY_DESCRIPTORS;
	switch (below(r, 5)) {
	case 0: jump_far(at, random_selector(r)); break;
	case 1: call_far(at, random_selector(r)); break;
	case 2: return_far(at, random_selector(r)); break;
	case 3:
		if (one_in(r, 2))
			frame[1] = KERNEL_CS;
		enter_frame(&g, frame);
		break;
	default:
		frame[1] = USER_CS;
		frame[4] = one_in(r, 2) ? USER_DS : frame[4];
		enter_frame(&g, frame);
	}
}

static void change_code(struct self *s)
{
	struct random *r = &s->random;
	volatile uint8_t *to = (uint8_t *)CODE + 4096 * (VCPUS + below(r, CODE_PAGES - VCPUS));
	uint8_t bytes[INSTRUCTION_MAX];
	unsigned n = random_instruction(r, bytes, true), at = 64 * below(r, 56) + about(r, 4);

	for (unsigned i = 0; i < n; i++)
		to[at + i] = bytes[i];
}

/* --- memory --- */

static uint32_t table_at(struct random *r)
{
	return TABLES + 4096 * (about(r, 6) % TABLE_PAGES);
}

static uint32_t entry(struct random *r)
{
	uint32_t e = (one_in(r, 2) ? table_at(r) : DATA + 4096 * below(r, DATA_PAGES)) | 0x67;

	switch (below(r, 32)) {
	case 0: return 0;
	case 1: return e ^ about(r, 12);
	case 2: return e | 0x80;
	case 3: return edge(r) & (memory_bytes - 1);
	case 4: return one_in(r, 64) ? random32(r) : e; /* memory outside ends the guest */
	default: return e;
	}
}

static uint32_t address(struct random *r)
{
	uint32_t directory = one_in(r, 8) ? 1 + below(r, 0x3f0) : 1 + about(r, 3);

	return directory << 22 | (one_in(r, 8) ? below(r, 1024) : about(r, 3)) << 12 |
	       (below(r, 4096) & ~3u);
}

static void attack_tables(struct self *s)
{
	struct random *r = &s->random;
	unsigned n = 1 + about(r, 3);

	for (s->attempts += n - 1; n--;) {
		if (one_in(r, 2))
			directories[one_in(r, 4) ? below(r, VCPUS) : s->id][address(r) >> 22] =
				entry(r);
		else
			at32(table_at(r))[address(r) >> 12 & 1023] = entry(r);
	}
	if (one_in(r, 16)) {
		uint32_t table = table_at(r), e = entry(r);

		for (unsigned i = 0; i < 1024; i++)
			at32(table)[i] = e;
	}
}

/* Whether an address leads outside the guest by its current tables; such addresses are mostly
 * avoided. */
static bool leads_outside(const struct self *s, uint32_t va)
{
	uint32_t e = directories[s->directory][va >> 22];

	if (!(e & 1))
		return false;
	if (!(e & 0x80)) {
		if (e >= memory_bytes)
			return true;
		e = at32(e & ~4095u)[va >> 12 & 1023];
	} else {
		e |= 0x3fffff;
	}
	return (e & 1) && e >= memory_bytes;
}

static void attack_touch(struct self *s)
{
	struct random *r = &s->random;

	if (s->dirty & DIRTY_CONTROL && below(r, 256))
		set_control(s);
	if (!s->touches || one_in(r, 64)) {
		s->touch = address(r);
		s->stride = one_in(r, 2) ? 4096 : 1 << 22;
		s->touches = one_in(r, 16) ? 1u << below(r, 12) : 1;
	}
	while (s->touches) {
		uint32_t va = s->touch;

		s->touches--;
		s->touch += s->stride;
		s->attempts++;
		if (va < 1 << 22 || va >= 0xfe000000 || (leads_outside(s, va) && below(r, 1024)))
			continue;
		if (one_in(r, 4))
			*at32(va) = entry(r);
		else
			(void)*at32(va);
	}
}

/* --- control registers and tables --- */

/* Rarely PAE, with which nothing is left that runs. */
static unsigned control4_bit(struct random *r)
{
	unsigned bit = below(r, 23);

	return bit != 5 || one_in(r, 64) ? bit : 4;
}

static void attack_control(struct self *s)
{
	struct random *r = &s->random;
	unsigned directory = below(r, VCPUS);
	uint32_t cr3 = (uint32_t)directories[directory], v = edge(r);

	switch (below(r, 12)) {
	case 0:
	case 1:
		s->directory = directory;
		__asm__ volatile("movl %0, %%cr3" ::"r"(cr3 | (one_in(r, 4) ? about(r, 12) : 0)));
		return;
	case 2: __asm__ volatile("invlpg (%0)" ::"r"(v)); return;
	case 3: __asm__ volatile("clts"); return;
	}
	s->dirty |= DIRTY_CONTROL;
	switch (below(r, 8)) {
	case 0: __asm__ volatile("movl %0, %%cr4" ::"r"(0x10 ^ (1u << control4_bit(r)))); break;
	case 1:
		__asm__ volatile("movl %0, %%cr0" ::"r"(0x80010031 ^ (1u << (1 + below(r, 30)))));
		break;
	case 2: __asm__ volatile("movl %0, %%cr0" ::"r"(0x11)); break;
	case 3: __asm__ volatile("lmsw %w0" ::"r"(about(r, 16) | 1)); break;
	case 4: __asm__ volatile("xsetbv" ::"a"(v), "d"(0), "c"(about(r, 3))); break;
	case 5:
		__asm__ volatile("movl %%cr0, %%eax; movl %%cr4, %%eax; movl %%cr2, %%eax" ::
					 : "eax");
		break;
	case 6: __asm__ volatile("movl %0, %%cr2" ::"r"(v)); break;
	default:
		if (one_in(r, 256))
			__asm__ volatile("movl %0, %%cr3" ::"r"(v));
	}
}

struct table_register {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));

static void attack_descriptors(struct self *s)
{
	extern uint64_t gdt[64];
	struct random *r = &s->random;
	struct table_register t = { (uint16_t)(one_in(r, 2) ? 63 + about(r, 9) : random32(r)),
				    (uint32_t)gdt };
	uint16_t selector = random_selector(r);

	s->dirty |= DIRTY_DESCRIPTORS;
	switch (below(r, 10)) {
	case 0:
	case 1: gdt[one_in(r, 256) ? below(r, 64) : 9 + below(r, 55)] = random_descriptor(r); break;
	case 2: __asm__ volatile("lgdt %0" ::"m"(t)); break;
	case 3: __asm__ volatile("lldt %0" ::"r"((uint16_t)(below(r, 256) ? 0 : selector))); break;
	case 4: /* not a null one, see random.c */
		__asm__ volatile("ltr %0" ::"r"((uint16_t)(selector < 4 ? 8 : selector)));
		break;
	case 5: __asm__ volatile("movl %0, %%es; movl %0, %%gs" ::"r"((uint32_t)selector)); break;
	case 6: __asm__ volatile("movl %0, %%fs" ::"r"((uint32_t)selector)); break;
	case 7:
		__asm__ volatile(
			"lar %0, %%eax; lsl %0, %%eax; verr %w0; verw %w0" ::"r"((uint32_t)selector)
			: "eax");
		break;
	case 8:
		__asm__ volatile(
			"sgdt (%0); sidt (%0); sldt (%0); str (%0); smsw (%0)" ::"r"(own_address(r))
			: "memory");
		break;
	default:
		t.base = edge(r);
		if (one_in(r, 256))
			__asm__ volatile("lidt %0" ::"m"(t));
	}
}

static void attack_debug(struct self *s)
{
	struct random *r = &s->random;
	uint32_t v = edge(r);

	switch (below(r, 10)) {
	case 0: __asm__ volatile("movl %0, %%dr0" ::"r"(v)); break;
	case 1: __asm__ volatile("movl %0, %%dr1" ::"r"(v)); break;
	case 2: __asm__ volatile("movl %0, %%dr2" ::"r"(v)); break;
	case 3: __asm__ volatile("movl %0, %%dr3" ::"r"(v)); break;
	case 4: __asm__ volatile("movl %0, %%dr6" ::"r"(v)); break;
	case 5:
	case 6: __asm__ volatile("movl %0, %%dr7" ::"r"(random_breakpoints(r, 15))); break;
	case 7: __asm__ volatile("movl %%dr6, %%eax; movl %%dr7, %%eax" ::: "eax"); break;
	default: __asm__ volatile("movl %0, %%dr7" ::"r"(0x400));
	}
	(void)s;
}

static void attack_msrs(struct self *s)
{
	struct random *r = &s->random;
	uint32_t n = random_msr(r);

	if (n == 0xc0000080 && below(r, 256)) /* EFER: a wrong mode ends the attack */
		return;
	s->attempts++;
	if (one_in(r, 2))
		__asm__ volatile("rdmsr" ::"c"(n) : "eax", "edx");
	else
		__asm__ volatile("wrmsr" ::"c"(n), "a"(edge(r)), "d"(one_in(r, 2) ? 0 : edge(r)));
}

/* --- devices --- */

/* Ports that end or restart the guest, which is an attack of its own. */
static bool ends_attack(uint16_t port, unsigned width)
{
	static const uint16_t ends[] = { 0x64, 0x92, 0xcf9, 0xf4, 0x604 };

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if ((uint16_t)(ends[i] - port) < width || (uint16_t)(port - ends[i]) < 2)
			return true;
	return false;
}

static void attack_ports(struct self *s)
{
	struct random *r = &s->random;
	uint16_t port = random_port(r);
	uint32_t v = edge(r);

	if (port < 0x100 || port >= 0xfff0)
		s->dirty |= DIRTY_DEVICES;
	if (one_in(r, 2)) {
		switch (below(r, 3)) {
		case 0: __asm__ volatile("inb %%dx, %%al" ::"d"(port) : "eax"); break;
		case 1: __asm__ volatile("inw %%dx, %%ax" ::"d"(port) : "eax"); break;
		case 2: __asm__ volatile("inl %%dx, %%eax" ::"d"(port) : "eax"); break;
		}
		return;
	}
	if (ends_attack(port, 4))
		return;
	switch (below(r, 3)) {
	case 0: outb(port, (uint8_t)v); break;
	case 1: __asm__ volatile("outw %%ax, %%dx" ::"a"(v), "d"(port)); break;
	case 2: __asm__ volatile("outl %%eax, %%dx" ::"a"(v), "d"(port)); break;
	}
}

static void attack_strings(struct self *s)
{
	struct random *r = &s->random;
	uint16_t port = random_port(r);
	uint32_t at = own_address(r), count = one_in(r, 16) ? edge(r) : about(r, 10);

	if (ends_attack(port, 4))
		return;
	arm(s);
	s->dirty |= DIRTY_DEVICES;
	if (port >> 3 == 0x3f8 >> 3)
		count &= 63;
	if (one_in(r, 4))
		__asm__ volatile("std");
	switch (below(r, 4)) {
	case 0: __asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(port) : "memory"); break;
	case 1: __asm__ volatile("rep insl" : "+D"(at), "+c"(count) : "d"(port) : "memory"); break;
	case 2: __asm__ volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(port) : "memory"); break;
	case 3: __asm__ volatile("rep outsw" : "+S"(at), "+c"(count) : "d"(port) : "memory"); break;
	}
	__asm__ volatile("cld");
}

#define LAPIC  0xfee00000u
#define IOAPIC 0xfec00000u

/* Only where there are APICs: without them there is no memory, and an access ends the guest. */
static void attack_mmio(struct self *s)
{
	struct random *r = &s->random;
	uint32_t at = (one_in(r, 4) ? IOAPIC : LAPIC) +
		      (one_in(r, 4) ? below(r, 4096) : 16 * below(r, 64));

	if (!in_machine) {
		attack_ports(s);
		return;
	}
	if (s->dirty & DIRTY_CONTROL && below(r, 64))
		set_control(s);
	s->dirty |= DIRTY_DEVICES;
	switch (below(r, 6)) {
	case 0: *(volatile uint8_t *)at = (uint8_t)random32(r); break;
	case 1: (void)*(volatile uint16_t *)at; break;
	case 2: (void)*at32(at); break;
	case 3:
		*at32(IOAPIC) = below(r, 0x42);
		*at32(IOAPIC + 0x10) = one_in(r, 2) ? random32(r) : 0x30 + about(r, 16);
		break;
	default:
		if (at != LAPIC + 0x300)
			*at32(at) = edge(r);
	}
}

/* Interrupts between vCPUs. INIT and startup IPIs bring the others back from wherever they are. */
static void attack_processors(struct self *s)
{
	struct random *r = &s->random;

	if (!in_machine) {
		arm(s);
		__asm__ volatile("sti; hlt");
		return;
	}
	if (s->dirty & DIRTY_CONTROL && below(r, 64))
		set_control(s);
	if (one_in(r, 64) && !s->id) {
		start_others(r);
		return;
	}
	*at32(LAPIC + 0x310) = one_in(r, 2) ? random32(r) : below(r, 5) << 24;
	*at32(LAPIC + 0x300) = (30 + below(r, 226)) | (one_in(r, 64) ? random32(r) & 0xcc700 : 0) |
			       (one_in(r, 4) ? 0x40000 << below(r, 2) : 0);
}

static void attack_console(struct self *s)
{
	struct random *r = &s->random;

	char text[FORGED_MAX];

	if (one_in(r, 16))
		outb((uint16_t)(0x3f9 + below(r, 7)), (uint8_t)random32(r));
	else if (one_in(r, 64))
		for (unsigned n = random_forgery(r, text), i = 0; i < n; i++)
			outb(0x3f8, (uint8_t)text[i]);
	else
		outb(0x3f8, (uint8_t)random32(r));
}

/* Timers at their highest rate, with all interrupts enabled. */
static void attack_timers(struct self *s)
{
	struct random *r = &s->random;
	uint32_t count = 1 + about(r, 16);

	s->dirty |= DIRTY_DEVICES;
	if (s->dirty & DIRTY_CONTROL && below(r, 64))
		set_control(s);
	if (in_machine && one_in(r, 2)) {
		*at32(LAPIC + 0x3e0) = below(r, 16);
		*at32(LAPIC + 0x320) = (below(r, 4) << 17) | (32 + below(r, 224));
		*at32(LAPIC + 0x380) = one_in(r, 2) ? edge(r) : count;
		return;
	}
	outb(0x43, (uint8_t)(one_in(r, 4) ? random32(r) : 0x34));
	outb(0x40, (uint8_t)count);
	outb(0x40, (uint8_t)(count >> 8));
	if (one_in(r, 4))
		outb(0x21, (uint8_t)random32(r));
}

static void attack_rest(struct self *s)
{
	static const uint16_t resets[][2] = { { 0xcf9, 6 }, { 0x92, 1 }, { 0x64, 0xfe } };
	struct random *r = &s->random;
	unsigned i = below(r, 3);

	if (one_in(r, 8192))
		outb(resets[i][0], (uint8_t)resets[i][1]);
	else if (one_in(r, 2))
		change_code(s);
	else
		*at32(own_address(r) & ~3u) = edge(r);
}

attack_fn *const attacks[KINDS] = {
	attack_code,	    attack_tables,  attack_touch,   attack_control,
	attack_descriptors, attack_debug,   attack_frames,  attack_user,
	attack_mmio,	    attack_ports,   attack_strings, attack_msrs,
	attack_processors,  attack_console, attack_timers,  attack_rest,
};
