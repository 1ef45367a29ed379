/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts of the report: descriptions of operations, and a summary generated from the data. */
#pragma once

#include <jansson.h>

#include "model.h"
#include "results.h"

const char *words_of_op(const char *guest, const char *op);

/* Add to an array a sentence's parts for each pair of configurations: intro, rows, less, more,
 * even, least, most. In instructions, and in the cycles of each processor of the model. linux_rows
 * may be NULL. */
void words_instructions(json_t *to, const struct results *rtos, const struct results *linux_rows);
void words_cycles(json_t *to, const struct results *rtos, const struct results *linux_rows,
		  const struct costs *costs);
