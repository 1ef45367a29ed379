/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading a guest's image (load/image.h) into its memory. It is done in parts, since an image may
 * be large and its core may have other guests: image_place checks all of it and notes what is to be
 * copied where, load_copy_part copies, and load_finish puts vCPU 0 at the entry.
 */
#pragma once

#include "load/image.h"

#define LOAD_PART KIB(16) /* bytes zeroed or copied in one go */

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
	struct image_plan plan;
	unsigned copied; /* of its copies */
};

/* pc/rewritten.c: takes memory for the patch window of a rewritten image and fills it. Once. */
int load_window(struct guest *g);

/* Copies a part; true when all are done. */
bool load_copy_part(struct guest *g);

/* pc/rewritten.c: the profile as console lines. */
void rewritten_print_profile(const struct guest *g);

/* pc/rewritten.c: in a virtual machine no instruction needs rewriting: restores a part of the
 * original bytes of a rewritten image; *done when all are restored. Returns NULL, or an error
 * message. */
const char *load_undo_part(struct guest *g, bool *done);

/* Puts vCPU 0 at its entry. Returns NULL, or an error message. */
const char *load_finish(struct guest *g);

/* pc/bzimage.c and pc/multiboot.c: load_finish for a PC: command line, memory map, modules, and the
 * first vCPU at the entry. */
const char *bzimage_finish(struct guest *g);
const char *multiboot_finish(struct guest *g);
