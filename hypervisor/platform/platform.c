// SPDX-License-Identifier: GPL-2.0-or-later
/* Which device answers to which port, and what the devices need from the outside. */
#include "platform/platform.h"

#include "core/console.h"
#include "core/cpu.h"
#include "core/guest.h"
#include "core/string.h"
#include "core/timer.h"
#include "mmu/memory.h"
#include "platform/i8042.h"
#include "platform/i8254.h"
#include "platform/i8259.h"
#include "platform/ns16550.h"
#include "platform/rtc.h"
#include "platform/vga.h"
#include "x86/apic.h"
#include "x86/cpu.h"

struct platform {
	struct guest *guest;
	uint64_t start; /* TSC at reset: time 0 of the devices */
	struct pic pic;
	struct pit pit;
	struct uart uart;
	struct i8042 keyboard;
	struct rtc rtc;
	struct vga vga;
	struct timer pit_timer;
	struct timer key_timer; /* until the key that is down goes up */
	bool reset_wanted;
};

/* Edges nearer together than this become one: an 8254 can ask for more than a million interrupts a
 * second, and they would come out of the neighbours' time. */
#define PIT_REST_NS 50000

#define KEY_DOWN_NS 100000000 /* how long a typed key stays down */

enum { IRQ_TIMER = 0, IRQ_KEYBOARD = 1, IRQ_COM1 = 4 };

uint64_t platform_bytes(void)
{
	return sizeof(struct platform);
}

static uint64_t now_ns(const struct platform *p)
{
	return ns_from_tsc(rdtsc() - p->start);
}

static struct cpu *cpu_of(const struct platform *p)
{
	return p->guest->vcpu->cpu;
}

static void wake_if_pending(struct platform *p)
{
	if (p->pic.intr)
		vcpu_wake(p->guest->vcpu);
}

/* The next edge after since; one that is past by now, for we are slow, is raised at once. */
static void arm_pit(struct platform *p, uint64_t since)
{
	uint64_t at = pit_next_edge(&p->pit.channel[0], since);

	if (at == PIT_NEVER)
		timer_cancel(cpu_of(p), &p->pit_timer);
	else
		timer_set(cpu_of(p), &p->pit_timer, p->start + tsc_from_ns(at) + 1);
}

static void pit_fired(struct timer *t)
{
	struct platform *p = container_of(t, struct platform, pit_timer);

	pic_set_line(&p->pic, IRQ_TIMER, false);
	pic_set_line(&p->pic, IRQ_TIMER, true);
	arm_pit(p, now_ns(p) + PIT_REST_NS);
	wake_if_pending(p);
}

static void feed(struct platform *p);

static void key_up(struct timer *t)
{
	struct platform *p = container_of(t, struct platform, key_timer);

	i8042_release(&p->keyboard);
	feed(p);
	wake_if_pending(p);
}

static void transmit(void *arg, uint8_t byte)
{
	console_guest_put(arg, (char)byte);
}

static unsigned from_bcd(uint8_t v)
{
	return (v >> 4) * 10u + (v & 15);
}

static uint8_t machine_cmos(uint8_t index)
{
	outb(0x70, index);
	return inb(0x71);
}

/* The machine's own clock, read once; guests go on from there by TSC. */
static uint64_t machine_seconds(void)
{
	return platform_boot_seconds() + ns_from_tsc(rdtsc()) / 1000000000;
}

uint64_t platform_boot_seconds(void)
{
	static uint64_t at_boot;

	if (!at_boot)
		at_boot = rtc_seconds(2000 + from_bcd(machine_cmos(9)), from_bcd(machine_cmos(8)),
				      from_bcd(machine_cmos(7)), from_bcd(machine_cmos(4)),
				      from_bcd(machine_cmos(2)), from_bcd(machine_cmos(0))) -
			  ns_from_tsc(rdtsc()) / 1000000000;
	return at_boot;
}

static void clear_screen(struct guest *g)
{
	uint16_t *cell = mmu_memory(&g->mmu, GPA(VGA_TEXT_AT), 4000);

	for (unsigned i = 0; cell && i < PLATFORM_ROWS * PLATFORM_COLUMNS; i++)
		cell[i] = 0x0720;
}

void platform_reset(struct platform *p, struct guest *g)
{
	p->guest = g;
	timer_cancel(cpu_of(p), &p->pit_timer);
	timer_cancel(cpu_of(p), &p->key_timer);
	p->pit_timer.fire = pit_fired;
	p->key_timer.fire = key_up;
	p->start = rdtsc();
	p->uart.transmit = transmit;
	p->uart.arg = g;
	p->reset_wanted = false;
	pic_reset(&p->pic);
	pit_reset(&p->pit);
	uart_reset(&p->uart);
	i8042_reset(&p->keyboard);
	rtc_reset(&p->rtc, machine_seconds(), g->mmu.memory_bytes);
	vga_reset(&p->vga);
	clear_screen(g);
}

void platform_stop(struct platform *p)
{
	timer_cancel(cpu_of(p), &p->pit_timer);
	timer_cancel(cpu_of(p), &p->key_timer);
}

bool platform_interrupt_pending(const struct platform *p)
{
	return p->pic.intr;
}

unsigned platform_interrupt_acknowledge(struct platform *p)
{
	return pic_acknowledge(&p->pic);
}

static void update_lines(struct platform *p)
{
	pic_set_line(&p->pic, IRQ_COM1, uart_irq(&p->uart));
	pic_set_line(&p->pic, IRQ_KEYBOARD, i8042_irq(&p->keyboard));
}

/* Takes as much of the waiting console input as the device has room for. */
static void feed(struct platform *p)
{
	int byte;

	if (p->uart.in_use) {
		while (uart_room(&p->uart) && (byte = guest_input_take(p->guest)) >= 0)
			uart_receive(&p->uart, (uint8_t)byte);
	} else {
		while (i8042_ready(&p->keyboard) && (byte = guest_input_take(p->guest)) >= 0)
			i8042_type(&p->keyboard, (uint8_t)byte);
		if (i8042_key_is_down(&p->keyboard) && !p->key_timer.armed)
			timer_set(cpu_of(p), &p->key_timer, rdtsc() + tsc_from_ns(KEY_DOWN_NS));
	}
	update_lines(p);
}

void platform_input(struct platform *p)
{
	feed(p);
	wake_if_pending(p);
}

static uint8_t in_byte(struct platform *p, uint16_t port)
{
	uint8_t v;

	switch (port) {
	case 0x20 ... 0x21:
	case 0xa0 ... 0xa1:
	case 0x4d0 ... 0x4d1: return pic_read(&p->pic, port);
	case 0x40 ... 0x43:
	case 0x61: return pit_read(&p->pit, port, now_ns(p));
	case 0x60:
	case 0x64:
		v = i8042_read(&p->keyboard, port);
		if (port == 0x60) {
			pic_set_line(&p->pic, IRQ_KEYBOARD, false);
			feed(p);
		}
		return v;
	case 0x70 ... 0x71: return rtc_read(&p->rtc, port, now_ns(p));
	case 0x92: return 2; /* A20 is on */
	case 0x3b0 ... 0x3df: return vga_read(&p->vga, port, now_ns(p));
	case 0x3f8 ... 0x3ff:
		v = uart_read(&p->uart, port & 7);
		feed(p);
		return v;
	default: return 0xff;
	}
}

#define ACPI_PM1A_CONTROL 0x604 /* where QEMU's PC has it */
#define ACPI_SLEEP_ENABLE 0x2000

static void out_byte(struct platform *p, uint16_t port, uint8_t v)
{
	switch (port) {
	case 0x20 ... 0x21:
	case 0xa0 ... 0xa1:
	case 0x4d0 ... 0x4d1: pic_write(&p->pic, port, v); break;
	case 0x40 ... 0x43:
	case 0x61:
		pit_write(&p->pit, port, v, now_ns(p));
		if (port == 0x40 || port == 0x43)
			arm_pit(p, p->pit.channel[0].start);
		break;
	case 0x60:
	case 0x64:
		i8042_write(&p->keyboard, port, v);
		p->reset_wanted |= p->keyboard.reset_wanted;
		update_lines(p);
		break;
	case 0x70 ... 0x71: rtc_write(&p->rtc, port, v); break;
	case 0x92: p->reset_wanted |= v & 1; break;
	case 0xcf9: p->reset_wanted |= (v & 4) != 0; break;
	case 0xf4: guest_end(p->guest, v, "exit by port 0xf4"); break;
	case 0x3b0 ... 0x3df: vga_write(&p->vga, port, v); break;
	case 0x3f8 ... 0x3ff:
		uart_write(&p->uart, port & 7, v);
		update_lines(p);
		break;
	default: break;
	}
}

uint32_t platform_in(struct platform *p, uint16_t port, unsigned width)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (uint32_t)in_byte(p, (uint16_t)(port + i)) << (8 * i);
	return v;
}

void platform_out(struct platform *p, uint16_t port, unsigned width, uint32_t value)
{
	if (port == ACPI_PM1A_CONTROL && width == 2 && (value & ACPI_SLEEP_ENABLE)) {
		guest_end(p->guest, 0, "powered off");
		return;
	}
	for (unsigned i = 0; i < width; i++)
		out_byte(p, (uint16_t)(port + i), (uint8_t)(value >> (8 * i)));
	if (p->reset_wanted) {
		p->reset_wanted = false;
		vcpu_request(p->guest->vcpu, REQUEST_RESET);
	}
}

void platform_screen_cells(const struct platform *p, unsigned row, uint16_t *cell)
{
	uint64_t at = VGA_TEXT_AT + 2ull * (vga_start(&p->vga) + row * PLATFORM_COLUMNS);
	const uint16_t *from = mmu_memory(&p->guest->mmu, GPA(at), 2 * PLATFORM_COLUMNS);

	for (unsigned i = 0; i < PLATFORM_COLUMNS; i++)
		cell[i] = from ? from[i] : 0x0720;
}

void platform_screen_row(const struct platform *p, unsigned row, char *text)
{
	uint16_t cell[PLATFORM_COLUMNS];

	platform_screen_cells(p, row, cell);
	for (unsigned i = 0; i < PLATFORM_COLUMNS; i++) {
		char c = (char)cell[i];

		text[i] = c >= ' ' && c < 0x7f ? c : c == 0 ? ' ' : '#';
	}
	text[PLATFORM_COLUMNS] = 0;
}
