/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `veneer bench`: measures the RTOS, and Linux, in every configuration. */
#ifndef BENCH_H
#define BENCH_H

int command_bench(int argc, char **argv);

#endif
