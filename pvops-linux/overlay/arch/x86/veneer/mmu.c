// SPDX-License-Identifier: GPL-2.0-only
/* Page tables. They are ordinary memory, written directly. The hypervisor keeps shadows of them,
 * and is told what a TLB needs to be told: new roots, flushes, and roots that go away. */
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/mmu_context.h>
#include <asm/paravirt.h>
#include <asm/tlbflush.h>
#include <asm/veneer.h>

#include "../mm/mm_internal.h"

static DEFINE_PER_CPU(unsigned long, virtual_cr3);

static unsigned long veneer_read_cr3(void)
{
	return this_cpu_read(virtual_cr3);
}

static void veneer_write_cr3(unsigned long cr3)
{
	unsigned long root = cr3 & CR3_ADDR_MASK;

	this_cpu_write(virtual_cr3, cr3 & ~CR3_NOFLUSH);
	if (!(cr3 & CR3_NOFLUSH))
		root |= VENEER_ROOT_FLUSH;
	if (veneer_call1(VENEER_HC_MMU_LOAD_ROOT, root))
		BUG();
}

static void veneer_write_cr2(unsigned long cr2)
{
	this_cpu_write(veneer_vcpu.cr2, cr2);
}

static void veneer_flush_tlb_user(void)
{
	veneer_call2(VENEER_HC_MMU_FLUSH, 0, TASK_SIZE_MAX);
}

static void veneer_flush_tlb_kernel(void)
{
	veneer_call2(VENEER_HC_MMU_FLUSH, 0, ~0ul);
}

static void veneer_flush_tlb_one_user(unsigned long addr)
{
	veneer_call2(VENEER_HC_MMU_FLUSH, addr & PAGE_MASK, PAGE_SIZE);
}

/* Flushes a range of any length with one call. Returns false if not under Veneer. */
bool veneer_flush_tlb_range(unsigned long start, unsigned long end)
{
	if (!veneer_guest)
		return false;
	veneer_call2(VENEER_HC_MMU_FLUSH, start, end - start);
	return true;
}

static void veneer_pgd_free(struct mm_struct *mm, pgd_t *pgd)
{
	veneer_call1(VENEER_HC_MMU_DROP_ROOT, __pa(pgd));
}

void __init veneer_mmu_ops_init(void)
{
	/* A flush of a range costs a call, whatever its length. */
	tlb_single_page_flush_ceiling = 1ul << (40 - PAGE_SHIFT);
	this_cpu_write(virtual_cr3, __pa_symbol(early_top_pgt));
	pv_ops.mmu.read_cr2 = __PV_IS_CALLEE_SAVE(veneer_read_cr2);
	pv_ops.mmu.write_cr2 = veneer_write_cr2;
	pv_ops.mmu.read_cr3 = veneer_read_cr3;
	pv_ops.mmu.write_cr3 = veneer_write_cr3;
	pv_ops.mmu.flush_tlb_user = veneer_flush_tlb_user;
	pv_ops.mmu.flush_tlb_kernel = veneer_flush_tlb_kernel;
	pv_ops.mmu.flush_tlb_one_user = veneer_flush_tlb_one_user;
	pv_ops.mmu.pgd_free = veneer_pgd_free;
}
