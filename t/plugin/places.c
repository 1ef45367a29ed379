// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU plugin that counts how often the instructions at given addresses are executed. It writes a
 * line for each, in the order of the arguments: address and count.
 */
#include "bench/plugin/qemu_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int qemu_plugin_version = 1;

#define PLACES_MAX 64
static struct {
	uint64_t at, count;
} place[PLACES_MAX];
static unsigned places;
static FILE *out;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		for (unsigned p = 0; p < places; p++)
			if (place[p].at == qemu_plugin_insn_vaddr(insn))
				qemu_plugin_register_vcpu_insn_exec_inline(
					insn, QEMU_PLUGIN_INLINE_ADD_U64, &place[p].count, 1);
	}
}

static void at_exit(qemu_plugin_id_t id, void *arg)
{
	(void)id;
	(void)arg;
	for (unsigned p = 0; p < places; p++)
		fprintf(out, "%016llx %llu\n", (unsigned long long)place[p].at,
			(unsigned long long)place[p].count);
	fclose(out);
}

/* argv: out=PATH, at=HEX for each place */
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strncmp(argv[i], "at=", 3) && places < PLACES_MAX)
			place[places++].at = strtoull(argv[i] + 3, NULL, 16);
	}
	if (!out) {
		fprintf(stderr, "places plugin: want out=PATH, a file that can be written\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
