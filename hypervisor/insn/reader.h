/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading one instruction from front to back, for decoders. Encodings: Intel SDM 2A, chapter 2. */
#pragma once

#include "insn/insn.h"

struct reader {
	const uint8_t *code;
	size_t bytes, at;
	bool code64, opsize16, addr16, over, locked;
	uint8_t rex, seg; /* seg: 0xff without a segment prefix */
	uint8_t rep;	  /* the last of F2 and F3; 0: none */
};

enum { ES, CS, SS, DS, FS, GS };

/* 1 to 4 bytes, zero- or sign-extended; 0 if they are not there, then r->over is set. */
uint32_t reader_take(struct reader *r, unsigned bytes);
uint32_t reader_take_signed(struct reader *r, unsigned bytes);

/* The first byte after the prefixes. */
uint8_t reader_opcode(struct reader *r, struct insn *i);
uint8_t reader_width(const struct reader *r); /* of an operand that is not a byte */
/* ModRM, SIB and displacement, into *i. Returns the reg field without REX. */
unsigned reader_modrm(struct reader *r, struct insn *i);
