// SPDX-License-Identifier: GPL-2.0-or-later
/* The state of a vCPU in console lines: when it crashes, and when an engine does not know an exit.
 */
#include "guest/console.h"
#include "guest/guest.h"
#include "lib/string.h"

/* Where it is, and the reason of the exit. Each line is formatted once, since all of this is one
 * stay in the hypervisor. */
static void print_place(struct vcpu *v, const char *before, const char *behind)
{
	static const char digit[] = "0123456789abcdef";
	const struct engine *e = v->engine;
	const struct regs *r = v->regs;
	uint8_t code[INSN_BYTES];
	char text[3 * INSN_BYTES + 1], *to = text;
	unsigned bytes = e->fetch(v, code);

	for (unsigned i = 0; i < bytes; i++) {
		*to++ = ' ';
		*to++ = digit[code[i] >> 4];
		*to++ = digit[code[i] & 15];
	}
	*to = 0;
	console_guest_notice(
		v->guest,
		"%srip %04lx:%016lx rflags %08x cpl %u %s 0x%lx error %lx, %u-bit code%s%s", before,
		r->cs, r->rip, e->flags ? e->flags(v) : (uint32_t)r->rflags, (unsigned)(r->cs & 3),
		e->reason, r->vector, r->error, e->code_bits(v), text, behind);
}

void vcpu_dump(struct vcpu *v)
{
	struct guest *g = v->guest;
	const struct regs *r = v->regs;

	if (v->engine->gather)
		v->engine->gather(v);
	print_place(v, "", "");
	console_guest_notice(g, "rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx,
			     r->rcx, r->rdx);
	console_guest_notice(g, "rsi %016lx rdi %016lx rbp %016lx rsp %04lx:%016lx", r->rsi, r->rdi,
			     r->rbp, r->ss, r->rsp);
	if (v->engine->code_bits(v) == 64)
		console_guest_notice(g, "r8  %016lx r9  %016lx r10 %016lx r11 %016lx", r->r8, r->r9,
				     r->r10, r->r11);
	console_guest_notice(g, "root %lx cr0 %08lx cr2 %lx cr4 %08lx gdt %08lx idt %08lx",
			     v->view->paging.root.v == ~0ull ? 0 : v->view->paging.root.v,
			     v->legacy.cr0, v->page->cr2, v->legacy.cr4, v->legacy.gdt_base,
			     v->legacy.idt_base);
}

#define UNKNOWN_LINES 4 /* until its guest restarts: a guest must not fill the console */

void vcpu_unknown(struct vcpu *v, const char *what)
{
	struct guest *g = v->guest;
	char before[64];

	if (g->unknown >= UNKNOWN_LINES)
		return;
	bool last = __atomic_add_fetch(&g->unknown, 1, __ATOMIC_RELAXED) >= UNKNOWN_LINES;
	format(before, sizeof(before), "unknown to engine %s: %s: ", v->engine->name, what);
	print_place(v, before, last ? "; no more of them are reported" : "");
}
