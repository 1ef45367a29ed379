/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing code into the cache. What is emitted beyond the room is lost, and room is 0 then. */
#pragma once

#include "translate/cache.h"

struct emitter {
	uint8_t *to;
	uint32_t at;   /* its address in the window */
	uint32_t room; /* bytes */
	bool over;
	uint32_t stack_base; /* what it addresses is at an offset from that */
};

void emit(struct emitter *e, const void *bytes, unsigned n);

#define EMIT(e, ...)                                      \
	do {                                              \
		const uint8_t bytes_[] = { __VA_ARGS__ }; \
		emit((e), bytes_, sizeof(bytes_));        \
	} while (0)

static inline void emit32(struct emitter *e, uint32_t v)
{
	emit(e, &v, 4);
}

/* Replacements, one for each kind; cache.h has the kinds, recover.c undoes them. */
void emit_hlt(struct emitter *e);
void emit_cli(struct emitter *e);
void emit_sti(struct emitter *e);
void emit_pushf(struct emitter *e);
void emit_popf(struct emitter *e);
void emit_iret(struct emitter *e);
void emit_call(struct emitter *e, uint32_t back, bool small); /* without its jump */
void emit_return(struct emitter *e, const struct insn_shape *s);
/* code: the original instruction, a near jump or call to what its operand contains. */
void emit_jump_to(struct emitter *e, const uint8_t *code, const struct insn_shape *s);
void emit_call_to(struct emitter *e, const uint8_t *code, const struct insn_shape *s,
		  uint32_t back);
void emit_count(struct emitter *e, const uint8_t *code, const struct insn_shape *s);
void emit_jump(struct emitter *e, uint32_t to);
void emit_pad(struct emitter *e, uint32_t eip, uint32_t to, uint32_t before);

/* Where in them something has happened that must be undone. */
#define SAVE_ECX_BYTES	  7
#define SAVE_EAX_BYTES	  6
#define ZERO_EXTEND_BYTES 3
#define PUSH_BYTES	  5
#define PUSH_SMALL_BYTES  4
#define POP_BYTES	  1
#define POP_SMALL_BYTES	  2 /* then its zero-extension */
#define RELEASE_BYTES	  7
#define DISPATCH_BYTES	  (SAVE_EAX_BYTES + ZERO_EXTEND_BYTES + 8)
#define COUNT_TAKEN_BYTES 5
#define PUSHF_ECX_LOST	  (1 + 2 * SAVE_ECX_BYTES)
#define PUSHF_EAX_LOST	  (PUSHF_ECX_LOST + SAVE_EAX_BYTES + 3)
#define POPF_ECX_LOST	  (SAVE_ECX_BYTES + 3)
#define POPF_READ	  (POPF_ECX_LOST + SAVE_ECX_BYTES)
#define IRET_ESP_LOST	  (7 + 3)
#define IRET_FLAGS_SAVED  (IRET_ESP_LOST + 5 + 1 + 7)
#define IRET_FLAGS_LOST	  (IRET_FLAGS_SAVED + 5)
#define PAD_COMPARED	  6
#define PAD_OTHER	  (PAD_COMPARED + 2 + 6)
#define PAD_FOUND	  (PAD_OTHER + 5)
#define PAD_RESTORED	  (PAD_FOUND + SAVE_EAX_BYTES + SAVE_ECX_BYTES)
