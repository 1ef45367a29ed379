/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's physical memory: regions of whole pages. guest_frame() alone decides which frame of the
 * machine a guest-physical page is and whether it may be written; shadows and nested tables map
 * what it says.
 */
#pragma once

#include "abi/veneer.h"
#include "arch/layout.h"
#include "arch/paging.h"
#include "arch/speculation.h"

/* Rights to a frame, as a leaf has them. */
#define FRAME_READ  PTE_P
#define FRAME_WRITE (PTE_W | PTE_D)
#define FRAME_ALL   (FRAME_READ | FRAME_WRITE)

struct region {
	uint64_t first, bytes; /* guest-physical */
	mpa_t at;	       /* in the machine */
	uint64_t rights;       /* FRAME_* */
};

/* In the order of addresses, the first one at 0; between two there may be a hole. */
enum region_kind { REGION_RAM, REGION_VCPU_PAGES, REGIONS };

struct guest_memory {
	struct region region[REGIONS];

	/* of a rewritten guest in ring 1, or bytes == 0: guest-virtual, in every address space */
	struct patch_window {
		uint64_t first, bytes;
		mpa_t stubs; /* what follows its vCPU pages: code and tables */
	} window;

	/* Pages of RAM with translated code, a bit each: the guest's writes to them must be
	 * noticed. NULL: none. */
	uint64_t *code;
	/* The hypervisor writes to such a page on the guest's behalf. */
	void (*code_written)(const struct guest_memory *m, gpa_t page);
	/* A page becomes one of them: mappings of it must no longer be writable. */
	void (*code_marked)(const struct guest_memory *m, gpa_t page);

	/* Pages of RAM that are page tables of which the engine remembers entries, as code. */
	uint64_t *tables;
	void (*table_written)(const struct guest_memory *m, gpa_t page);
	/* A table that leads to code: a write to it must be noticed. */
	void (*code_table)(const struct guest_memory *m, gpa_t page);
};

/* Of the bits of that much RAM, in whole words. */
static inline uint64_t guest_code_bytes(uint64_t ram)
{
	return ALIGN_UP(ram / PAGE_SIZE, 64) / 8;
}

static inline bool guest_marked(const struct guest_memory *m, const uint64_t *pages, gpa_t gpa)
{
	uint64_t page = gpa.v / PAGE_SIZE;

	return pages && gpa.v < m->region[REGION_RAM].bytes && pages[page / 64] >> page % 64 & 1;
}

static inline bool guest_is_code(const struct guest_memory *m, gpa_t gpa)
{
	return guest_marked(m, m->code, gpa);
}

static inline bool guest_is_table(const struct guest_memory *m, gpa_t gpa)
{
	return guest_marked(m, m->tables, gpa);
}

static inline void guest_code_mark(const struct guest_memory *m, gpa_t gpa)
{
	m->code[gpa.v / PAGE_SIZE / 64] |= 1ull << gpa.v / PAGE_SIZE % 64;
	m->code_marked(m, gpa);
}

static inline void guest_code_unmark(const struct guest_memory *m, gpa_t gpa)
{
	m->code[gpa.v / PAGE_SIZE / 64] &= ~(1ull << gpa.v / PAGE_SIZE % 64);
}

/* RAM, and behind it the vCPU pages. */
static inline void guest_memory_init(struct guest_memory *m, mpa_t ram, uint64_t ram_bytes,
				     mpa_t vcpu_pages, uint64_t vcpu_pages_bytes)
{
	*m = (struct guest_memory){ 0 };
	m->region[REGION_RAM] = (struct region){ 0, ram_bytes, ram, FRAME_ALL };
	m->region[REGION_VCPU_PAGES] =
		(struct region){ ram_bytes, vcpu_pages_bytes, vcpu_pages, FRAME_ALL };
}

static inline uint64_t ram_bytes(const struct guest_memory *m)
{
	return m->region[REGION_RAM].bytes;
}

/* Where the last region ends. */
static inline uint64_t guest_memory_end(const struct guest_memory *m)
{
	return m->region[REGIONS - 1].first + m->region[REGIONS - 1].bytes;
}

static inline mpa_t frame_mpa(uint64_t frame)
{
	return MPA(frame & PTE_ADDR);
}

/* The frame, and FRAME_*, behind the page that gpa is in, of PAGE_SIZE or LARGE_SIZE. 0: the guest
 * has none there, or a large one is not all in one region, or not aligned in the machine. */
static inline __attribute__((always_inline)) uint64_t guest_frame(const struct guest_memory *m,
								  gpa_t gpa, uint64_t bytes)
{
	uint64_t page = ALIGN_DOWN(gpa.v, bytes), at = page;
	const struct region *r = m->region;

	/* below a region the difference wraps around, and is larger than any region */
	for (; at >= r->bytes; at = page - r->first)
		if (++r == m->region + REGIONS)
			return 0;
	if (bytes > PAGE_SIZE && (bytes > r->bytes - at || ((r->at.v + at) & (bytes - 1))))
		return 0;
	return (r->at.v + index_nospec(at, r->bytes)) | r->rights;
}

/* Whether a result of guest_frame is a frame that may be read or written. */
static inline bool frame_allows(uint64_t frame, bool write)
{
	return write ? frame & PTE_W : frame != 0;
}

static inline bool guest_in_window(const struct guest_memory *m, gva_t va)
{
	return m->window.bytes && va.v - m->window.first < m->window.bytes;
}

/* As guest_frame, for an address in the patch window: the vCPU page, the same again, then the
 * stubs. */
static inline uint64_t guest_window_frame(const struct guest_memory *m, gva_t va)
{
	uint64_t page = index_nospec((va.v & PAGE_MASK) - m->window.first, m->window.bytes);

	if (page < VENEER_WINDOW_STUBS)
		return guest_frame(m, GPA(m->region[REGION_VCPU_PAGES].first), PAGE_SIZE);
	return (m->window.stubs.v + page - VENEER_WINDOW_STUBS) | FRAME_READ;
}

/* RAM as a pointer, if all of [gpa, gpa + bytes) is; else NULL. */
static inline void *guest_pointer(const struct guest_memory *m, gpa_t gpa, uint64_t bytes)
{
	const struct region *ram = &m->region[REGION_RAM];

	if (gpa.v > ram->bytes || bytes > ram->bytes - gpa.v)
		return NULL;
	return (char *)direct(ram->at) + index_nospec(gpa.v, ram->bytes);
}
