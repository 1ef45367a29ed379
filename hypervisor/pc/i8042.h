/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An Intel 8042 keyboard controller with an AT keyboard, and a mouse that nobody moves; IBM PS/2
 * technical reference, 1990.
 * Scan codes are of set 2, which the controller translates to set 1 unless its guest turns that
 * off. */
#pragma once

#include "lib/types.h"

struct bus;

#define KEY_QUEUE 64

struct i8042 {
	uint8_t config; /* command byte */
	uint8_t output_port;
	uint8_t pending; /* command that waits for its data byte, to the controller */
	uint8_t keyboard_pending;
	uint8_t queue[KEY_QUEUE];
	uint64_t from_mouse; /* of the queue's bytes, as bits */
	unsigned head, used;
	bool scanning, last_was_command;
	uint8_t set;	/* of scan codes: 1 or 2 */
	uint8_t escape; /* of a terminal's sequence: 0, 1 after ESC, 2 after ESC [ */
	uint8_t down;	/* make code of the key that is down, or 0; 0x80 marks shift */
	bool down_extended;
	bool reset_wanted;
	struct mouse {
		uint8_t pending; /* command that waits for its data byte */
		uint8_t status, resolution, rate;
	} mouse;
	struct bus *bus;
	unsigned timer; /* until the key that is down goes up */
};

void i8042_reset(struct i8042 *k);
uint8_t i8042_read(struct i8042 *k, uint16_t port);
void i8042_write(struct i8042 *k, uint16_t port, uint8_t value);

/* A terminal's byte: the key goes down, and stays until i8042_release. */
bool i8042_ready(const struct i8042 *k); /* for another key */
void i8042_type(struct i8042 *k, uint8_t ascii);
bool i8042_key_is_down(const struct i8042 *k);
void i8042_release(struct i8042 *k);
bool i8042_irq(const struct i8042 *k);
bool i8042_mouse_irq(const struct i8042 *k);

void i8042_attach(struct i8042 *k, struct bus *b);
void i8042_update_line(struct i8042 *k); /* and the key's timer */
