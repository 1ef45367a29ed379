// SPDX-License-Identifier: GPL-2.0-or-later
#include "classify.h"

#include <string.h>

static ZydisDecoder decoder;

void decoder_init(bool code64)
{
	if (code64)
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	else
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
}

bool decode(const uint8_t *code, size_t bytes, struct decoded *d)
{
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, bytes, &d->zydis, d->operand));
}

static const struct {
	ZydisMnemonic mnemonic;
	uint8_t op, behaviour;
	const char *name;
} table[] = {
	{ ZYDIS_MNEMONIC_CLI, INSN_CLI, TRAPS, "cli" },
	{ ZYDIS_MNEMONIC_STI, INSN_STI, TRAPS, "sti" },
	{ ZYDIS_MNEMONIC_HLT, INSN_HLT, TRAPS, "hlt" },
	{ ZYDIS_MNEMONIC_PUSHF, INSN_PUSHF, SILENT, "pushf" },
	{ ZYDIS_MNEMONIC_PUSHFD, INSN_PUSHF, SILENT, "pushf" },
	{ ZYDIS_MNEMONIC_POPF, INSN_POPF, SILENT, "popf" },
	{ ZYDIS_MNEMONIC_POPFD, INSN_POPF, SILENT, "popf" },
	{ ZYDIS_MNEMONIC_IRET, INSN_IRET, SILENT, "iret" },
	{ ZYDIS_MNEMONIC_IRETD, INSN_IRET, SILENT, "iret" },
	{ ZYDIS_MNEMONIC_INT, INSN_INT, TRAPS, "int" },
	{ ZYDIS_MNEMONIC_INT3, INSN_INT, TRAPS, "int" },
	{ ZYDIS_MNEMONIC_IN, INSN_IN, TRAPS, "in" },
	{ ZYDIS_MNEMONIC_OUT, INSN_OUT, TRAPS, "out" },
	{ ZYDIS_MNEMONIC_INSB, INSN_INS, TRAPS, "ins" },
	{ ZYDIS_MNEMONIC_INSW, INSN_INS, TRAPS, "ins" },
	{ ZYDIS_MNEMONIC_INSD, INSN_INS, TRAPS, "ins" },
	{ ZYDIS_MNEMONIC_OUTSB, INSN_OUTS, TRAPS, "outs" },
	{ ZYDIS_MNEMONIC_OUTSW, INSN_OUTS, TRAPS, "outs" },
	{ ZYDIS_MNEMONIC_OUTSD, INSN_OUTS, TRAPS, "outs" },
	{ ZYDIS_MNEMONIC_SGDT, INSN_SGDT, SILENT, "sgdt" },
	{ ZYDIS_MNEMONIC_SIDT, INSN_SIDT, SILENT, "sidt" },
	{ ZYDIS_MNEMONIC_LGDT, INSN_LGDT, TRAPS, "lgdt" },
	{ ZYDIS_MNEMONIC_LIDT, INSN_LIDT, TRAPS, "lidt" },
	{ ZYDIS_MNEMONIC_SMSW, INSN_SMSW, SILENT, "smsw" },
	{ ZYDIS_MNEMONIC_LMSW, INSN_LMSW, TRAPS, "lmsw" },
	{ ZYDIS_MNEMONIC_INVLPG, INSN_INVLPG, TRAPS, "invlpg" },
	{ ZYDIS_MNEMONIC_SLDT, INSN_SLDT, SILENT, "sldt" },
	{ ZYDIS_MNEMONIC_STR, INSN_STR, SILENT, "str" },
	{ ZYDIS_MNEMONIC_LLDT, INSN_LLDT, TRAPS, "lldt" },
	{ ZYDIS_MNEMONIC_LTR, INSN_LTR, TRAPS, "ltr" },
	{ ZYDIS_MNEMONIC_VERR, INSN_VERR, SILENT, "verr" },
	{ ZYDIS_MNEMONIC_VERW, INSN_VERW, SILENT, "verw" },
	{ ZYDIS_MNEMONIC_LAR, INSN_LAR, SILENT, "lar" },
	{ ZYDIS_MNEMONIC_LSL, INSN_LSL, SILENT, "lsl" },
	{ ZYDIS_MNEMONIC_CLTS, INSN_CLTS, TRAPS, "clts" },
	{ ZYDIS_MNEMONIC_INVD, INSN_INVD, TRAPS, "invd" },
	{ ZYDIS_MNEMONIC_WBINVD, INSN_WBINVD, TRAPS, "wbinvd" },
	{ ZYDIS_MNEMONIC_RDMSR, INSN_RDMSR, TRAPS, "rdmsr" },
	{ ZYDIS_MNEMONIC_WRMSR, INSN_WRMSR, TRAPS, "wrmsr" },
	{ ZYDIS_MNEMONIC_XSETBV, INSN_XSETBV, TRAPS, "xsetbv" },
	{ ZYDIS_MNEMONIC_LSS, INSN_LOAD_FAR, TRAPS, "lss" },
	{ ZYDIS_MNEMONIC_LDS, INSN_LOAD_FAR, PLAIN, "lds" },
	{ ZYDIS_MNEMONIC_LES, INSN_LOAD_FAR, PLAIN, "les" },
	{ ZYDIS_MNEMONIC_LFS, INSN_LOAD_FAR, PLAIN, "lfs" },
	{ ZYDIS_MNEMONIC_LGS, INSN_LOAD_FAR, PLAIN, "lgs" },
	{ ZYDIS_MNEMONIC_SYSENTER, INSN_SYSENTER, IMPOSSIBLE, "sysenter" },
	{ ZYDIS_MNEMONIC_SYSEXIT, INSN_SYSEXIT, IMPOSSIBLE, "sysexit" },
	{ ZYDIS_MNEMONIC_SYSRET, INSN_SYSRET, IMPOSSIBLE, "sysret" },
	{ ZYDIS_MNEMONIC_CPUID, INSN_CPUID, PLAIN, "cpuid" },
	{ ZYDIS_MNEMONIC_SWAPGS, INSN_SWAPGS, IMPOSSIBLE, "swapgs" },
};

const char *op_name(unsigned op)
{
	switch (op) {
	case INSN_MOV_FROM_CR:
	case INSN_MOV_TO_CR: return "mov cr";
	case INSN_MOV_FROM_DR:
	case INSN_MOV_TO_DR: return "mov dr";
	case INSN_MOV_FROM_SEG: return "mov from segment";
	case INSN_MOV_TO_SEG: return "mov to segment";
	case INSN_PUSH_SEG: return "push segment";
	case INSN_POP_SEG: return "pop segment";
	case INSN_JMP_FAR:
	case INSN_JMP_FAR_MEM: return "far jmp";
	case INSN_CALL_FAR:
	case INSN_CALL_FAR_MEM: return "far call";
	case INSN_RET_FAR: return "far ret";
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].op == op)
			return table[i].name;
	return "other";
}

static bool is_class(ZydisRegister r, ZydisRegisterClass c)
{
	return r != ZYDIS_REGISTER_NONE && ZydisRegisterGetClass(r) == c;
}

static uint8_t number(ZydisRegister r)
{
	return (uint8_t)ZydisRegisterGetId(r);
}

static bool general(ZydisRegister r)
{
	ZydisRegisterClass c = ZydisRegisterGetClass(r);

	return c == ZYDIS_REGCLASS_GPR8 || c == ZYDIS_REGCLASS_GPR16 || c == ZYDIS_REGCLASS_GPR32 ||
	       c == ZYDIS_REGCLASS_GPR64;
}

static enum behaviour classify_mov(const struct decoded *d, struct insn *i)
{
	ZydisRegister to = d->operand[0].reg.value, from = d->operand[1].reg.value;

	if (d->operand[0].type != ZYDIS_OPERAND_TYPE_REGISTER)
		to = ZYDIS_REGISTER_NONE;
	if (d->operand[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
		from = ZYDIS_REGISTER_NONE;
	if (is_class(to, ZYDIS_REGCLASS_CONTROL) || is_class(to, ZYDIS_REGCLASS_DEBUG)) {
		i->op = is_class(to, ZYDIS_REGCLASS_CONTROL) ? INSN_MOV_TO_CR : INSN_MOV_TO_DR;
		i->reg = number(to);
		return TRAPS;
	}
	if (is_class(from, ZYDIS_REGCLASS_CONTROL) || is_class(from, ZYDIS_REGCLASS_DEBUG)) {
		i->op = is_class(from, ZYDIS_REGCLASS_CONTROL) ? INSN_MOV_FROM_CR
							       : INSN_MOV_FROM_DR;
		i->reg = number(from);
		return TRAPS;
	}
	if (is_class(to, ZYDIS_REGCLASS_SEGMENT)) {
		i->op = INSN_MOV_TO_SEG;
		i->reg = number(to);
		return to == ZYDIS_REGISTER_SS ? TRAPS : PLAIN;
	}
	if (is_class(from, ZYDIS_REGCLASS_SEGMENT)) {
		i->op = INSN_MOV_FROM_SEG;
		i->reg = number(from);
		return from == ZYDIS_REGISTER_CS || from == ZYDIS_REGISTER_SS ? SILENT : PLAIN;
	}
	return PLAIN;
}

static enum behaviour classify_stack(const struct decoded *d, struct insn *i, bool push)
{
	ZydisRegister r = d->operand[0].reg.value;

	if (d->operand[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    !is_class(r, ZYDIS_REGCLASS_SEGMENT))
		return PLAIN;
	i->op = push ? INSN_PUSH_SEG : INSN_POP_SEG;
	i->reg = number(r);
	if (push)
		return r == ZYDIS_REGISTER_CS || r == ZYDIS_REGISTER_SS ? SILENT : PLAIN;
	return r == ZYDIS_REGISTER_SS ? TRAPS : PLAIN;
}

static enum behaviour classify_far(const struct decoded *d, struct insn *i)
{
	bool call = d->zydis.mnemonic == ZYDIS_MNEMONIC_CALL, pointer;

	if (d->zydis.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR)
		return PLAIN;
	if (d->zydis.mnemonic == ZYDIS_MNEMONIC_RET) {
		i->op = INSN_RET_FAR;
		i->imm = d->operand[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE
				 ? (uint16_t)d->operand[0].imm.value.u
				 : 0;
		return SILENT;
	}
	pointer = d->operand[0].type == ZYDIS_OPERAND_TYPE_POINTER;
	if (pointer) {
		i->disp = d->operand[0].ptr.offset;
		i->imm = d->operand[0].ptr.segment;
	}
	if (call)
		i->op = pointer ? INSN_CALL_FAR : INSN_CALL_FAR_MEM;
	else
		i->op = pointer ? INSN_JMP_FAR : INSN_JMP_FAR_MEM;
	return call ? SILENT : PLAIN;
}

static enum behaviour by_mnemonic(const struct decoded *d, struct insn *i)
{
	switch (d->zydis.mnemonic) {
	case ZYDIS_MNEMONIC_MOV: return classify_mov(d, i);
	case ZYDIS_MNEMONIC_PUSH: return classify_stack(d, i, true);
	case ZYDIS_MNEMONIC_POP: return classify_stack(d, i, false);
	case ZYDIS_MNEMONIC_JMP:
	case ZYDIS_MNEMONIC_CALL:
	case ZYDIS_MNEMONIC_RET: return classify_far(d, i);
	default: break;
	}
	for (size_t n = 0; n < sizeof(table) / sizeof(table[0]); n++)
		if (table[n].mnemonic == d->zydis.mnemonic) {
			i->op = table[n].op;
			return (enum behaviour)table[n].behaviour;
		}
	return PLAIN;
}

static void fill_memory(const ZydisDecodedOperand *o, struct insn *i)
{
	i->flags |= INSN_MEM;
	i->base = general(o->mem.base) ? number(o->mem.base) : INSN_NO_REG;
	if (o->mem.base == ZYDIS_REGISTER_RIP)
		i->base = 16;
	i->index = general(o->mem.index) ? number(o->mem.index) : INSN_NO_REG;
	i->scale = o->mem.scale ? o->mem.scale : 1;
	i->disp = (uint32_t)o->mem.disp.value;
	i->seg = o->mem.segment != ZYDIS_REGISTER_NONE ? number(o->mem.segment) : 3;
}

static void fill_port(const struct decoded *d, struct insn *i)
{
	const ZydisDecodedOperand *data = &d->operand[i->op == INSN_IN ? 0 : 1];
	const ZydisDecodedOperand *port = &d->operand[i->op == INSN_IN ? 1 : 0];

	i->width = (uint8_t)(data->size / 8);
	if (port->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		i->imm = (uint16_t)port->imm.value.u;
	else
		i->flags |= INSN_DX;
}

static void fill_string(const struct decoded *d, struct insn *i)
{
	const ZydisDecodedOperand *mem = &d->operand[i->op == INSN_INS ? 0 : 1];

	i->width = (uint8_t)(mem->size / 8);
	i->seg = mem->mem.segment != ZYDIS_REGISTER_NONE ? number(mem->mem.segment) : 3;
	i->flags |= INSN_DX;
	if (d->zydis.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPNE))
		i->flags |= INSN_REP;
}

/* The operand other than the register that the operation implies. */
static void fill_operands(const struct decoded *d, struct insn *i)
{
	for (unsigned n = 0; n < d->zydis.operand_count_visible; n++) {
		const ZydisDecodedOperand *o = &d->operand[n];

		if (o->type == ZYDIS_OPERAND_TYPE_MEMORY)
			fill_memory(o, i);
		else if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			i->imm = (uint16_t)o->imm.value.u;
		else if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && general(o->reg.value)) {
			bool first = n == 0 && (i->op == INSN_LAR || i->op == INSN_LSL ||
						i->op == INSN_LOAD_FAR);

			if (first)
				i->reg = number(o->reg.value);
			else
				i->base = number(o->reg.value);
		}
	}
}

enum behaviour classify(const struct decoded *d, struct insn *i)
{
	*i = (struct insn){ .base = INSN_NO_REG, .index = INSN_NO_REG, .scale = 1, .seg = 3 };
	enum behaviour b = by_mnemonic(d, i);

	i->length = d->zydis.length;
	i->width = (uint8_t)(d->zydis.operand_width / 8);
	if (i->op == INSN_OTHER)
		return PLAIN;
	bool code64 = d->zydis.machine_mode == ZYDIS_MACHINE_MODE_LONG_64;
	if (code64)
		i->flags |= INSN_CODE64;
	if (d->zydis.address_width == (code64 ? 32 : 16))
		i->flags |= INSN_SMALL_ADDRESS;
	switch (i->op) {
	case INSN_IN:
	case INSN_OUT: fill_port(d, i); break;
	case INSN_INS:
	case INSN_OUTS: fill_string(d, i); break;
	case INSN_INT:
		i->imm = d->zydis.mnemonic == ZYDIS_MNEMONIC_INT3
				 ? 3
				 : (uint16_t)d->operand[0].imm.value.u;
		break;
	case INSN_RET_FAR:
	case INSN_JMP_FAR:
	case INSN_CALL_FAR: break;
	case INSN_LOAD_FAR:
		i->imm = d->zydis.mnemonic == ZYDIS_MNEMONIC_LES   ? 0
			 : d->zydis.mnemonic == ZYDIS_MNEMONIC_LSS ? 2
			 : d->zydis.mnemonic == ZYDIS_MNEMONIC_LDS ? 3
			 : d->zydis.mnemonic == ZYDIS_MNEMONIC_LFS ? 4
								   : 5;
		fill_operands(d, i);
		break;
	default: fill_operands(d, i);
	}
	return b;
}
