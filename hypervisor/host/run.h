/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `veneer run`, and the pieces of it that the benchmark uses. */
#ifndef HOST_RUN_H
#define HOST_RUN_H

#include "machine.h"

int command_run(int argc, char **argv);

/* Exit status of `veneer run` and of machine_finish */
enum { RUN_WELL = 0, RUN_NOT_WELL = 1, RUN_USAGE = 2, RUN_TIMEOUT = 3 };

#endif
