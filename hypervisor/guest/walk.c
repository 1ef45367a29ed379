// SPDX-License-Identifier: GPL-2.0-or-later
/* Walking the guest's page tables: Intel SDM 3A, sections 4.3 to 4.7. Each entry is read once. */
#include "guest/walk.h"

#include "kernel/spinlock.h"


/* Of the four top entries of PAE: NX, W, U, 6 to 8. Bit 5 is reserved too (SDM 3A, table 4-8), but
 * QEMU 7.2 sets it there as the accessed bit when it walks nested tables. */
#define PDPTE_RESERVED 0x80000000000001c6ull

#define LARGE_PAT      (1ull << 12) /* the lowest address bit of a large page is no address */

/* What an entry of each format must not have includes the address bits that the hypervisor does not
 * accept. */
static const struct format {
	unsigned entry_bytes, levels, index_bits, top_shift;
	uint64_t reserved;
} formats[] = {
	[PAGING_32] = { 4, 2, 10, 22, 0 },
	[PAGING_PAE] = { 8, 3, 9, 30, PTE_RESERVED | PAE_RESERVED },
	[PAGING_64] = { 8, 4, 9, 39, PTE_RESERVED },
};

#ifdef VENEER_HOST
__attribute__((weak)) void mmu_interleave(void)
{
}
#endif

static uint64_t read_entry(const void *at, unsigned bytes)
{
	mmu_interleave();
	return bytes == 4 ? *(volatile const uint32_t *)at : *(volatile const uint64_t *)at;
}

bool guest_set_bits(void *at, unsigned bytes, uint64_t old, uint64_t bits)
{
	uint32_t old32 = (uint32_t)old;

	if ((old & bits) == bits)
		return true;
	if (bytes == 4)
		return __atomic_compare_exchange_n((uint32_t *)at, &old32, old32 | (uint32_t)bits,
						   false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return __atomic_compare_exchange_n((uint64_t *)at, &old, old | bits, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static int refuse(unsigned *error, unsigned access, unsigned why)
{
	*error = access | why;
	return -EFAULT;
}

/* The processor's part of an entry: a page with translated code may be a table, too. */
static inline __attribute__((always_inline)) bool set_bits(const struct guest_memory *m,
							   gpa_t table, void *at, unsigned bytes,
							   uint64_t e, uint64_t bits)
{
	if ((e & bits) == bits)
		return true;
	if (guest_is_code(m, table))
		m->code_written(m, table);
	return guest_set_bits(at, bytes, e, bits);
}

/* As guest_walk; -EAGAIN: the guest has changed an entry in the meantime. */
static int walk(const struct guest_memory *m, const struct paging *p, gva_t va, unsigned access,
		struct translation *t, unsigned *error)
{
	if (p->mode == PAGING_OFF) {
		t->gpa = GPA(va.v);
		t->size = LARGE_SIZE;
		t->writable = t->user = t->dirty = true;
		t->no_execute = false;
		return 0;
	}

	const struct format *f = &formats[p->mode];
	uint64_t table = p->root.v & (p->mode == PAGING_PAE ? PAE_ROOT : PTE_ADDR);
	uint64_t reserved = f->reserved | (p->mode == PAGING_32 || p->no_execute ? 0 : PTE_NX);
	uint64_t e = 0, all = ~0ull, any = 0;
	void *at = NULL;
	unsigned shift = f->top_shift;
	for (unsigned level = f->levels;; level--, shift -= f->index_bits) {
		bool pdpte = p->mode == PAGING_PAE && level == 3; /* has no rights */
		uint64_t offset = (va.v >> shift) * f->entry_bytes & (pdpte ? 31 : ~PAGE_MASK);
		uint64_t span = 1ull << shift, must_not = reserved;

		at = guest_pointer(m, GPA(table + offset), f->entry_bytes);
		e = at ? read_entry(at, f->entry_bytes) : 0;
		if (!(e & PTE_P))
			return refuse(error, access, 0);
		t->entry[level] = e;
		bool large = (e & PTE_PS) && level > 1 && (p->mode != PAGING_32 || p->large_pages);
		if (level > 2) /* 1 GiB pages do not exist */
			must_not |= pdpte ? PDPTE_RESERVED : PTE_PS;
		else if (large)
			must_not |= (span - 1) & PAGE_MASK & ~LARGE_PAT;
		if (e & must_not)
			return refuse(error, access, PF_PRESENT | PF_RESERVED);
		all &= pdpte ? ~0ull : e;
		any |= pdpte ? 0 : e;
		if (large || level == 1) {
			t->size = span;
			t->gpa = GPA((e & PTE_ADDR & ~(span - 1)) | (va.v & (span - 1)));
			break;
		}
		if (!pdpte && !set_bits(m, GPA(table & PAGE_MASK), at, f->entry_bytes, e, PTE_A))
			return -EAGAIN;
		table = e & PTE_ADDR;
	}

	t->writable = all & PTE_W;
	t->user = all & PTE_U;
	t->no_execute = any & PTE_NX;
	bool user = access & PF_USER;
	if ((user && !t->user) || ((access & PF_FETCH) && t->no_execute) ||
	    ((access & PF_WRITE) && !t->writable && (user || p->write_protect)))
		return refuse(error, access, PF_PRESENT);
	if (!set_bits(m, GPA(table & PAGE_MASK), at, f->entry_bytes, e,
		      access & PF_WRITE ? PTE_A | PTE_D : PTE_A))
		return -EAGAIN;
	t->dirty = (e & PTE_D) || (access & PF_WRITE);
	return 0;
}

/* A guest whose tables change during each of these walks gets a page fault for a page that is not
 * present, even if there is one: it will try again, and the work here is bounded. */
#define WALKS 8

int guest_walk(const struct guest_memory *m, const struct paging *p, gva_t va, unsigned access,
	       struct translation *t, unsigned *error)
{
	for (unsigned i = 0; i < WALKS; i++) {
		int r = walk(m, p, va, access, t, error);

		if (r != -EAGAIN)
			return r;
	}
	return refuse(error, access, 0);
}
