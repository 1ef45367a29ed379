/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two results.json side by side. */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#define RESULTS_VERSION 1 /* of the shape of results.json */

/* Before anything is measured: 0, or -1 with a line on stderr. */
int compare_check(const char *path);

/* Prints what differs of instructions and exits. 0; 1 when a row of the new file is worse by more
 * than `percent` (and more than two instructions, or a hundredth of an exit); -1 with a line on
 * stderr when a file cannot be read. */
int compare_results(const char *old_path, const char *new_path, double percent);

#endif
