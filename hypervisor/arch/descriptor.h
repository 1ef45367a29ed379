/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segment and gate descriptors, Intel SDM 3A sections 3.4.5, 5.8.3, 6.14 and 7.7. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define DESC_ACCESSED  (1ull << 40)
#define DESC_WRITE     (1ull << 41) /* data: writable; code: readable */
#define DESC_CONFORM   (1ull << 42) /* data: expand-down; code: conforming */
#define DESC_CODE      (1ull << 43)
#define DESC_S	       (1ull << 44) /* code or data, not system */
#define DESC_DPL_SHIFT 45
#define DESC_P	       (1ull << 47)
#define DESC_L	       (1ull << 53)
#define DESC_DB	       (1ull << 54)
#define DESC_G	       (1ull << 55)

#define DESC_DPL(dpl)  ((uint64_t)(dpl) << DESC_DPL_SHIFT)
#define DESC_FLAT32    (0x000f00000000ffffull | DESC_G | DESC_DB | DESC_P | DESC_S | DESC_ACCESSED)
#define DESC_CODE32(d) (DESC_FLAT32 | DESC_CODE | DESC_WRITE | DESC_DPL(d))
#define DESC_DATA(d)   (DESC_FLAT32 | DESC_WRITE | DESC_DPL(d))
#define DESC_CODE64(d) \
	(DESC_P | DESC_S | DESC_ACCESSED | DESC_CODE | DESC_WRITE | DESC_L | DESC_DPL(d))

/* System descriptor types */
#define DESC_TYPE_LDT	    2
#define DESC_TYPE_TSS32	    9
#define DESC_TYPE_CALL	    12 /* 32-bit call gate */
#define DESC_TYPE_INTERRUPT 14 /* 32- or 64-bit interrupt gate */
#define DESC_TYPE_TRAP	    15

static inline unsigned desc_dpl(uint64_t d)
{
	return (d >> DESC_DPL_SHIFT) & 3;
}

#define DESC_BASE 0xff0000ffffff0000

static inline uint32_t desc_base(uint64_t d)
{
	return ((d >> 16) & 0xffffff) | ((d >> 32) & 0xff000000);
}

static inline uint32_t desc_limit(uint64_t d)
{
	uint32_t limit = (d & 0xffff) | ((d >> 32) & 0xf0000);

	return d & DESC_G ? limit << 12 | 0xfff : limit;
}

/* What a code or data segment, present or not, lets itself be used for, SDM 3A 5.5 to 5.7: who has
 * a privilege level may load it, for reading, for writing. */
static inline bool desc_reachable(uint64_t d, unsigned level)
{
	const uint64_t conforming = DESC_S | DESC_CODE | DESC_CONFORM;

	return level <= desc_dpl(d) || (d & conforming) == conforming;
}

static inline bool desc_readable(uint64_t d)
{
	return (d & DESC_S) && (!(d & DESC_CODE) || (d & DESC_WRITE));
}

static inline bool desc_writable(uint64_t d)
{
	return (d & (DESC_S | DESC_CODE | DESC_WRITE)) == (DESC_S | DESC_WRITE);
}

static inline unsigned desc_type(uint64_t d)
{
	return (d >> 40) & 15;
}

/* Of a 32-bit gate; its selector is in bits 31:16 */
static inline uint32_t desc_gate_offset(uint64_t gate)
{
	return (gate & 0xffff) | (gate >> 32 & 0xffff0000);
}

/* A TSS or an LDT: 16 bytes */
static inline void desc_system(uint64_t d[2], unsigned type, uint64_t base, uint32_t limit)
{
	d[0] = limit | (base & 0xffffff) << 16 | (uint64_t)type << 40 | DESC_P |
	       (base >> 24 & 0xff) << 56;
	d[1] = base >> 32;
}

/* 64-bit IDT gate */
struct gate64 {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type; /* P, DPL, 0, type */
	uint16_t offset_mid;
	uint32_t offset_high;
	uint32_t zero;
};
_Static_assert(sizeof(struct gate64) == 16, "gate");

static inline struct gate64 gate_to(uint64_t at, uint16_t selector, unsigned dpl, unsigned type)
{
	return (struct gate64){
		.offset_low = at & 0xffff,
		.offset_mid = (at >> 16) & 0xffff,
		.offset_high = at >> 32,
		.selector = selector,
		.type = (uint8_t)(0x80 | dpl << 5 | type),
	};
}

/* 64-bit TSS; the I/O bitmap follows in the gate area */
struct tss64 {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_bitmap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss64) == 104, "TSS");
