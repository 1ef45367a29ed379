// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/console.h"

#include "arch/cpu.h"
#include "guest/guest.h"
#include "kernel/apic.h"
#include "kernel/cpu.h"
#include "lib/string.h"

#define COM1	   0x3f8
#define UART_IER   1
#define UART_FCR   2
#define UART_LCR   3
#define UART_MCR   4
#define UART_LSR   5
#define UART_FIFO  16
#define LSR_READY  0x01
#define LSR_EMPTY  0x20

#define LINE_BYTES 480

/* --- the port --- */

/* What is on its way to it: one entry of a ring, as it is shown. Lock order: the port's, then a
 * ring's. */
static struct {
	uint8_t lock;
	unsigned used, at;
	char text[4 * LINE_BYTES];
	const struct guest *prompting;	 /* whose unfinished line is the last one on the screen */
	const struct console_ring *last; /* whose entry this is */
	const struct console_ring *held; /* and the next is, ENTRY_MORE; or NULL */
	uint32_t waiting;		 /* whose turn it is as well, by turn_of(); atomic */
} port;

static struct console_ring own; /* the hypervisor's */
static bool buffering;

void console_init(void)
{
	outb(COM1 + UART_LCR, 0x80);
	outb(COM1, 1); /* 115200 */
	outb(COM1 + 1, 0);
	outb(COM1 + UART_LCR, 3);
	outb(COM1 + UART_FCR, 7);
	outb(COM1 + UART_MCR, 0x0b);
	outb(COM1 + UART_IER, 1);
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

/* An entry: struct entry, then the text. */
enum entry_kind { ENTRY_LINE, ENTRY_PROMPT, ENTRY_NOTICE, ENTRY_VERDICT, ENTRY_MORE };

struct entry {
	uint8_t kind;
	uint8_t kept;  /* bytes of a prompt on the screen that still stand */
	uint8_t erase; /* and bytes behind them to take back */
	uint16_t bytes;
} __attribute__((packed));

#define RESERVE 2048 /* of a guest's ring, for notices */
#define VERDICT 512  /* of that, for the last one */
#define ROOM	1024 /* more than any CONSOLE_PART bytes and an unfinished line can need */
_Static_assert(ROOM >= CONSOLE_PART * (sizeof(struct entry) + 1) +
			       sizeof(((struct guest *)0)->line),
	       "a part fits");

static uint32_t room_in(const struct console_ring *r)
{
	return CONSOLE_RING - (r->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE));
}

bool console_guest_room(struct guest *g)
{
	return room_in(&g->console) >= ROOM + RESERVE;
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

static bool append(struct console_ring *r, const struct entry *e, const char *text)
{
	unsigned reserve = e->kind >= ENTRY_VERDICT  ? 0
			   : e->kind == ENTRY_NOTICE ? VERDICT
						     : RESERVE;
	bool fits;

	spin_lock(&r->lock);
	fits = room_in(r) >= sizeof(*e) + e->bytes + reserve;
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

static void show(const struct guest *g, const struct entry *e, const char *text)
{
	if (e->kind >= ENTRY_NOTICE) {
		leave_prompt();
		add_text("veneer: ");
		add_text(text);
		add_text("\r\n");
		return;
	}
	if (port.prompting == g) {
		add_times(e->erase, '\b');
		add_times(e->erase, ' ');
		add_times(e->erase, '\b');
		add_text(text + e->kept);
	} else {
		leave_prompt();
		add_text(g->config->name);
		add_text(": ");
		add_text(text);
	}
	port.prompting = e->kind == ENTRY_PROMPT ? g : NULL;
	if (e->kind == ENTRY_LINE)
		add_text("\r\n");
}

static void compose(const struct guest *g, struct console_ring *r)
{
	char text[LINE_BYTES + 1];
	struct entry e;

	port.used = port.at = 0;
	spin_lock(&r->lock);
	ring_take(r, &e, sizeof(e));
	ring_take(r, text, e.bytes);
	spin_unlock(&r->lock);
	text[e.bytes] = 0;
	port.held = e.kind == ENTRY_MORE ? r : NULL;
	show(g, &e, text);
}

static uint32_t turn_of(const struct guest *g)
{
	return g ? 1u << g->id : 1u << GUESTS_MAX;
}

/* Who had the last entry lets others go first that wait for theirs. */
static bool may_compose(const struct guest *g, const struct console_ring *r)
{
	if (port.held)
		return port.held == r;
	return port.last != r || !(__atomic_load_n(&port.waiting, __ATOMIC_RELAXED) & ~turn_of(g));
}

#define ENTRY_COST 16 /* of the bytes of a part, for each entry: composing it takes as long */

/* Finishes the entry under way, whoever's it is, then sends the ring's own; false: some is left. */
static bool send_ring(const struct guest *g, struct console_ring *r, unsigned budget)
{
	while (send_text(&budget)) {
		if (is_empty(r)) {
			__atomic_and_fetch(&port.waiting, ~turn_of(g), __ATOMIC_RELAXED);
			return true;
		}
		if (!budget || !may_compose(g, r))
			break;
		__atomic_and_fetch(&port.waiting, ~turn_of(g), __ATOMIC_RELAXED);
		compose(g, r);
		port.last = r;
		budget -= MIN(budget, ENTRY_COST);
	}
	if (!is_empty(r))
		__atomic_or_fetch(&port.waiting, turn_of(g), __ATOMIC_RELAXED);
	return false;
}

#define SEND_BYTES    192     /* at one go */
#define SEND_AGAIN_NS 1400000 /* the port's FIFO is empty again at 115200 bits a second */

static void tell_room(struct guest *g)
{
	if (!console_guest_room(g) ||
	    !__atomic_exchange_n(&g->console.waiting, false, __ATOMIC_SEQ_CST))
		return;
	for (unsigned i = 0; i < g->vcpus; i++)
		vcpu_request_from(&g->vcpu[i], REQUEST_ROOM);
}

static void send_again(struct timer *t)
{
	console_guest_send(container_of(t, struct guest, console.timer));
}

/* The timer is of vCPU 0's CPU; from elsewhere that vCPU is asked to go on. */
static void send_later(struct guest *g)
{
	struct timer *t = &g->console.timer;

	if (g->vcpu->cpu != this_cpu()) {
		vcpu_request_from(g->vcpu, REQUEST_SEND);
		return;
	}
	if (t->armed)
		return;
	t->fire = send_again;
	t->owner = g->vcpu;
	timer_set(g->vcpu->cpu, t, rdtsc() + tsc_from_ns(SEND_AGAIN_NS));
}

void console_guest_send(struct guest *g)
{
	if (is_empty(&g->console) && port.at == port.used)
		return;
	if (__atomic_test_and_set(&port.lock, __ATOMIC_ACQUIRE)) { /* another CPU is at it */
		send_later(g);
		return;
	}
	bool all = send_ring(g, &g->console, SEND_BYTES);
	spin_unlock(&port.lock);
	if (!all)
		send_later(g);
	tell_room(g);
}

static void put_byte_now(char c)
{
	for (unsigned i = 0; i < 100000 && !port_is_empty(); i++)
		cpu_relax();
	outb(COM1, (uint8_t)c);
}

/* Everything, however long it takes. */
static void send_text_now(void)
{
	while (port.at < port.used)
		put_byte_now(port.text[port.at++]);
}

static void send_all_now(const struct guest *g, struct console_ring *r)
{
	send_text_now();
	while (!is_empty(r)) {
		compose(g, r);
		send_text_now();
	}
}

/* --- the hypervisor's lines --- */

static void send_own(struct timer *t)
{
	bool all = false;

	(void)t;
	if (!__atomic_test_and_set(&port.lock, __ATOMIC_ACQUIRE)) {
		all = send_ring(NULL, &own, SEND_BYTES);
		spin_unlock(&port.lock);
	}
	if (!all)
		this_cpu()->attention = true; /* console_attend sets the timer again */
}

void console_attend(void)
{
	if ((is_empty(&own) && port.at == port.used) || own.timer.armed)
		return;
	own.timer.fire = send_own;
	timer_set(this_cpu(), &own.timer, rdtsc() + tsc_from_ns(SEND_AGAIN_NS));
}

static void send_own_now(void)
{
	spin_lock(&port.lock);
	send_all_now(NULL, &own);
	spin_unlock(&port.lock);
}

/* Without room, and while there are no timers, lines go out at once: what the operator asks for is
 * never dropped. */
static void put_own(enum entry_kind kind, const char *text)
{
	const struct entry e = { .kind = (uint8_t)kind, .bytes = (uint16_t)strlen(text) };

	if (room_in(&own) < sizeof(e) + LINE_BYTES)
		send_own_now();
	append(&own, &e, text);
	if (buffering)
		cpu_kick(&cpus[0]);
	else
		send_own_now();
}

static void print(enum entry_kind kind, const char *fmt, va_list args)
{
	char line[LINE_BYTES];

	format_v(line, sizeof(line), fmt, args);
	put_own(kind, line);
}

void console_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(ENTRY_VERDICT, fmt, args);
	va_end(args);
}

void console_print_list(bool more, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(more ? ENTRY_MORE : ENTRY_VERDICT, fmt, args);
	va_end(args);
}

void console_start_buffering(void)
{
	buffering = true;
}

void console_stop_buffering(void)
{
	buffering = false;
	spin_lock(&port.lock);
	send_all_now(NULL, &own);
	for (unsigned i = 0; i < guest_count; i++)
		send_all_now(&guests[i], &guests[i].console);
	spin_unlock(&port.lock);
}

/* Takes no lock: this CPU may have it. */
void console_print_now(const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	format_v(line, sizeof(line), fmt, args);
	va_end(args);
	const char *const parts[] = { "\r\nveneer: ", line, "\r\n" };
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		for (const char *s = parts[i]; *s; s++)
			put_byte_now(*s);
}

/* --- of a guest, and the guest's own --- */

static void add_notice(struct guest *g, enum entry_kind kind, const char *fmt, va_list args)
{
	char line[LINE_BYTES];
	int used = format(line, sizeof(line), "%s: ", g->config->name);

	format_v(line + used, sizeof(line) - (size_t)used, fmt, args);
	if (!buffering) {
		put_own(ENTRY_VERDICT, line);
		return;
	}
	const struct entry e = { .kind = (uint8_t)kind, .bytes = (uint16_t)strlen(line) };
	append(&g->console, &e, line);
}

void console_guest_notice(struct guest *g, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_notice(g, ENTRY_NOTICE, fmt, args);
	va_end(args);
	console_guest_send(g);
}

/* Whoever calls it sends: perhaps with the guest's console lock held. */
static void add(struct guest *g, enum entry_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_notice(g, kind, fmt, args);
	va_end(args);
}

void console_guest_verdict(struct guest *g, const char *how, int verdict)
{
	if (g->console.dropped)
		add(g, ENTRY_VERDICT, "%u lines found no room on the console", g->console.dropped);
	add(g, ENTRY_VERDICT, "%s, verdict %d", how, verdict);
	console_guest_send(g);
}

/* count-at: what happened between two lines, the last byte of one and the first of the next. */
static void take_counts(struct guest *g, bool end)
{
	for (unsigned i = 0; *g->config->count_at && i < COUNTERS; i++)
		g->line_counts[i] = guest_count_of(g, i) - (end ? g->line_counts[i] : 0);
}

static void print_counts(struct guest *g)
{
	char text[LINE_BYTES];
	int used = 0;

	for (unsigned i = 0; i < COUNTERS; i++)
		if (g->line_counts[i])
			used += format(text + used, sizeof(text) - (size_t)used, " %s=%lu",
				       counter_names[i], g->line_counts[i]);
	text[used] = 0;
	add(g, ENTRY_NOTICE, "counts%s", text);
}

/* The line so far: what a prompt has shown of it stays as far as it still holds. */
static bool append_line(struct guest *g, enum entry_kind kind)
{
	const struct entry e = { .kind = (uint8_t)kind,
				 .kept = g->line_kept,
				 .erase = (uint8_t)(g->line_shown - g->line_kept),
				 .bytes = g->line_used };

	return append(&g->console, &e, g->line);
}

static void end_line(struct guest *g)
{
	const char *count_at = g->config->count_at;

	g->line[g->line_used] = 0;
	append_line(g, ENTRY_LINE);
	if (*count_at && !strncmp(g->line, count_at, strlen(count_at)))
		print_counts(g);
	take_counts(g, false);
	g->line_used = g->line_shown = g->line_kept = 0;
}

/* Escape sequences (ECMA-48, section 5.4) go: nothing a guest prints may move the cursor. */
static bool in_escape(struct guest *g, char c)
{
	switch (g->escape) {
	case 0: g->escape = c == 27; break;
	case 1: g->escape = c == '[' ? 2 : 0; return true;
	default:
		if (c >= 0x40 && c <= 0x7e)
			g->escape = 0;
		return true;
	}
	return g->escape;
}

/* A backspace takes back what the guest has printed of this line, and no more: it never reaches the
 * name in front of it. */
static void take_back(struct guest *g)
{
	if (g->line_used)
		g->line_used--;
	g->line_kept = MIN(g->line_kept, g->line_used);
}

bool console_guest_put(struct guest *g, char c)
{
	if (c == '\r' || !c || in_escape(g, c))
		return true;
	if (c == '\b') {
		take_back(g);
		return true;
	}
	if (!g->line_used)
		take_counts(g, true);
	if (c == '\n') {
		end_line(g);
		return console_guest_room(g);
	}
	/* nor may it look like another's line */
	if (((unsigned char)c < ' ' && c != '\t') || (unsigned char)c >= 0x7f)
		c = '?';
	g->line[g->line_used++] = c;
	if (g->line_used == sizeof(g->line) - 1)
		end_line(g);
	return console_guest_room(g);
}

#define LINE_COST 8 /* of the bytes of a part, for each that ends a line */

static unsigned cost_of(const struct guest *g, char c)
{
	if (c != '\n')
		return 1;
	return *g->config->count_at ? CONSOLE_PART : LINE_COST;
}

uint64_t console_guest_write(struct guest *g, const char *text, uint64_t bytes)
{
	uint64_t n = 0;
	unsigned cost = 0;

	spin_lock(&g->console_lock);
	bool room = console_guest_room(g);
	if (!room) {
		__atomic_store_n(&g->console.waiting, true, __ATOMIC_SEQ_CST);
		room = console_guest_room(g);
	}
	while (room && n < bytes && cost < CONSOLE_PART) {
		char c = ((const volatile char *)text)[n++];

		console_guest_put(g, c);
		cost += cost_of(g, c);
	}
	spin_unlock(&g->console_lock);
	if (bytes)
		console_guest_send(g);
	return n;
}

void console_guest_prompt(struct guest *g)
{
	spin_lock(&g->console_lock);
	if (g->line_used != g->line_shown || g->line_kept != g->line_shown) {
		g->line[g->line_used] = 0;
		if (append_line(g, ENTRY_PROMPT))
			g->line_shown = g->line_kept = g->line_used;
	}
	spin_unlock(&g->console_lock);
	console_guest_send(g);
}

void console_guest_flush(struct guest *g)
{
	spin_lock(&g->console_lock);
	if (g->line_used)
		end_line(g);
	spin_unlock(&g->console_lock);
}

void console_interrupt(void)
{
	/* bounded: a port that is not there reads as ones for ever */
	for (unsigned i = 0; i < 256 && (inb(COM1 + UART_LSR) & LSR_READY); i++)
		monitor_input(inb(COM1));
}
