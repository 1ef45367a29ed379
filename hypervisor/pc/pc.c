// SPDX-License-Identifier: GPL-2.0-or-later
/* A PC: creates the devices, connects them to the guest's console, and implements guest/board.h. */
#include "pc/pc.h"

#include "guest/board.h"
#include "guest/console.h"
#include "kernel/clock.h"
#include "kernel/memory.h"
#include "lib/string.h"
#include "pc/acpi_tables.h"
#include "pc/bios_data.h"
#include "pc/mp_table.h"
#include "pc/system.h"

#define SECONDS_TO_2000 946684800 /* from 1970 */

_Static_assert(IDE_SECTOR == DISK_SECTOR && IDE_SECTORS_MAX == DISK_SECTORS_MAX &&
		       IDE_DRIVES == DISKS_MAX,
	       "disks");
_Static_assert(IOAPIC_AT >= PC_DEVICES_AT && HPET_AT >= PC_DEVICES_AT && LAPIC_AT >= PC_DEVICES_AT,
	       "behind the end of RAM");

/* --- what the devices ask for --- */

/* The machine's real-time clock at boot, advanced by the TSC. */
static uint64_t seconds(const struct bus *b)
{
	(void)b;
	return clock_boot_seconds() - SECONDS_TO_2000 + ns_from_tsc(rdtsc()) / 1000000000;
}

/* Passes on as much pending console input as the device has room for: to the serial port if the
 * guest uses it, else to the keyboard. */
static void feed(struct bus *b)
{
	struct pc *p = pc_of_bus(b);
	int byte;

	enum input to = p->guest->config->input;
	if (to == INPUT_AUTO ? p->uart.in_use : to == INPUT_SERIAL) {
		while (uart_room(&p->uart) && (byte = guest_input_take(p->guest)) >= 0)
			uart_receive(&p->uart, (uint8_t)byte);
	} else {
		while (i8042_ready(&p->keyboard) && (byte = guest_input_take(p->guest)) >= 0)
			i8042_type(&p->keyboard, (uint8_t)byte);
	}
	uart_update_line(&p->uart);
	i8042_update_line(&p->keyboard);
}

/* If the console has no room, the transmitter stays full until there is some. */
static bool print(struct bus *b, uint8_t byte)
{
	struct pc *p = pc_of_bus(b);
	struct guest *g = p->guest;

	p->wanted |= PC_SEND;
	spin_lock(&g->console_lock);
	bool room = console_guest_put(g, (char)byte);
	spin_unlock(&g->console_lock);
	if (room)
		return true;
	__atomic_store_n(&g->console.waiting, true, __ATOMIC_SEQ_CST);
	return console_guest_room(g);
}

static void want_prompt(struct bus *b)
{
	pc_of_bus(b)->wanted |= PC_PROMPT;
}

static void want_restart(struct bus *b)
{
	pc_of_bus(b)->wanted |= PC_RESTART;
}

static void want_end(struct bus *b, uint8_t code, const char *how)
{
	struct pc *p = pc_of_bus(b);

	p->wanted |= PC_END;
	p->ending_how = how;
	p->exit_code = code;
}

static const struct bus_owner owner = {
	.now = pc_now,
	.seconds = seconds,
	.set_line = pc_set_line,
	.set_timer = pc_set_timer,
	.input = feed,
	.print = print,
	.prompt = want_prompt,
	.restart = want_restart,
	.end = want_end,
};

/* --- the board --- */

static void attach_disks(struct pc *p)
{
	const struct guest *g = p->guest;
	unsigned disks = g->config->disks;

	for (unsigned i = 0; i < disks; i++)
		ide_set_drive(&p->ide, i, (uint8_t *)g->disk[i].data,
			      (uint32_t)(g->disk[i].bytes / IDE_SECTOR));
	if (disks)
		ide_attach(&p->ide, &p->bus);
	pci_attach(&p->pci, &p->bus, disks);
}

static int create(struct guest *g)
{
	mpa_t at = guest_take(g, sizeof(struct pc) + g->vcpus * sizeof(struct apic));
	struct pc *p = direct(at);

	if (!at.v)
		return -ENOMEM;
	g->board_state = p;
	p->guest = g;
	bus_init(&p->bus, &owner);
	pic_attach(&p->pic, &p->bus);
	pit_attach(&p->pit, &p->bus);
	uart_attach(&p->uart, &p->bus);
	i8042_attach(&p->keyboard, &p->bus);
	rtc_attach(&p->rtc, &p->bus, ram_bytes(&g->memory));
	vga_attach(&p->vga, &p->bus);
	attach_disks(p);
	acpi_pm_attach(&p->acpi_pm, &p->bus);
	hpet_attach(&p->hpet, &p->bus);
	system_attach(&p->bus);
	pc_attach_apics(p);
	pc_create_timers(p);
	return 0;
}

static bool is_free(const struct guest *g, uint64_t at, uint64_t bytes)
{
	return image_room(&g->load.plan, at, at + bytes, bytes).v == at;
}

static void clear_screen(struct guest *g)
{
	uint64_t *cell = guest_pointer(&g->memory, GPA(VGA_TEXT_AT), 4000); /* four cells */

	for (unsigned i = 0; cell && i < VGA_ROWS * VGA_COLUMNS / 4; i++)
		cell[i] = 0x0720072007200720;
}

/* What a BIOS leaves in memory, but for where the image lies. */
static void write_tables(struct guest *g)
{
	void *acpi = guest_pointer(&g->memory, GPA(ACPI_TABLES_AT), ACPI_TABLES_BYTES);
	void *mp = guest_pointer(&g->memory, GPA(MP_TABLE_AT), MP_TABLE_BYTES);
	void *data = guest_pointer(&g->memory, GPA(BIOS_DATA_AT), BIOS_DATA_BYTES);

	if (acpi && is_free(g, ACPI_TABLES_AT, ACPI_TABLES_BYTES))
		acpi_tables_write(acpi, g->vcpus);
	if (mp && is_free(g, MP_TABLE_AT, MP_TABLE_BYTES))
		mp_table_write(mp, g->vcpus);
	if (data && is_free(g, BIOS_DATA_AT, BIOS_DATA_BYTES))
		bios_data_write(data, PC_LOW_BYTES);
}

static void reset(struct guest *g)
{
	struct pc *p = pc_of(g);

	p->start = rdtsc();
	p->rearm = p->intr_notified = false;
	p->pending = p->wanted = 0;
	bus_reset(&p->bus);
	clear_screen(g);
	write_tables(g);
	pc_reset_apics(p);
}

static void input(struct guest *g)
{
	struct pc *p = pc_of(g);

	spin_lock(&p->lock);
	pc_rearm(p);
	feed(&p->bus);
	pc_unlock(p);
}

static void room(struct guest *g)
{
	struct pc *p = pc_of(g);

	spin_lock(&p->lock);
	uart_transmitted(&p->uart);
	uart_update_line(&p->uart);
	pc_unlock(p);
}

static char printable(char c)
{
	return c >= ' ' && c < 0x7f ? c : c == 0 ? ' ' : '#';
}

/* Blank outside the guest's memory. */
static void print_screen(const struct guest *g, bool cells)
{
	char text[4 * VGA_COLUMNS + 1] = "";

	for (unsigned row = 0; row < VGA_ROWS; row++) {
		uint64_t at = VGA_TEXT_AT + 2ull * (vga_start(&pc_of(g)->vga) + row * VGA_COLUMNS);
		const uint16_t *from = guest_pointer(&g->memory, GPA(at), 2 * VGA_COLUMNS);

		for (unsigned i = 0; i < VGA_COLUMNS; i++) {
			uint16_t cell = from ? from[i] : 0x0720;

			if (cells)
				format(text + 4 * i, 5, "%04x", cell);
			else
				text[i] = printable((char)cell);
		}
		console_print(cells ? "%s: cells %02u %s" : "%s: screen %02u |%s|", g->config->name,
			      row, text);
	}
}

const struct board pc_board = {
	.low_bytes = PC_LOW_BYTES,
	.apic_at = LAPIC_AT,
	.create = create,
	.reset = reset,
	.park = pc_park,
	.init = pc_init,
	.input = input,
	.room = room,
	.in = pc_in,
	.out = pc_out,
	.outside = pc_outside,
	.interrupt_pending = pc_interrupt_pending,
	.acknowledge = pc_acknowledge,
	.halts_for_good = pc_halts_for_good,
	.print_screen = print_screen,
};
