// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nested page tables against a plain model. Every leaf that can be reached from a root is listed.
 * Each must be a page or 2 MiB that guest_frame gives the guest, or a page that was mapped in
 * addition. None may be missing, and none may extend past the end of a memory that is not a
 * multiple of 2 MiB.
 */
#include "arch/paging.h"
#include "engine/hvm/hvm.h"
#include "guest/guest.h"
#include "kernel/memory.h"
#include "tap.h"

#define TABLES	      MIB(4)
#define MEMORY_AT     0x40000000ull /* never accessed */
#define VCPU_PAGES_AT 0x30003000ull
#define EXTRA	      0x8000200000ull /* beyond all memory */
#define EXTRA_FRAME   0x20005000ull
#define OTHER_FRAME   0x20006000ull

char *host_memory;
struct guest guests[GUESTS_MAX]; /* nested_check uses it to find a table's owner */
unsigned guest_count;
static struct hvm_vendor vendor;
const struct hvm_vendor *hvm_vendor = &vendor;
static struct guest guest;
static uint64_t taken;

/* The same as in svm.c and vmx.c. */
static const struct nested_format formats[] = {
	{ PTE_P | PTE_W | PTE_U | PTE_A, PTE_P | PTE_W | PTE_U | PTE_A | PTE_D, PTE_PS, PTE_W },
	{ 7, 7 | 6 << 3, 1 << 7, 2 },
};

mpa_t guest_take(struct guest *g, uint64_t bytes)
{
	mpa_t at = MPA(taken);

	(void)g;
	if (taken + bytes > TABLES)
		return MPA(0);
	taken += bytes;
	return at;
}

struct model {
	const struct nested_format *f;
	uint64_t extra; /* the frame at EXTRA, read-only; 0: none */
	uint64_t bytes; /* seen */
	bool good;
};

static uint64_t frame_of(uint64_t gpa)
{
	return frame_mpa(guest_frame(&guest.memory, GPA(gpa), PAGE_SIZE)).v;
}

static void leaf(struct model *m, uint64_t gpa, uint64_t e, uint64_t size)
{
	uint64_t large = size > PAGE_SIZE ? m->f->large : 0, bits = m->f->leaf | large;
	uint64_t rights = guest_frame(&guest.memory, GPA(gpa), PAGE_SIZE) & FRAME_ALL;

	if (gpa == EXTRA && m->extra)
		m->good &= e == (m->extra | (bits & ~m->f->read_only));
	else
		m->good &= e ==
			   (frame_of(gpa) | (rights == FRAME_ALL ? bits : bits & ~m->f->read_only));
	m->good &= !((e & PTE_ADDR) & (size - 1));
	for (uint64_t at = 0; at < size && gpa != EXTRA; at += PAGE_SIZE)
		m->good &= frame_of(gpa + at) == (e & PTE_ADDR) + at;
	m->bytes += size;
}

static void walk(struct model *m, uint64_t table, int level, uint64_t gpa)
{
	const uint64_t *e = direct(MPA(table));

	for (uint64_t i = 0; i < PT_ENTRIES; i++) {
		uint64_t at = gpa + (i << (12 + 9 * (level - 1)));

		if (!e[i])
			continue;
		if (level == 1 || (e[i] & m->f->large)) {
			m->good &= level <= 2;
			leaf(m, at, e[i], level == 1 ? PAGE_SIZE : LARGE_SIZE);
		} else {
			m->good &= (e[i] & ~PTE_ADDR) == m->f->table && (e[i] & PTE_ADDR) < TABLES;
			walk(m, e[i] & PTE_ADDR, level - 1, at);
		}
	}
}

static bool holds(mpa_t root, const struct nested_format *f, uint64_t extra)
{
	struct model m = { .f = f, .extra = extra, .good = true };
	uint64_t all = guest_memory_end(&guest.memory);

	walk(&m, root.v, 4, 0);
	return m.good && m.bytes == all + (extra ? PAGE_SIZE : 0);
}

static void create(const struct nested_format *f, uint64_t memory, unsigned vcpus)
{
	vendor.format = *f;
	memset(host_memory, 0, TABLES);
	taken = PAGE_SIZE;
	guest_memory_init(&guest.memory, MPA(MEMORY_AT), memory, MPA(VCPU_PAGES_AT),
			  vcpus * PAGE_SIZE);
}

static void try_format(const struct nested_format *f, const char *name)
{
	static const uint64_t sizes[] = { MIB(2),	 MIB(2) + 4096,	  MIB(4) - 4096,
					  MIB(4) - 8192, MIB(17) + 12288, MIB(1024) - 4096,
					  MIB(1024),	 MIB(1026),	  MIB(3072) + 4096 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		create(f, sizes[i], 1 + i % 4);
		mpa_t root = nested_create(&guest);
		ok(root.v && holds(root, f, 0), "%s: %llu KiB: what guest_frame says, no more",
		   name, (unsigned long long)sizes[i] >> 10);
		bool good = nested_map(&guest, root, GPA(EXTRA), MPA(EXTRA_FRAME), false);
		mpa_t copy = nested_copy_path(&guest, root, GPA(EXTRA));
		good &= copy.v && holds(root, f, EXTRA_FRAME) && holds(copy, f, EXTRA_FRAME);
		good &= nested_map(&guest, copy, GPA(EXTRA), MPA(OTHER_FRAME), false);
		ok(good && holds(copy, f, OTHER_FRAME) && holds(root, f, EXTRA_FRAME),
		   "%s: a page beside it, and another in a copied root", name);
	}
}

/* nested_check accepts what nested_create built, and finds a leaf with too many rights. */
static void try_read_only(const struct nested_format *f, const char *name)
{
	static struct hvm_vcpu hvm;
	static struct vcpu vcpu = { .hvm = &hvm };
	struct table_report r;

	create(f, MIB(4), 1);
	guest.memory.region[REGION_VCPU_PAGES] =
		(struct region){ MIB(4), MIB(2), MPA(MIB(512)), FRAME_READ };
	guest.vcpu = &vcpu;
	guest.vcpus = 1;
	hvm.nested_root = nested_create(&guest);
	ok(holds(hvm.nested_root, f, 0) && nested_check(&guest, &r),
	   "%s: a read-only region, of 2 MiB", name);
	guest.memory.region[REGION_RAM].rights = FRAME_READ;
	ok(!nested_check(&guest, &r) && !strcmp(r.what, "a writable leaf to read-only memory"),
	   "%s: the check finds a leaf with too many rights", name);
	guest.memory.region[REGION_RAM].bytes -= PAGE_SIZE;
	ok(!nested_check(&guest, &r) && r.level == 2, "%s: the check finds a leaf past the end",
	   name);
}

/* Allocation of tables fails at every point: there is no root then, and no write through a missing
 * one. */
static void try_shortage(const struct nested_format *f)
{
	bool good = true;

	for (unsigned pages = 0; pages < 8; pages++) {
		create(f, MIB(1026), 2);
		taken = TABLES - pages * PAGE_SIZE;
		mpa_t root = nested_create(&guest);
		good &= pages < 5 ? !root.v : root.v && holds(root, f, 0);
	}
	ok(good, "too few pages for the tables");
}

struct machine_memory machine_memory = { .image = 0 };

int main(void)
{
	if (posix_memalign((void **)&host_memory, LARGE_SIZE, TABLES))
		return 1;
	try_format(&formats[0], "svm");
	try_format(&formats[1], "vmx");
	try_shortage(&formats[0]);
	try_read_only(&formats[0], "svm");
	try_read_only(&formats[1], "vmx");
	free(host_memory);
	return done_testing();
}
