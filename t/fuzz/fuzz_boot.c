// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer target: arbitrary bytes as a bundle, a configuration and a guest's ELF file. `make
 * fuzz`. */
#include "load/bundle.h"
#include "load/config.h"
#include "load/elf.h"

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
	return 0;
}
