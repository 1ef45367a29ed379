/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The legacy PC of a guest that thinks it has one: ports, the devices behind them, and their
 * timers. The devices are plain state machines with time handed in, so that tests run them on the
 * host.
 */
#ifndef VENEER_PLATFORM_H
#define VENEER_PLATFORM_H

#include "lib/types.h"

struct guest;
struct platform;

#define PLATFORM_DEVICES_AT 0xfec00000ul /* of the APICs, in memory; RAM ends below */
#define PLATFORM_ROWS	    25
#define PLATFORM_COLUMNS    80

#define PLATFORM_LOW_BYTES  (639 << 10) /* RAM below the BIOS's data and the screen */

uint64_t platform_bytes(unsigned vcpus);
void platform_reset(struct platform *p, struct guest *g);
/* On that vCPU's own CPU: no more timers; and before its start, as INIT leaves it. */
void platform_park(struct platform *p, unsigned vcpu);
void platform_init(struct platform *p, unsigned vcpu);

/* width is 1, 2 or 4 bytes. What nobody answers reads as all ones. */
uint32_t platform_in(struct platform *p, uint16_t port, unsigned width);
void platform_out(struct platform *p, uint16_t port, unsigned width, uint32_t value);

/* Devices whose registers lie in memory: the local APIC of that vCPU, the I/O APIC. Only in a
 * virtual machine; elsewhere there are none. */
uint64_t platform_mmio_read(struct platform *p, unsigned vcpu, uint64_t at, unsigned width);
void platform_mmio_write(struct platform *p, unsigned vcpu, uint64_t at, uint64_t value,
			 unsigned width);

/* Whether that vCPU has an interrupt to take, and the acknowledge cycle that returns the vector, or
 * -1: somebody else was faster. */
bool platform_interrupt_pending(const struct platform *p, unsigned vcpu);
int platform_interrupt_acknowledge(struct platform *p, unsigned vcpu);

/* On vCPU 0's CPU, when console input has arrived for the guest (to its serial port if it uses one,
 * else as keys), or when another vCPU has set a device's timer. */
void platform_input(struct platform *p);

/* On vCPU 0's CPU: the console has room for what the serial port sends. */
void platform_room(struct platform *p);

/* One row of the text screen: cells as they are (blank outside the guest's memory), or 80 printable
 * characters and a NUL. */
void platform_screen_cells(const struct platform *p, unsigned row, uint16_t *cell);
void platform_screen_row(const struct platform *p, unsigned row, char *text);

#endif
