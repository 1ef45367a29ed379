// SPDX-License-Identifier: GPL-2.0-or-later
/* Which device answers to which port, and what the devices need from the outside. */
#include "arch/apic.h"
#include "arch/cpu.h"
#include "console/console.h"
#include "guest/board.h"
#include "guest/guest.h"
#include "guest/timer.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "lib/string.h"
#include "pc/acpi_tables.h"
#include "pc/i8042.h"
#include "pc/i8254.h"
#include "pc/i8259.h"
#include "pc/ioapic.h"
#include "pc/lapic.h"
#include "pc/ns16550.h"
#include "pc/pci.h"
#include "pc/rtc.h"
#include "pc/vga.h"

/* A vCPU's local APIC and its timer, which is of that vCPU's CPU. */
struct apic {
	struct lapic lapic;
	struct timer timer;
	struct pc *pc;
	struct vcpu *vcpu;
	bool waits; /* for a startup IPI */
};

/*
 * The vCPUs of a guest meet here, each on its own CPU: lock is over all but what is set once.
 * Whoever holds it may take the locks of consoles. Timers but the local APICs' are of vCPU 0's CPU;
 * others ask it to arm them. Who gets an interrupt is told when the lock is given back.
 */
struct pc {
	uint8_t lock;
	uint8_t news; /* vCPUs that have been sent something, as bits */
	bool intr_told, rearm;
	bool ending; /* the guest wants its end, with exit_code */
	const char *ending_how;
	uint8_t exit_code;
	struct guest *guest;
	uint64_t start; /* TSC at reset: time 0 of the devices */
	struct pic pic;
	struct pit pit;
	struct uart uart;
	struct i8042 keyboard;
	struct rtc rtc;
	struct vga vga;
	struct pci pci;
	bool has_apic; /* and ACPI's tables: in a virtual machine */
	struct ioapic ioapic;
	uint16_t pm_enable; /* ACPI PM1 */
	struct timer pit_timer;
	struct timer key_timer; /* until the key that is down goes up */
	bool reset_wanted, printed;
	struct apic apic[];
};

#define DEVICES_AT 0xfec00000ul /* of the APICs, in memory */
#define LOW_BYTES  (639 << 10)	/* below the BIOS's data and the screen */

_Static_assert(IOAPIC_AT >= DEVICES_AT && LAPIC_AT >= DEVICES_AT, "behind the end of RAM");

/* Edges nearer together than this become one: a timer can ask for more than a million interrupts a
 * second, and they would come out of the neighbours' time. */
#define TIMER_REST_NS 50000

#define KEY_DOWN_NS   100000000 /* how long a typed key stays down */

enum { IRQ_TIMER = 0, IRQ_KEYBOARD = 1, IRQ_COM1 = 4 };

static struct pc *pc_of(const struct guest *g)
{
	return g->board_state;
}

static uint64_t now_ns(const struct pc *p)
{
	return ns_from_tsc(rdtsc() - p->start);
}

static struct cpu *cpu_of(const struct pc *p)
{
	return p->guest->vcpu->cpu;
}

/* The 8259s' line, which reaches vCPU 0 alone. */
static bool intr(const struct pc *p, unsigned vcpu)
{
	return !vcpu && p->pic.intr && (!p->has_apic || lapic_passes_intr(&p->apic[0].lapic));
}

/* Without the lock: what others change meanwhile they tell. */
static bool interrupt_pending(const struct vcpu *v)
{
	const struct pc *p = pc_of(v->guest);

	return intr(p, v->id) || (p->has_apic && lapic_pending(&p->apic[v->id].lapic) >= 0);
}

static void enter(struct pc *p)
{
	spin_lock(&p->lock);
}

static void tell(struct vcpu *v)
{
	if (v->cpu != this_cpu())
		vcpu_request_from(v, REQUEST_EVENT);
	else if (interrupt_pending(v))
		vcpu_wake(v);
}

/* Gives the lock back, and tells who has been sent something. */
static void leave(struct pc *p)
{
	unsigned news = p->news | (p->pic.intr & !p->intr_told);

	p->news = 0;
	p->intr_told = p->pic.intr;
	if (p->pic.intr)
		p->guest->vcpu->interrupt_waits = true;
	spin_unlock(&p->lock);
	for (; news; news &= news - 1)
		tell(&p->guest->vcpu[__builtin_ctz(news)]);
}

/* What the 8259s have comes first: the local APIC keeps what it has. */
static int acknowledge(struct vcpu *v)
{
	struct pc *p = pc_of(v->guest);
	struct lapic *l = &p->apic[v->id].lapic;
	int vector;

	enter(p);
	if (intr(p, v->id)) {
		vector = (int)pic_acknowledge(&p->pic);
	} else {
		vector = p->has_apic ? lapic_pending(l) : -1;
		if (vector >= 0)
			lapic_acknowledge(l, (unsigned)vector);
	}
	v->interrupt_waits = (!v->id && p->pic.intr) || l->irr_words;
	leave(p);
	return vector;
}

static void note(struct pc *p, struct apic *a)
{
	a->vcpu->interrupt_waits = true;
	p->news |= (uint8_t)(1 << a->vcpu->id);
}

static void accept(struct pc *p, unsigned vcpu, unsigned vector, bool level)
{
	lapic_accept(&p->apic[vcpu].lapic, vector, level);
	note(p, &p->apic[vcpu]);
}

#define MODE_FIXED   0
#define MODE_LOWEST  1
#define MODE_INIT    5
#define MODE_STARTUP 6

/* To all of these vCPUs, or, where the lowest priority is to have it, to the first. */
static void send(struct pc *p, unsigned vcpus, unsigned mode, unsigned vector, bool level)
{
	if (mode == MODE_LOWEST)
		vcpus &= -vcpus;
	else if (mode != MODE_FIXED)
		return;
	for (; vcpus; vcpus &= vcpus - 1)
		accept(p, (unsigned)__builtin_ctz(vcpus), vector, level);
}

static unsigned destinations(const struct pc *p, uint8_t destination, bool logical)
{
	unsigned vcpus = 0;

	for (unsigned i = 0; i < p->guest->vcpus; i++)
		vcpus |= (unsigned)lapic_is_destination(&p->apic[i].lapic, destination, logical)
			 << i;
	return vcpus;
}

/* Interrupts of the I/O APIC's pins, to whom they are for. */
static void send_pins(struct pc *p, uint32_t pins)
{
	for (; pins; pins &= pins - 1) {
		uint64_t r = p->ioapic.redirect[__builtin_ctz(pins)];

		send(p, destinations(p, IOAPIC_DESTINATION(r), r & IOAPIC_LOGICAL), IOAPIC_MODE(r),
		     IOAPIC_VECTOR(r), r & IOAPIC_LEVEL);
	}
}

/* A device's line goes to both controllers; the timer's to pin 2 of the second. */
static void set_line(struct pc *p, unsigned irq, bool high)
{
	pic_set_line(&p->pic, irq, high);
	if (p->has_apic)
		send_pins(p, ioapic_set_line(&p->ioapic, irq ? irq : 2, high));
}

/* Only while the guest runs: a vCPU that parks cancels its timers, and another may still be on its
 * way there. */
static void arm(struct pc *p, struct vcpu *v, struct timer *t, uint64_t deadline)
{
	if (guest_is_running(p->guest))
		timer_set(v->cpu, t, deadline);
}

static void arm_lapic(struct apic *a, uint64_t since)
{
	uint64_t at = lapic_timer_at(&a->lapic, since);

	if (at == LAPIC_NEVER)
		timer_cancel(a->vcpu->cpu, &a->timer);
	else
		arm(a->pc, a->vcpu, &a->timer, a->pc->start + tsc_from_ns(at) + 1);
}

static void lapic_fired(struct timer *t)
{
	struct apic *a = container_of(t, struct apic, timer);
	struct pc *p = a->pc;

	enter(p);
	lapic_timer_fired(&a->lapic);
	note(p, a);
	arm_lapic(a, now_ns(p) + TIMER_REST_NS);
	leave(p);
}

/* Whether this is not vCPU 0's CPU, whose timers the devices use; then it is asked. */
static bool is_elsewhere(const struct pc *p)
{
	if (cpu_of(p) == this_cpu())
		return false;
	vcpu_request_from(p->guest->vcpu, REQUEST_INPUT);
	return true;
}

/* The next edge after since; one that is past by now, for we are slow, is raised at once. */
static void arm_pit(struct pc *p, uint64_t since)
{
	uint64_t at = pit_next_edge(&p->pit.channel[0], since);

	p->rearm = is_elsewhere(p);
	if (p->rearm)
		return;
	if (at == PIT_NEVER)
		timer_cancel(cpu_of(p), &p->pit_timer);
	else
		arm(p, p->guest->vcpu, &p->pit_timer, p->start + tsc_from_ns(at) + 1);
}

static void pit_fired(struct timer *t)
{
	struct pc *p = container_of(t, struct pc, pit_timer);

	enter(p);
	set_line(p, IRQ_TIMER, false);
	set_line(p, IRQ_TIMER, true);
	arm_pit(p, now_ns(p) + TIMER_REST_NS);
	leave(p);
}

static void feed(struct pc *p);

static void key_up(struct timer *t)
{
	struct pc *p = container_of(t, struct pc, key_timer);

	enter(p);
	i8042_release(&p->keyboard);
	feed(p);
	leave(p);
}

/* Without room the transmitter stays full until the board is told of some. */
static bool transmit(void *arg, uint8_t byte)
{
	struct guest *g = arg;

	pc_of(g)->printed = true;
	spin_lock(&g->console_lock);
	bool room = console_guest_put(g, (char)byte);
	spin_unlock(&g->console_lock);
	if (room)
		return true;
	__atomic_store_n(&g->console.waiting, true, __ATOMIC_SEQ_CST);
	return console_guest_room(g);
}

#define SECONDS_TO_2000 946684800 /* from 1970 */

/* Guests go on from the machine's own clock by TSC. */
static uint64_t machine_seconds(void)
{
	return clock_boot_seconds() - SECONDS_TO_2000 + ns_from_tsc(rdtsc()) / 1000000000;
}

static void clear_screen(struct guest *g)
{
	uint16_t *cell = mmu_memory(&g->mmu, GPA(VGA_TEXT_AT), 4000);

	for (unsigned i = 0; cell && i < BOARD_ROWS * BOARD_COLUMNS; i++)
		cell[i] = 0x0720;
}

static void reset_apics(struct pc *p)
{
	struct guest *g = p->guest;
	void *tables = mmu_memory(&g->mmu, GPA(ACPI_TABLES_AT), ACPI_TABLES_BYTES);

	p->has_apic = g->engine->hvm;
	for (unsigned i = 0; i < g->vcpus; i++) {
		struct apic *a = &p->apic[i];

		a->pc = p;
		a->vcpu = &g->vcpu[i];
		a->waits = i;
		a->timer.fire = lapic_fired;
		a->timer.owner = a->vcpu;
		lapic_reset(&a->lapic, (uint8_t)i);
		a->vcpu->interrupt_waits = false;
	}
	ioapic_reset(&p->ioapic);
	p->pm_enable = 0;
	if (p->has_apic && tables)
		acpi_tables_write(tables, g->vcpus);
}

static int create(struct guest *g)
{
	mpa_t at = guest_take(g, sizeof(struct pc) + g->vcpus * sizeof(struct apic));

	if (!at.v)
		return -ENOMEM;
	g->board_state = direct(at);
	pc_of(g)->guest = g;
	return 0;
}

static void reset(struct guest *g)
{
	struct pc *p = pc_of(g);

	p->pit_timer.fire = pit_fired;
	p->key_timer.fire = key_up;
	p->pit_timer.owner = p->key_timer.owner = g->vcpu;
	p->start = rdtsc();
	p->uart.transmit = transmit;
	p->uart.arg = g;
	p->reset_wanted = p->ending = p->rearm = p->intr_told = false;
	p->news = 0;
	pic_reset(&p->pic);
	pit_reset(&p->pit);
	uart_reset(&p->uart);
	i8042_reset(&p->keyboard);
	rtc_reset(&p->rtc, machine_seconds(), g->mmu.memory_bytes);
	vga_reset(&p->vga);
	pci_set_address(&p->pci, 0);
	clear_screen(g);
	reset_apics(p);
}

static void park(struct vcpu *v)
{
	struct pc *p = pc_of(v->guest);

	timer_cancel(v->cpu, &p->apic[v->id].timer);
	if (v->id)
		return;
	timer_cancel(v->cpu, &p->pit_timer);
	timer_cancel(v->cpu, &p->key_timer);
}

static void init(struct vcpu *v)
{
	struct pc *p = pc_of(v->guest);

	enter(p);
	timer_cancel(v->cpu, &p->apic[v->id].timer);
	lapic_reset(&p->apic[v->id].lapic, (uint8_t)v->id);
	leave(p);
}

static void update_lines(struct pc *p)
{
	set_line(p, IRQ_COM1, uart_irq(&p->uart));
	set_line(p, IRQ_KEYBOARD, i8042_irq(&p->keyboard));
}

/* Takes as much of the waiting console input as the device has room for. */
static void feed(struct pc *p)
{
	int byte;

	if (p->uart.in_use) {
		while (uart_room(&p->uart) && (byte = guest_input_take(p->guest)) >= 0)
			uart_receive(&p->uart, (uint8_t)byte);
	} else {
		while (i8042_ready(&p->keyboard) && (byte = guest_input_take(p->guest)) >= 0)
			i8042_type(&p->keyboard, (uint8_t)byte);
		if (i8042_key_is_down(&p->keyboard) && !p->key_timer.armed && !is_elsewhere(p))
			arm(p, p->guest->vcpu, &p->key_timer, rdtsc() + tsc_from_ns(KEY_DOWN_NS));
	}
	update_lines(p);
}

static void input(struct guest *g)
{
	struct pc *p = pc_of(g);

	enter(p);
	if (p->rearm)
		arm_pit(p, p->pit.channel[0].start);
	feed(p);
	leave(p);
}

static void room(struct guest *g)
{
	struct pc *p = pc_of(g);

	enter(p);
	uart_transmitted(&p->uart);
	update_lines(p);
	leave(p);
}

static uint8_t in_byte(struct pc *p, uint16_t port)
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
			set_line(p, IRQ_KEYBOARD, false);
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
	case PCI_ADDRESS_PORT ... PCI_DATA_PORT + 3: return pci_read(&p->pci, port);
	default: return 0xff;
	}
}

#define ACPI_SLEEP_ENABLE 0x2000
#define ACPI_SCI_ENABLE	  0x0001
#define ACPI_PM_TIMER_HZ  3579545

/* ACPI's fixed hardware, 4.8.3: no event ever happens, the timer of 24 bits runs. */
static bool acpi_in(const struct pc *p, uint16_t port, unsigned width, uint32_t *value)
{
	if (port == ACPI_PM1A_EVENT && width == 2)
		*value = 0;
	else if (port == ACPI_PM1A_EVENT + 2 && width == 2)
		*value = p->pm_enable;
	else if (port == ACPI_PM1A_CONTROL && width == 2)
		*value = ACPI_SCI_ENABLE;
	else if (port == ACPI_PM_TIMER && width == 4)
		*value = (uint32_t)(now_ns(p) / 1000 * ACPI_PM_TIMER_HZ / 1000000) & 0xffffff;
	else
		return false;
	return true;
}

static void want_end(struct pc *p, uint8_t code, const char *how)
{
	p->ending = true;
	p->ending_how = how;
	p->exit_code = code;
}

static void out_byte(struct pc *p, uint16_t port, uint8_t v)
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
	case 0xf4: want_end(p, v, "exit by port 0xf4"); break;
	case 0x3b0 ... 0x3df: vga_write(&p->vga, port, v); break;
	case 0x3f8 ... 0x3ff:
		uart_write(&p->uart, port & 7, v);
		update_lines(p);
		break;
	default: break;
	}
}

static uint32_t port_in(struct vcpu *vcpu, uint16_t port, unsigned width)
{
	struct pc *p = pc_of(vcpu->guest);
	uint32_t v = 0;

	enter(p);
	if (!p->has_apic || !acpi_in(p, port, width, &v))
		for (unsigned i = 0; i < width; i++)
			v |= (uint32_t)in_byte(p, (uint16_t)(port + i)) << (8 * i);
	leave(p);
	return v;
}

static void out(struct pc *p, uint16_t port, unsigned width, uint32_t value)
{
	if (port == ACPI_PM1A_CONTROL && width == 2 && (value & ACPI_SLEEP_ENABLE))
		want_end(p, 0, "powered off");
	if (port == ACPI_PM1A_EVENT + 2 && width == 2)
		p->pm_enable = (uint16_t)value;
	if (port == PCI_ADDRESS_PORT && width == 4) {
		pci_set_address(&p->pci, value);
		return;
	}
	for (unsigned i = 0; i < width; i++)
		out_byte(p, (uint16_t)(port + i), (uint8_t)(value >> (8 * i)));
}

static void port_out(struct vcpu *v, uint16_t port, unsigned width, uint32_t value)
{
	struct pc *p = pc_of(v->guest);

	enter(p);
	out(p, port, width, value);
	bool ending = p->ending, reset = p->reset_wanted;
	p->ending = p->reset_wanted = false;
	leave(p);
	if (p->printed) { /* of lines another vCPU may see to */
		p->printed = false;
		console_guest_send(p->guest);
	}
	if (ending)
		guest_end(p->guest, p->exit_code, p->ending_how);
	if (reset) {
		console_guest_notice(p->guest, "reset");
		guest_restart(p->guest);
	}
}

/* 9.4.4.1: INIT puts a processor before its start; the first startup IPI after it says where that
 * is. The boot processor is started by nobody. */
static void send_init(struct pc *p, unsigned vcpus)
{
	for (vcpus &= ~1u; vcpus; vcpus &= vcpus - 1) {
		struct apic *a = &p->apic[__builtin_ctz(vcpus)];

		a->waits = true;
		__atomic_and_fetch(&a->vcpu->requests, ~REQUEST_START, __ATOMIC_RELAXED);
		vcpu_request_from(a->vcpu, REQUEST_INIT);
	}
}

static void send_startup(struct pc *p, unsigned vcpus, uint8_t page)
{
	for (; vcpus; vcpus &= vcpus - 1) {
		struct apic *a = &p->apic[__builtin_ctz(vcpus)];

		if (!a->waits)
			continue;
		a->waits = false;
		a->vcpu->startup = page;
		vcpu_request_from(a->vcpu, REQUEST_START);
	}
}

#define ICR_ASSERT 0x4000
#define ICR_LEVEL  0x8000

/* 11.6.1: by the shorthand, or by the destination field. */
static unsigned ipi_destinations(const struct pc *p, const struct apic *from)
{
	unsigned all = (1u << p->guest->vcpus) - 1, self = 1u << from->vcpu->id;

	switch (from->lapic.icr_low >> 18 & 3) {
	case 0:
		return destinations(p, (uint8_t)(from->lapic.icr_high >> 24),
				    from->lapic.icr_low & IOAPIC_LOGICAL);
	case 1: return self;
	case 2: return all;
	default: return all & ~self;
	}
}

static void send_ipi(struct pc *p, const struct apic *from)
{
	uint32_t low = from->lapic.icr_low;
	unsigned mode = low >> 8 & 7, to = ipi_destinations(p, from);

	if (mode == MODE_INIT && (!(low & ICR_LEVEL) || (low & ICR_ASSERT)))
		send_init(p, to & ~(1u << from->vcpu->id));
	else if (mode == MODE_STARTUP)
		send_startup(p, to, (uint8_t)low);
	else
		send(p, to, mode, low & 0xff, false);
}

static void lapic_mmio_write(struct pc *p, struct apic *a, unsigned offset, uint32_t value)
{
	unsigned vector = 0;

	switch (lapic_write(&a->lapic, offset, value, now_ns(p), &vector)) {
	case LAPIC_TIMER: arm_lapic(a, now_ns(p)); break;
	case LAPIC_EOI: send_pins(p, ioapic_end_of_interrupt(&p->ioapic, vector)); break;
	case LAPIC_SEND: send_ipi(p, a); break;
	case LAPIC_NOTHING: break;
	}
}

static uint32_t mmio_read(struct pc *p, const struct apic *a, uint64_t at)
{
	unsigned offset = at & ~PAGE_MASK;

	switch (at & PAGE_MASK) {
	case LAPIC_AT: return lapic_read(&a->lapic, offset, now_ns(p));
	case IOAPIC_AT: return ioapic_read(&p->ioapic, offset);
	default: return ~0u;
	}
}

/* Registers are 4 bytes wide, 16 apart; other accesses are undefined (SDM 3A 11.4.1). */
static uint64_t mmio_in(struct vcpu *v, gpa_t at, unsigned width)
{
	struct pc *p = pc_of(v->guest);
	uint32_t value;

	if (!p->has_apic || at.v & 3 || width != 4)
		return ~0ull;
	enter(p);
	value = mmio_read(p, &p->apic[v->id], at.v);
	leave(p);
	return value;
}

static void mmio_out(struct vcpu *v, gpa_t at, unsigned width, uint64_t value)
{
	struct pc *p = pc_of(v->guest);
	unsigned offset = at.v & ~PAGE_MASK;

	if (!p->has_apic || at.v & 3 || width != 4)
		return;
	enter(p);
	switch (at.v & PAGE_MASK) {
	case LAPIC_AT: lapic_mmio_write(p, &p->apic[v->id], offset, (uint32_t)value); break;
	case IOAPIC_AT: send_pins(p, ioapic_write(&p->ioapic, offset, (uint32_t)value)); break;
	}
	leave(p);
}

/* Blank outside the guest's memory. */
static void screen(const struct guest *g, unsigned row, uint16_t cell[BOARD_COLUMNS])
{
	uint64_t at = VGA_TEXT_AT + 2ull * (vga_start(&pc_of(g)->vga) + row * BOARD_COLUMNS);
	const uint16_t *from = mmu_memory(&g->mmu, GPA(at), 2 * BOARD_COLUMNS);

	for (unsigned i = 0; i < BOARD_COLUMNS; i++)
		cell[i] = from ? from[i] : 0x0720;
}

const struct board pc_board = {
	.memory_max = DEVICES_AT,
	.low_bytes = LOW_BYTES,
	.create = create,
	.reset = reset,
	.park = park,
	.init = init,
	.input = input,
	.room = room,
	.in = port_in,
	.out = port_out,
	.read = mmio_in,
	.write = mmio_out,
	.interrupt_pending = interrupt_pending,
	.acknowledge = acknowledge,
	.screen = screen,
};
