/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of the page tables of a legacy guest, see tables.c. */
#pragma once

#include "engine/ring/shadow/shadow.h"

#define TABLES_WRITTEN 64 /* more are not remembered one by one */
#define CODE_TABLES    64
#define TABLES_READS   64

struct tables {
	uint32_t *writer;     /* of each page of RAM: the leaf that it may be written through */
	uint64_t second_page; /* one that may be written through two: */
	uint32_t second;      /* the other */
	struct paging format; /* of the tables that are mirrored; without a root */
	bool beside;	    /* something beside the patch window was filled since CR3 was loaded */
	unsigned reads_max; /* of a table: then it may be no table any more, and is forgotten */
	uint64_t reserved;  /* what their entries must not have */
	struct written {    /* since they were read last */
		gpa_t page[TABLES_WRITTEN];
		unsigned pages;
		bool links; /* one of level 2 is among them */
		bool all;   /* whatever has a shadow may have been written */
		/* page[0] is being read: how far, and what was found */
		bool reading, is_table;
		unsigned key, index, left;
		unsigned forgotten; /* pages of the pool, if all is */
	} written;
	gpa_t code_page[CODE_TABLES]; /* tables that lead to code that was translated */
	unsigned code_pages;
	bool code_written; /* one of them, or there are too many */
};

/* Makes m that of a legacy guest; writer has an element for each page of RAM. */
static inline void tables_init(struct mmu *m, struct tables *tables, uint32_t *writer)
{
	tables->writer = writer;
	tables->reads_max = TABLES_READS;
	m->tables = tables;
	m->not_present = 0;
}

/* A page can no longer be written without a fault. */
void tables_protect(struct mmu *m, gpa_t page);

/* The hypervisor writes to a table on the guest's behalf. */
void tables_written(struct mmu *m, gpa_t page);

/* A table leads to code: whether one of those has been written since they were forgotten. */
void tables_lead_to_code(struct mmu *m, gpa_t page);
static inline bool tables_to_code_written(const struct mmu *m)
{
	return m->tables->code_written;
}
static inline void tables_forget_code(struct mmu *m)
{
	m->tables->code_pages = 0;
	m->tables->code_written = false;
}
