// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The code in the place of instructions that cannot be copied. It must leave registers and flags as
 * the instruction would: two registers are saved in the vCPU page, and nothing changes a flag that
 * is not lost anyway. Its data is addressed through SS, which a kernel cannot have null.
 */
#include "translate/emit.h"

#include "lib/string.h"

#define SS 0x36

void emit(struct emitter *e, const void *bytes, unsigned n)
{
	if (n > e->room) {
		e->over = true;
		return;
	}
	memcpy(e->to, bytes, n);
	e->to += n;
	e->at += n;
	e->room -= n;
}

/* The address of something in the window. */
static void emit_address(struct emitter *e, uint32_t offset)
{
	emit32(e, TRANSLATE_WINDOW + offset - e->stack_base);
}

void emit_hlt(struct emitter *e)
{
	EMIT(e, 0xf4);
}

static void store(struct emitter *e, uint32_t offset, uint32_t value)
{
	EMIT(e, SS, 0xc7, 0x05);
	emit_address(e, offset);
	emit32(e, value);
}

void emit_cli(struct emitter *e)
{
	store(e, VENEER_WINDOW_MASK + VENEER_VP_IRQ_MASK, VENEER_IRQ_MASKED);
}

/* The other mapping of the mask, where a store traps when an interrupt waits. */
void emit_sti(struct emitter *e)
{
	store(e, VENEER_WINDOW_UNMASK + VENEER_VP_IRQ_MASK, 0);
}

enum { SAVE, RESTORE };

static void slot_of_ecx(struct emitter *e, int way)
{
	EMIT(e, SS, way == SAVE ? 0x89 : 0x8b, 0x0d);
	emit_address(e, VENEER_WINDOW_MASK + SAVED_ECX_OFFSET);
}

static void slot_of_eax(struct emitter *e, int way)
{
	EMIT(e, SS, way == SAVE ? 0xa3 : 0xa1);
	emit_address(e, VENEER_WINDOW_MASK + SAVED_EAX_OFFSET);
}

/* The real IF is always 1: the image less the mask is what the guest should see, and LEA and NOT
 * subtract without changing flags. */
void emit_pushf(struct emitter *e)
{
	EMIT(e, 0x9c);
	slot_of_ecx(e, SAVE);
	EMIT(e, SS, 0x8b, 0x0d); /* mov mask, %ecx */
	emit_address(e, VENEER_WINDOW_MASK + VENEER_VP_IRQ_MASK);
	slot_of_eax(e, SAVE);
	EMIT(e, 0x8b, 0x04, 0x24);	 /* mov (%esp), %eax */
	EMIT(e, 0xf7, 0xd1);		 /* not %ecx */
	EMIT(e, 0x8d, 0x44, 0x08, 0x01); /* lea 1(%eax, %ecx), %eax */
	EMIT(e, 0x89, 0x04, 0x24);	 /* mov %eax, (%esp) */
	slot_of_ecx(e, RESTORE);
	slot_of_eax(e, RESTORE);
}

/* What it pops is read first, so that the rest cannot fault. */
void emit_popf(struct emitter *e)
{
	slot_of_ecx(e, SAVE);
	EMIT(e, 0x8b, 0x0c, 0x24); /* mov (%esp), %ecx */
	slot_of_ecx(e, RESTORE);
	EMIT(e, 0xf6, 0x44, 0x24, 0x01, 0x02); /* testb $IF >> 8, 1(%esp) */
	EMIT(e, 0x74, UNMASK_STORE_BYTES + 2); /* jz */
	emit_sti(e);
	EMIT(e, 0xeb, UNMASK_STORE_BYTES); /* jmp */
	emit_cli(e);
	EMIT(e, 0x9d);
}

static void slot_of_esp(struct emitter *e, int way)
{
	EMIT(e, SS, way == SAVE ? 0x89 : 0x8b, 0x25);
	emit_address(e, VENEER_WINDOW_MASK + SAVED_ESP_OFFSET);
}

/* To ring 3 at once. The kernel's own addresses have to be translated. The flags are pushed in the
 * vCPU page, in case it faults; the first word is read before the second, as IRET does. */
void emit_iret(struct emitter *e)
{
	slot_of_esp(e, SAVE);
	EMIT(e, 0x8b, 0x24, 0x24); /* mov (%esp), %esp */
	EMIT(e, 0xbc);		   /* mov $flags + 4, %esp */
	emit_address(e, VENEER_WINDOW_MASK + SAVED_FLAGS_OFFSET + 4);
	EMIT(e, 0x9c);
	slot_of_esp(e, RESTORE);
	EMIT(e, 0xf6, 0x44, 0x24, 0x04, 0x02); /* testb $2, 4(%esp) */
	EMIT(e, 0x75, 0x01);		       /* jnz */
	EMIT(e, 0xf4, 0xcf);
}

void emit_call(struct emitter *e, uint32_t back, bool small)
{
	if (small) {
		EMIT(e, 0x66, 0x68, (uint8_t)back, (uint8_t)(back >> 8)); /* pushw */
	} else {
		EMIT(e, 0x68); /* push */
		emit32(e, back);
	}
}

/* To what ECX has, by the table. */
static void dispatch(struct emitter *e)
{
	slot_of_eax(e, SAVE);
	EMIT(e, 0x0f, 0xb7, 0xc1);     /* movzwl %cx, %eax */
	EMIT(e, SS, 0xff, 0x24, 0x85); /* jmp *table(, %eax, 4) */
	emit_address(e, VENEER_WINDOW_STUBS);
}

void emit_return(struct emitter *e, const struct insn_shape *s)
{
	slot_of_ecx(e, SAVE);
	if (s->small)
		EMIT(e, 0x66, 0x59, 0x0f, 0xb7, 0xc9); /* pop %cx; movzwl %cx, %ecx */
	else
		EMIT(e, 0x59); /* pop %ecx */
	if (s->release) {
		EMIT(e, 0x8d, 0xa4, 0x24); /* lea release(%esp), %esp */
		emit32(e, s->release);
	}
	dispatch(e);
}

/* All but those of the operand size. */
static void emit_prefixes(struct emitter *e, const uint8_t *code, const struct insn_shape *s)
{
	for (unsigned i = 0; i < s->prefixes; i++)
		if (code[i] != 0x66)
			emit(e, &code[i], 1);
}

/* The operand into ECX: the same instruction, as a MOV, or a MOVZX of 16 bits; of the same length.
 */
static void load_operand(struct emitter *e, const uint8_t *code, const struct insn_shape *s)
{
	uint8_t modrm = (uint8_t)((code[s->modrm] & 0xc7) | 1 << 3);
	unsigned left_out = 0;

	for (unsigned i = 0; i < s->prefixes; i++)
		left_out += code[i] == 0x66;
	for (unsigned i = 1; i < left_out; i++)
		EMIT(e, 0x90);
	emit_prefixes(e, code, s);
	if (s->small)
		EMIT(e, 0x0f, 0xb7, modrm);
	else
		EMIT(e, 0x8b, modrm);
	emit(e, code + s->modrm + 1, s->length - s->modrm - 1u);
}

void emit_jump_to(struct emitter *e, const uint8_t *code, const struct insn_shape *s)
{
	slot_of_ecx(e, SAVE);
	load_operand(e, code, s);
	dispatch(e);
}

void emit_call_to(struct emitter *e, const uint8_t *code, const struct insn_shape *s, uint32_t back)
{
	slot_of_ecx(e, SAVE);
	load_operand(e, code, s);
	emit_call(e, back, s->small);
	dispatch(e);
}

void emit_count(struct emitter *e, const uint8_t *code, const struct insn_shape *s)
{
	emit_prefixes(e, code, s);
	EMIT(e, code[s->prefixes], 2, 0xeb, COUNT_TAKEN_BYTES);
}

void emit_jump(struct emitter *e, uint32_t to)
{
	uint32_t next = e->at + 5;

	EMIT(e, 0xe9);
	emit32(e, to - next);
}

/* The table goes by 16 bits: is it really that address? If not, the one before it may be. */
void emit_pad(struct emitter *e, uint32_t eip, uint32_t to, uint32_t before)
{
	EMIT(e, 0x8d, 0x89); /* lea -eip(%ecx), %ecx */
	emit32(e, 0u - eip);
	EMIT(e, 0xe3, PAD_FOUND - PAD_COMPARED - 2); /* jecxz */
	EMIT(e, 0x8d, 0x89);			     /* lea eip(%ecx), %ecx */
	emit32(e, eip);
	emit_jump(e, before);
	slot_of_eax(e, RESTORE);
	slot_of_ecx(e, RESTORE);
	emit_jump(e, to);
}
