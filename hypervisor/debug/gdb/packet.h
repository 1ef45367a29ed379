/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of gdb's remote serial protocol (gdb's manual, appendix E), as a state machine over
 * bytes. It knows neither a port nor a guest. One packet is received, then one reply is sent; what
 * arrives meanwhile stays in the port.
 */
#pragma once

#include "lib/types.h"

#define PACKET_BYTES 600 /* of a packet's data, at most: parsing it is one stay */

struct packet {
	enum { PACKET_IDLE, PACKET_DATA, PACKET_SUM_HIGH, PACKET_SUM_LOW } state;
	uint8_t sum, said; /* of the data so far; the sum that the packet ends with */
	bool broken;	   /* too long, or without a sum */
	/* The answer to QStartNoAckMode is the last that is acknowledged; a gdb that comes anew
	 * acknowledges first. */
	enum { ACKS_ALL, ACKS_LAST, ACKS_NONE } acks;
	char ack; /* still to be sent, or 0 */
	unsigned bytes;
	char data[PACKET_BYTES + 1]; /* received, and terminated */

	unsigned out_bytes, out_at; /* of the reply; sent of it */
	bool cut;		    /* it did not fit */
	char out[1 + PACKET_BYTES + 3];
};

/* Takes a byte that has arrived. READY: data has a packet. BREAK: the user wants the guest to stop.
 */
enum packet_event { PACKET_MORE, PACKET_READY, PACKET_BREAK };
enum packet_event packet_take(struct packet *p, uint8_t byte);

/* The reply: begin, then its parts, then end. What does not fit makes it an error. */
void packet_begin(struct packet *p);
void packet_text(struct packet *p, const char *text);
void packet_bytes(struct packet *p, const void *bytes, unsigned n); /* as they are */
void packet_hex(struct packet *p, const void *bytes, unsigned n);
void packet_number(struct packet *p, uint64_t n); /* in hexadecimal, without leading zeros */
void packet_end(struct packet *p);

/* The next byte to be sent; false: there is none. */
bool packet_next(struct packet *p, uint8_t *byte);

/* Parsing: each moves *s behind what it has read. */
bool parse_number(const char **s, uint64_t *n);		 /* hexadecimal */
bool parse_hex(const char **s, void *bytes, unsigned n); /* two digits each */
bool parse_word(const char **s, const char *word);	 /* whether it begins so */
