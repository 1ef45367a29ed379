/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor: what follows Ctrl-A on the console. Ctrl-A h prints the list; a digit chooses the
 * guest that gets the input; ':' takes a command line, for people and for scripts.
 */
#ifndef VENEER_MONITOR_H
#define VENEER_MONITOR_H

#include <stdint.h>

void monitor_input(uint8_t byte);

#endif
