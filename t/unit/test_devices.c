// SPDX-License-Identifier: GPL-2.0-or-later
/* The legacy PC's devices against their data sheets, and with random accesses. */
#include "pc/i8042.h"
#include "pc/hpet.h"
#include "pc/i8254.h"
#include "pc/i8259.h"
#include "pc/ioapic.h"
#include "pc/lapic.h"
#include "pc/ns16550.h"
#include "pc/pci.h"
#include "pc/rtc.h"
#include "pc/vga.h"
#include "tap.h"

static uint8_t pic_in(struct pic *p, uint16_t port)
{
	return (uint8_t)pic_read(p, (struct bus_access){ .at = port, .width = 1 });
}

static void pic_out(struct pic *p, uint16_t port, uint8_t value)
{
	pic_write(p, (struct bus_access){ .at = port, .width = 1 }, value);
}

static void init_pic(struct pic *p)
{
	pic_reset(p);
	pic_out(p, 0x20, 0x11);
	pic_out(p, 0x21, 0x20);
	pic_out(p, 0x21, 4);
	pic_out(p, 0x21, 1);
	pic_out(p, 0xa0, 0x11);
	pic_out(p, 0xa1, 0x28);
	pic_out(p, 0xa1, 2);
	pic_out(p, 0xa1, 1);
}

static void pulse(struct pic *p, unsigned irq)
{
	pic_set_line(p, irq, false);
	pic_set_line(p, irq, true);
}

static void test_pic(void)
{
	struct pic p;

	init_pic(&p);
	pulse(&p, 3);
	pulse(&p, 1);
	ok(p.intr && pic_acknowledge(&p) == 0x21, "8259: the lower number comes first");
	ok(!p.intr, "8259: a lower one waits while a higher is served");
	pic_out(&p, 0x20, 0x20);
	ok(p.intr && pic_acknowledge(&p) == 0x23, "8259: after the EOI it comes");
	pulse(&p, 0);
	ok(p.intr && pic_acknowledge(&p) == 0x20, "8259: a higher one interrupts it");
	pic_out(&p, 0x20, 0x0b);
	is(pic_in(&p, 0x20), 0x09, "8259: the in-service register shows both");
	pic_out(&p, 0x20, 0x60 | 3);
	pic_out(&p, 0x20, 0x60);
	is(pic_in(&p, 0x20), 0, "8259: specific EOIs end each");
	pulse(&p, 12);
	is(pic_acknowledge(&p), 0x2c, "8259: the slave's come through IRQ 2");
	pic_out(&p, 0x20, 0x0b);
	is(pic_in(&p, 0x20), 4, "8259: and the master serves IRQ 2 meanwhile");
	pic_out(&p, 0xa0, 0x20);
	pic_out(&p, 0x20, 0x20);
	pic_out(&p, 0x21, 0xff);
	pulse(&p, 5);
	ok(!p.intr, "8259: masked ones wait");
	pic_out(&p, 0x20, 0x0a);
	ok(pic_in(&p, 0x20) == 0x20 && pic_in(&p, 0x21) == 0xff, "8259: in the request register");
	pic_set_line(&p, 5, false);
	pic_out(&p, 0x21, 0);
	ok(!p.intr && pic_acknowledge(&p) == 0x27,
	   "8259: one that went away leaves a spurious IRQ 7");
	init_pic(&p);
	pic_out(&p, 0x20, 0xc0 | 2); /* lowest is 2: 3 is the highest */
	pulse(&p, 0);
	pulse(&p, 3);
	is(pic_acknowledge(&p), 0x23, "8259: priorities rotate");
	init_pic(&p);
	pic_out(&p, 0x4d0, 0x20);
	pic_set_line(&p, 5, true);
	pic_acknowledge(&p);
	pic_out(&p, 0x20, 0x20);
	ok(p.intr, "8259: a level that stays asks again");
	init_pic(&p);
	pulse(&p, 4);
	pic_out(&p, 0x20, 0x0c);
	is(pic_in(&p, 0x20), 0x84, "8259: polling acknowledges");
}

#define US 1000ull
#define MS 1000000ull

static void set_pit(struct pit *p, unsigned channel, unsigned mode, unsigned count, uint64_t now)
{
	pit_write(p, 0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1), now);
	pit_write(p, (uint16_t)(0x40 + channel), (uint8_t)count, now);
	pit_write(p, (uint16_t)(0x40 + channel), (uint8_t)(count >> 8), now);
}

static unsigned read_pit(struct pit *p, unsigned channel, uint64_t now)
{
	unsigned low = pit_read(p, (uint16_t)(0x40 + channel), now);

	return low | pit_read(p, (uint16_t)(0x40 + channel), now) << 8;
}

static void test_pit(void)
{
	struct pit p;

	pit_reset(&p);
	set_pit(&p, 0, 0, 11932, 0); /* 10 ms */
	ok(!pit_output(&p.channel[0], 9 * MS) && pit_output(&p.channel[0], 11 * MS),
	   "8254: mode 0 rises once");
	uint64_t edge = pit_next_edge(&p.channel[0], 0);
	ok(edge > 9999 * US && edge < 10001 * US && pit_next_edge(&p.channel[0], edge) == PIT_NEVER,
	   "8254: at the right time, and not again");
	unsigned half = read_pit(&p, 0, 5 * MS);
	ok(half > 5960 && half < 5972, "8254: the count goes down");
	set_pit(&p, 0, 2, 1193, 0);
	uint64_t first = pit_next_edge(&p.channel[0], 0),
		 second = pit_next_edge(&p.channel[0], first);
	ok(first > 999 * US && first < 1001 * US && second - first > 998 * US &&
		   second - first < 1001 * US,
	   "8254: mode 2 is periodic");
	set_pit(&p, 0, 3, 0, 0);
	is(p.channel[0].reload, 65536, "8254: 0 means 65536");
	pit_write(&p, 0x43, 0x00, 3 * MS);
	unsigned latched = pit_read(&p, 0x40, 3 * MS);
	latched |= pit_read(&p, 0x40, 9 * MS) << 8;
	set_pit(&p, 1, 3, 0, 0);
	pit_write(&p, 0x43, 0x40, 3 * MS);
	unsigned other = pit_read(&p, 0x41, 3 * MS);
	other |= pit_read(&p, 0x41, 3 * MS) << 8;
	is(latched, other, "8254: a latched count stands still");
	pit_write(&p, 0x43, 0xe2, MS); /* read back the status of channel 0 */
	is(pit_read(&p, 0x40, MS) & 0x7f, 0x36, "8254: read-back shows access and mode");
	pit_write(&p, 0x61, 0, 0);
	set_pit(&p, 2, 0, 1193, 0);
	pit_write(&p, 0x61, 1, 2 * MS);
	ok(!(pit_read(&p, 0x61, 2 * MS + 500 * US) & 0x20) && (pit_read(&p, 0x61, 4 * MS) & 0x20),
	   "8254: channel 2's gate starts it, port 0x61 shows it");
}

static uint8_t sent;

static bool has_room = true;

static bool send(void *arg, uint8_t byte)
{
	(void)arg;
	sent = byte;
	return has_room;
}

/* If the console has no room, the transmitter stays full, as on a slow line, and signals when it is
 * empty again. */
static void test_uart_back_pressure(void)
{
	struct uart u = { .transmit = send };

	uart_reset(&u);
	uart_write(&u, 4, 8);
	uart_write(&u, 1, 2);
	uart_read(&u, 2);
	has_room = false;
	uart_write(&u, 0, 'a');
	has_room = true;
	ok(sent == 'a' && !(uart_read(&u, 5) & 0x60) && !uart_irq(&u),
	   "16550: full while there is no room");
	uart_write(&u, 0, 'b');
	is(sent, 'a', "16550: what is written to a full transmitter is lost");
	uart_transmitted(&u);
	ok((uart_read(&u, 5) & 0x60) == 0x60 && uart_irq(&u) && uart_read(&u, 2) == 2,
	   "16550: it interrupts when it is empty");
	uart_transmitted(&u);
	ok(!uart_irq(&u), "16550: it interrupts once");
}

static void test_uart(void)
{
	struct uart u = { .transmit = send };

	uart_reset(&u);
	uart_write(&u, 3, 0x80);
	uart_write(&u, 0, 0x34);
	uart_write(&u, 1, 0x12);
	ok(uart_read(&u, 0) == 0x34 && uart_read(&u, 1) == 0x12, "16550: the divisor latch");
	uart_write(&u, 3, 3);
	uart_write(&u, 0, 'A');
	ok(sent == 'A' && (uart_read(&u, 5) & 0x60) == 0x60, "16550: a byte goes out");
	uart_write(&u, 2, 7);
	uart_write(&u, 4, 0x0b);
	uart_write(&u, 1, 1);
	ok(!uart_irq(&u), "16550: quiet");
	uart_receive(&u, 'x');
	ok(uart_irq(&u) && (uart_read(&u, 2) & 0x0f) == 0x04 && (uart_read(&u, 5) & 1),
	   "16550: data interrupts");
	ok(uart_read(&u, 0) == 'x' && !uart_irq(&u), "16550: until it is read");
	uart_write(&u, 1, 2);
	ok(uart_irq(&u) && (uart_read(&u, 2) & 0x0f) == 0x02 && !uart_irq(&u),
	   "16550: THRE, cleared by reading IIR");
	for (unsigned i = 0; i < 17; i++)
		uart_receive(&u, (uint8_t)i);
	ok((uart_read(&u, 5) & 2) && !(uart_read(&u, 5) & 2), "16550: an overrun shows once");
	uart_write(&u, 2, 7);
	uart_write(&u, 4, 0x1a);
	uart_write(&u, 0, 'L');
	ok(uart_read(&u, 0) == 'L' && (uart_read(&u, 6) & 0xf0) == 0x90, "16550: loopback");
	uart_write(&u, 7, 0x5a);
	is(uart_read(&u, 7), 0x5a, "16550: scratch");
}

static void test_keyboard(void)
{
	struct i8042 k;

	i8042_reset(&k);
	i8042_type(&k, 'a');
	ok((i8042_read(&k, 0x64) & 1) && i8042_irq(&k) && i8042_read(&k, 0x60) == 0x1e,
	   "8042: a key goes down");
	ok(!i8042_ready(&k), "8042: the next waits until it is up");
	i8042_release(&k);
	ok(i8042_read(&k, 0x60) == 0x9e && !(i8042_read(&k, 0x64) & 1), "8042: a key goes up");
	i8042_type(&k, 'A');
	ok(i8042_read(&k, 0x60) == 0x2a && i8042_read(&k, 0x60) == 0x1e, "8042: with shift");
	i8042_release(&k);
	while (i8042_read(&k, 0x64) & 1)
		i8042_read(&k, 0x60);
	i8042_type(&k, 27);
	i8042_type(&k, '[');
	i8042_type(&k, 'D');
	ok(i8042_read(&k, 0x60) == 0xe0 && i8042_read(&k, 0x60) == 0x4b,
	   "8042: an arrow from a terminal's sequence");
	i8042_write(&k, 0x64, 0xaa);
	i8042_read(&k, 0x60); /* discard what was queued */
	i8042_reset(&k);
	i8042_write(&k, 0x64, 0xaa);
	is(i8042_read(&k, 0x60), 0x55, "8042: self-test");
	i8042_write(&k, 0x64, 0x20);
	uint8_t config = i8042_read(&k, 0x60);
	i8042_write(&k, 0x64, 0x60);
	i8042_write(&k, 0x60, config & ~1);
	i8042_type(&k, 'b');
	ok(!i8042_irq(&k), "8042: the command byte turns the interrupt off");
	i8042_write(&k, 0x64, 0xfe);
	ok(k.reset_wanted, "8042: 0xfe resets the machine");
	i8042_reset(&k);
	i8042_write(&k, 0x60, 0xff);
	ok(i8042_read(&k, 0x60) == 0xfa && i8042_read(&k, 0x60) == 0xaa, "keyboard: reset");
	i8042_write(&k, 0x60, 0xed);
	i8042_write(&k, 0x60, 7);
	ok(i8042_read(&k, 0x60) == 0xfa && i8042_read(&k, 0x60) == 0xfa, "keyboard: LEDs");
}

static bool scans(struct i8042 *k, char key, const char *bytes, unsigned n)
{
	bool good = true;

	i8042_type(k, (uint8_t)key);
	i8042_release(k);
	for (unsigned i = 0; i < n; i++)
		good &= i8042_read(k, 0x60) == (uint8_t)bytes[i];
	return good && !(i8042_read(k, 0x64) & 1);
}

static void set_config(struct i8042 *k, uint8_t config)
{
	i8042_write(k, 0x64, 0x60);
	i8042_write(k, 0x60, config);
}

static void test_scan_sets(void)
{
	struct i8042 k = { 0 };

	i8042_reset(&k);
	ok(scans(&k, 'l', "\x26\xa6", 2), "keyboard: set 1, by the controller's translation");
	set_config(&k, 0x05);
	ok(scans(&k, 'l', "\x4b\xf0\x4b", 3), "keyboard: set 2 without it");
	ok(scans(&k, 'S', "\x12\x1b\xf0\x1b\xf0\x12", 6), "keyboard: with shift");
	i8042_type(&k, 27);
	i8042_type(&k, '[');
	ok(scans(&k, 'A', "\xe0\x75\xe0\xf0\x75", 5), "keyboard: an arrow");
	i8042_write(&k, 0x60, 0xf0);
	i8042_write(&k, 0x60, 1);
	ok(scans(&k, 'l', "\xfa\xfa\x26\xa6", 4), "keyboard: set 1 when that is asked for");
	i8042_write(&k, 0x60, 0xf0);
	i8042_write(&k, 0x60, 0);
	ok(scans(&k, 'l', "\xfa\xfa\x01\x26\xa6", 5), "keyboard: which set it is");
	set_config(&k, 0x45);
	i8042_write(&k, 0x60, 0xf6);
	ok(scans(&k, 'l', "\xfa\x26\xa6", 3), "keyboard: and back");
}

static void to_mouse(struct i8042 *k, uint8_t byte)
{
	i8042_write(k, 0x64, 0xd4);
	i8042_write(k, 0x60, byte);
}

/* Whether these bytes come next, all of them the mouse's. */
static bool mouse_says(struct i8042 *k, const char *bytes, unsigned n)
{
	bool good = true;

	for (unsigned i = 0; i < n; i++) {
		good &= (i8042_read(k, 0x64) & 0x21) == 0x21 && i8042_mouse_irq(k) && !i8042_irq(k);
		good &= i8042_read(k, 0x60) == (uint8_t)bytes[i];
	}
	return good && !(i8042_read(k, 0x64) & 1);
}

static void test_mouse(void)
{
	struct i8042 k = { 0 };

	i8042_reset(&k);
	i8042_write(&k, 0x64, 0xa9);
	ok(i8042_read(&k, 0x64) == 0x1d && i8042_read(&k, 0x60) == 0,
	   "8042: the mouse's port is well");
	to_mouse(&k, 0xf2);
	ok(!i8042_mouse_irq(&k), "mouse: no interrupt before it is enabled");
	i8042_write(&k, 0x64, 0xa8);
	i8042_write(&k, 0x64, 0x60);
	i8042_write(&k, 0x60, 0x47);
	ok(mouse_says(&k, "\xfa\0", 2), "mouse: its ID");
	to_mouse(&k, 0xf3);
	to_mouse(&k, 40);
	to_mouse(&k, 0xf4);
	to_mouse(&k, 0xe9);
	ok(mouse_says(&k, "\xfa\xfa\xfa\xfa\x20\x02\x28", 7), "mouse: what it is set to");
	to_mouse(&k, 0xff);
	ok(mouse_says(&k, "\xfa\xaa\0", 3), "mouse: reset");
	to_mouse(&k, 0xeb);
	ok(mouse_says(&k, "\xfa\x08\0\0", 4), "mouse: it does not move");
	to_mouse(&k, 0x12);
	ok(mouse_says(&k, "\xfe", 1), "mouse: no such command");
	i8042_write(&k, 0x64, 0xd3);
	i8042_write(&k, 0x60, 0x5a);
	ok(mouse_says(&k, "\x5a", 1), "8042: a byte as if from the mouse");
	to_mouse(&k, 0xf4);
	i8042_type(&k, 'a');
	i8042_read(&k, 0x60);
	ok(i8042_irq(&k) && !i8042_mouse_irq(&k) && !(i8042_read(&k, 0x64) & 0x20) &&
		   i8042_read(&k, 0x60) == 0x1e,
	   "8042: a key behind it");
}

static unsigned read_rtc(struct rtc *r, uint8_t index, uint64_t now)
{
	rtc_write(r, 0x70, index, now);
	return rtc_read(r, 0x71, now);
}

static void test_rtc(void)
{
	struct rtc r;

	rtc_reset(&r, 825638398 /* 2026-02-28 23:59:58 */, MIB(64));
	ok(read_rtc(&r, 0, 0) == 0x58 && read_rtc(&r, 4, 0) == 0x23 && read_rtc(&r, 9, 0) == 0x26,
	   "RTC: the time in BCD");
	uint64_t later = 3 * 1000000000ull;
	ok(read_rtc(&r, 0, later) == 0x01 && read_rtc(&r, 7, later) == 0x01 &&
		   read_rtc(&r, 8, later) == 0x03,
	   "RTC: February ends");
	is(read_rtc(&r, 6, later), 1, "RTC: 1 March 2026 is a Sunday");
	rtc_reset(&r, 888710399 /* 2028-02-28 23:59:59 */, MIB(64));
	is(read_rtc(&r, 7, later), 0x29, "RTC: leap years");
	rtc_write(&r, 0x70, 11, 0);
	rtc_write(&r, 0x71, 0x04, 0);
	ok(read_rtc(&r, 4, 0) == (0x80 | 11) && read_rtc(&r, 9, 0) == 28,
	   "RTC: binary, twelve hours");
	rtc_write(&r, 0x70, 0x40, 0);
	rtc_write(&r, 0x71, 0xab, 0);
	ok(read_rtc(&r, 0x40, 0) == 0xab && (read_rtc(&r, 13, 0) & 0x80), "RTC: RAM and battery");
	is(read_rtc(&r, 0x34, 0) | read_rtc(&r, 0x35, 0) << 8, (48 << 20) >> 16,
	   "CMOS: memory above 16 MiB");
}

static void test_vga(void)
{
	struct vga v;

	vga_reset(&v);
	vga_write(&v, 0x3d4, 12);
	vga_write(&v, 0x3d5, 1);
	vga_write(&v, 0x3d4, 13);
	vga_write(&v, 0x3d5, 0x40);
	ok(vga_start(&v) == 0x140 && vga_read(&v, 0x3d5, 0) == 0x40, "VGA: start address");
	vga_read(&v, 0x3da, 0);
	vga_write(&v, 0x3c0, 5);
	vga_write(&v, 0x3c0, 0x3f);
	is(vga_read(&v, 0x3c1, 0), 0x3f, "VGA: the attribute flip-flop");
}

/* Ports in any order with any value: nothing is accessed outside a structure (the sanitizers
 * check). */
static void noise(void)
{
	struct pic pic;
	struct pit pit;
	struct uart u = { .transmit = send };
	struct i8042 k;
	struct rtc r;
	struct vga v;
	uint64_t now = 0;

	pic_reset(&pic);
	pit_reset(&pit);
	uart_reset(&u);
	i8042_reset(&k);
	rtc_reset(&r, 0, ~0ull);
	vga_reset(&v);
	for (unsigned i = 0; i < 3000000; i++) {
		static const uint16_t pic_port[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
		static const uint16_t pit_port[] = { 0x40, 0x41, 0x42, 0x43, 0x61 };
		uint8_t b = (uint8_t)rnd();

		now += rnd() % 100000;
		switch (rnd() % 14) {
		case 0: pic_out(&pic, pic_port[rnd() % 6], b); break;
		case 1: pic_in(&pic, pic_port[rnd() % 6]); break;
		case 2: pic_set_line(&pic, rnd() % 16, rnd() % 2); break;
		case 3: pic_acknowledge(&pic); break;
		case 4: pit_write(&pit, pit_port[rnd() % 5], b, now); break;
		case 5: pit_read(&pit, pit_port[rnd() % 5], now); break;
		case 6: pit_next_edge(&pit.channel[rnd() % 3], now); break;
		case 7: uart_write(&u, rnd() % 8, b); break;
		case 8: uart_read(&u, rnd() % 8); break;
		case 9: uart_receive(&u, b); break;
		case 10: i8042_write(&k, rnd() % 2 ? 0x60 : 0x64, b); break;
		case 11:
			i8042_read(&k, rnd() % 2 ? 0x60 : 0x64);
			i8042_type(&k, b);
			break;
		case 12:
			rtc_write(&r, rnd() % 2 ? 0x70 : 0x71, b, rnd());
			rtc_read(&r, 0x71, now);
			break;
		default:
			vga_write(&v, (uint16_t)(0x3b0 + rnd() % 48), b);
			vga_read(&v, (uint16_t)(0x3b0 + rnd() % 48), now);
		}
	}
	ok(true, "three million port accesses of noise");
}

static void write_lapic(struct lapic *l, unsigned offset, uint32_t value, uint64_t now)
{
	unsigned vector;

	lapic_write(l, offset, value, now, &vector);
}

static void test_lapic(void)
{
	struct lapic l;
	unsigned vector = 0;

	lapic_reset(&l, 0);
	ok(lapic_passes_intr(&l), "local APIC: virtual wire mode at first");
	lapic_accept(&l, 0x31, false);
	lapic_accept(&l, 0x52, true);
	lapic_accept(&l, 0x53, false);
	is(lapic_pending(&l), 0x53, "local APIC: the highest vector comes first");
	lapic_acknowledge(&l, 0x53);
	is(lapic_pending(&l), -1, "local APIC: one of its own class waits");
	is(lapic_read(&l, 0xa0, 0), 0x50, "local APIC: the priority is that of what is served");
	is(lapic_write(&l, 0xb0, 0, 0, &vector), LAPIC_NOTHING,
	   "local APIC: an edge needs no more");
	lapic_acknowledge(&l, 0x52);
	ok(lapic_write(&l, 0xb0, 0, 0, &vector) == LAPIC_EOI && vector == 0x52,
	   "local APIC: a level is passed on at its end");
	write_lapic(&l, 0x80, 0x30, 0);
	is(lapic_pending(&l), -1, "local APIC: the task's priority holds back its class");
	write_lapic(&l, 0x80, 0x20, 0);
	is(lapic_pending(&l), 0x31, "local APIC: the task's priority holds back no higher class");
	lapic_accept(&l, 15, false);
	is(lapic_pending(&l), 0x31, "local APIC: vectors below 16 are illegal");

	write_lapic(&l, 0x320, 0x200ee, 0); /* periodic */
	write_lapic(&l, 0x3e0, 3, 0);	    /* by 16 */
	write_lapic(&l, 0x380, 1000, 500);
	ok(lapic_timer_at(&l, 500) == 16500 && lapic_timer_at(&l, 16500) == 32500,
	   "local APIC: a periodic timer");
	is(lapic_read(&l, 0x390, 8500), 500, "local APIC: counts down");
	write_lapic(&l, 0x320, 0xee, 0); /* one shot */
	write_lapic(&l, 0x380, 15, 40000);
	ok(lapic_timer_at(&l, 50000) == 40240 && !lapic_read(&l, 0x390, 50000),
	   "local APIC: a one-shot timer fires though its time is past when it is looked at");
	lapic_timer_fired(&l);
	is(lapic_pending(&l), 0xee, "local APIC: its vector");
	is(lapic_timer_at(&l, 50000), LAPIC_NEVER, "local APIC: the one-shot timer fires once");
	write_lapic(&l, 0x320, 0x100ee, 60000);
	write_lapic(&l, 0x380, 15, 60000);
	write_lapic(&l, 0x320, 0xee, 70000);
	is(lapic_timer_at(&l, 70000), LAPIC_NEVER,
	   "local APIC: what runs down while masked is gone");
	write_lapic(&l, 0xf0, 0xff, 0);
	lapic_accept(&l, 0xf8, false);
	ok(lapic_pending(&l) == 0xee && (l.lvt[LAPIC_LVT_TIMER] & 0x10000),
	   "local APIC: off, it accepts nothing and masks its own");
	write_lapic(&l, 0xd0, 0x04000000, 0);
	ok(lapic_is_destination(&l, 0x06, true) && !lapic_is_destination(&l, 0x02, true) &&
		   lapic_is_destination(&l, 0, false) && lapic_is_destination(&l, 0xff, false),
	   "local APIC: destinations");
}

static void set_redirect(struct ioapic *io, unsigned pin, uint32_t low)
{
	ioapic_write(io, 0, 0x10 + 2 * pin);
	ioapic_write(io, 0x10, low);
}

static void test_ioapic(void)
{
	struct ioapic io;

	ioapic_reset(&io);
	ok(!ioapic_set_line(&io, 4, true), "I/O APIC: all is masked at first");
	ioapic_set_line(&io, 4, false);
	set_redirect(&io, 4, 0x34);
	ok(ioapic_set_line(&io, 4, true) == 1 << 4 && !ioapic_set_line(&io, 4, true),
	   "I/O APIC: an edge is sent once");
	set_redirect(&io, 9, 0x8039);
	is(ioapic_set_line(&io, 9, true), 1 << 9, "I/O APIC: a level is sent");
	ok(!ioapic_set_line(&io, 9, true),
	   "I/O APIC: a level is not sent again while it is served");
	is(ioapic_end_of_interrupt(&io, 0x39), 1 << 9,
	   "I/O APIC: a level is sent again after that if it is still high");
	ioapic_set_line(&io, 9, false);
	ok(!ioapic_end_of_interrupt(&io, 0x39), "I/O APIC: a level is not sent again if it is low");
	ioapic_write(&io, 0, 1);
	is(ioapic_read(&io, 0x10) >> 16 & 0xff, 23, "I/O APIC: 24 pins");
}

static void test_hpet(void)
{
	struct hpet h;

	hpet_reset(&h);
	is(hpet_read(&h, 0, 8, 0), 0x009896808086a201, "HPET: what it is: three timers, 10 ns");
	is(hpet_read(&h, 4, 4, 0), 10000000, "HPET: in halves too");
	is(hpet_read(&h, 0xf0, 8, 5000), 0, "HPET: the counter stands");
	hpet_write(&h, 0xf0, 8, 0xfffffff0, 5000);
	hpet_write(&h, 0x10, 4, 1, 10000);
	is(hpet_read(&h, 0xf0, 8, 10200), 0x100000004, "HPET: it counts, with 64 bits");
	is(hpet_read(&h, 0xf4, 4, 10200), 1, "HPET: whose upper half is there");
	is(hpet_next(&h), HPET_NEVER, "HPET: no timer is set");

	hpet_write(&h, 0x10, 4, 0, 20000);
	hpet_write(&h, 0xf0, 8, 0, 20000);
	hpet_write(&h, 0x10, 4, 1, 20000);
	hpet_write(&h, 0x140, 4, 0x1404, 20000); /* timer 2: on, IRQ 10 */
	hpet_write(&h, 0x148, 8, 100, 20000);
	ok(hpet_irq(&h, 2) == 10 && hpet_irq(&h, 0) == -1,
	   "HPET: a timer has the IRQ that it is given");
	is(hpet_next(&h), 21000, "HPET: once, at a value of the counter");
	ok(!hpet_fire(&h, 20990) && hpet_fire(&h, 21000) == 4 && hpet_next(&h) == HPET_NEVER,
	   "HPET: it fires then, and not again");
	hpet_write(&h, 0x140, 4, 0x1504, 21010);
	is(hpet_read(&h, 0x140, 4, 21000), 0x1534, "HPET: what it can is read back");
	is(hpet_next(&h), 21000 + (10ull << 32), "HPET: with 32 bits it comes around");

	hpet_write(&h, 0x10, 4, 3, 30000);
	hpet_write(&h, 0x100, 4, 0x4c, 30000); /* timer 0: on, periodic, the comparator first */
	hpet_write(&h, 0x108, 8, 1500, 30000);
	hpet_write(&h, 0x108, 8, 200, 30000);
	ok(hpet_irq(&h, 0) == 0 && hpet_irq(&h, 1) == 8,
	   "HPET: in the place of the 8254 and the clock");
	ok(hpet_next(&h) == 35000 && hpet_fire(&h, 35000) == 1 && hpet_next(&h) == 37000 &&
		   hpet_read(&h, 0x108, 4, 35000) == 1700,
	   "HPET: a periodic timer");
	ok(hpet_fire(&h, 42500) == 1 && hpet_next(&h) == 43000,
	   "HPET: whose rhythm stays if it is late");
	hpet_write(&h, 0x100, 4, 0x0e, 43000);
	hpet_write(&h, 0x108, 4, 2400, 43000);
	ok(hpet_fire(&h, 44000) == 1 && hpet_read(&h, 0x20, 4, 44000) == 1,
	   "HPET: by level, its status is set");
	hpet_write(&h, 0x20, 4, 1, 44000);
	is(hpet_read(&h, 0x20, 4, 44000), 0, "HPET: until it is cleared");

	hpet_reset(&h);
	hpet_write(&h, 0xf0, 8, ~0ull - 99, 0);
	hpet_write(&h, 0x100, 4, 0x04, 0);
	hpet_write(&h, 0x108, 8, ~0ull - 49, 0);
	hpet_write(&h, 0x10, 4, 1, 0);
	ok(hpet_next(&h) == 500 && hpet_fire(&h, 5000) == 1 && hpet_next(&h) > 5000,
	   "HPET: a timer whose interrupt comes when the counter has begun anew fires once");

	unsigned wrong = 0;
	uint64_t now = 50000;
	for (unsigned i = 0; i < 200000;
	     i++) { /* anything at any time: the next time is never past */
		unsigned offset = (unsigned)rnd() % HPET_BYTES & ~3u;

		now += rnd() % 3000;
		hpet_write(&h, offset, rnd() % 2 ? 4 : 8, rnd() % 3 ? rnd() : (uint64_t)rnd() << 32,
			   now);
		hpet_read(&h, offset, 8, now);
		if (hpet_next(&h) <= now)
			hpet_fire(&h, now);
		wrong += hpet_next(&h) <= now;
	}
	is(wrong, 0, "HPET: whatever is written, what has fired is not due again");
}

static void set_rtc(struct rtc *r, uint8_t index, uint8_t value, uint64_t now)
{
	rtc_write(r, 0x70, index, now);
	rtc_write(r, 0x71, value, now);
}

/* Each day of 400 years, set and read again, against a calendar that counts days. */
static void test_calendar(void)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t base = 0;
	unsigned wrong = 0;
	struct rtc r;

	for (unsigned year = 2000; year < 2400; year++)
		for (unsigned month = 1; month <= 12; month++) {
			bool leap = year % 4 == 0 && (year % 100 || year == 2000);
			unsigned last = days[month - 1] + (month == 2 && leap ? 1u : 0u);

			for (unsigned day = 1; day <= last; day++) {
				rtc_reset(&r, base, 0);
				set_rtc(&r, 11, 0x06, 0);
				wrong += read_rtc(&r, 7, 0) != day || read_rtc(&r, 8, 0) != month ||
					 read_rtc(&r, 9, 0) != year % 100 ||
					 read_rtc(&r, 0x32, 0) != year / 100;
				set_rtc(&r, 7, (uint8_t)day, 0);
				wrong += r.base != base;
				base += 86400;
			}
		}
	is(wrong, 0, "RTC: each day of 400 years");
}

static void test_rtc_events(void)
{
	const uint64_t second = 1000000000;
	struct rtc r;

	rtc_reset(&r, 825638398, MIB(64));
	ok(!(read_rtc(&r, 10, second / 2) & 0x80) && (read_rtc(&r, 10, second - 1000) & 0x80),
	   "RTC: it says when it is about to count");
	is(rtc_next(&r, 5), ~0ull, "RTC: nothing is due");
	set_rtc(&r, 11, 0x42, 100);
	is(rtc_next(&r, 100), 100 + 976562, "RTC: a periodic interrupt, 1 024 Hz");
	ok(rtc_fire(&r, 976662) && rtc_next(&r, 976662) == 100 + 2 * 976562 &&
		   read_rtc(&r, 12, 976700) == 0xc0 && !(read_rtc(&r, 12, 976800) & 0x80),
	   "RTC: register C says so, once");
	set_rtc(&r, 10, 0x2f, 0);
	is(rtc_next(&r, 0), second / 2, "RTC: 2 Hz");
	set_rtc(&r, 11, 0x12, 0);
	is(rtc_next(&r, 3 * second + 7), 4 * second, "RTC: an interrupt each second");
	ok(rtc_fire(&r, 4 * second) && (read_rtc(&r, 12, 4 * second) & 0x90) == 0x90,
	   "RTC: which register C says");
	set_rtc(&r, 11, 0x22, 0);
	set_rtc(&r, 1, 0x10, 0); /* ten seconds past any minute */
	set_rtc(&r, 3, 0xff, 0);
	set_rtc(&r, 5, 0xff, 0);
	ok(!rtc_fire(&r, 11 * second) && rtc_fire(&r, 12 * second), "RTC: an alarm");
	read_rtc(&r, 12, 13 * second);
	ok(!rtc_fire(&r, 71 * second) && !rtc_fire(&r, 72 * second - 1) &&
		   rtc_fire(&r, 72 * second + second / 2),
	   "RTC: an alarm whose timer is late by half a second");
	read_rtc(&r, 12, 73 * second);
	ok(rtc_fire(&r, 134 * second), "RTC: and by two seconds");
	read_rtc(&r, 12, 134 * second);
	set_rtc(&r, 11, 0x12, 135 * second);
	ok(!rtc_fire(&r, 135 * second + second / 2) && rtc_fire(&r, 136 * second + second / 3),
	   "RTC: a new second whose timer is late");
	set_rtc(&r, 11, 0x82, 20 * second);
	set_rtc(&r, 8, 0x12, 20 * second);
	set_rtc(&r, 7, 0x31, 20 * second);
	set_rtc(&r, 9, 0x29, 20 * second);
	set_rtc(&r, 4, 0x23, 20 * second);
	set_rtc(&r, 2, 0x59, 20 * second);
	set_rtc(&r, 0, 0x58, 20 * second);
	is(read_rtc(&r, 0, 25 * second), 0x58, "RTC: stopped while it is set");
	set_rtc(&r, 11, 0x02, 30 * second);
	ok(read_rtc(&r, 0, 31 * second) == 0x59 && read_rtc(&r, 8, 31 * second) == 0x12 &&
		   read_rtc(&r, 9, 32 * second) == 0x30 && read_rtc(&r, 7, 32 * second) == 0x01,
	   "RTC: and counts on from there");
	set_rtc(&r, 4, 0x07, 40 * second);
	is(read_rtc(&r, 4, 40 * second), 0x07, "RTC: one register is set as it runs");
}

static void test_pci(void)
{
	struct pci p = { 0 };

	is(pci_read(&p, 0xcfc), 0xff, "PCI: no device answers without the enable bit");
	pci_set_address(&p, 0x80000000);
	ok(pci_read(&p, 0xcfc) == 0x86 && pci_read(&p, 0xcfd) == 0x80, "PCI: the host bridge");
	pci_set_address(&p, 0x80000008);
	is(pci_read(&p, 0xcff), 6, "PCI: its class");
	pci_set_address(&p, 0x80000800);
	is(pci_read(&p, 0xcfc), 0xff, "PCI: no other device");
}

static void apic_noise(void)
{
	struct lapic l;
	struct ioapic io;
	struct pci p = { 0 };

	lapic_reset(&l, 3);
	ioapic_reset(&io);
	for (unsigned i = 0; i < 3000000; i++) {
		uint32_t at = rnd() & 0xffc, value = rnd();

		write_lapic(&l, at, value, i * 100ull);
		lapic_read(&l, at, i * 100ull);
		lapic_accept(&l, rnd() & 0x1ff, value & 1);
		int v = lapic_pending(&l);
		if (v >= 0)
			lapic_acknowledge(&l, (unsigned)v);
		lapic_timer_at(&l, i * 100ull);
		ioapic_write(&io, at & 0x10, value);
		ioapic_read(&io, at & 0x10);
		ioapic_set_line(&io, value % IOAPIC_PINS, value >> 8 & 1);
		ioapic_end_of_interrupt(&io, value & 0xff);
		pci_set_address(&p, value);
		pci_read(&p, (uint16_t)(0xcf8 + value % 8));
	}
	ok(true, "APICs and PCI: random accesses");
}

int main(void)
{
	test_lapic();
	test_ioapic();
	test_pci();
	apic_noise();
	test_pic();
	test_pit();
	test_uart();
	test_uart_back_pressure();
	test_keyboard();
	test_scan_sets();
	test_mouse();
	test_rtc();
	test_calendar();
	test_rtc_events();
	test_hpet();
	test_vga();
	noise();
	return done_testing();
}
