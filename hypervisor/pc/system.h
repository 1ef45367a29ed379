/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two ports that stop a PC: the PS/2's system control port A (0x92: bit 0 resets, A20 is on), and
 * QEMU's isa-debug-exit (0xf4: what is written is the exit code). */
#pragma once

struct bus;

void system_attach(struct bus *b);
