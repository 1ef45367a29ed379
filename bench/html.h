/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.html: a self-contained page from a template, with charts drawn by gnuplot. */
#pragma once

#include "model.h"
#include "results.h"

#define HTML_TEMPLATE "page.html" /* beside veneer.elf */

/* linux_rows may be NULL. 0, or -1 with a line on stderr. */
int html_write(const struct results *rtos, const struct results *linux_rows,
	       const struct costs *costs, const char *path);
