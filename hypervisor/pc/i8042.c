// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/i8042.h"

#include "pc/bus.h"

#define IRQ		   1
#define MOUSE_IRQ	   12
#define KEY_DOWN_NS	   100000000 /* how long a typed key stays down */
#define STATUS_OUTPUT_FULL 0x01
#define STATUS_SYSTEM	   0x04
#define STATUS_COMMAND	   0x08
#define STATUS_UNLOCKED	   0x10
#define STATUS_MOUSE	   0x20
#define CONFIG_IRQ1	   0x01
#define CONFIG_IRQ12	   0x02
#define CONFIG_SYSTEM	   0x04
#define CONFIG_DISABLED	   0x10
#define CONFIG_NO_MOUSE	   0x20
#define CONFIG_TRANSLATE   0x40
#define LEFT_SHIFT	   0x2a
#define KEY_ACK		   0xfa
#define KEY_RESEND	   0xfe

/* Of the mouse: its status, counts for each millimetre, reports a second */
#define MOUSE_REMOTE  0x40
#define MOUSE_ENABLED 0x20
#define MOUSE_DOUBLED 0x10

static const struct mouse mouse_at_reset = { .resolution = 2, .rate = 100 };

void i8042_reset(struct i8042 *k)
{
	*k = (struct i8042){
		.config = CONFIG_IRQ1 | CONFIG_SYSTEM | CONFIG_NO_MOUSE | CONFIG_TRANSLATE,
		.output_port = 3, /* no reset, A20 on */
		.scanning = true,
		.set = 2,
		.mouse = mouse_at_reset,
		.bus = k->bus,
		.timer = k->timer,
	};
}

static void put(struct i8042 *k, uint8_t byte, bool mouse)
{
	unsigned at = (k->head + k->used) % KEY_QUEUE;

	if (k->used == KEY_QUEUE)
		return;
	k->queue[at] = byte;
	k->from_mouse = (k->from_mouse & ~(1ull << at)) | (uint64_t)mouse << at;
	k->used++;
}

static void queue(struct i8042 *k, uint8_t byte)
{
	put(k, byte, false);
}

static void queue_mouse(struct i8042 *k, uint8_t byte)
{
	put(k, byte, true);
}

/* The next byte is the mouse's. */
static bool is_mouse(const struct i8042 *k)
{
	return k->used && (k->from_mouse >> k->head & 1);
}

bool i8042_ready(const struct i8042 *k)
{
	return k->used + 8 <= KEY_QUEUE && !k->down;
}

bool i8042_key_is_down(const struct i8042 *k)
{
	return k->down;
}

bool i8042_irq(const struct i8042 *k)
{
	return k->used && !is_mouse(k) && (k->config & CONFIG_IRQ1) &&
	       !(k->config & CONFIG_DISABLED);
}

bool i8042_mouse_irq(const struct i8042 *k)
{
	return is_mouse(k) && (k->config & CONFIG_IRQ12) && !(k->config & CONFIG_NO_MOUSE);
}

/* Set 1 make codes by ASCII; 0x80 marks shift. US layout. */
static uint8_t make_code(uint8_t c)
{
	static const char plain[] =
		"\0\0331234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
	static const char shifted[] =
		"\0\0!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0\0\0\0";

	if (c == '\n')
		c = '\r';
	if (c == 0x7f)
		c = '\b';
	for (unsigned i = 1; c && i < sizeof(plain) - 1; i++) {
		if ((uint8_t)plain[i] == c)
			return (uint8_t)i;
		if ((uint8_t)shifted[i] == c)
			return (uint8_t)(i | 0x80);
	}
	return 0;
}

/* By codes of set 1 */
static const uint8_t set_2[0x59] = {
	0x00, 0x76, 0x16, 0x1e, 0x26, 0x25,	     0x2e,	    0x36,	   0x3d,
	0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66,	     0x0d,	    0x15,	   0x1d,
	0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43,	     0x44,	    0x4d,	   0x54,
	0x5b, 0x5a, 0x14, 0x1c, 0x1b, 0x23,	     0x2b,	    0x34,	   0x33,
	0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e,	     0x12,	    0x5d,	   0x1a,
	0x22, 0x21, 0x2a, 0x32, 0x31, 0x3a,	     0x41,	    0x49,	   0x4a,
	0x59, 0x7c, 0x11, 0x29, 0x58, [0x48] = 0x75, [0x4b] = 0x6b, [0x4d] = 0x74, [0x50] = 0x72,
};

static void scan(struct i8042 *k, uint8_t code, bool up)
{
	bool set_1 = (k->config & CONFIG_TRANSLATE) || k->set == 1;

	if (up && !set_1)
		queue(k, 0xf0);
	queue(k, set_1 ? (uint8_t)(code | (up ? 0x80 : 0)) : set_2[code % sizeof(set_2)]);
}

static void press(struct i8042 *k, uint8_t code, bool extended)
{
	i8042_release(k);
	k->down = code;
	k->down_extended = extended;
	if (code & 0x80)
		scan(k, LEFT_SHIFT, false);
	if (extended)
		queue(k, 0xe0);
	scan(k, code & 0x7f, false);
}

void i8042_release(struct i8042 *k)
{
	if (!k->down)
		return;
	if (k->down_extended)
		queue(k, 0xe0);
	scan(k, k->down & 0x7f, true);
	if (k->down & 0x80)
		scan(k, LEFT_SHIFT, true);
	k->down = 0;
}

/* ESC [ A to D are the arrow keys: up, down, right, left. */
static bool arrow(struct i8042 *k, uint8_t c)
{
	static const uint8_t code[] = { 0x48, 0x50, 0x4d, 0x4b };

	if (k->escape == 2) {
		k->escape = 0;
		if (c >= 'A' && c <= 'D')
			press(k, code[c - 'A'], true);
		return true;
	}
	if (k->escape == 1) {
		k->escape = 0;
		if (c == '[' || c == 'O') {
			k->escape = 2;
			return true;
		}
		press(k, 1, false); /* it was the Esc key */
	}
	if (c == 0x1b) {
		k->escape = 1;
		return true;
	}
	return false;
}

void i8042_type(struct i8042 *k, uint8_t c)
{
	if (!k->scanning || (k->config & CONFIG_DISABLED) || arrow(k, c))
		return;
	uint8_t code = make_code(c);
	if (code)
		press(k, code, false);
}

uint8_t i8042_read(struct i8042 *k, uint16_t port)
{
	if (port == 0x64)
		return (k->used ? STATUS_OUTPUT_FULL : 0) | (k->config & CONFIG_SYSTEM) |
		       (is_mouse(k) ? STATUS_MOUSE : 0) |
		       (k->last_was_command ? STATUS_COMMAND : 0) | STATUS_UNLOCKED;
	if (!k->used)
		return 0;
	uint8_t byte = k->queue[k->head];
	k->head = (k->head + 1) % KEY_QUEUE;
	k->used--;
	return byte;
}

static void controller_command(struct i8042 *k, uint8_t v)
{
	k->pending = 0;
	switch (v) {
	case 0x20: queue(k, k->config); break;
	case 0x60:
	case 0xd1 ... 0xd4: k->pending = v; break;
	case 0xa7: k->config |= CONFIG_NO_MOUSE; break;
	case 0xa8: k->config &= ~CONFIG_NO_MOUSE; break;
	case 0xa9: queue(k, 0); break;
	case 0xaa:
		k->config |= CONFIG_SYSTEM;
		queue(k, 0x55);
		break;
	case 0xab: queue(k, 0); break;
	case 0xad: k->config |= CONFIG_DISABLED; break;
	case 0xae: k->config &= ~CONFIG_DISABLED; break;
	case 0xd0: queue(k, k->output_port | (k->used ? 0x10 : 0)); break;
	case 0xf0 ... 0xff: k->reset_wanted |= !(v & 1); break; /* pulse the output port's bits */
	default: break;
	}
}

static void keyboard_command(struct i8042 *k, uint8_t v)
{
	if (k->keyboard_pending) {
		uint8_t command = k->keyboard_pending;

		k->keyboard_pending = 0;
		queue(k, KEY_ACK);
		if (command == 0xf0 && !v)
			queue(k, k->set);
		else if (command == 0xf0 && v < 3)
			k->set = v;
		return;
	}
	switch (v) {
	case 0xed: /* LEDs */
	case 0xf0: /* scan code set */
	case 0xf3: /* typing rate */
		k->keyboard_pending = v;
		queue(k, KEY_ACK);
		break;
	case 0xee: queue(k, 0xee); break;
	case 0xf2:
		queue(k, KEY_ACK);
		queue(k, 0xab);
		queue(k, k->config & CONFIG_TRANSLATE ? 0x41 : 0x83);
		break;
	case 0xf4:
	case 0xf5:
	case 0xf6:
		k->scanning = v != 0xf5;
		k->set = v == 0xf4 ? k->set : 2;
		queue(k, KEY_ACK);
		break;
	case 0xff:
		k->scanning = true;
		k->set = 2;
		k->used = 0;
		queue(k, KEY_ACK);
		queue(k, 0xaa);
		break;
	default: queue(k, KEY_RESEND);
	}
}

static void mouse_argument(struct i8042 *k, uint8_t v)
{
	if (k->mouse.pending == 0xe8)
		k->mouse.resolution = v;
	else
		k->mouse.rate = v;
	k->mouse.pending = 0;
	queue_mouse(k, KEY_ACK);
}

/* What follows the acknowledgement. */
static void mouse_answer(struct i8042 *k, uint8_t v)
{
	struct mouse *m = &k->mouse;

	switch (v) {
	case 0xe9:
		queue_mouse(k, m->status);
		queue_mouse(k, m->resolution);
		queue_mouse(k, m->rate);
		break;
	case 0xeb: /* no button is down, and nothing has moved */
		queue_mouse(k, 0x08);
		queue_mouse(k, 0);
		queue_mouse(k, 0);
		break;
	case 0xf2: queue_mouse(k, 0); break;
	case 0xff:
		queue_mouse(k, 0xaa);
		queue_mouse(k, 0);
		break;
	default: break;
	}
}

static void mouse_command(struct i8042 *k, uint8_t v)
{
	struct mouse *m = &k->mouse;

	if (m->pending) {
		mouse_argument(k, v);
		return;
	}
	switch (v) {
	case 0xe6: m->status &= ~MOUSE_DOUBLED; break;
	case 0xe7: m->status |= MOUSE_DOUBLED; break;
	case 0xe8:
	case 0xf3: m->pending = v; break;
	case 0xea: m->status &= ~MOUSE_REMOTE; break;
	case 0xf0: m->status |= MOUSE_REMOTE; break;
	case 0xf4: m->status |= MOUSE_ENABLED; break;
	case 0xf5: m->status &= ~MOUSE_ENABLED; break;
	case 0xf6:
	case 0xff: *m = mouse_at_reset; break;
	case 0xe9:
	case 0xeb:
	case 0xf2: break;
	default: queue_mouse(k, KEY_RESEND); return;
	}
	queue_mouse(k, KEY_ACK);
	mouse_answer(k, v);
}

void i8042_write(struct i8042 *k, uint16_t port, uint8_t v)
{
	k->last_was_command = port == 0x64;
	if (port == 0x64) {
		controller_command(k, v);
		return;
	}
	switch (k->pending) {
	case 0x60: k->config = v & 0x7f; break;
	case 0xd1:
		k->output_port = v;
		k->reset_wanted |= !(v & 1);
		break;
	case 0xd2: queue(k, v); break;
	case 0xd3: queue_mouse(k, v); break;
	case 0xd4: mouse_command(k, v); break;
	default: keyboard_command(k, v);
	}
	k->pending = 0;
}

void i8042_update_line(struct i8042 *k)
{
	struct bus *b = k->bus;

	b->owner->set_line(b, IRQ, i8042_irq(k));
	b->owner->set_line(b, MOUSE_IRQ, i8042_mouse_irq(k));
	if (k->down && b->timer[k->timer].at == BUS_NEVER)
		bus_set_timer(b, k->timer, b->owner->now(b) + KEY_DOWN_NS);
}

static uint64_t in(void *device, struct bus_access a)
{
	struct i8042 *k = device;
	struct bus *b = k->bus;
	uint8_t v = i8042_read(k, (uint16_t)a.at);

	if (a.at == 0x60) { /* each remaining byte raises its own edge */
		b->owner->set_line(b, IRQ, false);
		b->owner->set_line(b, MOUSE_IRQ, false);
		b->owner->input(b);
	}
	return v;
}

static void out(void *device, struct bus_access a, uint64_t value)
{
	struct i8042 *k = device;

	i8042_write(k, (uint16_t)a.at, (uint8_t)value);
	if (k->reset_wanted)
		k->bus->owner->restart(k->bus);
	i8042_update_line(k);
}

static void key_up(void *device)
{
	struct i8042 *k = device;

	i8042_release(k);
	k->bus->owner->input(k->bus);
}

static void reset(void *device)
{
	i8042_reset(device);
}

void i8042_attach(struct i8042 *k, struct bus *b)
{
	static const struct bus_functions functions = { in, out, 1 };

	k->bus = b;
	bus_add_ports(b, 0x60, 1, &functions, k);
	bus_add_ports(b, 0x64, 1, &functions, k);
	bus_add_line(b, IRQ);
	bus_add_line(b, MOUSE_IRQ);
	k->timer = bus_add_timer(b, key_up, k);
	bus_add_reset(b, reset, k);
}
