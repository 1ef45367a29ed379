// SPDX-License-Identifier: GPL-2.0-or-later
#include "debug/gdb/packet.h"

#include "lib/string.h"

#define BREAK 0x03 /* Ctrl-C */

static const char digits[] = "0123456789abcdef";

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* --- receiving --- */

static enum packet_event take_idle(struct packet *p, char c)
{
	if (c == BREAK)
		return PACKET_BREAK;
	if (c == '+')
		p->acks = p->acks == ACKS_LAST ? ACKS_NONE : ACKS_ALL;
	if (c == '-' && p->acks != ACKS_NONE)
		p->out_at = 0;
	if (c != '$')
		return PACKET_MORE;
	p->state = PACKET_DATA;
	p->bytes = p->sum = 0;
	p->broken = false;
	return PACKET_MORE;
}

static void take_data(struct packet *p, char c)
{
	if (c == '#') {
		p->state = PACKET_SUM_HIGH;
		return;
	}
	p->sum += (uint8_t)c;
	if (p->bytes < PACKET_BYTES)
		p->data[p->bytes++] = c;
	else
		p->broken = true;
}

static enum packet_event take_sum(struct packet *p)
{
	bool acks = p->acks == ACKS_ALL, good = !acks || p->said == p->sum;

	p->state = PACKET_IDLE;
	p->data[p->bytes] = 0;
	if (acks)
		p->ack = good && !p->broken ? '+' : '-';
	return good && !p->broken ? PACKET_READY : PACKET_MORE;
}

enum packet_event packet_take(struct packet *p, uint8_t byte)
{
	unsigned n = (unsigned)digit((char)byte);

	switch (p->state) {
	case PACKET_IDLE: return take_idle(p, (char)byte);
	case PACKET_DATA: take_data(p, (char)byte); return PACKET_MORE;
	case PACKET_SUM_HIGH:
		p->said = (uint8_t)(n << 4);
		p->broken |= n > 15;
		p->state = PACKET_SUM_LOW;
		return PACKET_MORE;
	default:
		p->said |= (uint8_t)(n & 15);
		p->broken |= n > 15;
		return take_sum(p);
	}
}

/* --- replying --- */

void packet_begin(struct packet *p)
{
	p->out[0] = '$';
	p->out_bytes = 1;
	p->out_at = 0;
	p->cut = false;
}

static void put(struct packet *p, char c)
{
	if (p->out_bytes <= PACKET_BYTES)
		p->out[p->out_bytes++] = c;
	else
		p->cut = true;
}

void packet_text(struct packet *p, const char *text)
{
	while (*text)
		put(p, *text++);
}

void packet_bytes(struct packet *p, const void *bytes, unsigned n)
{
	const char *from = bytes;

	for (; n; n--)
		put(p, *from++);
}

void packet_hex(struct packet *p, const void *bytes, unsigned n)
{
	const uint8_t *from = bytes;

	for (; n; n--, from++) {
		put(p, digits[*from >> 4]);
		put(p, digits[*from & 15]);
	}
}

void packet_number(struct packet *p, uint64_t n)
{
	unsigned shift = 60;

	while (shift && !(n >> shift))
		shift -= 4;
	for (;; shift -= 4) {
		put(p, digits[n >> shift & 15]);
		if (!shift)
			return;
	}
}

void packet_end(struct packet *p)
{
	uint8_t sum = 0;

	if (p->cut) {
		packet_begin(p);
		packet_text(p, "E7f");
	}
	for (unsigned i = 1; i < p->out_bytes; i++)
		sum += (uint8_t)p->out[i];
	p->out[p->out_bytes++] = '#';
	p->out[p->out_bytes++] = digits[sum >> 4];
	p->out[p->out_bytes++] = digits[sum & 15];
}

bool packet_next(struct packet *p, uint8_t *byte)
{
	if (p->ack) {
		*byte = (uint8_t)p->ack;
		p->ack = 0;
		return true;
	}
	if (p->out_at == p->out_bytes)
		return false;
	*byte = (uint8_t)p->out[p->out_at++];
	return true;
}

/* --- parsing --- */

bool parse_number(const char **s, uint64_t *n)
{
	const char *from = *s;

	for (*n = 0; digit(**s) >= 0; (*s)++)
		*n = *n << 4 | (uint64_t)digit(**s);
	return *s != from && *s - from <= 16;
}

bool parse_hex(const char **s, void *bytes, unsigned n)
{
	uint8_t *to = bytes;

	for (; n; n--, *s += 2) {
		int high = digit((*s)[0]), low = high < 0 ? -1 : digit((*s)[1]);

		if (low < 0)
			return false;
		*to++ = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool parse_word(const char **s, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*s, word, n))
		return false;
	*s += n;
	return true;
}
