// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU plugin (7.2, plugin API version 1) that lists at the end which translation blocks of the
 * hypervisor and its gate were executed, as lines with the addresses of the first and last
 * instruction. Debian has no header for the API, so what is needed of it is declared here.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_INLINE_ADD_U64 };

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*fn)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *at,
					      uint64_t add);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*fn)(qemu_plugin_id_t, void *),
				    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#define GATE	  0xffff800000000000
#define GATE_END  0xffff808000000000
#define IMAGE	  0xffffffff80000000
#define IMAGE_END 0xffffffff81000000 /* a Linux kernel begins here */

#define BLOCKS	  65536 /* a power of two, several times the number of blocks */

static struct block {
	uint64_t first, last, executed;
} blocks[BLOCKS];
static FILE *out;

/* A block can be translated many times. NULL: the table is full, which should not happen. */
static struct block *block_of(uint64_t first, uint64_t last)
{
	unsigned at = (unsigned)((first ^ last << 7) * 0x9e3779b97f4a7c15 >> 48);

	for (unsigned i = 0; i < BLOCKS; i++, at = (at + 1) % BLOCKS) {
		struct block *b = &blocks[at];

		if (b->first == first && b->last == last)
			return b;
		if (!b->first) {
			*b = (struct block){ first, last, 0 };
			return b;
		}
	}
	return NULL;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t first = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	struct block *b;

	(void)id;
	if ((first < GATE || first >= GATE_END) && (first < IMAGE || first >= IMAGE_END))
		return;
	b = block_of(first, qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, n - 1)));
	if (b)
		qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							 &b->executed, 1);
}

static void report(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i].executed)
			fprintf(out, "%llx %llx\n", (unsigned long long)blocks[i].first,
				(unsigned long long)blocks[i].last);
	fclose(out);
}

/* argv: out=PATH */
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc == 1 && !strncmp(argv[0], "out=", 4))
		out = fopen(argv[0] + 4, "w");
	if (!out) {
		fprintf(stderr, "blocks plugin: want out=PATH, a file that can be written\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, report, NULL);
	return 0;
}
