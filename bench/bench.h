/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `veneer bench`: the RTOS's measurements, native and in each preparation, in one run. */
#ifndef BENCH_H
#define BENCH_H

int command_bench(int argc, char **argv);

#endif
