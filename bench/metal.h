/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare machine, in cycles of its time-stamp counter: an ISO with an entry for each
 * configuration, and the record of the first serial line while they run. Without Linux, linux_rows
 * is NULL.
 */
#ifndef BENCH_METAL_H
#define BENCH_METAL_H

#include "results.h"

/* 0, or -1 with a line on stderr. */
int metal_iso(const struct results *rtos, const struct results *linux_rows, const char *path);

/* Before anything is measured: whether that is such a record. 0, or -1 with a line on stderr. */
int metal_check(const char *path);

/* A configuration that was booted twice counts as it was the last time; one that did not come to
 * its end is left out, with a line on stderr. 0, or -1 with a line, when nothing is in the record.
 */
int metal_log(struct results *rtos, struct results *linux_rows, const char *path);

#endif
