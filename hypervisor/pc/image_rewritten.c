// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/image.h"

static bool is_outside(const struct veneer_rewrite_note *n, uint32_t at, uint64_t bytes)
{
	return at < (uint64_t)n->window + VENEER_WINDOW_STUBS ||
	       at + bytes > (uint64_t)n->window + n->window_bytes;
}

#define BROKEN(what) "the note of veneer rewrite is broken: its " what ": rewrite it again"

const char *rewritten_refused(const struct veneer_rewrite_note *n)
{
	if (n->version != VENEER_REWRITE_VERSION)
		return "made by another version of veneer rewrite: rewrite it again";
	if (n->window & 0x3fffff || n->window_bytes & 4095 ||
	    (uint64_t)n->window + n->window_bytes > 1ull << 32 ||
	    n->window_bytes < VENEER_WINDOW_STUBS || n->window_bytes > MIB(8))
		return BROKEN("patch window is invalid");
	if (is_outside(n, n->sites, n->site_count * sizeof(struct veneer_site)))
		return BROKEN("site table is outside the patch window");
	if (is_outside(n, n->originals, n->original_count * sizeof(struct veneer_original)))
		return BROKEN("original bytes are outside the patch window");
	if (is_outside(n, n->windows, n->window_count * sizeof(struct veneer_iret_window)))
		return BROKEN("IRET windows are outside the patch window");
	return NULL;
}
