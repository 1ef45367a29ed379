// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions, frames, descriptors, debug registers: what the processor does and the hypervisor
 * emulates. */
#include "pv.h"

void attack_descriptors(struct self *s)
{
	struct random *r = &s->random;

	s->dirty |= DIRTY_TABLES;
	switch (below(r, 6)) {
	case 0: ((volatile uint64_t *)DESCRIPTORS)[below(r, 8192)] = random_descriptor(r); break;
	case 1: call(VENEER_HC_SET_GDT, DESCRIPTORS, about(r, 10), 0); break;
	case 2: call(VENEER_HC_SET_LDT, DESCRIPTORS + 8 * about(r, 12), about(r, 13), 0); break;
	case 3: call(VENEER_HC_SET_GDT, edge(r), edge(r), 0); break;
	default: call(VENEER_HC_SET_DESCRIPTOR, 8 * about(r, 9), random_descriptor(r), 0);
	}
}

static void move_to_debug_register(unsigned n, uint64_t v)
{
	switch (n) {
	case 0: __asm__ volatile("movq %0, %%dr0" ::"r"(v)); break;
	case 1: __asm__ volatile("movq %0, %%dr1" ::"r"(v)); break;
	case 2: __asm__ volatile("movq %0, %%dr2" ::"r"(v)); break;
	case 3: __asm__ volatile("movq %0, %%dr3" ::"r"(v)); break;
	case 6: __asm__ volatile("movq %0, %%dr6" ::"r"(v)); break;
	default: __asm__ volatile("movq %0, %%dr7" ::"r"(v));
	}
}

static void set_debug_register(struct self *s, unsigned n, uint64_t v)
{
	if (in_machine && one_in(&s->random, 2))
		move_to_debug_register(n, v);
	else
		call(VENEER_HC_SET_DEBUGREG, one_in(&s->random, 32) ? edge(&s->random) : n, v, 0);
}

/* Execution breakpoints on a range of addresses where the hypervisor's code may be, four at a
 * time. */
static void sweep(struct self *s)
{
	uint64_t at = 0xffffffff80100000 + 1024ull * below(&s->random, 512);

	for (unsigned n = 0; n < 4; n++)
		set_debug_register(s, n, at);
	s->high_breakpoints = 15;
	set_debug_register(s, 7, 0x4ff);
	for (unsigned i = 4; i < 1024; i++, s->attempts++)
		set_debug_register(s, i % 4, at + i);
	set_debug_register(s, 7, 0x400);
}

void attack_debug(struct self *s)
{
	struct random *r = &s->random;
	unsigned n = below(r, 8);
	uint64_t v = edge(r);

	if (one_in(r, 256)) {
		sweep(s);
		return;
	}
	if (in_machine && v - VENEER_GATE_BASE < 1 << 22) /* its own gate would hit it */
		v = own_address(r);
	if (v > ~15ull) /* QEMU 7.2 aborts if a range wraps */
		v -= 16;
	if (n < 4) {
		if (!(v >> 63) && s->high_breakpoints >> n & 1)
			set_debug_register(s, 7, 0x400);
		s->high_breakpoints = (s->high_breakpoints & ~(1u << n)) | (unsigned)(v >> 63) << n;
		set_debug_register(s, n, v);
	} else if (n == 4) {
		set_debug_register(s, 6, v);
	} else if (n == 5) {
		call(VENEER_HC_GET_DEBUGREG, one_in(r, 2) ? n : edge(r), 0, 0);
	} else {
		set_debug_register(s, 7, random_breakpoints(r, ~s->high_breakpoints));
	}
}

static bool to_kernel(const uint64_t frame[5])
{
	return (frame[1] & 3) < 3;
}

/* RIP, CS, RFLAGS, RSP, SS: all valid, or some of them invalid. */
static void random_frame(struct self *s, uint64_t frame[5])
{
	struct random *r = &s->random;
	bool user = below(r, 4);
	uint16_t cs, ss;

	__asm__("movw %%cs, %0; movw %%ss, %1" : "=r"(cs), "=r"(ss));
	frame[0] = random_code(s, !user, one_in(r, 4));
	frame[1] = user ? (one_in(r, 4) ? VENEER_USER_CS32 : VENEER_USER_CS) : cs;
	frame[2] = one_in(r, 4) ? random_flags(r) : 0x202;
	frame[3] = DATA + 4096ull * below(r, DATA_PAGES) + 2048;
	frame[4] = user ? VENEER_USER_SS : ss;
	if (one_in(r, 4))
		frame[0] = edge(r);
	if (one_in(r, 4))
		frame[1] = random_selector(r);
	if (one_in(r, 4))
		frame[4] = random_selector(r);
	if (one_in(r, 4) && (!to_kernel(frame) || one_in(r, 256)))
		frame[3] = edge(r); /* a kernel without a stack is at its end */
}

void attack_frames(struct self *s)
{
	struct random *r = &s->random;
	struct registers g;
	uint64_t frame[5];

	random_registers(r, &g);
	random_frame(s, frame);
	arm(s);
	enum way way = below(r, 3);
	if (way != WAY_IRETQ && below(r, 8))
		VP->irq_mask = VENEER_IRQ_MASKED;
	if (one_in(r, 4))
		VP->user_gs_base = edge(r);
	if (to_kernel(frame)) /* perhaps in the hypercall page */
		s->dirty = ~0u;
	enter_frame(&g, frame, way);
}

/* Returns through the gate with selectors and flags that are rarely valid. */
void attack_return(struct self *s)
{
	struct random *r = &s->random;
	struct registers g;
	uint64_t frame[5] = { random_code(s, true, false), random_selector(r), random_flags(r),
			      DATA + 4096ull * below(r, DATA_PAGES) + 2048, random_selector(r) };

	random_registers(r, &g);
	enter_frame(&g, frame, one_in(r, 2) ? WAY_RETURN : WAY_RETURN_USER);
}

void attack_user(struct self *s)
{
	struct random *r = &s->random;
	struct registers g;
	uint64_t frame[5] = { random_code(s, false, one_in(r, 3)),
			      one_in(r, 4) ? VENEER_USER_CS32 : VENEER_USER_CS, 0x202,
			      DATA + 4096ull * below(r, DATA_PAGES) + 2048, VENEER_USER_SS };

	random_registers(r, &g);
	if (one_in(r, 16))
		frame[2] |= 0x100; /* TF */
	if (one_in(r, 16))	   /* code that only a kernel should run */
		frame[0] = one_in(r, 2) ? VENEER_HYPERCALL_PAGE + about(r, 12)
					: VENEER_GATE_BASE + below(r, 0x4000);
	arm(s);
	enter_frame(&g, frame, WAY_IRETQ);
}

/* Rare in ring 0 of a virtual machine, where most of it would end the attack. */
void attack_kernel(struct self *s)
{
	struct random *r = &s->random;
	struct registers g;

	if (in_machine && below(r, 64)) {
		attack_user(s);
		return;
	}
	random_registers(r, &g);
	arm(s);
	run_code(&g, (const void *)random_code(s, true, one_in(r, 3)));
}

void attack_ports(struct self *s)
{
	struct random *r = &s->random;
	uint16_t port = random_port(r);
	uint64_t count = about(r, 13);
	void *at = (void *)own_address(r);

	arm(s);
	switch (below(r, 6)) {
	case 0: __asm__ volatile("outb %%al, %%dx" ::"a"(random32(r)), "d"(port)); break;
	case 1: __asm__ volatile("outl %%eax, %%dx" ::"a"(random32(r)), "d"(port)); break;
	case 2: __asm__ volatile("inl %%dx, %%eax" ::"d"(port) : "eax"); break;
	case 3: __asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(port) : "memory"); break;
	case 4: __asm__ volatile("rep outsl" : "+S"(at), "+c"(count) : "d"(port) : "memory"); break;
	case 5:
		call(VENEER_HC_SET_IO_BITMAP,
		     one_in(r, 2) ? DESCRIPTORS + 8 * about(r, 14) : edge(r), 0, 0);
	}
}

void attack_softint(struct self *s)
{
	struct random *r = &s->random;
	unsigned vector = 32 + below(r, 224);

	if (one_in(r, 4))
		call(VENEER_HC_SOFTINT_GATE, vector, 0, one_in(r, 2) ? 1 : 3);
	else if (one_in(r, 4))
		call(VENEER_HC_SOFTINT_GATE, one_in(r, 4) ? edge(r) : vector, edge(r), about(r, 3));
	else
		call(VENEER_HC_SOFTINT_GATE, vector, s->handlers.syscall, one_in(r, 2) ? 1 : 3);
}

/* Another vCPU may be executing it. */
static void change_code(struct self *s)
{
	struct random *r = &s->random;
	volatile uint8_t *to = (uint8_t *)(CODE + 4096ull * (VCPUS + below(r, CODE_PAGES - VCPUS)));
	uint8_t bytes[INSTRUCTION_MAX];
	unsigned n = random_instruction(r, bytes, true), at = 64 * below(r, 56) + about(r, 4);

	for (unsigned i = 0; i < n; i++)
		to[at + i] = bytes[i];
}

static void change_memory(struct self *s)
{
	struct random *r = &s->random;

	*(volatile uint64_t *)(own_address(r) & ~7ull) = edge(r);
}

void attack_rest(struct self *s)
{
	struct random *r = &s->random;

	if (one_in(r, 8192))
		call(VENEER_HC_SHUTDOWN, VENEER_SHUTDOWN_REBOOT, 0, 0);
	if (one_in(r, 2))
		change_code(s);
	else
		change_memory(s);
}
