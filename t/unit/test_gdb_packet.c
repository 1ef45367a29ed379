// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets of gdb's protocol: what is taken, what is sent, and what is broken. */
#include <string.h>

#include "debug/gdb/packet.h"
#include "tap.h"

static enum packet_event feed(struct packet *p, const char *text)
{
	enum packet_event last = PACKET_MORE;

	for (; *text; text++) {
		enum packet_event e = packet_take(p, (uint8_t)*text);
		last = e != PACKET_MORE ? e : last;
	}
	return last;
}

static const char *sent(struct packet *p)
{
	static char text[2 * PACKET_BYTES];
	unsigned n = 0;
	uint8_t byte;

	while (n < sizeof(text) - 1 && packet_next(p, &byte))
		text[n++] = (char)byte;
	text[n] = 0;
	return text;
}

static void test_receiving(void)
{
	static struct packet p;

	ok(feed(&p, "+++") == PACKET_MORE && !*sent(&p), "acknowledgements alone are nothing");
	ok(feed(&p, "$m1000,4#8e") == PACKET_READY, "a packet");
	ok(!strcmp(p.data, "m1000,4"), "its data");
	ok(!strcmp(sent(&p), "+"), "it is acknowledged");
	ok(feed(&p, "noise$g#67") == PACKET_READY && !strcmp(p.data, "g"), "noise before a packet");
	sent(&p);
	ok(feed(&p, "$#00") == PACKET_READY && !*p.data, "an empty packet");
	sent(&p);
	ok(feed(&p, "\x03") == PACKET_BREAK, "Ctrl-C");
	ok(feed(&p, "$a\x03#64") == PACKET_READY, "Ctrl-C's byte in a packet is data");
}

static void test_broken(void)
{
	static struct packet p;

	ok(feed(&p, "$g#68") == PACKET_MORE, "a wrong sum is no packet");
	ok(!strcmp(sent(&p), "-"), "and asked for again");
	ok(feed(&p, "$g#zz") == PACKET_MORE, "digits that are none");
	sent(&p);
	p.acks = ACKS_NONE;
	ok(feed(&p, "$g#00") == PACKET_READY && !*sent(&p),
	   "without acknowledgements the sum is not looked at");

	p = (struct packet){ 0 };
	feed(&p, "$");
	for (unsigned i = 0; i < 3 * PACKET_BYTES; i++)
		packet_take(&p, 'x');
	ok(feed(&p, "#00") == PACKET_MORE, "a packet that is too long is none");
	ok(!strcmp(sent(&p), "-"), "and refused");
	ok(feed(&p, "$g#67") == PACKET_READY, "the next one is taken");
}

static void test_acknowledgements(void)
{
	static struct packet p = { .acks = ACKS_LAST };

	ok(feed(&p, "+$g#67") == PACKET_READY && !*sent(&p), "none after the last");
	ok(feed(&p, "$g#67") == PACKET_READY && !*sent(&p), "none later");
	ok(feed(&p, "+$g#67") == PACKET_READY && !strcmp(sent(&p), "+"),
	   "another debugger wants them again");
}

static void test_replies(void)
{
	static struct packet p;
	const uint8_t bytes[] = { 0x00, 0xff, 0x1a };

	packet_begin(&p);
	packet_text(&p, "OK");
	packet_end(&p);
	ok(!strcmp(sent(&p), "$OK#9a"), "a reply");
	ok(!*sent(&p), "once");
	feed(&p, "-"); /* it has not arrived */
	ok(!strcmp(sent(&p), "$OK#9a"), "again, if it has not arrived");

	packet_begin(&p);
	packet_hex(&p, bytes, 3);
	packet_number(&p, 0);
	packet_number(&p, 0x1234567890abcdef);
	packet_end(&p);
	ok(!strncmp(sent(&p), "$00ff1a01234567890abcdef#", 25), "bytes and numbers");

	packet_begin(&p);
	for (unsigned i = 0; i < PACKET_BYTES; i++)
		packet_hex(&p, bytes, 3);
	packet_end(&p);
	ok(!strncmp(sent(&p), "$E7f#", 5), "a reply that is too long becomes an error");
}

static void test_parsing(void)
{
	const char *at = "1f,zz";
	uint8_t bytes[2];
	uint64_t n;

	ok(parse_number(&at, &n) && n == 0x1f && *at == ',', "a number");
	ok(!parse_number(&at, &n), "no number");
	at = "00112233445566778"; /* more than 64 bits */
	ok(!parse_number(&at, &n), "more than 64 bits");
	at = "aB0";
	ok(!parse_hex(&at, bytes, 2) && bytes[0] == 0xab, "half a byte");
	at = "Cont;c";
	ok(!parse_word(&at, "Cont?") && parse_word(&at, "Cont") && !strcmp(at, ";c"), "words");
}

int main(void)
{
	test_receiving();
	test_broken();
	test_acknowledgements();
	test_replies();
	test_parsing();
	return done_testing();
}
