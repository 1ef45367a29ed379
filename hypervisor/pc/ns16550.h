/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A National Semiconductor PC16550D UART with its FIFOs. */
#pragma once

#include "lib/types.h"

struct bus;

#define UART_FIFO 16

struct uart {
	uint8_t ier, lcr, mcr, scratch, fcr;
	uint8_t errors; /* LSR overrun */
	uint16_t divisor;
	uint8_t fifo[UART_FIFO];
	unsigned head, used;
	bool thre_pending; /* the transmitter-empty interrupt has not been seen yet */
	bool in_use;	   /* the guest has set it up */
	unsigned polls;	   /* of the line status since the last write */
	bool full;	   /* the transmitter: what is written to it is lost */
	bool (*transmit)(void *arg, uint8_t byte); /* false: it is full for now */
	void *arg;
	struct bus *bus;
};

void uart_reset(struct uart *u);
uint8_t uart_read(struct uart *u, unsigned reg);
void uart_write(struct uart *u, unsigned reg, uint8_t value);
bool uart_room(const struct uart *u);
void uart_receive(struct uart *u, uint8_t byte);
void uart_transmitted(struct uart *u); /* it is full no longer */
bool uart_irq(const struct uart *u);   /* level of its line */

void uart_attach(struct uart *u, struct bus *b);
void uart_update_line(struct uart *u);
