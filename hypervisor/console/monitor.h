/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is typed goes to the guest that was chosen with Ctrl-A, and commands to the hypervisor. */
#ifndef VENEER_MONITOR_H
#define VENEER_MONITOR_H

#include "lib/types.h"

void monitor_input(uint8_t byte);

#endif
