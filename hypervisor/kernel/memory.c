// SPDX-License-Identifier: GPL-2.0-or-later
/* Machine memory: the map at boot, the bump allocator over it, the hypervisor's own page tables. */
#include "kernel/memory.h"

#include "arch/cpu.h"
#include "arch/paging.h"
#include "kernel/boot_info.h"
#include "kernel/gate.h"
#include "lib/panic.h"
#include "lib/string.h"

extern char text_start[], text_end[], data_start[], init_stack_guard[];

static struct memory_range free_range[BOOT_RANGES * 4];
static unsigned free_ranges;
struct machine_memory machine_memory;
static uint64_t direct_end;

#define IMAGE_START MIB(1)
#define IMAGE_END   LINKER_VALUE(image_end)

/* Cuts [start, end) out of every free range. */
static void reserve(uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < free_ranges; i++) {
		struct memory_range *r = &free_range[i];

		if (end <= r->start || start >= r->end)
			continue;
		if (start > r->start && end < r->end && free_ranges < ARRAY_SIZE(free_range))
			free_range[free_ranges++] = (struct memory_range){ end, r->end };
		if (start > r->start)
			r->end = start;
		else
			r->start = MIN(end, r->end);
	}
}

void memory_init(const struct boot_info *info)
{
	for (unsigned i = 0; i < info->ram_ranges; i++) {
		uint64_t start = ALIGN_UP(info->ram[i].start, PAGE_SIZE);
		uint64_t end = ALIGN_DOWN(info->ram[i].end, PAGE_SIZE);

		if (start < 0x9f000 && end > start) /* not page 0 */
			machine_memory.low_page = MIN(end, 0x9f000ull) - PAGE_SIZE;
		machine_memory.total += info->ram[i].end - info->ram[i].start;
		start = MAX(start, MIB(1));
		if (start >= end || start >= DIRECT_MAP_MAX)
			continue;
		end = MIN(end, DIRECT_MAP_MAX);
		direct_end = MAX(direct_end, end);
		free_range[free_ranges++] = (struct memory_range){ start, end };
	}
	reserve(IMAGE_START, ALIGN_UP(IMAGE_END, PAGE_SIZE));
	reserve(ALIGN_DOWN(info->bundle.v, PAGE_SIZE),
		ALIGN_UP(info->bundle.v + info->bundle_bytes, PAGE_SIZE));
	machine_memory.used = machine_memory.image = IMAGE_END - IMAGE_START;
}

/* First fit. Until hv_tables_init the boot tables reach 4 GiB only. */
mpa_t memory_take(uint64_t bytes, uint64_t align)
{
	bytes = ALIGN_UP(bytes, PAGE_SIZE);
	for (unsigned i = 0; i < free_ranges; i++) {
		struct memory_range *r = &free_range[i];
		uint64_t start = ALIGN_UP(r->start, align), end = start + bytes;

		if (end < start || end > r->end)
			continue;
		if (start > r->start && free_ranges < ARRAY_SIZE(free_range))
			free_range[free_ranges++] = (struct memory_range){ r->start, start };
		r->start = end;
		machine_memory.used += bytes;
		return MPA(start);
	}
	return MPA(0);
}

mpa_t memory_alloc(uint64_t bytes)
{
	mpa_t pa = memory_take(bytes, PAGE_SIZE);

	if (pa.v)
		memset(direct(pa), 0, ALIGN_UP(bytes, PAGE_SIZE));
	return pa;
}

mpa_t memory_need(uint64_t bytes, const char *what)
{
	mpa_t pa = memory_alloc(bytes);

	if (!pa.v)
		panic("no memory for %s", what);
	return pa;
}

uint64_t memory_free_bytes(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < free_ranges; i++)
		sum += free_range[i].end - free_range[i].start;
	return sum;
}

static uint64_t *direct_pdpt[3]; /* root slots 257, 258, 259 */
static uint64_t *image_pdpt;

static uint64_t *new_table(void)
{
	return direct(memory_need(PAGE_SIZE, "the hypervisor's page tables"));
}

uint64_t *hv_table(uint64_t *entry)
{
	if (!(*entry & PTE_P))
		*entry = direct_mpa(new_table()).v | PTE_P | PTE_W | PTE_A;
	return direct(MPA(*entry & PTE_ADDR));
}

static uint64_t *direct_pd_entry(uint64_t pa)
{
	return &hv_table(&direct_pdpt[pa >> 39][(pa >> 30) & 511])[(pa >> 21) & 511];
}

/* A device's registers: their 2 MiB become uncached. No RAM lies that near a device. */
void hv_map_device(mpa_t pa)
{
	if (pa.v >= DIRECT_MAP_MAX)
		panic("a device at %lx is out of the hypervisor's reach", pa.v);
	*direct_pd_entry(pa.v) = ALIGN_DOWN(pa.v, LARGE_SIZE) | PTE_P | PTE_W | PTE_PS | PTE_PCD |
				 PTE_A | PTE_D | PTE_NX;
	write_cr3(read_cr3());
}

static uint64_t *image_entry(uint64_t va)
{
	return &hv_table(&hv_table(&image_pdpt[pt_index(va, 3)])[pt_index(va, 2)])[pt_index(va, 1)];
}

static void map_image(void)
{
	for (uint64_t va = (uint64_t)text_start; va < IMAGE_BASE + IMAGE_END; va += PAGE_SIZE) {
		uint64_t attr = va < (uint64_t)text_end	    ? 0
				: va < (uint64_t)data_start ? PTE_NX
							    : PTE_NX | PTE_W | PTE_D;

		if (va != (uint64_t)init_stack_guard)
			*image_entry(va) = (va - IMAGE_BASE) | PTE_P | PTE_A | attr;
	}
}

void hv_tables_init(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(direct_pdpt); i++)
		direct_pdpt[i] = new_table();
	/* the first 4 GiB whole, for the loader's and the firmware's tables */
	for (uint64_t pa = 0; pa < MAX(direct_end, 4ull << 30); pa += LARGE_SIZE)
		*direct_pd_entry(pa) = pa | PTE_P | PTE_W | PTE_PS | PTE_A | PTE_D | PTE_NX;

	image_pdpt = new_table();
	map_image();
}

/* Splits a 2 MiB page of the direct map into 4 KiB pages. */
static uint64_t *split(uint64_t *entry)
{
	uint64_t *pt = new_table(), large = *entry;

	for (unsigned i = 0; i < PT_ENTRIES; i++)
		pt[i] = (large & ~(uint64_t)PTE_PS) + i * PAGE_SIZE;
	*entry = direct_mpa(pt).v | PTE_P | PTE_W | PTE_A;
	return pt;
}

void hv_tables_seal(void)
{
	for (uint64_t va = (uint64_t)text_start; va < (uint64_t)data_start; va += PAGE_SIZE) {
		uint64_t pa = va - IMAGE_BASE, *entry = direct_pd_entry(pa);
		uint64_t *pt = *entry & PTE_PS ? split(entry) : direct(MPA(*entry & PTE_ADDR));

		pt[pt_index(pa, 1)] &= ~(uint64_t)(PTE_W | PTE_D);
	}
	write_cr3(read_cr3());
}

uint64_t hv_stack_create(uint64_t bytes)
{
	static uint64_t next = STACKS_BASE;
	mpa_t frames = memory_need(bytes, "a stack");

	next += PAGE_SIZE; /* stays empty: the guard */
	assert(next + bytes <= STACKS_BASE + STACKS_BYTES);
	for (uint64_t at = 0; at < bytes; at += PAGE_SIZE, next += PAGE_SIZE)
		*image_entry(next) = (frames.v + at) | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
	return next;
}

bool hv_is_guard(uint64_t va)
{
	uint64_t page = va & PAGE_MASK;

	return page == (uint64_t)init_stack_guard ||
	       (page >= STACKS_BASE && page < STACKS_BASE + STACKS_BYTES &&
		!(*image_entry(page) & PTE_P));
}

bool hv_maps(uint64_t va, uint64_t bytes)
{
	uint64_t last = va + bytes - 1;

	return (last >= GATE_BASE && va < DIRECT_MAP + DIRECT_MAP_MAX) ||
	       (last >= STACKS_BASE && va < STACKS_BASE + STACKS_BYTES) ||
	       (last >= IMAGE_BASE && va < IMAGE_BASE + IMAGE_BYTES);
}

uint64_t *hv_root_create(mpa_t gate_pdpt)
{
	uint64_t *root = new_table();

	root[GATE_SLOT] = gate_pdpt.v | PTE_P | PTE_W | PTE_A;
	for (unsigned i = 0; i < ARRAY_SIZE(direct_pdpt); i++)
		root[DIRECT_MAP_SLOT + i] = direct_mpa(direct_pdpt[i]).v | PTE_P | PTE_W | PTE_A;
	root[511] = direct_mpa(image_pdpt).v | PTE_P | PTE_W | PTE_A;
	return root;
}
