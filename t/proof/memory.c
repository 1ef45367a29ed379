// SPDX-License-Identifier: GPL-2.0-or-later
/* Which frame a guest may have: the one function that decides, and what rests on it. */
#define VENEER_HOST
#include "proof.h"

#include "engine/ring/shadow/shadow.h"
#include "engine/ring/shadow/walk.c"

char *host_memory;

/* A guest as guest/guest.c makes it: whole pages, wherever they lie. */
static void any_guest(struct mmu *m)
{
	m->memory = MPA((uint64_t)any_u32() << PAGE_SHIFT);
	m->memory_bytes = (uint64_t)any_u32() << PAGE_SHIFT;
	m->vcpu_pages = MPA((uint64_t)any_u32() << PAGE_SHIFT);
	m->vcpu_pages_bytes = (uint64_t)any_u32() << PAGE_SHIFT;
	assume(m->memory.v && m->vcpu_pages.v);
}

static bool in_ram(const struct mmu *m, uint64_t frame, uint64_t bytes)
{
	return frame >= m->memory.v && frame + bytes <= m->memory.v + m->memory_bytes;
}

static bool in_vcpu_pages(const struct mmu *m, uint64_t frame)
{
	return frame >= m->vcpu_pages.v &&
	       frame + PAGE_SIZE <= m->vcpu_pages.v + m->vcpu_pages_bytes;
}

PROOF(frame, "mmu_frame gives a frame of the guest's memory or its vCPU pages, or none: "
	     "every guest-physical address, guests of up to 16 TiB anywhere")
{
	struct mmu m;
	uint64_t gpa = any_u64();

	any_guest(&m);
	uint64_t frame = mmu_frame(&m, GPA(gpa)).v;
	prove(!(frame & ~PAGE_MASK));
	if (gpa < m.memory_bytes)
		prove(in_ram(&m, frame, PAGE_SIZE));
	else if (gpa - m.memory_bytes < m.vcpu_pages_bytes)
		prove(in_vcpu_pages(&m, frame));
	else
		prove(!frame);
	possible(frame == m.memory.v + m.memory_bytes - PAGE_SIZE);
	possible(frame == m.vcpu_pages.v + m.vcpu_pages_bytes - PAGE_SIZE);
	possible(!frame);
}

PROOF(memory, "mmu_memory's bytes are the guest's RAM, and it refuses no RAM: every address, "
	      "every length, guests of up to 16 TiB anywhere")
{
	struct mmu m;
	uint64_t gpa = any_u64(), bytes = any_u64();

	any_guest(&m);
	const char *ram = any_memory(m.memory_bytes, PAGE_SIZE);
	m.memory = MPA((uint64_t)ram - (uint64_t)host_memory);
	const char *at = mmu_memory(&m, GPA(gpa), bytes);
	bool inside = gpa <= m.memory_bytes && gpa + bytes >= gpa && gpa + bytes <= m.memory_bytes;
	prove(!at == !inside);
	prove(!at || !bytes || at == ram + gpa);
	prove(!at || (at >= ram && at <= ram + m.memory_bytes));
	possible(at && bytes);
	possible(!at && bytes == 1);
}

PROOF(leaf, "a leaf of a mirrored table maps the guest's memory or its vCPU pages, a large one its "
	    "memory: every entry of levels 1 and 2, guests of up to 16 TiB anywhere")
{
	struct mmu m;
	uint64_t entry = any_u64();
	int level = any_u8() & 1 ? 1 : 2;

	any_guest(&m);
	assume(!m.not_present || m.not_present == NOT_PRESENT);
	uint64_t leaf = shadow_leaf(&m, entry, level);
	uint64_t frame = leaf & PTE_ADDR;
	prove(!(leaf & ~entry & (PTE_W | PTE_U))); /* no more than the guest allows */
	if (level == 1) {
		possible((leaf & PTE_P) && leaf != m.not_present);
		prove(!(leaf & PTE_P) || leaf == m.not_present || in_ram(&m, frame, PAGE_SIZE) ||
		      in_vcpu_pages(&m, frame));
	} else {
		possible(leaf & PTE_W);
		prove(!(leaf & PTE_P) || in_ram(&m, frame, LARGE_SIZE));
	}
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

/* One of the turns of mmu_walk, which are at most WALKS. */
static void any_walk(enum paging_mode mode)
{
	struct mmu m;
	struct paging p;
	struct translation t;
	unsigned access = any_u32(), error = 0;
	uint64_t va = any_u64();

	any_guest(&m);
	p.mode = mode;
	char *ram = any_memory(m.memory_bytes, PAGE_SIZE);
	m.memory = MPA((uint64_t)ram - (uint64_t)host_memory);
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
