// SPDX-License-Identifier: GPL-2.0-or-later
#include "template.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 32

struct scope {
	const json_t *data;
	const struct scope *outer;
};

/* A tag in the template. */
struct tag {
	char kind; /* '#', '/' or '{'; 0 for {{name}} */
	char name[NAME_MAX_BYTES];
	const char *begin, *end;
};

char *template_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	if (f && getdelim(&text, &room, 0, f) >= 0) {
		fclose(f);
		return text;
	}
	fprintf(stderr, "veneer: %s: %s\n", path, f && !ferror(f) ? "is empty" : strerror(errno));
	if (f)
		fclose(f);
	free(text);
	return NULL;
}

/* Finds the next tag in text. Returns false if there is none. */
static bool next_tag(const char *text, const char *end, struct tag *t)
{
	const char *at = strstr(text, "{{");
	int used = 0;

	if (!at || at >= end)
		return false;
	t->begin = at;
	at += 2;
	t->kind = strchr("#/{", *at) ? *at++ : 0;
	if (sscanf(at, "%31[a-z_.]%n", t->name, &used) != 1)
		used = 0;
	t->name[used] = 0;
	at += used;
	t->end = at + (t->kind == '{' ? 3 : 2);
	return used && !strncmp(at, "}}}", (size_t)(t->end - at));
}

/* Finds the tag that closes the section whose content begins at text. */
static bool find_close(const char *text, const char *end, const char *name, struct tag *close)
{
	for (unsigned depth = 1; next_tag(text, end, close); text = close->end) {
		depth += close->kind == '#';
		depth -= close->kind == '/';
		if (!depth)
			return !strcmp(close->name, name);
	}
	return false;
}

static const json_t *value_of(const struct scope *s, const char *name)
{
	const json_t *value = !strcmp(name, ".") ? s->data : NULL;

	for (; s && !value; s = s->outer)
		value = json_object_get(s->data, name);
	return value;
}

static void write_text(FILE *to, const char *text, bool escaped)
{
	for (; *text; text++)
		switch (escaped ? *text : 0) {
		case '&': fputs("&amp;", to); break;
		case '<': fputs("&lt;", to); break;
		case '>': fputs("&gt;", to); break;
		case '"': fputs("&quot;", to); break;
		case '\'': fputs("&#39;", to); break;
		default: fputc(*text, to);
		}
}

static const char *write_range(FILE *to, const char *text, const char *end,
			       const struct scope *scope);

static const char *write_section(FILE *to, const char *text, const char *end, const json_t *value,
				 const struct scope *scope)
{
	const struct scope once = { value, scope };
	const char *wrong = NULL, *string = json_string_value(value);
	const json_t *entry;
	size_t i;

	if (!value || json_is_null(value) || json_is_false(value) || (string && !*string))
		return NULL;
	if (!json_is_array(value))
		return write_range(to, text, end, &once);
	json_array_foreach(value, i, entry)
	{
		const struct scope each = { entry, scope };

		if (!wrong)
			wrong = write_range(to, text, end, &each);
	}
	return wrong;
}

static const char *fail(const char *what, const char *name)
{
	static char why[80];

	snprintf(why, sizeof(why), "%s {{%s}}", what, name);
	return why;
}

static const char *write_range(FILE *to, const char *text, const char *end,
			       const struct scope *scope)
{
	struct tag t = { 0 }, close;
	const char *wrong = NULL;

	for (; !wrong && next_tag(text, end, &t); text = t.end) {
		const json_t *value = value_of(scope, t.name);

		fwrite(text, 1, (size_t)(t.begin - text), to);
		if (t.kind == '#') {
			if (!find_close(t.end, end, t.name, &close))
				return fail("no closing tag for", t.name);
			wrong = write_section(to, t.end, close.begin, value, scope);
			t.end = close.end;
		} else if (t.kind == '/' || !json_is_string(value)) {
			return fail(t.kind ? "no opening tag for" : "no string named", t.name);
		} else {
			write_text(to, json_string_value(value), !t.kind);
		}
	}
	if (!wrong)
		fwrite(text, 1, (size_t)(end - text), to);
	return wrong;
}

const char *template_write(FILE *to, const char *text, const json_t *data)
{
	const struct scope scope = { data, NULL };

	return write_range(to, text, text + strlen(text), &scope);
}
