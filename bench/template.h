/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page from a template, which holds the page's text, and data, in a few of Mustache's tags:
 *   {{name}}             the text called name, with what HTML would take for markup escaped
 *   {{{name}}}           the text as it is
 *   {{#name}}...{{/name}}  for each entry of an array, with the entry's names before those around
 *                        it; once for another value, and not at all for null, false, "" or no value
 *   {{.}}                the entry itself
 */
#ifndef BENCH_TEMPLATE_H
#define BENCH_TEMPLATE_H

#include <jansson.h>
#include <stdio.h>

/* The file's text, to be freed; or NULL with a line on stderr. */
char *template_read(const char *path);

/* NULL, or what is wrong with the template. */
const char *template_write(FILE *to, const char *text, const json_t *data);

#endif
