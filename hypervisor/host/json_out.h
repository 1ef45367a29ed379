/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What jansson does not decide of the JSON that the tools write: texts that are not UTF-8, how many
 * digits a number has, and where lines end. */
#ifndef HOST_JSON_OUT_H
#define HOST_JSON_OUT_H

#include <jansson.h>
#include <stdio.h>

/* A file's name may hold any bytes: U+FFFD stands for each that is not of UTF-8. */
json_t *json_text(const char *text);

/* value to so many significant digits; an integer if it is one. */
json_t *json_number(double value, int digits);

/* An object, each of its members and each entry of its arrays on a line of its own, so that a diff
 * shows what has changed. It is given back. 0, or -1: it is NULL, or the file cannot be written. */
int json_write(json_t *object, FILE *to);

/* The same to a file. 0, or -1 with errno. */
int json_write_file(json_t *object, const char *path);

#endif
