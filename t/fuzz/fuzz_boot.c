// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer target: arbitrary bytes as a bundle, a configuration and a guest's image. `make
 * fuzz`. */
#include "load/bundle.h"
#include "load/config.h"
#include "load/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *arg, unsigned line, const char *message)
{
	(void)arg;
	(void)line;
	(void)message;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	struct elf_image image;
	struct file file;

	bundle_find(data, size, "veneer.conf", &file);
	config_read(&config, (const char *)data, size, ignore, NULL);
	if (!elf_read(data, size, &image)) {
		elf_note(&image, "Veneer", 1, 4);
		elf_multiboot(&image);
	}
	struct image kernel = { .file = { data, size } };
	const struct elf_segment *s = &kernel.elf.segment[0];
	if (!multiboot_read(&kernel) && s->filesz && !kernel.elf.data[s->offset + s->filesz - 1])
		multiboot_check(&kernel);
	return 0;
}
