// SPDX-License-Identifier: GPL-2.0-or-later
/* Walking the guest's page tables: Intel SDM 3A, sections 4.3 to 4.7. Each entry is read once. */
#include "guest/walk.h"

#include "kernel/spinlock.h"

/* What differs between the formats, for the entries of one level. */
struct level {
	unsigned shift; /* of the address bits that index it */
	unsigned bits;	/* how many */
};

static const struct format {
	unsigned entry_bytes, levels;
	struct level level[4];
} formats[] = {
	[PAGING_32] = { 4, 2, { { 22, 10 }, { 12, 10 } } },
	[PAGING_PAE] = { 8, 3, { { 30, 2 }, { 21, 9 }, { 12, 9 } } },
	[PAGING_64] = { 8, 4, { { 39, 9 }, { 30, 9 }, { 21, 9 }, { 12, 9 } } },
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

/* The bits that must be 0, for the frame number's sake and the format's. */
static bool reserved_bits(const struct paging *p, uint64_t e, const struct level *l, bool leaf)
{
	uint64_t reserved = p->mode == PAGING_32 ? 0 : PTE_RESERVED;

	if (p->mode != PAGING_32 && !p->no_execute)
		reserved |= PTE_NX;
	if (p->mode == PAGING_PAE)
		/* in QEMU (7.2 at least) a walk of nested paging sets bit 5 of the first level */
		reserved |= l->shift == 30 ? 0xfff00000000001c6ull : 0x7ff0000000000000ull;
	if (leaf && l->shift != 12)
		reserved |= ((1ull << l->shift) - 1) & ~0x1fffull;
	else if (p->mode == PAGING_64 && l->shift >= 30)
		reserved |= PTE_PS; /* no 1 GiB pages are offered */
	return e & reserved;
}

/* Sets bits as the processor does: only if the entry is still what was read, for another vCPU may
 * have taken it away, and bits in an empty entry mean something else. */
static bool set_bits(void *at, unsigned bytes, uint64_t old, uint64_t bits)
{
	uint32_t old32 = (uint32_t)old;

	if ((old & bits) == bits)
		return true;
	if (bytes == 4)
		return __atomic_compare_exchange_n((uint32_t *)at, &old32, old32 | (uint32_t)bits,
						   false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return guest_set_bits(at, old, bits);
}

bool guest_set_bits(uint64_t *at, uint64_t old, uint64_t bits)
{
	return __atomic_compare_exchange_n(at, &old, old | bits, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}

static int refuse(unsigned *error, unsigned access, unsigned why)
{
	*error = access | why;
	return -EFAULT;
}

static int walk(const struct guest_memory *m, const struct paging *p, gva_t va, unsigned access,
		struct translation *t, unsigned *error)
{
	t->gpa = GPA(va.v);
	t->size = LARGE_SIZE;
	t->writable = t->user = t->dirty = true;
	t->no_execute = false;
	if (p->mode == PAGING_OFF)
		return 0;

	const struct format *f = &formats[p->mode];
	uint64_t table = p->root.v & (p->mode == PAGING_PAE ? 0xffffffe0ull : PTE_ADDR);
	void *at = NULL;
	uint64_t e = 0;
	for (unsigned i = 0; i < f->levels; i++) {
		const struct level *l = &f->level[i];
		uint64_t index = (va.v >> l->shift) & ((1u << l->bits) - 1);

		at = guest_pointer(m, GPA(table + index * f->entry_bytes), f->entry_bytes);
		e = at ? read_entry(at, f->entry_bytes) : 0;
		if (!(e & PTE_P))
			return refuse(error, access, 0);
		if (p->mode == PAGING_64)
			t->entry[4 - i] = e;
		bool large = l->shift < 30 && l->shift != 12 && (e & PTE_PS) &&
			     (p->mode != PAGING_32 || p->large_pages);
		bool leaf = large || l->shift == 12;
		if (reserved_bits(p, e, l, leaf))
			return refuse(error, access, PF_PRESENT | PF_RESERVED);
		if (p->mode != PAGING_PAE || l->shift != 30) {
			t->writable &= !!(e & PTE_W);
			t->user &= !!(e & PTE_U);
			t->no_execute |= p->mode != PAGING_32 && (e & PTE_NX);
		}
		if (leaf) {
			t->size = 1ull << l->shift;
			t->gpa = GPA((e & PTE_ADDR & ~(t->size - 1)) | (va.v & (t->size - 1)));
			break;
		}
		if ((p->mode != PAGING_PAE || l->shift != 30) &&
		    !set_bits(at, f->entry_bytes, e, PTE_A))
			return -EAGAIN;
		table = e & PTE_ADDR;
	}

	bool user = access & PF_USER;
	if ((user && !t->user) || ((access & PF_FETCH) && t->no_execute) ||
	    ((access & PF_WRITE) && !t->writable && (user || p->write_protect)))
		return refuse(error, access, PF_PRESENT);
	if (!set_bits(at, f->entry_bytes, e, access & PF_WRITE ? PTE_A | PTE_D : PTE_A))
		return -EAGAIN;
	t->dirty = (e & PTE_D) || (access & PF_WRITE);
	return 0;
}

#define WALKS 8 /* then the guest, which does nothing but change the tables, gets a fault */

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
