/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two results.json side by side. */
#pragma once

#define RESULTS_VERSION 1 /* of the format of results.json */

/* Called before measuring. Returns 0, or -1 with a line on stderr. */
int compare_check(const char *path);

/* Prints differences in instructions and exits. Returns 0; 1 when a row of the new file is worse by
 * more than `percent` (and by more than two instructions, or 0.2 exits); -1 with a line on stderr
 * when a file cannot be read. */
int compare_results(const char *old_path, const char *new_path, double percent);
