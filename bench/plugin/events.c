// SPDX-License-Identifier: GPL-2.0-or-later
/* A QEMU plugin that counts the events in events.h. */
#include "bench/events.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bench/plugin/qemu_plugin.h"

EXPORT int qemu_plugin_version = 1;

static const char *const kind_names[EVENT_COUNT] = {
#define X(name) #name,
	EVENT_KINDS(X)
#undef X
};
static const char *const side_names[SIDES] = { "guest", "gate", "hypervisor" };

static uint64_t running[SIDES][EVENT_COUNT];  /* since the start */
static uint64_t at_begin[SIDES][EVENT_COUNT]; /* at the last MARK_BEGIN */
static uint64_t counted[SIDES][EVENT_COUNT];  /* between marks */
static FILE *out;

static enum event_side side_of(uint64_t va)
{
	return va >= GATE && va < GATE_END     ? SIDE_GATE
	       : va >= IMAGE && va < IMAGE_END ? SIDE_HYPERVISOR
					       : SIDE_GUEST;
}

static void begin(void)
{
	memcpy(at_begin, running, sizeof(running));
}

static void end(void)
{
	for (unsigned s = 0; s < SIDES; s++)
		for (unsigned k = 0; k < EVENT_COUNT; k++)
			counted[s][k] += running[s][k] - at_begin[s][k];
}

static void report(void)
{
	fprintf(out, "events");
	for (unsigned s = 0; s < SIDES; s++)
		for (unsigned k = 0; k < EVENT_COUNT; k++)
			if (counted[s][k])
				fprintf(out, " %s.%s=%llu", side_names[s], kind_names[k],
					(unsigned long long)counted[s][k]);
	fprintf(out, "\n");
	fflush(out);
	memset(counted, 0, sizeof(counted));
}

static void passed_mark(unsigned vcpu, void *data)
{
	(void)vcpu;
	switch ((uintptr_t)data) {
	case MARK_BEGIN: begin(); break;
	case MARK_END: end(); break;
	case MARK_REPORT: report(); break;
	}
}

/* After prefixes; 0x40 to 0x4f is a prefix in 64-bit code, and an instruction in 32-bit code. */
static size_t opcode_at(const uint8_t *code, size_t size)
{
	size_t i = 0;

	while (i + 1 < size &&
	       (memchr("\x66\x67\xf0\xf2\xf3\x2e\x36\x3e\x26\x64\x65", code[i], 11) ||
		(code[i] & 0xf0) == 0x40))
		i++;
	return i;
}

static int kind_of_0f(const uint8_t *op, size_t size)
{
	uint8_t modrm = size > 2 ? op[2] : 0;

	switch (op[1]) {
	case 0x05: return EVENT_syscall;
	case 0x07: return EVENT_sysret;
	case 0x34: return EVENT_sysenter;
	case 0x35: return EVENT_sysexit;
	case 0x30:
	case 0x32: return EVENT_msr;
	case 0x22: return (modrm >> 3 & 7) == 3 ? EVENT_cr3 : -1;
	case 0x01:
		if (modrm == 0xd8)
			return EVENT_vmrun;
		return modrm < 0xc0 && (modrm >> 3 & 7) == 7 ? EVENT_invlpg : -1;
	}
	return -1;
}

static int kind_of(const uint8_t *code, size_t size)
{
	size_t i = opcode_at(code, size);
	const uint8_t *op = code + i;

	switch (*op) {
	case 0x0f: return i + 1 < size ? kind_of_0f(op, size - i) : -1;
	case 0xcf: return EVENT_iret;
	case 0xcd: return EVENT_int;
	case 0x6c ... 0x6f:
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef: return EVENT_port;
	}
	return -1;
}

static uint32_t mark_of(const uint8_t *code, size_t size)
{
	uint32_t mark = 0;

	if (size == 7 && !memcmp(code, "\x0f\x1f\x80", 3))
		memcpy(&mark, code + 3, 4);
	return mark;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *code = qemu_plugin_insn_data(insn);
		size_t size = qemu_plugin_insn_size(insn);
		uint32_t mark = mark_of(code, size);
		int kind = kind_of(code, size);

		if (mark)
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, passed_mark, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)mark);
		if (kind >= 0)
			qemu_plugin_register_vcpu_insn_exec_inline(
				insn, QEMU_PLUGIN_INLINE_ADD_U64,
				&running[side_of(qemu_plugin_insn_vaddr(insn))][kind], 1);
	}
}

/* argv: out=PATH */
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc == 1 && !strncmp(argv[0], "out=", 4))
		out = fopen(argv[0] + 4, "w");
	if (!out) {
		fprintf(stderr,
			"veneer: events plugin: want out=PATH, a file that can be written\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
