// SPDX-License-Identifier: GPL-2.0-or-later
/* Which frame a guest may have: the one function that decides, and the code that relies on it. */
#define VENEER_HOST
#include "proof.h"

#include "machine_address.h"
#include "engine/ring/shadow/shadow.h"
#include "guest/walk.c"

/* A guest as guest/guest.c creates it, also one with read-only vCPU pages: whole pages, at any
 * address. */
static void any_guest(struct guest_memory *m)
{
	mpa_t ram = MPA((uint64_t)any_u32() << PAGE_SHIFT);
	mpa_t vcpu_pages = MPA((uint64_t)any_u32() << PAGE_SHIFT);

	guest_memory_init(m, ram, (uint64_t)any_u32() << PAGE_SHIFT, vcpu_pages,
			  (uint64_t)any_u32() << PAGE_SHIFT);
	if (any_u8() & 1)
		m->region[REGION_VCPU_PAGES].rights = FRAME_READ;
}

/* The same, with contents for its RAM. */
static const char *any_ram(struct guest_memory *m)
{
	any_guest(m);
	const char *ram = any_memory(ram_bytes(m), PAGE_SIZE);
	m->region[REGION_RAM].at = machine_address(ram);
	return ram;
}

static bool is_in(const struct region *r, uint64_t frame, uint64_t bytes)
{
	uint64_t first = r->at.v;

	return frame >= first && frame + bytes <= first + r->bytes;
}

PROOF(frame, "guest_frame gives a frame of the region that the page is in, with its rights, or "
	     "none: every guest-physical address, guests of up to 16 TiB anywhere")
{
	struct guest_memory m;
	const struct region *ram = &m.region[REGION_RAM], *pages = &m.region[REGION_VCPU_PAGES];
	uint64_t gpa = any_u64();

	any_guest(&m);
	uint64_t frame = guest_frame(&m, GPA(gpa), PAGE_SIZE), at = frame_mpa(frame).v;
	if (gpa < ram->bytes)
		prove(is_in(ram, at, PAGE_SIZE) && at == ram->at.v + (gpa & PAGE_MASK) &&
		      (frame & ~PAGE_MASK) == ram->rights);
	else if (gpa - ram->bytes < pages->bytes)
		prove(is_in(pages, at, PAGE_SIZE) && (frame & ~PAGE_MASK) == pages->rights);
	else
		prove(!frame);
	possible(at == ram->at.v + ram->bytes - PAGE_SIZE);
	possible(at == pages->at.v + pages->bytes - PAGE_SIZE);
	possible(!frame);
}

PROOF(large_frame, "of a large page guest_frame gives one that is aligned and all in one region, "
		   "or none: the same")
{
	struct guest_memory m;
	uint64_t gpa = any_u64();

	any_guest(&m);
	uint64_t frame = guest_frame(&m, GPA(gpa), LARGE_SIZE), at = frame_mpa(frame).v;
	prove(!frame || is_in(&m.region[REGION_RAM], at, LARGE_SIZE) ||
	      is_in(&m.region[REGION_VCPU_PAGES], at, LARGE_SIZE));
	prove(!(at & (LARGE_SIZE - 1)));
	possible(frame && gpa < ram_bytes(&m));
	possible(frame && gpa >= ram_bytes(&m));
}

PROOF(memory, "guest_pointer's bytes are the guest's RAM, and it refuses no RAM: every address, "
	      "every length, guests of up to 16 TiB anywhere")
{
	struct guest_memory m;
	uint64_t gpa = any_u64(), bytes = any_u64();

	const char *ram = any_ram(&m), *at = guest_pointer(&m, GPA(gpa), bytes);
	uint64_t size = ram_bytes(&m);
	bool inside = gpa <= size && gpa + bytes >= gpa && gpa + bytes <= size;
	prove(!at == !inside);
	prove(!at || !bytes || at == ram + gpa);
	prove(!at || (at >= ram && at <= ram + size));
	possible(at && bytes);
	possible(!at && bytes == 1);
}

PROOF(leaf, "a leaf of a mirrored table maps what guest_frame says, with no more rights than that "
	    "and the entry: every entry of levels 1 and 2, guests of up to 16 TiB anywhere")
{
	struct guest_memory memory;
	struct mmu m;
	uint64_t entry = any_u64();
	int level = any_u8() & 1 ? 1 : 2;

	any_guest(&memory);
	m.memory = &memory;
	assume(!m.not_present || m.not_present == NOT_PRESENT);
	uint64_t leaf = shadow_leaf(&m, entry, level), at = frame_mpa(leaf).v;
	const struct region *ram = &memory.region[REGION_RAM];
	const struct region *pages = &memory.region[REGION_VCPU_PAGES];
	uint64_t size = level == 1 ? PAGE_SIZE : LARGE_SIZE;
	bool in_ram = is_in(ram, at, size), in_pages = is_in(pages, at, size);
	prove(!(leaf & ~entry & (PTE_W | PTE_U))); /* no rights beyond the guest's entry */
	possible((leaf & PTE_W) && in_ram);
	assume((leaf & PTE_P) && leaf != NOT_PRESENT);
	prove(in_ram || in_pages);
	prove(!(leaf & PTE_W) || in_ram || (pages->rights & PTE_W));
}

PROOF(link,
      "an entry that links to a table of the pool is an address inside it, and names that table: "
      "every pool of up to MMU_POOL_MAX pages, every page, all rights")
{
	struct mmu m;
	unsigned page = any_u32();
	uint64_t rights = any_u64() & (PTE_P | PTE_A | PTE_D | RIGHTS);

	m.pool = MPA((uint64_t)any_u32() << PAGE_SHIFT);
	assume(m.pool_pages <= MMU_POOL_MAX && page < m.pool_pages);
	uint64_t link = shadow_link(&m, page);
	prove(link >= m.pool.v && link < m.pool.v + m.pool_pages * PAGE_SIZE);
	prove(shadow_linked(&m, link | rights) == page);
	possible(page == MMU_POOL_MAX - 1);
}

/* One iteration of guest_walk's loop, which has at most WALKS. */
static void any_walk(enum paging_mode mode)
{
	struct guest_memory m;
	struct paging p;
	struct translation t;
	unsigned access = any_u32(), error = 0;
	uint64_t va = any_u64();

	any_ram(&m);
	p.mode = mode;
	int err = walk(&m, &p, GVA(va), access, &t, &error);
	prove(!err || err == -EFAULT || err == -EAGAIN);
	prove(err || t.size == PAGE_SIZE || t.size == LARGE_SIZE || t.size == 2 * LARGE_SIZE);
	possible(!err && t.size == PAGE_SIZE);
	possible(err == -EAGAIN);
}

PROOF(walk_32, "a walk of two levels reads and writes the guest's RAM alone, and ends: every root, "
	       "address and access, any contents at each read")
{
	any_walk(PAGING_32);
}

PROOF(walk_pae, "a walk of three levels, the same")
{
	any_walk(PAGING_PAE);
}

PROOF(walk_64, "a walk of four levels, the same")
{
	any_walk(PAGING_64);
}
