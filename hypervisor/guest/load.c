// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/load.h"

#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
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

bool load_copy_part(struct guest *g)
{
	struct load *l = &g->load;

	if (l->copied == l->plan.copies)
		return true;
	const struct image_copy *c = &l->plan.copy[l->copied];
	uint64_t left = c->bytes - l->done, n = MIN(left, LOAD_PART);

	memcpy((char *)guest_pointer(&g->memory, c->to, c->bytes) + l->done, c->from + l->done, n);
	l->done += n;
	if (n == left) {
		l->copied++;
		l->done = 0;
	}
	return l->copied == l->plan.copies;
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

static const char *start_pv(struct guest *g)
{
	gpa_t at = GPA(ALIGN_UP(g->load.plan.end, PAGE_SIZE));
	struct veneer_start_info *si = guest_pointer(&g->memory, at, PAGE_SIZE);

	if (!si)
		return "no room for the start information";
	*si = (struct veneer_start_info){
		.magic = VENEER_START_MAGIC,
		.abi_major = VENEER_ABI_MAJOR,
		.abi_minor = VENEER_ABI_MINOR,
		.features = VENEER_FEATURE_SYSCALL | VENEER_FEATURE_SOFTINT |
			    VENEER_FEATURE_PVCLOCK | VENEER_FEATURE_MMU |
			    (cpu_features.cr4 & CR4_FSGSBASE ? VENEER_FEATURE_FSGSBASE : 0),
		.memory = ram_bytes(&g->memory),
		.vcpu_pages = g->memory.region[REGION_VCPU_PAGES].first,
		.hypercall_page = VENEER_HYPERCALL_PAGE,
		.vcpus = g->config->vcpus,
		.tsc_khz = (uint32_t)tsc_khz,
		.module = g->load.plan.module[0].v,
		.module_bytes = g->module[0].bytes,
		.reserved_end = at.v + PAGE_SIZE,
		.wall_clock = clock_boot_seconds() * 1000000000,
	};
	copy_string(si->cmdline, g->config->cmdline, sizeof(si->cmdline));
	const struct regs r = { .rip = g->image.elf.entry, .rdi = at.v };
	vcpu_start_at(g->vcpu, &r, GPA(~0ull), 0);
	return NULL;
}

const char *load_finish(struct guest *g)
{
	if (!g->board)
		return start_pv(g);
	return g->image.bzimage ? bzimage_finish(g) : multiboot_finish(g);
}
