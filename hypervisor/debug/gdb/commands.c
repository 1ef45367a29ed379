// SPDX-License-Identifier: GPL-2.0-or-later
/* gdb's commands: gdb's manual, appendix E. What is not here is answered by an empty packet, which
 * means so. */
#include "debug/gdb/stub.h"

#include "lib/string.h"

#define MEMORY_PART 128 /* bytes in one answer: gdb asks for the rest */
#define TEXT_PART   250ull

static void reply(struct gdb *s, const char *text)
{
	packet_text(&s->packet, text);
}

static void reply_done(struct gdb *s, bool done)
{
	reply(s, done ? "OK" : "E01");
}

/* --- why it has stopped --- */

static void watch_reply(struct gdb *s, const struct watchpoint *w)
{
	reply(s, w->kind == '2' ? "T05watch:" : w->kind == '3' ? "T05rwatch:" : "T05awatch:");
	packet_number(&s->packet, w->at);
}

static void stop_reply(struct gdb *s)
{
	static const char *const signals[] = { [STOP_ASKED] = "T02thread:",
					       [STOP_STEP] = "T05thread:",
					       [STOP_BREAKPOINT] = "T05swbreak:;thread:",
					       [STOP_WATCHPOINT] = ";thread:",
					       [STOP_CRASH] = "T0bthread:" };
	uint32_t stopped = __atomic_load_n(&s->stopped, __ATOMIC_ACQUIRE);
	uint8_t exit_code = (uint8_t)s->guest->exit_code;

	if (__atomic_load_n(&s->guest->ended, __ATOMIC_ACQUIRE)) {
		reply(s, "W");
		packet_hex(&s->packet, &exit_code, 1);
		return;
	}
	s->thread = stopped ? (stopped & 0xff) - 1 : 0;
	enum stop why = stopped >> 8 & 0xff;
	if (why == STOP_WATCHPOINT)
		watch_reply(s, &s->watchpoint[stopped >> 16]);
	reply(s, signals[why]);
	packet_number(&s->packet, s->thread + 1);
	reply(s, ";");
}

void gdb_report_stop(struct gdb *s)
{
	packet_begin(&s->packet);
	stop_reply(s);
	packet_end(&s->packet);
}

/* --- threads: vCPU n is thread n + 1 --- */

/* A thread, or 0 and -1 for any and all. */
static bool parse_thread(const struct gdb *s, const char **at, int *thread)
{
	uint64_t n;

	*thread = -1;
	if (parse_word(at, "-1"))
		return true;
	if (!parse_number(at, &n) || n > s->guest->vcpus)
		return false;
	*thread = (int)n;
	return true;
}

static void choose_thread(struct gdb *s, const char *at)
{
	bool for_registers = *at++ == 'g';
	int n;
	bool good = parse_thread(s, &at, &n);

	if (good && for_registers && n > 0)
		s->thread = (unsigned)n - 1;
	reply_done(s, good);
}

static void list_threads(struct gdb *s)
{
	for (unsigned i = 0; i < s->guest->vcpus; i++) {
		reply(s, i ? "," : "m");
		packet_number(&s->packet, i + 1);
	}
}

static void describe_thread(struct gdb *s, const char *at)
{
	static const char *const states[] = { "runs", "waits for an interrupt", "stopped" };
	const struct vcpu *v;
	char text[80];
	int n;

	if (!parse_thread(s, &at, &n) || n <= 0) {
		reply(s, "E01");
		return;
	}
	v = &s->guest->vcpu[n - 1];
	format(text, sizeof(text), "vCPU %u, %s", v->id,
	       gdb_vcpu(v)->begun ? states[v->state] : "has not begun");
	packet_hex(&s->packet, text, (unsigned)strlen(text));
}

/* --- registers --- */

static void read_registers(struct gdb *s)
{
	uint8_t value[16];

	for (unsigned n = 0; n < gdb_general_registers(s); n++)
		packet_hex(&s->packet, value, gdb_register(s, n, value));
}

static void read_register(struct gdb *s, const char *at)
{
	uint8_t value[16];
	uint64_t n;
	unsigned bytes = parse_number(&at, &n) ? gdb_register(s, (unsigned)n, value) : 0;

	if (bytes)
		packet_hex(&s->packet, value, bytes);
	else
		reply(s, "E01");
}

static void write_register(struct gdb *s, const char *at)
{
	uint64_t n;

	reply_done(s,
		   parse_number(&at, &n) && *at++ == '=' && gdb_set_register(s, (unsigned)n, &at));
}

/* --- memory --- */

static bool parse_range(const char **at, uint64_t *first, uint64_t *bytes)
{
	return parse_number(at, first) && *(*at)++ == ',' && parse_number(at, bytes);
}

static void read_memory(struct gdb *s, const char *at)
{
	uint8_t part[MEMORY_PART];
	uint64_t first, bytes;
	bool good = parse_range(&at, &first, &bytes);
	unsigned n = 0;

	if (good)
		n = gdb_read(s, first, part, (unsigned)MIN(bytes, (uint64_t)MEMORY_PART));
	if (n || (good && !bytes))
		packet_hex(&s->packet, part, n);
	else
		reply(s, "E01");
}

static void write_memory(struct gdb *s, const char *at)
{
	uint8_t part[PACKET_BYTES / 2];
	uint64_t first, bytes;

	reply_done(s, parse_range(&at, &first, &bytes) && *at++ == ':' && bytes <= sizeof(part) &&
			      parse_hex(&at, part, (unsigned)bytes) &&
			      gdb_write(s, first, part, (unsigned)bytes) == bytes);
}

/* Breakpoints of software and, by the same means, of hardware: kinds 0 and 1. Watchpoints: 2 to
 * 4. */
static void breakpoint(struct gdb *s, const char *at, bool insert)
{
	uint64_t first, bytes;
	char kind = *at;
	bool watches = kind >= '2' && kind <= '4';

	if (watches ? !gdb_can_watch(s) : kind != '0' && kind != '1')
		return;
	if (!kind || *++at != ',' || (at++, !parse_range(&at, &first, &bytes)))
		reply(s, "E01");
	else if (insert)
		reply_done(s, watches ? gdb_watch(s, kind, first, bytes) : gdb_insert(s, first));
	else if (watches)
		gdb_unwatch(s, kind, first);
	else
		gdb_remove(s, first);
	if (!insert && s->packet.out_bytes == 1)
		reply(s, "OK");
}

/* --- running --- */

/* vCont;ACTION[:THREAD]... : for each vCPU, the first that fits. */
static void act_on(struct gdb *s, struct vcpu *v, const char *at)
{
	while (*at++ == ';') {
		char action = *at++;
		int thread = -1;

		if (action == 'C' || action == 'S') /* with a signal, which a guest has not */
			at += 2;
		if (*at == ':' && (at++, !parse_thread(s, &at, &thread)))
			return;
		if (thread > 0 && (unsigned)thread != v->id + 1)
			continue;
		gdb_resume(v, action == 's' || action == 'S');
		return;
	}
}

/* There is no answer until it stops. */
static bool resume(struct gdb *s, const char *at)
{
	if (__atomic_load_n(&s->guest->ended, __ATOMIC_ACQUIRE)) {
		stop_reply(s);
		return true;
	}
	s->running = true;
	__atomic_store_n(&s->stopped, 0, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < s->guest->vcpus; i++)
		act_on(s, &s->guest->vcpu[i], at);
	if (s->crashed)
		gdb_end_crash(s);
	return false;
}

static void detach(struct gdb *s)
{
	gdb_remove_all(s);
	gdb_unwatch_all(s);
	for (unsigned i = 0; i < s->guest->vcpus; i++)
		gdb_resume(&s->guest->vcpu[i], false);
	if (s->crashed)
		gdb_end_crash(s);
	s->attached = s->running = false;
	__atomic_store_n(&s->stopped, 0, __ATOMIC_RELEASE);
	reply(s, "OK");
}

/* --- questions --- */

/* qXfer:features:read:target.xml:OFFSET,BYTES. The registers are those of the mode that the vCPU is
 * in when gdb asks for the beginning. */
static void describe_target(struct gdb *s, const char *at)
{
	uint64_t first, bytes;

	if (!parse_range(&at, &first, &bytes)) {
		reply(s, "E01");
		return;
	}
	if (!first)
		s->code64 = gdb_thread(s)->view->paging.mode == PAGING_64 || !s->guest->board;
	unsigned all;
	const char *text = gdb_description(s, &all);
	first = MIN(first, all);
	bytes = MIN(MIN(bytes, TEXT_PART), all - first);
	reply(s, first + bytes < all ? "m" : "l");
	packet_bytes(&s->packet, text + first, (unsigned)bytes);
}

/* gdb's first question. Another may have left without a word. */
static void supported(struct gdb *s)
{
	gdb_remove_all(s);
	gdb_unwatch_all(s);
	reply(s, "PacketSize=");
	packet_number(&s->packet, PACKET_BYTES);
	reply(s, ";qXfer:features:read+;QStartNoAckMode+;swbreak+;vContSupported+");
}

static void question(struct gdb *s, const char *at)
{
	if (parse_word(&at, "Supported"))
		supported(s);
	else if (parse_word(&at, "Xfer:features:read:target.xml:"))
		describe_target(s, at);
	else if (parse_word(&at, "fThreadInfo"))
		list_threads(s);
	else if (parse_word(&at, "sThreadInfo"))
		reply(s, "l");
	else if (parse_word(&at, "ThreadExtraInfo,"))
		describe_thread(s, at);
	else if (parse_word(&at, "Attached"))
		reply(s, "1");
	else if (*at == 'C' && !at[1]) {
		reply(s, "QC");
		packet_number(&s->packet, s->thread + 1);
	}
}

static bool multi_letter(struct gdb *s, const char *at)
{
	if (parse_word(&at, "Cont?"))
		reply(s, "vCont;c;C;s;S");
	else if (parse_word(&at, "Cont"))
		return resume(s, at);
	return true;
}

/* Whether there is an answer now. */
static bool command(struct gdb *s, const char *at)
{
	char letter = *at++;
	int n;

	switch (letter) {
	case '?': stop_reply(s); break;
	case 'g': read_registers(s); break;
	case 'p': read_register(s, at); break;
	case 'P': write_register(s, at); break;
	case 'm': read_memory(s, at); break;
	case 'M': write_memory(s, at); break;
	case 'Z': breakpoint(s, at, true); break;
	case 'z': breakpoint(s, at, false); break;
	case 'H': choose_thread(s, at); break;
	case 'T': reply_done(s, parse_thread(s, &at, &n)); break;
	case 'D': detach(s); break;
	case 'k': vcpu_request(s->guest->vcpu, REQUEST_STOP); return false;
	case 'q': question(s, at); break;
	case 'Q':
		if (!parse_word(&at, "StartNoAckMode"))
			break;
		s->packet.acks = ACKS_LAST;
		reply(s, "OK");
		break;
	case 'v': return multi_letter(s, at);
	default: break;
	}
	return true;
}

void gdb_command(struct gdb *s)
{
	packet_begin(&s->packet);
	if (command(s, s->packet.data))
		packet_end(&s->packet);
	else
		s->packet.out_bytes = 0;
}
