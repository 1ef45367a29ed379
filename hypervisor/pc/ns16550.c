// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/ns16550.h"

#include "pc/bus.h"

#define COM1 0x3f8
#define IRQ  4

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };
#define LCR_DLAB     0x80
#define LSR_READY    0x01
#define LSR_OVERRUN  0x02
#define LSR_EMPTY    0x60
#define MCR_OUT2     0x08 /* connects the interrupt in a PC */
#define MCR_LOOPBACK 0x10
#define POLLS_OF_INPUT 64
#define FCR_ENABLE   0x01
#define IIR_NONE     0x01
#define IIR_THRE     0x02
#define IIR_DATA     0x04
#define IIR_LINE     0x06

void uart_reset(struct uart *u)
{
	u->ier = u->lcr = u->mcr = u->scratch = u->fcr = u->errors = 0;
	u->divisor = 12;
	u->head = u->used = 0;
	u->thre_pending = u->in_use = u->full = false;
}

static unsigned trigger(const struct uart *u)
{
	static const unsigned level[] = { 1, 4, 8, 14 };

	return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

/* Highest pending interrupt, data sheet table IV. Below the trigger level, hardware raises the
 * character time-out after a delay; here it is raised at once. */
static uint8_t interrupt_id(const struct uart *u)
{
	if ((u->ier & 4) && u->errors)
		return IIR_LINE;
	if ((u->ier & 1) && u->used)
		return u->used >= trigger(u) ? IIR_DATA : IIR_DATA | 8;
	if ((u->ier & 2) && u->thre_pending)
		return IIR_THRE;
	return IIR_NONE;
}

bool uart_irq(const struct uart *u)
{
	return (u->mcr & MCR_OUT2) && interrupt_id(u) != IIR_NONE;
}

bool uart_room(const struct uart *u)
{
	return u->used < (u->fcr & FCR_ENABLE ? UART_FIFO : 1);
}

void uart_receive(struct uart *u, uint8_t byte)
{
	if (!uart_room(u)) {
		u->errors |= LSR_OVERRUN;
		return;
	}
	u->fifo[(u->head + u->used++) % UART_FIFO] = byte;
}

static uint8_t take(struct uart *u)
{
	if (!u->used)
		return 0;
	uint8_t byte = u->fifo[u->head];
	u->head = (u->head + 1) % UART_FIFO;
	u->used--;
	return byte;
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t id = interrupt_id(u);

	if (id == IIR_THRE)
		u->thre_pending = false;
	return id | (u->fcr & FCR_ENABLE ? 0xc0 : 0);
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t v = (u->full ? 0 : LSR_EMPTY) | (u->used ? LSR_READY : 0) | u->errors;

	u->errors = 0;
	return v;
}

static uint8_t read_msr(const struct uart *u)
{
	if (!(u->mcr & MCR_LOOPBACK))
		return 0xb0; /* DCD, DSR, CTS */
	return (u->mcr & 1) << 5 | (u->mcr & 2) << 3 | (u->mcr & 0x0c) << 4;
}

uint8_t uart_read(struct uart *u, unsigned reg)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR: return dlab ? (uint8_t)u->divisor : take(u);
	case IER: return dlab ? (uint8_t)(u->divisor >> 8) : u->ier;
	case IIR_FCR: return read_iir(u);
	case LCR: return u->lcr;
	case MCR: return u->mcr;
	case LSR: return read_lsr(u);
	case MSR: return read_msr(u);
	default: return u->scratch;
	}
}

static void transmit(struct uart *u, uint8_t byte)
{
	if (u->mcr & MCR_LOOPBACK)
		uart_receive(u, byte);
	else if (!u->full)
		u->full = !u->transmit(u->arg, byte);
	u->thre_pending = !u->full; /* else sent in no time */
}

void uart_transmitted(struct uart *u)
{
	u->thre_pending |= u->full;
	u->full = false;
}

void uart_write(struct uart *u, unsigned reg, uint8_t v)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		if (dlab)
			u->divisor = (u->divisor & 0xff00) | v;
		else
			transmit(u, v);
		break;
	case IER:
		if (dlab) {
			u->divisor = (uint16_t)((u->divisor & 0xff) | v << 8);
			break;
		}
		if ((v & 2) && !(u->ier & 2))
			u->thre_pending = true;
		u->ier = v & 0x0f;
		break;
	case IIR_FCR:
		if (((v ^ u->fcr) & FCR_ENABLE) || (v & 2))
			u->head = u->used = 0;
		u->fcr = v & FCR_ENABLE ? v & 0xc9 : 0;
		break;
	case LCR:
		u->lcr = v;
		u->in_use = true;
		break;
	case MCR: u->mcr = v & 0x1f; break;
	case SCR: u->scratch = v; break;
	default: break; /* LSR and MSR are read-only */
	}
}

void uart_update_line(struct uart *u)
{
	u->bus->owner->set_line(u->bus, IRQ, uart_irq(u));
}

static uint64_t in(void *device, struct bus_access a)
{
	struct uart *u = device;
	uint8_t v = uart_read(u, a.at & 7);

	/* between two characters that it prints, a guest reads it once or twice */
	if ((a.at & 7) == LSR && ++u->polls == POLLS_OF_INPUT)
		u->bus->owner->prompt(u->bus);
	u->bus->owner->input(u->bus);
	return v;
}

static void out(void *device, struct bus_access a, uint64_t value)
{
	((struct uart *)device)->polls = 0;
	uart_write(device, a.at & 7, (uint8_t)value);
	uart_update_line(device);
}

static void reset(void *device)
{
	uart_reset(device);
}

static bool print(void *bus, uint8_t byte)
{
	struct bus *b = bus;

	return b->owner->print(b, byte);
}

void uart_attach(struct uart *u, struct bus *b)
{
	static const struct bus_functions functions = { in, out, 1 };

	u->transmit = print;
	u->arg = u->bus = b;
	bus_add_ports(b, COM1, 8, &functions, u);
	bus_add_line(b, IRQ);
	bus_add_reset(b, reset, u);
}
