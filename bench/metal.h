/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measurements on a real machine, in cycles of its time-stamp counter: an ISO with an entry for
 * each configuration, and the log of the first serial port while they run. linux_rows is NULL
 * without Linux.
 */
#pragma once

#include "results.h"

/* 0, or -1 with a line on stderr. */
int metal_iso(const struct results *rtos, const struct results *linux_rows, const char *path);

/* Called before measuring: checks that the file is such a log. Returns 0, or -1 with a line on
 * stderr. */
int metal_check(const char *path);

/* If a configuration was booted twice, the last run counts; an incomplete run is ignored, with a
 * line on stderr. Returns 0, or -1 with a line if the log has no measurement. */
int metal_log(struct results *rtos, struct results *linux_rows, const char *path);
