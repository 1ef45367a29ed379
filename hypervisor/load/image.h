/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of a guest's kernel: ELF64 with our note (PV), ELF32 with or without a Multiboot header,
 * a Multiboot kernel without ELF headers, a Linux bzImage, or a flat binary. What kind it is and
 * where it is to be loaded is determined without the guest, so the host command refuses the same
 * files with the same messages.
 */
#pragma once

#include "abi/veneer.h"
#include "insn/insn.h"
#include "load/bundle.h"
#include "load/config.h"
#include "load/elf.h"

struct image {
	struct file file;
	enum preparation prepare;
	bool bzimage, multiboot;
	struct elf_image elf; /* what its headers or the configuration say, if it is no bzImage */
	struct veneer_rewrite_note rewrite; /* of a rewritten image: where its tables are */
};

#define PC_LOW_BYTES	 (639ul << 10) /* of RAM; the BIOS's data and the screen are behind it */
#define PC_DEVICES_AT	 0xfec00000ul /* the APICs' registers, so a PC has at most 4076 MiB of RAM */

#define DISK_SECTOR	 512
#define DISK_SECTORS_MAX (1u << 28)

#define IMAGE_COPIES	 (ELF_SEGMENTS + MODULES_MAX)

/* What is to be copied where. Begins as zero. */
struct image_plan {
	struct image_copy {
		gpa_t to;
		const uint8_t *from;
		uint64_t bytes, room; /* with what must be zero behind it */
	} copy[IMAGE_COPIES];
	unsigned copies, modules;
	uint64_t memory; /* of the guest, in bytes */
	gpa_t module[MODULES_MAX];
	gpa_t entry;  /* of a bzImage; others have it in image.elf */
	uint64_t end; /* of the memory in use */
};

/* Functions that return a text return NULL, or an error message, which the next call may overwrite.
 */

/* Determines what im->file is, and whether it can be the image of a guest with that configuration.
 */
const char *image_identify(struct image *im, const struct guest_config *c);

/* What a guest with that many bytes of memory gets of image and modules. */
const char *image_place(const struct image *im, const struct file *module, unsigned modules,
			uint64_t memory, struct image_plan *p);

/* Whether it can be a guest with that many vCPUs whose kernel runs in ring 1. */
const char *image_not_in_ring1(const struct image *im, unsigned vcpus);

/* pc/image_disk.c: why a file cannot be a guest's disk, or NULL. */
const char *image_no_disk(const struct file *disk);

/* Whether it expects a PC, not hypercalls. */
static inline bool image_is_for_pc(const struct image *im)
{
	return im->prepare != PREPARE_PV;
}

/* Whether the address is in the patch window of a rewritten image. */
bool image_in_window(const struct image *im, uint64_t vaddr);

/* pc/image_flat.c: the image as one segment; im->bzimage is known. */
const char *flat_read(struct image *im, const struct guest_config *c);
bool multiboot_has_addresses(const struct image *im);
const char *multiboot_read(struct image *im);
/* Kernels linked high name their entry by its virtual address, and begin without paging. */
uint64_t elf32_entry(const struct elf_image *elf);
/* Whether it has a Multiboot header, and one that can be satisfied. */
const char *multiboot_check(struct image *im);

/* pc/image_rewritten.c: why the note of a rewritten image cannot be believed, or NULL. */
const char *rewritten_refused(const struct veneer_rewrite_note *n);

/* pc/image_room.c: modules, where a PC has RAM; an image that lies where it has none is refused. */
const char *pc_place_modules(struct image_plan *p, const struct file *module, unsigned modules);
/* A place of that many bytes in whole pages that is in [at, end), and not in use; ~0: there is
 * none. */
gpa_t image_room(const struct image_plan *p, uint64_t at, uint64_t end, uint64_t bytes);

/* pc/image_bzimage.c: whether the file is one, whether the kernel has 64 bits, and image_place for
 * it. */
bool bzimage_is(const struct file *file);
bool bzimage_is_64(const struct file *file);
const char *bzimage_place(const struct file *kernel, const struct file *module,
			  struct image_plan *p);

#define IMAGE_TOO_LARGE(what) \
	what " does not fit into the guest's memory: raise memory = in the configuration"

/* One more module, from there on. */
const char *image_place_module(struct image_plan *p, const struct file *module, gpa_t to);

/* Adds a copy to [to, to + room); false: outside the memory. */
bool image_add_copy(struct image_plan *p, gpa_t to, uint64_t room, const void *from,
		    uint64_t bytes);
