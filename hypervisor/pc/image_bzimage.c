// SPDX-License-Identifier: GPL-2.0-or-later
/* A Linux kernel (bzImage), or another program with its boot protocol (memtest86+): the 32-bit
 * entry, Documentation/arch/x86/boot.rst in the kernel's source. */
#include <asm/bootparam.h>

#include "lib/string.h"
#include "load/image.h"

#define HEADER_AT	offsetof(struct boot_params, hdr) /* in the file too */
#define SIGNATURE	0x53726448			  /* "HdrS" */
#define OLDEST		0x0206				  /* the first with cmdline_size */
#define WITH_PREFERENCE 0x020a
#define SECTOR		512

bool bzimage_is(const struct file *file)
{
	struct setup_header h;

	if (file->bytes < HEADER_AT + sizeof(h))
		return false;
	memcpy(&h, file->data + HEADER_AT, sizeof(h));
	return h.boot_flag == 0xaa55 && h.header == SIGNATURE;
}

bool bzimage_is_64(const struct file *file)
{
	struct setup_header h;

	memcpy(&h, file->data + HEADER_AT, sizeof(h));
	return h.xloadflags & XLF_KERNEL_64;
}

/* Its load address, and the memory it needs while it decompresses itself. */
static const char *place_kernel(const struct file *kernel, const struct setup_header *h,
				struct image_plan *p)
{
	uint64_t setup = ((h->setup_sects ? h->setup_sects : 4) + 1ull) * SECTOR, room;
	uint64_t entry = h->code32_start;

	if (h->version < OLDEST || !(h->loadflags & LOADED_HIGH))
		return "a kernel older than boot protocol 2.06";
	if (setup >= kernel->bytes)
		return "a kernel whose file is cut off";
	room = kernel->bytes - setup;
	if (h->version >= WITH_PREFERENCE) {
		if (h->relocatable_kernel)
			entry = h->pref_address;
		room = MAX(room, h->init_size);
	}
	p->entry = GPA(entry);
	if (entry < MIB(1))
		return "the kernel's load address is below 1 MiB";
	if (!image_add_copy(p, p->entry, room, kernel->data + setup, kernel->bytes - setup))
		return IMAGE_TOO_LARGE("the kernel");
	return NULL;
}

/* The initrd is as high as allowed: the kernel grows upwards. */
const char *bzimage_place(const struct file *kernel, const struct file *module,
			  struct image_plan *p)
{
	struct setup_header h;

	memcpy(&h, kernel->data + HEADER_AT, sizeof(h));
	const char *why = place_kernel(kernel, &h, p);
	uint64_t bytes = module ? module->bytes : 0, top = MIN(p->memory, h.initrd_addr_max + 1ull);
	if (why || !bytes)
		return why;
	if (bytes > top || ALIGN_DOWN(top - bytes, PAGE_SIZE) < p->entry.v + h.init_size)
		return IMAGE_TOO_LARGE("the module");
	return image_place_module(p, module, GPA(ALIGN_DOWN(top - bytes, PAGE_SIZE)));
}
