/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The translation cache: blocks of code, and what they were translated from. */
#pragma once

#include "insn/insn.h"
#include "translate/shape.h"
#include "translate/translate.h"

/* For each piece of room */
#define BLOCKS 3072
#define STEPS  22528 /* translated instructions; Linux has seven in a block */
#define LINKS  4096  /* exits of blocks */
#define PAGES  192   /* of guest code */
_Static_assert(BLOCKS *TRANSLATE_ROOM_MAX < UINT16_MAX, "index + 1");

#define BUCKETS	     2048
#define PAGE_BUCKETS 256
#define CODE_REGIONS 32
#define PAGE_BLOCKS  200 /* of one frame: what a write may have to drop in one piece */
#define CHAIN_MAX    64	 /* blocks, or pages, in a bucket */
/* The last of so many writes to a page of code drops all of it, the others what they change. */
#define WRITES_ROUND 32
#define BLOCK_STEPS  12 /* instructions in one block; one more behind STI or POPF */
#define BLOCK_GUEST  40 /* bytes, after which a block ends: prefixes take time too */
/* No replacement is longer than 64 bytes, its exit included. */
#define BLOCK_BYTES ((BLOCK_STEPS + 1) * 64)

#define PAD_OTHERS  7
#define CODE_FIRST  16 /* where the first block begins; the miss is before it */
#define CHUNK	    128
#define CHUNKS	    (TRANSLATE_ROOM_BYTES / CHUNK)

/* What a translated instruction is. */
enum step_kind {
	STEP_COPY, /* as it was, or a HLT in its place: what happened is before it */
	STEP_PUSHF,
	STEP_POPF,
	STEP_IRET,
	STEP_STI,
	STEP_CALL,
	STEP_RETURN, /* a return; a jump or call to what an operand contains */
	STEP_JUMP_TO,
	STEP_CALL_TO,
	STEP_COUNT, /* LOOP, JECXZ */
	STEP_LINK,  /* an exit that nothing is linked to yet */
	STEP_PAUSE, /* the end of a block behind STI or POPF: no jump may be stepped there */
	STEP_PAD,   /* the entry of a block by the table, if it is that block's address */
};

struct step {
	uint8_t guest, cache; /* bytes */
	uint8_t kind;
	uint8_t link; /* the block's link that it is about; of a call, a return, or a jump to what
			 an operand contains: whether with 16 bits */
};

struct link {
	uint32_t target; /* of the guest's */
	uint32_t patch;	 /* where the branch has its displacement */
};

/* Lies in [at, last] of the cache; at and last are addresses in the window. */
struct block {
	uint32_t at, last;
	uint32_t eip; /* of a pad: the block's that it leads to */
	uint32_t first_step, first_link;
	uint8_t steps, guest_bytes;
	uint16_t next; /* in its bucket; index + 1 */
	/* the page it was translated from, and one that its last instruction ends in, or 0, and
	 * the next block of each; index + 1 */
	uint16_t page[2], in_page[2];
	uint32_t pad_at; /* the pad that leads to it; 0: none */
	bool live;
	bool pad;
	uint8_t others; /* pads that one asks after it, for other addresses with its entry of the
			   table */
};

struct code_page {
	uint32_t va;
	uint64_t gpa;
	uint16_t blocks[2]; /* by their page[0] and page[1]; index + 1 */
	uint16_t count;	    /* of both */
	uint16_t next;	    /* in its bucket; index + 1 */
	uint64_t writes;    /* while code was translated from it */
	bool live;
};

/* 2 MiB with code, and where the guest's tables lead there. */
struct region_of_code {
	uint32_t va;	/* of a page with code */
	uint64_t entry; /* of level 2 */
};

struct translator {
	unsigned room;	 /* pieces */
	uint8_t *window; /* the table, then the code */
	uint32_t *table; /* by the low 16 bits of an address: where a jump there goes */
	uint32_t code_base, stack_base; /* that the code was made for */
	uint32_t used;			/* bytes of the code */
	uint32_t miss;			/* where the table leads if it knows nothing */
	unsigned blocks, steps, links, pages;
	uint32_t filled;  /* entries of the table that are set, since a reset */
	uint32_t checked; /* pages that are where they were, since the tables may have changed */
	/* while no table of level 1 changes, it suffices that those of level 2 lead there still */
	struct region_of_code region[CODE_REGIONS];
	unsigned regions;
	enum paging_mode paging; /* they were found with */
	bool many_regions;
	uint64_t drops;	 /* counts what was dropped */
	bool xop;	 /* the processor has these instructions */
	bool loads_trap; /* loads of data segments, and IRET */
	bool crowded;	 /* a bucket has as many as may be looked through */

	/* what was recovered last: so that the instruction after it, or itself, is found again */
	uint32_t last_block; /* index + 1 */
	uint32_t last_step;
	uint32_t last_at, last_eip; /* where that step begins, in the cache and in the guest */
	/* the exit or the miss that was recovered: to be linked */
	uint32_t wanted_link; /* index + 1 */
	bool wanted_pad;
	bool unfinished; /* the last recovery was amid a POPF that has read its operand */

	uint8_t made[BLOCK_BYTES + 8];	   /* the block that is being made */
	uint64_t before[2][PAGE_SIZE / 8]; /* of a page that is about to be written */
	uint16_t bucket[BUCKETS], page_bucket[PAGE_BUCKETS];
	/* as many as there is room for */
	struct block *block;
	struct code_page *page;
	struct link *link;
	struct step *step;
	uint16_t *chunk; /* index of the block that the first byte of a part of the code is in */
	/* Whether code was translated from a page of 4 KiB whose number ends so, or from a large
	 * one in those 2 MiB. */
	bool small_code[4096], large_code[2048];
};

#define CODE_AT (TRANSLATE_WINDOW + VENEER_WINDOW_STUBS + TRANSLATE_TABLE_BYTES)

static inline uint8_t *code_pointer(const struct translator *t, uint32_t at)
{
	return t->window + (at - (TRANSLATE_WINDOW + VENEER_WINDOW_STUBS));
}

#define SAVED_ECX_OFFSET   VENEER_VP_SCRATCH
#define SAVED_ESP_OFFSET   (VENEER_VP_SCRATCH + 4)
#define SAVED_EAX_OFFSET   VENEER_VP_FREE
#define SAVED_FLAGS_OFFSET (VENEER_VP_FREE + 4)
#define UNMASK_STORE_BYTES 11

/* The live block that begins at an address of the guest's; NULL: none. */
struct block *block_find(struct translator *t, uint32_t eip);
void block_add(struct translator *t, struct block *b);
void page_drop(struct translator *t, struct code_page *page);
/* The page at va, new or not, with room for a block; index + 1, 0: there is none. */
uint16_t page_add(struct translator *t, uint32_t va, uint64_t gpa);

/* The guest's tables, of that view, led to code at va. */
void code_found(struct translator *t, const struct guest_view *view, uint32_t va,
		const struct translation *where);

/* The block that an address of the cache is in, live or not; NULL: none. */
struct block *block_at(struct translator *t, uint32_t at);

/* block.c: translates the block at eip, which has none. */
enum translate_result block_translate(struct translator *t, const struct guest_view *view,
				      uint32_t eip, struct guest_failure *failure,
				      struct block **made);

/* A pad for a block, and the table's entry for it. False: no room. */
bool pad_make(struct translator *t, struct block *b);
/* Makes an exit lead to a block. */
void link_set(struct translator *t, const struct link *l, const struct block *b);
