/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `veneer rewrite` and `veneer inspect`: exit status 0; 1 for a wrong file; 2 for a wrong command
 * line. */
#pragma once

int command_rewrite(int argc, char **argv);
int command_inspect(int argc, char **argv);
