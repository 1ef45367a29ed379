/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `veneer bench`: measures the RTOS, and Linux, in every configuration. */
#pragma once

int command_bench(int argc, char **argv);
