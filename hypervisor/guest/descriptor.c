// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/descriptor.h"
#include "guest/guest.h"
#include "lib/string.h"

static inline uint64_t fit(uint64_t d, unsigned ring, bool allow64)
{
	uint64_t fits = d | DESC_ACCESSED | (d & DESC_DPL(3) ? 0 : DESC_DPL(ring));

	if (!allow64 && (d & DESC_CODE))
		fits &= ~DESC_L;
	return d & DESC_S ? fits : 0;
}

/* A whole table is one stay of the hypervisor: the usual case has a loop of its own. */
void descriptors_fit(uint64_t *to, const uint64_t *from, unsigned count, unsigned ring,
		     bool allow64)
{
	if (allow64) {
#pragma GCC unroll 4
		for (unsigned i = 0; i < count; i++)
			to[i] = fit(from[i], ring, true);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		to[i] = fit(from[i], ring, false);
}

int descriptors_read(struct vcpu *v, gva_t at, unsigned from, unsigned count, uint64_t *to)
{
	uint64_t d[DESCRIPTORS];

	if (guest_read(v->view, GVA(at.v + 8ull * from), d, 8 * count, 0, NULL))
		return -EFAULT;
	descriptors_fit(to, d, count, v->engine->kernel_ring, !v->guest->board);
	return 0;
}

void pv_gdt_start(uint64_t *gdt)
{
	memset(gdt, 0, SEL_GUEST_MAX);
	gdt[VENEER_USER_CS32 >> 3] = DESC_CODE32(3);
	gdt[VENEER_USER_SS >> 3] = DESC_DATA(3);
	gdt[VENEER_USER_CS >> 3] = DESC_CODE64(3);
}

int64_t descriptor_hypercall(struct vcpu *v, struct regs *r)
{
	uint64_t selector = r->rdi;

	if (selector < 8 || selector >= SEL_GUEST_MAX || selector & 7)
		return -EINVAL;
	v->pv_gdt[index_nospec(selector, SEL_GUEST_MAX) / 8] =
		fit(r->rsi, v->engine->kernel_ring, true);
	return 0;
}
