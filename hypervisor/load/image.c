// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/image.h"

#include "arch/cpu.h"
#include "lib/panic.h"
#include "lib/string.h"

bool image_in_window(const struct image *im, uint64_t vaddr)
{
	return im->rewrite.window_bytes && vaddr >= im->rewrite.window &&
	       vaddr < (uint64_t)im->rewrite.window + im->rewrite.window_bytes;
}

static bool read_note(const struct image *im, uint32_t type, void *to, uint32_t bytes)
{
	const void *note = elf_note(&im->elf, VENEER_NOTE_NAME, type, bytes);

	if (note)
		memcpy(to, note, bytes);
	return note;
}

static const char *identify_elf(struct image *im)
{
	const char *why = elf_read(im->file.data, im->file.bytes, &im->elf);
	uint32_t major;

	if (why)
		return why;
	if (!im->elf.is_64)
		im->elf.entry = elf32_entry(&im->elf);
	if (im->elf.is_64) {
		if (!read_note(im, VENEER_NOTE_GUEST, &major, sizeof(major)))
			return "a 64-bit image without a Veneer note: 64-bit guests must be "
			       "paravirtual, or a bzImage";
		if (major != VENEER_ABI_MAJOR)
			return "built for another major version of the guest interface";
		read_note(im, VENEER_NOTE_ENTRY, &im->elf.entry, sizeof(im->elf.entry));
		if (!canonical(im->elf.entry))
			return "its entry note holds no address";
		im->prepare = PREPARE_PV;
	} else if (read_note(im, VENEER_NOTE_REWRITE, &im->rewrite.version,
			     sizeof(im->rewrite.version))) {
		read_note(im, VENEER_NOTE_REWRITE, &im->rewrite, sizeof(im->rewrite));
		im->prepare = PREPARE_REWRITTEN;
		return rewritten_refused(&im->rewrite);
	}
	return NULL;
}

static const char *identify(struct image *im, const struct guest_config *c)
{
	bool is_elf = elf_is(im->file.data, im->file.bytes);

	im->prepare = PREPARE_STOCK;
	im->bzimage = bzimage_is(&im->file);
	if (im->bzimage && !c->load_line)
		return NULL;
	const char *why = c->load_line ? flat_read(im, c)
			  : is_elf     ? identify_elf(im)
				       : multiboot_read(im);
	if (!why && is_elf && im->prepare == PREPARE_STOCK && multiboot_has_addresses(im))
		why = multiboot_read(im);
	if (why)
		return why;
	why = multiboot_check(im);
	return c->load_line ? NULL : why; /* a flat binary may have been made for another loader */
}

const char *image_identify(struct image *im, const struct guest_config *c)
{
	static char other[100];
	const char *why = identify(im, c), *want = preparation_names[c->prepare];

	if (!why && (*c->cmdline || c->modules) && image_is_for_pc(im) && !im->bzimage &&
	    !im->multiboot)
		why = "without a Multiboot header it cannot find cmdline = or module =: remove "
		      "them";
	if (!why && c->disks && !image_is_for_pc(im))
		why = "a paravirtual guest has no IDE disk: remove disk = from the configuration";
	if (!why && c->modules > 1 && (!im->multiboot || !image_is_for_pc(im)))
		why = "only a Multiboot kernel takes more than one module: remove module = lines";

	if (!why && image_is_for_pc(im) && c->memory > PC_DEVICES_AT)
		return "a PC has at most 4076 MiB: lower memory = in the configuration";
	if (why || c->prepare == PREPARE_DETECT || c->prepare == im->prepare)
		return why;
	format(other, sizeof(other), "the image is %s, not %s: change or remove prepare = %s",
	       preparation_names[im->prepare], want, want);
	return other;
}

const char *image_not_in_ring1(const struct image *im, unsigned vcpus)
{
	if (im->bzimage && bzimage_is_64(&im->file))
		return "a bzImage does not run in ring 1: set engine = svm, vmx or auto, on a "
		       "processor with AMD-V or VT-x";
	if (vcpus > 1 && image_is_for_pc(im))
		return "only a paravirtual guest can have several vCPUs in ring 1: set vcpus = 1";
	return NULL;
}

bool image_add_copy(struct image_plan *p, gpa_t to, uint64_t room, const void *from, uint64_t bytes)
{
	room = MAX(room, bytes);
	if (to.v > p->memory || room > p->memory - to.v)
		return false;
	assert(p->copies < IMAGE_COPIES);
	p->copy[p->copies++] = (struct image_copy){ to, from, bytes, room };
	p->end = MAX(p->end, to.v + room);
	return true;
}

const char *image_place_module(struct image_plan *p, const struct file *module, gpa_t to)
{
	assert(p->modules < MODULES_MAX);
	p->module[p->modules++] = to;
	return image_add_copy(p, to, 0, module->data, module->bytes)
		       ? NULL
		       : IMAGE_TOO_LARGE("the module");
}

const char *image_place(const struct image *im, const struct file *module, unsigned modules,
			uint64_t memory, struct image_plan *p)
{
	p->memory = memory;
	if (im->bzimage)
		return bzimage_place(&im->file, modules ? module : NULL, p);
	for (unsigned i = 0; i < im->elf.segments; i++) {
		const struct elf_segment *s = &im->elf.segment[i];

		if (s->type != PT_LOAD || image_in_window(im, s->vaddr))
			continue;
		if (!image_add_copy(p, GPA(s->paddr), s->memsz, im->elf.data + s->offset,
				    s->filesz))
			return IMAGE_TOO_LARGE("a segment");
	}
	if (image_is_for_pc(im))
		return pc_place_modules(p, module, modules);
	return modules ? image_place_module(p, module, GPA(ALIGN_UP(p->end, PAGE_SIZE))) : NULL;
}
