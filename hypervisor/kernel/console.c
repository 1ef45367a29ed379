// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/console.h"

#include "arch/cpu.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "lib/panic.h"
#include "lib/string.h"

#define COM1	  0x3f8
#define UART_IER  1
#define UART_FCR  2
#define UART_LCR  3
#define UART_MCR  4
#define UART_LSR  5
#define UART_FIFO 16
#define LSR_READY 0x01
#define LSR_EMPTY 0x20

/* --- the port --- */

/* What is on its way to it: one entry of a ring, as it is shown. */
static struct {
	SPINLOCK(LOCK_PORT) lock;
	unsigned used, at;
	char text[4 * CONSOLE_LINE];
	const struct console_ring *prompting; /* whose unfinished line is the last on the screen */
	const struct console_ring *last;      /* whose entry this is */
	const struct console_ring *held;      /* and the next is, ENTRY_MORE; or NULL */
	uint32_t waiting;		      /* whose turn it is as well, by their bits; atomic */
} port;

static struct console_ring *rings[CONSOLE_RINGS];
static struct console_ring own; /* the hypervisor's, the last */
bool console_buffering;

void console_init(void)
{
	outb(COM1 + UART_LCR, 0x80);
	outb(COM1, 1); /* 115200 */
	outb(COM1 + 1, 0);
	outb(COM1 + UART_LCR, 3);
	outb(COM1 + UART_FCR, 7);
	outb(COM1 + UART_MCR, 0x0b);
	outb(COM1 + UART_IER, 1);
	console_ring_init(&own, CONSOLE_RINGS - 1, "veneer");
}

static void (*take_input)(uint8_t byte);

/* Bytes have arrived. */
static void console_interrupt(void)
{
	/* bounded: a port that is not there reads as ones for ever */
	for (unsigned i = 0; i < 256 && (inb(COM1 + UART_LSR) & LSR_READY); i++)
		take_input(inb(COM1));
}

void console_take_input(void (*input)(uint8_t byte))
{
	take_input = input;
	interrupt_register(VECTOR_CONSOLE, console_interrupt);
}

static bool port_is_empty(void)
{
	return inb(COM1 + UART_LSR) & LSR_EMPTY;
}

/* As much as the port takes, budget bytes at most; false: text is left. */
static bool send_text(unsigned *budget)
{
	while (port.at < port.used) {
		unsigned n = MIN(MIN(port.used - port.at, UART_FIFO), *budget);

		if (!n || !port_is_empty())
			return false;
		*budget -= n;
		for (; n; n--)
			outb(COM1, (uint8_t)port.text[port.at++]);
	}
	return true;
}

static void add_text(const char *s)
{
	size_t n = MIN(strlen(s), sizeof(port.text) - port.used);

	memcpy(&port.text[port.used], s, n);
	port.used += (unsigned)n;
}

static void add_times(unsigned n, char c)
{
	n = MIN(n, (unsigned)sizeof(port.text) - port.used);
	memset(&port.text[port.used], c, n);
	port.used += n;
}

/* --- rings --- */

void console_ring_init(struct console_ring *r, unsigned number, const char *name)
{
	assert(number < CONSOLE_RINGS);
	r->name = name;
	r->turn = 1u << number;
	r->head = r->tail = 0;
	rings[number] = r;
}

uint32_t console_room(const struct console_ring *r)
{
	return CONSOLE_RING - (r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE));
}

/* How many of these bytes lie before the end of the ring's memory. */
static unsigned until_end(uint32_t at, unsigned bytes)
{
	return MIN(bytes, CONSOLE_RING - at % CONSOLE_RING);
}

static void ring_put(struct console_ring *r, const void *from, unsigned bytes)
{
	unsigned first = until_end(r->head, bytes);

	memcpy(&r->bytes[r->head % CONSOLE_RING], from, first);
	memcpy(r->bytes, (const char *)from + first, bytes - first);
	r->head += bytes;
}

static void ring_take(struct console_ring *r, void *to, unsigned bytes)
{
	uint32_t tail = r->tail;
	unsigned first = until_end(tail, bytes);

	memcpy(to, &r->bytes[tail % CONSOLE_RING], first);
	memcpy((char *)to + first, r->bytes, bytes - first);
	__atomic_store_n(&r->tail, tail + bytes, __ATOMIC_RELEASE);
}

bool console_append(struct console_ring *r, const struct console_entry *e, const char *text)
{
	unsigned reserve = e->kind >= ENTRY_EXIT_CODE ? 0
			   : e->kind == ENTRY_NOTICE  ? CONSOLE_EXIT_CODE
						      : CONSOLE_RESERVE;

	spin_lock(&r->lock);
	bool fits = console_room(r) >= sizeof(*e) + e->bytes + reserve;
	if (fits) {
		ring_put(r, e, sizeof(*e));
		ring_put(r, text, e->bytes);
	} else {
		r->dropped++;
	}
	spin_unlock(&r->lock);
	return fits;
}

static bool is_empty(const struct console_ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) == r->tail;
}

/* --- from a ring to the port, with the port's lock --- */

/* Another's line comes: the prompt is shown anew with what follows it. */
static void leave_prompt(void)
{
	if (port.prompting)
		add_text("\r\n");
	port.prompting = NULL;
}

static void show(const struct console_ring *r, const struct console_entry *e, const char *text)
{
	if (e->kind >= ENTRY_NOTICE) {
		leave_prompt();
		add_text("veneer: ");
		add_text(text);
		add_text("\r\n");
		return;
	}
	if (port.prompting == r) {
		add_times(e->erase, '\b');
		add_times(e->erase, ' ');
		add_times(e->erase, '\b');
		add_text(text + e->kept);
	} else {
		leave_prompt();
		add_text(r->name);
		add_text(": ");
		add_text(text);
	}
	port.prompting = e->kind == ENTRY_PROMPT ? r : NULL;
	if (e->kind == ENTRY_LINE)
		add_text("\r\n");
}

static void compose(struct console_ring *r)
{
	char text[CONSOLE_LINE + 1];
	struct console_entry e;

	port.used = port.at = 0;
	spin_lock(&r->lock);
	ring_take(r, &e, sizeof(e));
	ring_take(r, text, e.bytes);
	spin_unlock(&r->lock);
	text[e.bytes] = 0;
	port.held = e.kind == ENTRY_MORE ? r : NULL;
	show(r, &e, text);
}

/* Who had the last entry lets others go first that wait for theirs. */
static bool may_compose(const struct console_ring *r)
{
	if (port.held)
		return port.held == r;
	return port.last != r || !(__atomic_load_n(&port.waiting, __ATOMIC_RELAXED) & ~r->turn);
}

#define ENTRY_COST 16 /* of the bytes of a part, for each entry: composing it takes as long */

/* Finishes the entry under way, whoever's it is, then sends the ring's own; false: some is left. */
static bool send_ring(struct console_ring *r, unsigned budget)
{
	while (send_text(&budget)) {
		if (is_empty(r)) {
			__atomic_and_fetch(&port.waiting, ~r->turn, __ATOMIC_RELAXED);
			return true;
		}
		if (!budget || !may_compose(r))
			break;
		__atomic_and_fetch(&port.waiting, ~r->turn, __ATOMIC_RELAXED);
		compose(r);
		port.last = r;
		budget -= MIN(budget, ENTRY_COST);
	}
	if (!is_empty(r))
		__atomic_or_fetch(&port.waiting, r->turn, __ATOMIC_RELAXED);
	return false;
}

#define SEND_BYTES 192 /* at one go */

bool console_has_sent(const struct console_ring *r)
{
	return is_empty(r) && port.at == port.used;
}

bool console_send(struct console_ring *r)
{
	if (!spin_try_lock(&port.lock))
		return false;
	bool all = send_ring(r, SEND_BYTES);
	spin_unlock(&port.lock);
	return all;
}

static void put_byte_now(char c)
{
	for (unsigned i = 0; i < 100000 && !port_is_empty(); i++)
		cpu_relax();
	outb(COM1, (uint8_t)c);
}

/* Everything, however long it takes. */
static void send_all_now(struct console_ring *r)
{
	for (;; compose(r)) {
		while (port.at < port.used)
			put_byte_now(port.text[port.at++]);
		if (is_empty(r))
			return;
	}
}

/* --- the hypervisor's lines --- */

static void send_own(UNUSED struct timer *t)
{
	if (!console_send(&own))
		this_cpu()->attention = true; /* console_attend sets the timer again */
}

void console_attend(void)
{
	if (console_has_sent(&own) || own.timer.armed)
		return;
	own.timer.fire = send_own;
	timer_set(this_cpu(), &own.timer, rdtsc() + tsc_from_ns(CONSOLE_SEND_AGAIN_NS));
}

static void send_own_now(void)
{
	spin_lock(&port.lock);
	send_all_now(&own);
	spin_unlock(&port.lock);
}

/* Without room, and while there are no timers, lines go out at once: what the operator asks for is
 * never dropped. */
void console_print_list(bool more, const char *fmt, ...)
{
	struct console_entry e = { .kind = more ? ENTRY_MORE : ENTRY_EXIT_CODE };
	char line[CONSOLE_LINE];

	format_rest(line, fmt);
	e.bytes = (uint16_t)strlen(line);
	if (console_room(&own) < sizeof(e) + CONSOLE_LINE)
		send_own_now();
	console_append(&own, &e, line);
	if (console_buffering)
		cpu_kick(&cpus[0]);
	else
		send_own_now();
}

void console_stop_buffering(void)
{
	console_buffering = false;
	spin_lock(&port.lock);
	send_all_now(&own);
	for (unsigned i = 0; i < CONSOLE_RINGS; i++)
		if (rings[i])
			send_all_now(rings[i]);
	spin_unlock(&port.lock);
}

/* Takes no lock: this CPU may have it. */
void console_print_now(const char *fmt, ...)
{
	char line[CONSOLE_LINE];

	format_rest(line, fmt);
	const char *const parts[] = { "\r\nveneer: ", line, "\r\n" };
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		for (const char *s = parts[i]; *s; s++)
			put_byte_now(*s);
}
