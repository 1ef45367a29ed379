// SPDX-License-Identifier: GPL-2.0-or-later
/* What loading a rewritten kernel needs: its patch window in ring 1, its original code in a virtual
 * machine. */
#include "guest/guest.h"
#include "lib/string.h"

static bool site_fits(const struct veneer_site *s)
{
	return s->insn.op < INSN_OPS && s->insn.length >= 1 && s->insn.length <= 15 &&
	       (s->insn.width == 1 || s->insn.width == 2 || s->insn.width == 4) &&
	       !(s->insn.flags & INSN_CODE64);
}

int load_window(struct guest *g)
{
	struct veneer_rewrite_note *n = &g->image.rewrite;

	if (g->image.prepare != PREPARE_REWRITTEN || !g->engine->kernel_ring)
		return 0;
	uint64_t bytes = n->window_bytes - VENEER_WINDOW_STUBS;
	mpa_t pa = guest_take(g, bytes);
	if (!pa.v) {
		console_guest_notice(g, "no memory for the patch window");
		return -ENOMEM;
	}
	g->memory.window = (struct patch_window){ n->window, n->window_bytes, pa };

	uint8_t *to = direct(pa);
	uint64_t first = (uint64_t)n->window + VENEER_WINDOW_STUBS;
	for (unsigned i = 0; i < g->image.elf.segments; i++) {
		const struct elf_segment *s = &g->image.elf.segment[i];

		if (s->type != PT_LOAD || !image_in_window(&g->image, s->vaddr))
			continue;
		if (s->vaddr < first || s->filesz > bytes - (s->vaddr - first)) {
			console_guest_notice(g, "a segment outside the patch window");
			return -EINVAL;
		}
		memcpy(to + (s->vaddr - first), g->image.elf.data + s->offset, s->filesz);
	}
	g->sites = (const void *)(to + (n->sites - first));
	g->iret_windows = (const void *)(to + (n->windows - first));
	for (unsigned i = 0; i < n->site_count; i++)
		if (!site_fits(&g->sites[i])) {
			console_guest_notice(
				g, "site table entry %u is broken: rewrite the image again", i);
			return -EINVAL;
		}
	return 0;
}

/* A part of the file by the address it is loaded to; NULL: not wholly in one segment. */
static const uint8_t *at_address(const struct elf_image *image, uint64_t address, uint64_t bytes,
				 uint64_t *paddr)
{
	for (unsigned i = 0; i < image->segments; i++) {
		const struct elf_segment *s = &image->segment[i];
		uint64_t offset = address - s->vaddr;

		if (s->type != PT_LOAD || address < s->vaddr || offset > s->filesz ||
		    bytes > s->filesz - offset)
			continue;
		*paddr = s->paddr + offset;
		return image->data + s->offset + offset;
	}
	return NULL;
}

static bool undo(struct guest *g, const uint8_t *from)
{
	struct veneer_original o;
	uint64_t paddr = 0;

	memcpy(&o, from, sizeof(o));
	if (o.length > sizeof(o.bytes) || image_in_window(&g->image, o.address) ||
	    !at_address(&g->image.elf, o.address, o.length, &paddr))
		return false;
	uint8_t *to = guest_pointer(&g->memory, GPA(paddr), o.length);
	if (to)
		memcpy(to, o.bytes, o.length);
	return to;
}

#define UNDO_PART 32

const char *load_undo_part(struct guest *g, bool *done)
{
	const struct veneer_rewrite_note *n = &g->image.rewrite;
	uint64_t paddr, bytes = n->original_count * sizeof(struct veneer_original);
	struct load *l = &g->load;

	*done = true;
	if (g->image.prepare != PREPARE_REWRITTEN || g->engine->kernel_ring)
		return NULL;
	const uint8_t *table = at_address(&g->image.elf, n->originals, bytes, &paddr);
	if (!table)
		return "the table of what was rewritten is missing: rewrite the image again";
	for (unsigned i = 0; i < UNDO_PART && l->done < n->original_count; i++, l->done++)
		if (!undo(g, table + l->done * sizeof(struct veneer_original)))
			return "the table of what was rewritten is broken: rewrite the image again";
	*done = l->done == n->original_count;
	return NULL;
}

void rewritten_print_profile(const struct guest *g)
{
	for (unsigned i = 0; i < PROFILE_ENTRIES; i++)
		if (g->profile[i].count)
			console_print("profile %s 0x%x %u", g->config->name, g->profile[i].address,
				      g->profile[i].count);
}
