/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads a root like the ring engine, with its flush in one go. */
#pragma once

#include "engine/ring/shadow/mmu.h"

static inline void empty_pool(struct mmu *m)
{
	for (bool first = true; !mmu_reset_part(m, first); first = false)
		;
}

static inline void load_root(struct mmu_view *view, const struct paging *p, bool flush_user)
{
	enum mmu_root r;

	while ((r = mmu_load_root(view, p)) == MMU_ROOT_AGAIN)
		;
	if (r == MMU_ROOT_KEPT && flush_user)
		mmu_flush(view, GVA(0), USER_LAST + 1);
}
