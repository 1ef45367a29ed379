// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/load.h"

#include "guest/console.h"
#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "lib/string.h"

#define MULTIBOOT_INFO_AT 0x9000 /* below the image, above the BIOS's own places */

/* Multiboot 0.6.96, section 3.3 */
struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t rest[16];
};
#define MULTIBOOT_MEMORY  0x001
#define MULTIBOOT_CMDLINE 0x004
#define MULTIBOOT_MODULES 0x008
#define MULTIBOOT_MMAP	  0x040
#define MULTIBOOT_MAGIC	  0x2badb002

struct multiboot_module {
	uint32_t start, end, string, reserved;
};
struct multiboot_mmap {
	uint32_t size;
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

static bool in_window(const struct guest *g, uint64_t vaddr)
{
	return g->rewrite.window_bytes && vaddr >= g->rewrite.window &&
	       vaddr < (uint64_t)g->rewrite.window + g->rewrite.window_bytes;
}

static const char *check_rewrite_note(struct guest *g)
{
	const struct veneer_rewrite_note *n = &g->rewrite;
	uint64_t first = (uint64_t)n->window + VENEER_WINDOW_STUBS;
	uint64_t end = (uint64_t)n->window + n->window_bytes;

	if (n->version != VENEER_REWRITE_VERSION)
		return "made by another version of veneer rewrite: rewrite it again";
	if (g->elf.is_64 || n->window & 0x3fffff || n->window_bytes & 4095 || end > 1ull << 32 ||
	    n->window_bytes < VENEER_WINDOW_STUBS || n->window_bytes > MIB(8) || n->sites < first ||
	    n->sites + (uint64_t)n->site_count * sizeof(struct veneer_site) > end ||
	    n->originals < first ||
	    n->originals + (uint64_t)n->original_count * sizeof(struct veneer_original) > end ||
	    n->windows < first ||
	    n->windows + (uint64_t)n->window_count * sizeof(struct veneer_iret_window) > end)
		return "the note of veneer rewrite is broken: rewrite it again";
	return NULL;
}

static bool read_note(const struct guest *g, uint32_t type, void *to, uint32_t bytes)
{
	const void *note = elf_note(&g->elf, VENEER_NOTE_NAME, type, bytes);

	if (note)
		memcpy(to, note, bytes);
	return note;
}

static const char *identify_kind(struct guest *g)
{
	uint32_t major;

	if (bzimage_is(g->image.data, g->image.bytes)) {
		g->prepare = PREPARE_STOCK;
		g->bzimage = true;
		return NULL;
	}
	const char *why = elf_read(g->image.data, g->image.bytes, &g->elf);
	if (why)
		return why;
	g->multiboot = elf_multiboot(&g->elf) >= 0;
	if (g->elf.is_64) {
		if (!read_note(g, VENEER_NOTE_GUEST, &major, sizeof(major)))
			return "a 64-bit image without a Veneer note: the ring engine runs 64-bit "
			       "guests only when they are paravirtual";
		if (major != VENEER_ABI_MAJOR)
			return "built for another major version of the guest interface";
		read_note(g, VENEER_NOTE_ENTRY, &g->elf.entry, sizeof(g->elf.entry));
		if (!canonical(g->elf.entry))
			return "its entry note holds no address";
		g->prepare = PREPARE_PV;
	} else if (read_note(g, VENEER_NOTE_REWRITE, &g->rewrite.version,
			     sizeof(g->rewrite.version))) {
		read_note(g, VENEER_NOTE_REWRITE, &g->rewrite, sizeof(g->rewrite));
		g->prepare = PREPARE_REWRITTEN;
		return check_rewrite_note(g);
	} else {
		g->prepare = PREPARE_STOCK;
	}
	return NULL;
}

const char *load_identify(struct guest *g)
{
	static char other[80];
	enum preparation want = g->config->prepare;
	const char *why = identify_kind(g);

	g->board = g->prepare == PREPARE_PV ? NULL : &pc_board;
	if (why || want == PREPARE_DETECT || want == g->prepare)
		return why;
	format(other, sizeof(other), "it is %s: prepare = in the configuration says otherwise",
	       preparation_names[g->prepare]);
	return other;
}

static bool site_fits(const struct veneer_site *s)
{
	return s->insn.op < INSN_OPS && s->insn.length >= 1 && s->insn.length <= 15 &&
	       (s->insn.width == 1 || s->insn.width == 2 || s->insn.width == 4) &&
	       !(s->insn.flags & INSN_CODE64);
}

int load_window(struct guest *g)
{
	struct veneer_rewrite_note *n = &g->rewrite;

	if (g->prepare != PREPARE_REWRITTEN || !g->engine->kernel_ring)
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
	for (unsigned i = 0; i < g->elf.segments; i++) {
		const struct elf_segment *s = &g->elf.segment[i];

		if (s->type != PT_LOAD || !in_window(g, s->vaddr))
			continue;
		if (s->vaddr < first || s->filesz > bytes - (s->vaddr - first)) {
			console_guest_notice(g, "a segment outside the patch window");
			return -EINVAL;
		}
		memcpy(to + (s->vaddr - first), g->elf.data + s->offset, s->filesz);
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

bool load_add_copy(struct guest *g, gpa_t to, uint64_t room, const void *from, uint64_t bytes)
{
	struct load *l = &g->load;

	if (!guest_pointer(&g->memory, to, MAX(room, bytes)) || l->copies == LOAD_COPIES)
		return false;
	l->copy[l->copies++] = (struct load_copy){ to, from, bytes };
	return true;
}

static const char *add_segments(struct guest *g)
{
	const struct elf_image *image = &g->elf;

	for (unsigned i = 0; i < image->segments; i++) {
		const struct elf_segment *s = &image->segment[i];

		if (s->type != PT_LOAD || in_window(g, s->vaddr))
			continue;
		if (!load_add_copy(g, GPA(s->paddr), s->memsz, image->data + s->offset, s->filesz))
			return "a segment does not fit into the guest's memory: raise memory = in "
			       "the configuration";
		g->load.end = MAX(g->load.end, s->paddr + s->memsz);
	}
	return NULL;
}

static const char *add_module(struct guest *g)
{
	struct load *l = &g->load;

	if (!g->module.bytes)
		return NULL;
	l->module = GPA(ALIGN_UP(l->end, PAGE_SIZE));
	if (!load_add_copy(g, l->module, 0, g->module.data, g->module.bytes))
		return "the module does not fit into the guest's memory";
	l->end = l->module.v + g->module.bytes;
	return NULL;
}

bool load_copy_part(struct guest *g)
{
	struct load *l = &g->load;

	if (l->copied == l->copies)
		return true;
	const struct load_copy *c = &l->copy[l->copied];
	uint64_t left = c->bytes - l->done, n = MIN(left, LOAD_PART);

	memcpy((char *)guest_pointer(&g->memory, c->to, c->bytes) + l->done, c->from + l->done, n);
	l->done += n;
	if (n == left) {
		l->copied++;
		l->done = 0;
	}
	return l->copied == l->copies;
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
	if (o.length > sizeof(o.bytes) || in_window(g, o.address) ||
	    !at_address(&g->elf, o.address, o.length, &paddr))
		return false;
	uint8_t *to = guest_pointer(&g->memory, GPA(paddr), o.length);
	if (to)
		memcpy(to, o.bytes, o.length);
	return to;
}

#define UNDO_PART 32

const char *load_undo_part(struct guest *g, bool *done)
{
	const struct veneer_rewrite_note *n = &g->rewrite;
	uint64_t paddr, bytes = n->original_count * sizeof(struct veneer_original);
	struct load *l = &g->load;

	*done = true;
	if (g->prepare != PREPARE_REWRITTEN || g->engine->kernel_ring)
		return NULL;
	const uint8_t *table = at_address(&g->elf, n->originals, bytes, &paddr);
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
	gpa_t at = GPA(ALIGN_UP(g->load.end, PAGE_SIZE));
	struct veneer_start_info *si = guest_pointer(&g->memory, at, PAGE_SIZE);

	if (!si)
		return "no room for the start information";
	*si = (struct veneer_start_info){
		.magic = VENEER_START_MAGIC,
		.abi_major = VENEER_ABI_MAJOR,
		.abi_minor = VENEER_ABI_MINOR,
		.features = VENEER_FEATURE_SYSCALL | VENEER_FEATURE_SOFTINT |
			    VENEER_FEATURE_PVCLOCK | VENEER_FEATURE_MMU |
			    (cpu_features.fsgsbase ? VENEER_FEATURE_FSGSBASE : 0),
		.memory = ram_bytes(&g->memory),
		.vcpu_pages = g->memory.region[REGION_VCPU_PAGES].first,
		.hypercall_page = VENEER_HYPERCALL_PAGE,
		.vcpus = g->config->vcpus,
		.tsc_khz = (uint32_t)tsc_khz,
		.module = g->load.module.v,
		.module_bytes = g->module.bytes,
		.reserved_end = at.v + PAGE_SIZE,
		.wall_clock = clock_boot_seconds() * 1000000000,
	};
	copy_string(si->cmdline, g->config->cmdline, sizeof(si->cmdline));
	const struct regs r = { .rip = g->elf.entry, .rdi = at.v };
	vcpu_start_at(g->vcpu, &r, GPA(~0ull), 0);
	return NULL;
}

/* All in one page. */
static void fill_multiboot(struct guest *g)
{
	gpa_t module = g->load.module;
	struct multiboot_info *mb = guest_pointer(&g->memory, GPA(MULTIBOOT_INFO_AT), PAGE_SIZE);
	struct multiboot_module *mod = (void *)(mb + 1);
	struct multiboot_mmap *map = (void *)(mod + 1);
	uint64_t low = g->board->low_bytes, high = ram_bytes(&g->memory) - MIB(1);
	char *cmdline = (char *)mb + 1024, *name = cmdline + 256;

	*mb = (struct multiboot_info){
		.flags = MULTIBOOT_MEMORY | MULTIBOOT_CMDLINE | MULTIBOOT_MMAP,
		.mem_lower = (uint32_t)(low >> 10),
		.mem_upper = (uint32_t)(high >> 10),
		.cmdline = MULTIBOOT_INFO_AT + 1024,
		.mmap_length = 2 * sizeof(*map),
		.mmap_addr = MULTIBOOT_INFO_AT + (uint32_t)((char *)map - (char *)mb),
	};
	copy_string(cmdline, g->config->cmdline, 256);
	map[0] = (struct multiboot_mmap){ 20, 0, low, 1 };
	map[1] = (struct multiboot_mmap){ 20, MIB(1), high, 1 };
	if (g->module.bytes) {
		copy_string(name, g->config->module, 256);
		*mod = (struct multiboot_module){ (uint32_t)module.v,
						  (uint32_t)(module.v + g->module.bytes),
						  MULTIBOOT_INFO_AT + 1280, 0 };
		mb->flags |= MULTIBOOT_MODULES;
		mb->mods_count = 1;
		mb->mods_addr = MULTIBOOT_INFO_AT + (uint32_t)((char *)mod - (char *)mb);
	}
}

const char *load_begin(struct guest *g)
{
	if (g->bzimage)
		return bzimage_begin(g);
	const char *why = add_segments(g);
	return why ? why : add_module(g);
}

const char *load_finish(struct guest *g)
{
	if (g->bzimage) {
		bzimage_finish(g);
		return NULL;
	}
	if (!g->board)
		return start_pv(g);
	struct regs r = { .rip = (uint32_t)g->elf.entry };
	if (g->multiboot) {
		fill_multiboot(g);
		r.rax = MULTIBOOT_MAGIC;
		r.rbx = MULTIBOOT_INFO_AT;
	}
	vcpu_start_at(g->vcpu, &r, GPA(~0ull), 0);
	return NULL;
}
