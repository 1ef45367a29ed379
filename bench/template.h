/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills a template with data, with a subset of Mustache's tags:
 *   {{name}}               the string called name, with HTML's special characters escaped
 *   {{{name}}}             the string without escaping
 *   {{#name}}...{{/name}}  once for each entry of an array, whose names hide outer ones; once for
 *                          any other value; not at all for null, false, "" or a missing value
 *   {{.}}                  the entry itself
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

/* Returns the file's text, to be freed, or NULL with a line on stderr. */
char *template_read(const char *path);

/* Returns NULL, or the reason why the template is invalid. */
const char *template_write(FILE *to, const char *text, const json_t *data);
