/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON output by jansson, with strings that are not UTF-8, a number of digits, and line breaks. */
#pragma once

#include <jansson.h>
#include <stdio.h>

/* Accepts any bytes, as in file names: each that is not UTF-8 becomes U+FFFD. */
json_t *json_text(const char *text);

/* value with that many significant digits; an integer if it is one. */
json_t *json_number(double value, int digits);

/* Writes object with each member, and each entry of its arrays, on its own line, which keeps diffs
 * short. Releases object. Returns 0, or -1 if object is NULL or writing fails. */
int json_write(json_t *object, FILE *to);

/* The same to a file. Returns NULL, or an error message. */
const char *json_write_file(json_t *object, const char *path);
