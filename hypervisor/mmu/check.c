// SPDX-License-Identifier: GPL-2.0-or-later
/* The invariant of the shadow MMU: each leaf maps what the guest owns. For tests. */
#include "abi/veneer.h"
#include "mmu/shadow.h"
#include "ring/gate.h"

static bool owns(const struct mmu *m, uint64_t frame, uint64_t bytes)
{
	uint64_t window_pages =
		m->window_bytes > VENEER_WINDOW_STUBS ? m->window_bytes - VENEER_WINDOW_STUBS : 0;

	return (frame - m->memory.v < m->memory_bytes &&
		bytes <= m->memory_bytes - (frame - m->memory.v)) ||
	       frame - m->vcpu_pages.v < m->vcpu_pages_bytes ||
	       frame - m->window_memory.v < window_pages;
}

static int check_table(const struct mmu *m, unsigned page, int level, uint64_t gate_pdpt)
{
	const uint64_t *table = shadow_table(m, page);
	int leaves = 0;

	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		uint64_t e = table[i];

		if (level == 4 && i == GATE_SLOT) {
			if ((e & PTE_ADDR) != gate_pdpt)
				return -EFAULT;
			continue;
		}
		if (!(e & PTE_P) || (level == 1 && e == NOT_PRESENT)) {
			if (e && e != NOT_PRESENT)
				return -EFAULT;
			continue;
		}
		if (!(m->shadow[page].used >> i / GROUP & 1))
			return -EFAULT;
		if (!shadow_is_table(e, level)) {
			bool stubs = (e & PTE_ADDR) - m->window_memory.v < m->window_bytes;

			if (!owns(m, e & PTE_ADDR, pt_span(level)) || (stubs && (e & PTE_W)))
				return -EFAULT;
			leaves++;
			continue;
		}
		unsigned below = shadow_linked(m, e);
		if (below >= m->pool_pages || !m->shadow[below].links)
			return -EFAULT;
		uint64_t key = m->shadow[below].key;
		if (key && (key & KEY_LEVEL) != (unsigned)(level - 1))
			return -EFAULT;
		int n = check_table(m, below, level - 1, gate_pdpt);
		if (n < 0)
			return n;
		leaves += n;
	}
	return leaves;
}

int mmu_check(const struct mmu *m, uint64_t gate_pdpt)
{
	int leaves = 0;

	for (unsigned i = 0; i < m->pool_pages; i++) {
		bool root = (m->shadow[i].key & KEY_LEVEL) == 4;

		/* a private root is the page with a link and the gate area */
		if (!root && (m->shadow[i].key || !m->shadow[i].links ||
			      (shadow_table(m, i)[GATE_SLOT] & PTE_ADDR) != gate_pdpt))
			continue;
		int n = check_table(m, i, 4, gate_pdpt);
		if (n < 0)
			return n;
		leaves += n;
	}
	return leaves;
}
