// SPDX-License-Identifier: GPL-2.0-or-later
#include "json_out.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

#define FLAGS (JSON_ENCODE_ANY | JSON_REAL_PRECISION(10))

/* Length of the first character of text in bytes; 0 if it is not UTF-8. */
static size_t character_bytes(const char *text)
{
	for (size_t n = 1; n <= strnlen(text, 4); n++) {
		json_t *character = json_stringn(text, n);

		json_decref(character);
		if (character)
			return n;
	}
	return 0;
}

json_t *json_text(const char *text)
{
	json_t *all = json_string(text);
	char *mended = all ? NULL : malloc(3 * strlen(text) + 1), *to = mended;

	if (!mended)
		return all;
	while (*text) {
		size_t n = character_bytes(text);

		memcpy(to, n ? text : "\xef\xbf\xbd", n ? n : 3);
		to += n ? n : 3;
		text += n ? n : 1;
	}
	all = json_stringn(mended, (size_t)(to - mended));
	free(mended);
	return all;
}

json_t *json_number(double value, int digits)
{
	char text[40];

	snprintf(text, sizeof(text), "%.*g", digits, value);
	value = strtod(text, NULL);
	return value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value)
							   : json_real(value);
}

static int write_array(const json_t *array, FILE *to)
{
	const json_t *entry;
	size_t i;

	fputc('[', to);
	json_array_foreach(array, i, entry)
	{
		fputs(i ? ",\n  " : "\n  ", to);
		if (json_dumpf(entry, to, FLAGS))
			return -1;
	}
	fputs("\n ]", to);
	return 0;
}

static int write_members(json_t *object, FILE *to)
{
	const char *key, *between = "{";
	json_t *value;

	json_object_foreach(object, key, value)
	{
		json_t *name = json_string(key);

		fputs(between, to);
		between = ",\n ";
		int err = json_dumpf(name, to, FLAGS) || fputs(": ", to) == EOF ||
			  (json_is_array(value) ? write_array(value, to)
						: json_dumpf(value, to, FLAGS));
		json_decref(name);
		if (err)
			return -1;
	}
	fputs("}\n", to);
	return ferror(to) ? -1 : 0;
}

int json_write(json_t *object, FILE *to)
{
	int err = object ? write_members(object, to) : -1;

	json_decref(object);
	return err;
}

const char *json_write_file(json_t *object, const char *path)
{
	const char *why;
	FILE *f = file_create(path, &why);

	if (!f) {
		json_decref(object);
		return why;
	}
	int err = json_write(object, f);
	return fclose(f) || err ? strerror(errno) : NULL;
}
