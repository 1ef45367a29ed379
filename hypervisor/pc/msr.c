// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/msr.h"

#include "guest/board.h"
#include "guest/guest.h"
#include "guest/speculation.h"

#define MSR_MISC_ENABLE	    0x1a0
#define MSR_AMD_INT_PENDING 0xc0010055 /* Linux reads it on every AMD before family 10h */

#define APIC_BASE_BSP	    0x100
#define APIC_BASE_ENABLE    0x800

/* It stays where it is. */
static uint64_t apic_base(const struct vcpu *v)
{
	return v->guest->board->apic_at | APIC_BASE_ENABLE | (v->id ? 0 : APIC_BASE_BSP);
}

bool msr_read(const struct vcpu *v, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_TSC: *value = rdtsc(); return true;
	case MSR_MISC_ENABLE:
	case MSR_AMD_INT_PENDING: *value = 0; return true;
	case MSR_PAT: *value = v->pat; return true;
	case MSR_APIC_BASE: *value = v->guest->board ? apic_base(v) : 0; return v->guest->board;
	default: return speculation_rdmsr(v, msr, value);
	}
}

/* Types are 0, 1 and 4 to 7: in a byte, bit 1 comes with bit 2 alone. */
static bool good_pat(uint64_t value)
{
	return !(value & 0xf8f8f8f8f8f8f8f8) && !(value >> 1 & ~(value >> 2) & 0x0101010101010101);
}

bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_PAT: /* returned as written, without effect: memory is always cached */
		if (!good_pat(value))
			return false;
		v->pat = value;
		return true;
	case MSR_APIC_BASE: return v->guest->board && value == apic_base(v);
	default: return speculation_wrmsr(v, msr, value);
	}
}
