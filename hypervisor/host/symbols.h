/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbols of code, by address: functions of an ELF file and labels of its assembly, or a map as nm
 * prints it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
	uint64_t address, bytes; /* bytes 0: unknown */
	char *name;
	unsigned long instructions; /* the caller's */
};

struct symbols {
	struct symbol *symbol;
	size_t count;
};

/* Of an ELF file, or if allowed of a map. Characters of names that a terminal would not show are
 * replaced. Returns NULL, or why there are none. */
const char *symbols_read(struct symbols *s, const char *path, bool maps);
void symbols_free(struct symbols *s);

/* The last one that begins at that address or below, and reaches it if it has a size; NULL: none.
 */
struct symbol *symbols_at(const struct symbols *s, uint64_t address);
