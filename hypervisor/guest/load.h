/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading a guest's image: ELF64 with our note (PV), ELF32 with or without a Multiboot header, a
 * Linux bzImage. It is done in parts, since an image may be large and its core may have other
 * guests: load_begin checks all of it and notes what is to be copied where, load_part copies, and
 * load_finish puts vCPU 0 at the entry.
 */
#ifndef VENEER_LOAD_H
#define VENEER_LOAD_H

#include "lib/types.h"
#include "load/elf.h"

#define LOAD_COPIES (ELF_SEGMENTS + 1) /* segments and the module */
#define LOAD_PART   KIB(16)	       /* bytes zeroed or copied in one go */

struct load {
	enum {
		LOAD_ZERO_VCPU,
		LOAD_ZERO,
		LOAD_ZERO_POOL,
		LOAD_COPY,
		LOAD_UNDO,
		LOAD_DEVICES,
		LOAD_FINISH,
		LOAD_DONE
	} stage;
	uint64_t done; /* bytes of the stage, or of the copy under way */
	struct load_copy {
		gpa_t to;
		const uint8_t *from;
		uint64_t bytes;
	} copy[LOAD_COPIES];
	unsigned copies, copied;
	gpa_t module, entry; /* where they are */
	uint64_t end;	     /* of what is in use, so far */
};

/* Determines the preparation of g->image. Returns NULL, or an error message. */
const char *load_identify(struct guest *g);

/* Takes memory for the patch window of a rewritten image and fills it. Once. */
int load_window(struct guest *g);

/* Notes what must be copied. Returns NULL, or an error message. */
const char *load_begin(struct guest *g);

/* Copies a part; true when all are done. */
bool load_copy_part(struct guest *g);

/* In a virtual machine no instruction needs rewriting: restores a part of the original bytes of a
 * rewritten image; *done when all are restored. Returns NULL, or an error message. */
const char *load_undo_part(struct guest *g, bool *done);

/* Puts vCPU 0 at its entry. Returns NULL, or an error message. */
const char *load_finish(struct guest *g);

/* Notes a copy to [to, to + room); false: that is not guest memory. */
bool load_add_copy(struct guest *g, gpa_t to, uint64_t room, const void *from, uint64_t bytes);

/* bzimage.c: whether a file is such an image; the parts of load_begin and load_finish for it:
 * kernel and module (as initrd); then command line, memory map, and the first vCPU at the entry. */
bool bzimage_is(const void *data, uint64_t bytes);
const char *bzimage_begin(struct guest *g);
void bzimage_finish(struct guest *g);

#endif
