// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU plugin that finds the longest stay of the hypervisor: the most instructions that a
 * processor ran in ring 0 with interrupts masked, from an exit, or from where it masked them, until
 * it could take an interrupt again. Each iteration of a REP counts, and so does waiting for a lock.
 * Stays before a processor's first guest do not count, nor do those that begin with the console's
 * interrupt, since the operator asked for the work, such as a check of all tables.
 *
 * A plugin sees no registers, so it derives the processor's state from the instructions:
 *
 *	from a ring guest	any instruction of the gate's text begins a stay
 *	from a virtual machine	the instruction after VMRUN
 *	to a ring guest		one of the IRETQs named by iret=
 *	to a virtual machine	VMRUN
 *	open for interrupts	STI or HLT, and STGI with IF set; masked again by CLI
 *	trap of ring 0		a vector's stub; any other IRETQ of the gate returns
 *
 * Everything else that runs at the hypervisor's addresses is a guest's own code in its own address
 * space. Arguments: out=PATH and iret=ADDRESS, which may be repeated. At the end the file has
 *
 *	stay INSTRUCTIONS ADDRESS	how long, and where it began
 *	at ADDRESS INSTRUCTIONS		how many of them ran there, within GRAIN bytes
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/plugin/qemu_plugin.h"

EXPORT int qemu_plugin_version = 1;

#define GATE_TEXT_END	(GATE + 0x4000) /* kernel/gate.h */
#define GATE_STUBS_END	(GATE + 0x1000)
#define STUB_BYTES	16
#define CONSOLE_STUB	(GATE + STUB_BYTES * 0xf0) /* VECTOR_CONSOLE, arch/cpu.h */
#define GRAIN		16
#define GATE_GRAINS	(0x4000 / GRAIN)
#define IMAGE_GRAINS	(0x200000 / GRAIN)
#define GRAINS		(GATE_GRAINS + IMAGE_GRAINS)
#define VCPUS_MAX	64
#define DEPTH_MAX	4
#define IRETS_MAX	16
#define FIRST_INTERRUPT 32

enum state {
	BOOT,
	GUEST,	 /* ring 1 or 3 */
	MACHINE, /* a virtual machine */
	LEFT,	 /* after an IRETQ to a ring guest, which may still fault on its frame */
	MASKED,	 /* the hypervisor, in a stay */
	OPEN,	 /* the hypervisor, with interrupts enabled */
};

enum kind { PLAIN, STUB, IRET_GUEST, IRET_BACK, VMRUN, BEHIND_VMRUN, STI, CLI, HLT, STGI, CLGI };

struct count {
	uint32_t stay; /* the number of the stay it belongs to */
	uint32_t n;
};

struct vcpu {
	enum state state;
	enum state interrupted[DEPTH_MAX]; /* by traps in ring 0 */
	unsigned depth;
	bool gif_off;
	uint64_t guest_blocks; /* guest_blocks at guest entry */
	uint32_t stay;
	uint64_t length, began;
	uint64_t longest, longest_began;
	struct count count[GRAINS];
	uint32_t longest_count[GRAINS];
};

static struct vcpu *vcpus[VCPUS_MAX];
static uint64_t guest_blocks; /* blocks of other code than the hypervisor's, on any processor */
static uint64_t irets[IRETS_MAX], behind_vmrun;
static unsigned iret_count;
static FILE *out;

static bool in_gate(uint64_t va)
{
	return va >= GATE && va < GATE_TEXT_END;
}

static bool in_image(uint64_t va)
{
	return va >= IMAGE && va < IMAGE_END;
}

static unsigned grain_of(uint64_t va)
{
	uint64_t at = in_gate(va) ? (va - GATE) / GRAIN : GATE_GRAINS + (va - IMAGE) / GRAIN;

	return at < GRAINS ? (unsigned)at : GRAINS - 1;
}

static uint64_t address_of(unsigned grain)
{
	return grain < GATE_GRAINS ? GATE + (uint64_t)grain * GRAIN
				   : IMAGE + (uint64_t)(grain - GATE_GRAINS) * GRAIN;
}

static void begin(struct vcpu *v, uint64_t va)
{
	v->stay++;
	v->length = 0;
	v->began = va;
	v->state = MASKED;
}

static void count(struct vcpu *v, uint64_t va)
{
	struct count *c = &v->count[grain_of(va)];

	v->length++;
	if (c->stay != v->stay)
		*c = (struct count){ .stay = v->stay };
	c->n++;
}

static void end(struct vcpu *v, enum state state)
{
	v->state = state;
	if (v->length <= v->longest || v->began == CONSOLE_STUB)
		return;
	v->longest = v->length;
	v->longest_began = v->began;
	for (unsigned i = 0; i < GRAINS; i++)
		v->longest_count[i] = v->count[i].stay == v->stay ? v->count[i].n : 0;
}

/* #TS, #NP, #SS, #GP: exceptions of an IRETQ with an invalid frame. */
static bool is_refusal(uint64_t stub)
{
	unsigned vector = (unsigned)(stub - GATE) / STUB_BYTES;

	return vector >= 10 && vector <= 13;
}

/* The hypervisor's first instruction after an IRETQ to a guest. */
static void come_back(struct vcpu *v, enum kind kind, uint64_t va)
{
	if (kind == STUB && is_refusal(va) && v->guest_blocks == guest_blocks) {
		v->state = MASKED; /* the same stay continues */
		return;
	}
	end(v, GUEST);
	if (in_gate(va))
		begin(v, va);
}

static void trap(struct vcpu *v, uint64_t va)
{
	if (v->depth < DEPTH_MAX)
		v->interrupted[v->depth++] = v->state;
	if (v->state == OPEN)
		begin(v, va);
}

/* IRETQ of a trap: returns to the interrupted code, which may have been a guest's. */
static void go_back(struct vcpu *v)
{
	enum state to = v->depth ? v->interrupted[--v->depth] : GUEST;

	if (to != MASKED)
		end(v, to);
}

static void leave(struct vcpu *v, enum state to)
{
	v->depth = 0;
	v->guest_blocks = guest_blocks;
	if (to == LEFT)
		v->state = LEFT;
	else
		end(v, to);
}

static void in_hypervisor(struct vcpu *v, enum kind kind, uint64_t va)
{
	if (kind == CLI && v->state == OPEN)
		begin(v, va);
	if (v->state == MASKED)
		count(v, va);
	switch (kind) {
	case IRET_GUEST: leave(v, LEFT); break;
	case IRET_BACK: go_back(v); break;
	case VMRUN: leave(v, MACHINE); break;
	case STI:
		if (!v->gif_off && v->state == MASKED)
			end(v, OPEN);
		break;
	case HLT:
		if (v->state == MASKED)
			end(v, OPEN);
		break;
	case CLGI: v->gif_off = true; break;
	case STGI:
		v->gif_off = false;
		if (v->state == MASKED)
			end(v, OPEN);
		break;
	default: break;
	}
}

static struct vcpu *vcpu_of(unsigned index)
{
	if (index >= VCPUS_MAX)
		abort();
	if (!vcpus[index])
		vcpus[index] = calloc(1, sizeof(struct vcpu));
	return vcpus[index];
}

/* data: the instruction's address, with its kind in the upper 16 bits, which all addresses
 * share. */
static void executed(unsigned index, void *data)
{
	uint64_t va = (uint64_t)data | 0xffff000000000000;
	enum kind kind = (uint64_t)data >> 48;
	struct vcpu *v = vcpu_of(index);

	if (v->state == LEFT)
		come_back(v, kind, va);
	switch (v->state) {
	case BOOT:
		if (kind == IRET_GUEST || kind == VMRUN)
			leave(v, kind == VMRUN ? MACHINE : GUEST);
		return;
	case GUEST:
		if (!in_gate(va))
			return;
		begin(v, va);
		break;
	case MACHINE:
		if (kind != BEHIND_VMRUN)
			return;
		v->gif_off = true;
		begin(v, va);
		break;
	case MASKED:
	case OPEN:
		if (kind == STUB && v->length)
			trap(v, va);
		break;
	case LEFT: break;
	}
	in_hypervisor(v, kind, va);
}

static bool is_guest_iret(uint64_t va)
{
	for (unsigned i = 0; i < iret_count; i++)
		if (irets[i] == va)
			return true;
	return false;
}

static enum kind kind_of(uint64_t va, const uint8_t *code, size_t size)
{
	if (in_gate(va)) {
		if (va < GATE_STUBS_END && va % STUB_BYTES == 0)
			return STUB;
		if (size == 2 && !memcmp(code, "\x48\xcf", 2))
			return is_guest_iret(va) ? IRET_GUEST : IRET_BACK;
		return PLAIN;
	}
	if (size == 1)
		return *code == 0xfb ? STI : *code == 0xfa ? CLI : *code == 0xf4 ? HLT : PLAIN;
	if (size == 3 && !memcmp(code, "\x0f\x01", 2)) {
		switch (code[2]) {
		case 0xd8: behind_vmrun = va + size; return VMRUN;
		case 0xdc: return STGI;
		case 0xdd: return CLGI;
		}
	}
	return va == behind_vmrun ? BEHIND_VMRUN : PLAIN;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t va = qemu_plugin_tb_vaddr(tb);

	(void)id;
	if (!in_gate(va) && !in_image(va)) {
		qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							 &guest_blocks, 1);
		return;
	}
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t at = qemu_plugin_insn_vaddr(insn);
		enum kind kind =
			kind_of(at, qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));

		qemu_plugin_register_vcpu_insn_exec_cb(
			insn, executed, QEMU_PLUGIN_CB_NO_REGS,
			(void *)((at & 0xffffffffffff) | (uint64_t)kind << 48));
	}
}

static void report(qemu_plugin_id_t id, void *unused)
{
	const struct vcpu *longest = NULL;

	(void)id;
	(void)unused;
	for (unsigned i = 0; i < VCPUS_MAX; i++)
		if (vcpus[i] && vcpus[i]->longest &&
		    (!longest || vcpus[i]->longest > longest->longest))
			longest = vcpus[i];
	if (longest) {
		fprintf(out, "stay %llu 0x%llx\n", (unsigned long long)longest->longest,
			(unsigned long long)longest->longest_began);
		for (unsigned i = 0; i < GRAINS; i++)
			if (longest->longest_count[i])
				fprintf(out, "at 0x%llx %u\n", (unsigned long long)address_of(i),
					longest->longest_count[i]);
	}
	fprintf(out, "end\n"); /* marks a complete file */
	fclose(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strncmp(argv[i], "iret=", 5) && iret_count < IRETS_MAX)
			irets[iret_count++] = strtoull(argv[i] + 5, NULL, 0);
	}
	if (!out || !iret_count) {
		fprintf(stderr,
			"veneer: stay plugin: want out=PATH, a file that can be written, and "
			"iret=ADDRESS\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, report, NULL);
	return 0;
}
