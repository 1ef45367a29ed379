/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration: INI text that people write by hand. The host command and the hypervisor read
 * it with this one parser. '#' and ';' start a comment at the start of a line or after a blank. A
 * value in quotes is an error.
 *
 *	[machine]		the whole machine; once. A wrong line of it starts no guest
 *	mitigations = auto | off | LIST		against attacks by speculative execution: what the
 *				processor wants (default); none; that, and LIST forced on. LIST: of
 *				retpoline rsb ibpb ibpb-exit verw l1d-flush ssbd spec-ctrl
 *
 *	[guest NAME]		a guest, NAME of letters, digits, '-' and '_'; each key once, but
 *				for module and disk
 *	image	 = FILE		in the bundle; required
 *	load	 = ADDRESS	the image is a flat binary, to be loaded there; 0x100000, or 1M
 *	entry	 = ADDRESS	where a flat binary is entered, in 32-bit protected mode; default: load
 *	module	 = FILE [TEXT]	given to the guest beside its image, with TEXT as its string, or FILE
 *				without one; up to 8 times for a Multiboot kernel, in that order
 *	input	 = auto | serial | keyboard	where a PC gets the console's input: at the serial
 *				port if it has set that up, else the keyboard (default); there alone
 *	disk	 = FILE		a PC's IDE disk; what it writes is lost with the machine. A second
 *				one is drive 1
 *	cmdline	 = TEXT		given to the guest
 *	memory	 = SIZE		bytes, with K, M or G; default 16M
 *	vcpus	 = N		1 to 8 (under ring: PV guests); default 1
 *	cpus	 = LIST		physical cores it may use, of 0 to 15, each once: 1 or 0,2-3; default 0
 *	engine	 = ring | vmx | svm | auto		default ring
 *	prepare	 = pv | rewritten | stock	default: what the image says
 *	on-crash = stop | restart			default stop
 *	share	 = PERCENT	of its core, guaranteed, when others share it; default: equal parts
 *	device	 = virtio-console	a PV guest has it in any case
 *	optional = yes | no	yes: the machine does not wait for it to end, and is well
 *				however it ends, or if it cannot be started; default no
 *	count-at = TEXT		exit counters are printed after each line that begins with TEXT
 *	gdb	 = com2 | com3 | com4		the machine's port at which gdb finds it; default: none
 */
#pragma once

#include "arch/speculation.h"
#include "lib/types.h"

#define GUESTS_MAX  8
#define VCPUS_MAX   8
#define MODULES_MAX 8
#define DISKS_MAX   2
#define NAME_MAX    24
#define FILE_MAX    64

enum engine_choice { ENGINE_AUTO, ENGINE_RING, ENGINE_VMX, ENGINE_SVM };
enum preparation { PREPARE_DETECT, PREPARE_PV, PREPARE_REWRITTEN, PREPARE_STOCK };
enum on_crash { CRASH_STOP, CRASH_RESTART };
enum input { INPUT_AUTO, INPUT_SERIAL, INPUT_KEYBOARD };

/* A module or a disk. */
struct file_config {
	char file[FILE_MAX];
	const char *text;     /* behind the file's name, or that: in the configuration's text */
	unsigned bytes, line; /* of the text */
};

struct guest_config {
	char name[NAME_MAX];
	char image[FILE_MAX];
	struct file_config module[MODULES_MAX], disk[DISKS_MAX];
	unsigned modules, disks;
	uint32_t load, entry; /* if they have a line; else 0 or LOAD_INVALID */
#define LOAD_INVALID 0xffffffff
	char cmdline[256];
	char count_at[32];
	uint64_t memory;
	uint32_t cpus; /* bit per physical core */
	unsigned vcpus;
	unsigned share;
	enum engine_choice engine;
	enum preparation prepare;
	enum on_crash on_crash;
	enum input input;
	bool optional;
	unsigned gdb; /* 1 for COM2, and so on; 0: none */
	bool broken; /* a line of its section is invalid: not started */
	unsigned line, image_line, load_line, entry_line; /* 0: no such key, or an invalid one */
};

struct config {
	struct guest_config guest[GUESTS_MAX];
	unsigned guests;
	struct mitigations {
		bool off;
		uint32_t forced; /* a bit for each */
	} mitigations;
	unsigned errors;
};

/* Called for each invalid line. */
typedef void config_error_fn(void *arg, unsigned line, const char *message);

/* Parses `bytes` of text. An invalid line is reported and marks its guest broken, or every guest if
 * it is in [machine]; parsing continues. */
void config_read(struct config *c, const char *text, size_t bytes, config_error_fn *fn, void *arg);

extern const char *const engine_names[];      /* by enum engine_choice */
extern const char *const preparation_names[]; /* by enum preparation */
extern const char *const mitigation_names[];  /* by MITIGATION_*, arch/speculation.h */
