// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CR0, CR4 and EFER of a guest in a virtual machine: what it may set, Intel SDM 3A, sections 2.5
 * and 10.8.5. Reading CR0 and CR4 does not exit; MOV to CR0 exits where it changes more than TS.
 */
#include "engine/hvm/hvm.h"
#include "kernel/cpu.h"

#define CR0_DEFINED                                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)
#define CR4_EVERYWHERE 0x7ffull /* up to OSXMMEXCPT, MCE among them */

static bool set_cr0(struct vcpu *v, uint64_t value)
{
	uint64_t changed = hvm_vendor->get(v, HVM_CR0) ^ value;

	value |= CR0_ET;
	if ((value & ~(uint64_t)CR0_DEFINED) || ((value & CR0_PG) && !(value & CR0_PE)) ||
	    ((value & CR0_NW) && !(value & CR0_CD)))
		return false;
	if ((changed & CR0_PG) && (v->hvm->efer & EFER_LME)) {
		if (hvm_in_code64(v) || !(hvm_vendor->get(v, HVM_CR4) & CR4_PAE))
			return false;
		v->hvm->efer ^= EFER_LMA;
	}
	value &= ~(uint64_t)(CR0_NW | CR0_CD); /* its memory is cached */
	hvm_vendor->set(v, HVM_CR0, value);
	if (changed & (CR0_PG | CR0_WP))
		hvm_vendor->flush(v);
	return true;
}

/* VM entry fails with bits that the processor does not have. MCE always stays set: the hypervisor
 * must get machine checks. */
static bool set_cr4(struct vcpu *v, uint64_t value)
{
	if ((value & ~(CR4_EVERYWHERE | cpu_features.cr4)) ||
	    ((v->hvm->efer & EFER_LMA) && !(value & CR4_PAE)) ||
	    ((value & CR4_PCIDE) && !(v->hvm->efer & EFER_LMA)))
		return false;
	hvm_vendor->set(v, HVM_CR4, value | CR4_MCE);
	hvm_vendor->flush(v);
	return true;
}

/* It sets the low four bits, and cannot clear PE. */
uint64_t hvm_lmsw(const struct vcpu *v, uint16_t word)
{
	return (hvm_vendor->get(v, HVM_CR0) & ~0xeull) | (word & 0xf);
}

void hvm_write_cr(struct vcpu *v, unsigned n, uint64_t value, unsigned length)
{
	v->counts[COUNT_PRIVILEGED]++;
	if (!hvm_in_code64(v))
		value = (uint32_t)value;
	hvm_finish(v, hvm_in_ring0(v) && (n == 0 ? set_cr0(v, value) : set_cr4(v, value)), length);
}

/* The instruction may have changed, but any write to that register is allowed to a kernel. */
void hvm_decode_cr(struct vcpu *v, unsigned n)
{
	uint16_t word = 0;
	struct insn i;

	if (!hvm_decode(v, &i))
		return;
	if (i.op == INSN_MOV_TO_CR && i.reg == n) {
		hvm_write_cr(v, n, *operand_register(v->regs, i.base), i.length);
	} else if (i.op == INSN_LMSW && n == 0) {
		if (!(i.flags & INSN_MEM))
			word = (uint16_t)*operand_register(v->regs, i.base);
		else if (!operand_load(v, operand_address(v, &i), &word, 2))
			return;
		hvm_write_cr(v, 0, hvm_lmsw(v, word), i.length);
	}
}

/* SCE, LME and NXE can be set; LMA follows from paging. */
bool hvm_write_efer(struct vcpu *v, uint64_t value)
{
	uint64_t may = EFER_SCE | EFER_LME | EFER_NXE;

	if ((value & ~(may | EFER_LMA)) ||
	    (((value ^ v->hvm->efer) & EFER_LME) && (hvm_vendor->get(v, HVM_CR0) & CR0_PG)))
		return false;
	hvm_vendor->set(v, HVM_EFER, (value & may) | (v->hvm->efer & EFER_LMA));
	return true;
}
