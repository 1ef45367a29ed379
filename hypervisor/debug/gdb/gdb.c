// SPDX-License-Identifier: GPL-2.0-or-later
/* The serial port, and the timer that looks at it. */
#include "arch/cpu.h"
#include "debug/gdb/stub.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"

static struct gdb stubs[GDB_STUBS];

static const uint16_t ports[1 + GDB_STUBS] = { 0, 0x2f8, 0x3e8, 0x2e8 }; /* COM2 to COM4 */

const struct debugger gdb_debugger = { .paused = gdb_paused,
				       .trapped = gdb_trapped,
				       .crashed = gdb_crashed };

struct gdb *gdb_of(const struct guest *g)
{
	return &stubs[g->config->gdb - 1];
}

/* --- the port --- */

#define UART_IER	 1
#define UART_FCR	 2
#define UART_LCR	 3
#define UART_MCR	 4
#define UART_LSR	 5
#define UART_SCRATCH	 7
#define UART_FIFO	 16
#define LSR_READY	 0x01
#define LSR_EMPTY	 0x20
#define LCR_8_BITS	 0x03
#define LCR_DIVISOR	 0x80
#define FCR_ON_AND_EMPTY 0x07
#define MCR_DTR_RTS	 0x03

/* False: the machine has no such port. */
static bool open_port(uint16_t port)
{
	outb(port + UART_SCRATCH, 0x5a);
	if (inb(port + UART_SCRATCH) != 0x5a)
		return false;
	outb(port + UART_LCR, LCR_DIVISOR);
	outb(port, 1); /* 115200 */
	outb(port + 1, 0);
	outb(port + UART_LCR, LCR_8_BITS);
	outb(port + UART_FCR, FCR_ON_AND_EMPTY);
	outb(port + UART_MCR, MCR_DTR_RTS);
	outb(port + UART_IER, 0);
	return true;
}

#define BYTES_AT_ONCE 64 /* each way, in one stay */

static void ask_to_stop(struct gdb *s)
{
	gdb_stop(s->guest->vcpu, STOP_ASKED, 0);
}

/* A packet while the guest runs: gdb is new, or another one has come in place of one that left
 * without a word. */
static void begin_session(struct gdb *s)
{
	s->attached = true;
	s->running = false;
	s->packet.acks = ACKS_ALL;
	__atomic_store_n(&s->stopped, 0, __ATOMIC_RELEASE);
}

/* Up to a packet, which must be answered first. */
static bool receive(struct gdb *s)
{
	unsigned n = 0;

	for (; n < BYTES_AT_ONCE && !s->waiting && (inb(s->port + UART_LSR) & LSR_READY); n++) {
		switch (packet_take(&s->packet, inb(s->port))) {
		case PACKET_MORE: break;
		case PACKET_BREAK: ask_to_stop(s); break;
		case PACKET_READY: s->waiting = true;
		}
	}
	return n;
}

static bool send(struct gdb *s)
{
	unsigned n = 0;
	uint8_t byte;

	while (n < BYTES_AT_ONCE && (inb(s->port + UART_LSR) & LSR_EMPTY)) {
		unsigned i = 0;

		for (; i < UART_FIFO && packet_next(&s->packet, &byte); i++)
			outb(s->port, byte);
		if (!i)
			break;
		n += i;
	}
	return n;
}

/* True: there was one, or there is one to come. */
static bool answer(struct gdb *s)
{
	if (s->waiting && (s->running || !s->attached))
		begin_session(s);
	if (!s->waiting)
		return false;
	if (gdb_is_stopped(s)) {
		s->waiting = false;
		gdb_command(s);
	} else {
		ask_to_stop(s); /* again, if the monitor has let it go on */
	}
	return true;
}

/* Tells gdb that the guest has stopped, or ended. */
static bool notice_stop(struct gdb *s)
{
	bool ended = __atomic_load_n(&s->guest->ended, __ATOMIC_ACQUIRE);
	bool stopped = __atomic_load_n(&s->stopped, __ATOMIC_ACQUIRE) && gdb_is_stopped(s);

	if (!s->running || (!stopped && !ended))
		return false;
	s->running = false;
	gdb_report_stop(s);
	return true;
}

#define BUSY_NS 50000
#define IDLE_NS 2000000
#define LIVELY	100 /* times it looks again soon: gdb's next packet follows an answer */

static void look(struct timer *t)
{
	struct gdb *s = container_of(t, struct gdb, timer);

	/* one of them: together they would be a long stay */
	if (receive(s) || answer(s) || send(s) || notice_stop(s))
		s->lively = LIVELY;
	else if (s->lively)
		s->lively--;
	timer_set(this_cpu(), t, rdtsc() + tsc_from_ns(s->lively ? BUSY_NS : IDLE_NS));
}

static void start(struct guest *g)
{
	struct gdb *s = gdb_of(g);
	uint16_t port = ports[g->config->gdb];

	if (s->guest || !open_port(port)) {
		console_guest_notice(g, "gdb = com%u: %s%s", g->config->gdb + 1,
				     s->guest ? "used by " : "the machine has no such port",
				     s->guest ? s->guest->config->name : "");
		g->debugger = NULL;
		return;
	}
	s->guest = g;
	s->port = port;
	s->stepping = *g->engine;
	gdb_use_steps(&s->stepping);
	gdb_find_rewritten(s);
	s->dr7 = DR7_FIXED;
	s->timer.fire = look;
	s->timer.owner = g->vcpu;
	timer_set(g->vcpu->cpu, &s->timer, rdtsc());
}

void gdb_start(void)
{
	for (struct guest *g = guests; g < &guests[guest_count]; g++)
		if (g->config->gdb)
			start(g);
}
