/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts of the report: descriptions of operations, and a summary generated from the data. */
#ifndef BENCH_WORDS_H
#define BENCH_WORDS_H

#include <stdio.h>

#include "model.h"
#include "results.h"

const char *words_of_op(const char *guest, const char *op);
void words_write(FILE *f, const struct results *rtos, const struct results *linux_rows,
		 const struct costs *costs);

#endif
