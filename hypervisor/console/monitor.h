/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Console input: to the selected guest, or, after Ctrl-A, to the hypervisor. */
#pragma once

#include "lib/types.h"

void monitor_input(uint8_t byte);
