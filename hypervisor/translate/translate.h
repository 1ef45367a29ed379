/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run-time translation of a 32-bit kernel that runs in ring 1.
 *
 * The kernel's own code is never executed. Blocks of it are translated, as control reaches them,
 * into a cache in the patch window: most instructions are copied as they are; those that ring 1
 * would execute without a trap but with another meaning become a few others or a HLT; branches,
 * calls and returns lead from block to block. So what is data in the guest stays data, whatever it
 * looks like, and a jump into the middle of an instruction is a block like any other. The guest's
 * memory is not changed: it reads its own code, and its stack has its own addresses.
 *
 * Registers are the guest's own, but for RIP, which is an address in the cache while the kernel
 * runs; translate_recover() gives the guest's, and undoes what a half-executed replacement did.
 *
 * A page whose code has been translated is mapped read-only (guest_memory.code). A write drops what
 * was translated from it.
 *
 * Segments: 32 bits, without limits; when the base of CS or SS changes, all is translated again.
 * One vCPU.
 */
#pragma once

#include "arch/cpu.h"
#include "guest/memory.h"
#include "guest/walk.h"

struct translator;

/* How much code it has room for: 1 to TRANSLATE_ROOM_MAX pieces, each of 3 072 blocks. A small
 * kernel needs one; what does not fit is translated again and again. */
#define TRANSLATE_ROOM_MAX    8
#define TRANSLATE_ROOM_BYTES  KIB(112)
#define TRANSLATE_TABLE_BYTES KIB(256)
static inline unsigned translate_room(uint64_t ram)
{
	return (unsigned)MIN(MAX(ram / MIB(40), 1u), (uint64_t)TRANSLATE_ROOM_MAX);
}

/* What to reserve: for the translator, and for the window with its vCPU pages. */
#define TRANSLATE_WINDOW 0xff000000u
static inline uint64_t translate_window_bytes(unsigned room)
{
	return VENEER_WINDOW_STUBS + TRANSLATE_TABLE_BYTES + room * TRANSLATE_ROOM_BYTES;
}
uint64_t translate_bytes(unsigned room);

/* window: where the memory behind the vCPU pages is. */
void translate_init(struct translator *t, unsigned room, void *window);

/* Drops everything, for a reset. */
void translate_reset(struct translator *t);

enum translate_result {
	TRANSLATE_DONE,
	TRANSLATE_FAULT,    /* *failure has the page fault of the fetch */
	TRANSLATE_AGAIN,    /* a part of longer work is done; no failure */
	TRANSLATE_UNKNOWN,  /* no instruction that can be translated is there */
	TRANSLATE_TOO_LONG, /* an instruction of more than 15 bytes */
};

/* Puts RIP, an address of the guest's, into the cache. code_base and stack_base: of CS and SS.
 * may_make: a block may be translated; else TRANSLATE_AGAIN where that is needed. */
enum translate_result translate_enter(struct translator *t, const struct guest_view *view,
				      uint32_t code_base, uint32_t stack_base, bool may_make,
				      struct regs *r, struct guest_failure *failure);

/* Whether RIP is in the cache, for a kernel's code segment at a base. */
static inline bool translate_inside(const struct patch_window *w, uint64_t rip, uint32_t code_base)
{
	return (uint32_t)rip + code_base - (TRANSLATE_WINDOW + VENEER_WINDOW_STUBS) <
	       w->bytes - VENEER_WINDOW_STUBS;
}

/* The guest's registers, if RIP is in the cache: before an instruction that has not begun. page is
 * its vCPU page. True: at RIP is a HLT of the cache's own, by which control leaves it. */
bool translate_recover(struct translator *t, const struct veneer_vcpu_page *page, struct regs *r);

/* Whether what was recovered last is a POPF that has been executed in part: it must be emulated
 * then. */
bool translate_must_finish(const struct translator *t);

/* Whether RIP is where an instruction of the guest's begins, and not amid what stands for one. */
bool translate_at_start(struct translator *t, uint64_t rip);

/* Whether a #DB at RIP is the guest's: after an instruction of its own, but for STI, which holds a
 * single step's back for one more. */
bool translate_debug_is_due(struct translator *t, uint64_t rip);

/* Whether the block ends at RIP behind an instruction that the next one must follow at once. */
bool translate_at_pause(struct translator *t, uint64_t rip);

/* Whether a PUSHF begins at RIP: it must not be stepped, for TF would be in what it writes. */
bool translate_at_pushf(struct translator *t, uint64_t rip);

/* Whether ring 1 executes it as ring 0 would, or it traps and is emulated. */
struct insn;
bool translate_may_copy(const struct insn *i);

/* The guest's page tables, or what they are, may have changed. */
void translate_remapped(struct translator *t);
/* Whether, if the tables of level 1 are as they were, all code is where it was. */
bool translate_same_tables(struct translator *t, const struct guest_view *view);
void translate_page_remapped(struct translator *t, uint32_t va); /* only the page at va */

/* Whether loads of DS, ES, FS and GS, and IRET, are emulated: gdt.c. Drops all. */
void translate_trap_loads(struct translator *t, bool trap);

/* The guest is about to write to a page with translated code. True: all of that is dropped, and it
 * may write as it likes. False: the one write at RIP has to be stepped over, between step_begin and
 * step_end; content is the page, which: 0, or 1 if another is open already. */
#define TRANSLATE_NOWHERE (~0ull) /* RIP is not in the cache */
bool translate_drop_page(struct translator *t, gpa_t page, uint64_t rip);
void translate_forget_page(struct translator *t, gpa_t page); /* drops all of that */
void translate_step_begin(struct translator *t, unsigned which, const void *content);
void translate_step_end(struct translator *t, unsigned which, gpa_t page, const void *content);
/* It has written to the page, by an instruction that was carried out. */
void translate_written(struct translator *t, gpa_t page, uint32_t offset);
