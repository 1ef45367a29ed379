// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/bundle.h"

#include "lib/string.h"

#define HEADER_BYTES 110 /* magic and 13 fields of 8 hexadecimal digits */
enum { FIELD_FILESIZE = 6, FIELD_NAMESIZE = 11 };

static bool hex_field(const uint8_t *header, unsigned field, uint64_t *value)
{
	const uint8_t *s = header + 6 + field * 8;

	*value = 0;
	for (unsigned i = 0; i < 8; i++) {
		unsigned c = s[i] | 0x20; /* letters to lower case, digits stay */

		if (c >= '0' && c <= '9')
			c -= '0';
		else if (c >= 'a' && c <= 'f')
			c -= 'a' - 10;
		else
			return false;
		*value = *value << 4 | c;
	}
	return true;
}

static bool same_name(const uint8_t *at, uint64_t size, const char *name)
{
	if (name[0] == '.' && name[1] == '/')
		name += 2;
	if (size > 2 && at[0] == '.' && at[1] == '/')
		at += 2, size -= 2;
	return size == strlen(name) + 1 && !memcmp(at, name, size);
}

/* Reads the member at *p and advances to the next. Returns 0 if it has that name, -EAGAIN if it has
 * not and more follow. */
static int read_member(const uint8_t **p, uint64_t *bytes, const char *name, struct file *file)
{
	const uint8_t *at = *p;
	uint64_t name_bytes, file_bytes;

	if (*bytes < HEADER_BYTES || memcmp(at, "070701", 6) ||
	    !hex_field(at, FIELD_FILESIZE, &file_bytes) ||
	    !hex_field(at, FIELD_NAMESIZE, &name_bytes) || !name_bytes)
		return -EINVAL;
	uint64_t data = ALIGN_UP(HEADER_BYTES + name_bytes, 4);
	uint64_t next = ALIGN_UP(data + file_bytes, 4);
	if (data > *bytes || file_bytes > *bytes - data || at[HEADER_BYTES + name_bytes - 1])
		return -EINVAL;
	if (same_name(at + HEADER_BYTES, name_bytes, "TRAILER!!!"))
		return -ENOENT;
	if (same_name(at + HEADER_BYTES, name_bytes, name)) {
		*file = (struct file){ at + data, file_bytes };
		return 0;
	}
	if (next > *bytes)
		return -EINVAL;
	*p += next;
	*bytes -= next;
	return -EAGAIN;
}

int bundle_find(const void *bundle, uint64_t bytes, const char *name, struct file *file)
{
	const uint8_t *p = bundle;
	int err;

	do
		err = read_member(&p, &bytes, name, file);
	while (err == -EAGAIN);
	return err;
}
