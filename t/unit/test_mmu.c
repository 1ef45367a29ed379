// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The shadow MMU against a plain model: random page tables in every format, random changes and
 * accesses. Walking the shadow as the processor would, and calling mmu_fault at each fault, must
 * give the same result as walking the guest's tables by the manual.
 */
#include "arch/cpu.h"
#include "arch/paging.h"
#include "engine/ring/shadow/shadow.h"
#include "kernel/gate.h"
#include "kernel/memory.h"
#include "translate/tables.h"
#include "load_root.h"
#include "tap.h"

#define MEMORY	     MIB(8)
#define MEMORY_AT    MIB(4)
#define VCPU_PAGE_AT MIB(14)
#define POOL_AT	     MIB(16)
#define POOL_PAGES   64
#define GATE_PDPT    MIB(15)

char *host_memory;
static struct guest_memory memory;
static struct mmu m;
static struct shadow shadow[POOL_PAGES];
static struct mmu_view view = { .gate_pdpt = GATE_PDPT };

static bool is_sound(void)
{
	struct table_report r;

	if (mmu_check(&m, &r))
		return true;
	printf("# %s: page %u, level %u, index %u\n", r.what, r.page, r.level, r.index);
	return false;
}

/* --- the model: SDM 3A 4.3 to 4.6, literally --- */

struct answer {
	bool fault;
	unsigned error;
	uint64_t gpa;
	bool dirty; /* so says the last entry */
};

static uint64_t guest_word(uint64_t gpa, unsigned bytes)
{
	uint64_t v = 0;

	if (gpa + bytes <= MEMORY)
		memcpy(&v, host_memory + MEMORY_AT + gpa, bytes);
	return v;
}

static struct answer model(const struct paging *p, uint64_t va, unsigned access)
{
	struct answer no = { .fault = true, .error = access };
	bool w = true, u = true, nx = false;
	unsigned levels = p->mode == PAGING_64 ? 4 : p->mode == PAGING_PAE ? 3 : 2;
	unsigned bytes = p->mode == PAGING_32 ? 4 : 8, bits = p->mode == PAGING_32 ? 10 : 9;
	uint64_t table =
		p->mode == PAGING_PAE ? p->root.v & 0xffffffe0 : p->root.v & 0x000ffffffffff000;

	if (p->mode == PAGING_OFF)
		return (struct answer){ .gpa = va };
	for (unsigned level = levels; level; level--) {
		unsigned shift = 12 + bits * (level - 1);
		uint64_t index = va >> shift & ((1 << bits) - 1);

		if (p->mode == PAGING_PAE && level == 3)
			index &= 3;
		uint64_t e = guest_word(table + index * bytes, bytes);
		if (!(e & 1))
			return no;
		bool pdpte = p->mode == PAGING_PAE && level == 3;
		bool large = level == 2 && (e & 0x80) && (p->mode != PAGING_32 || p->large_pages);
		uint64_t reserved = bytes == 4 ? 0 : 0x000ff00000000000;
		if (bytes == 8 && !p->no_execute)
			reserved |= 1ull << 63;
		if (p->mode == PAGING_PAE)
			reserved |= pdpte ? 0xfff00000000001c6 : 0x7ff0000000000000;
		if (p->mode == PAGING_64 && level >= 3)
			reserved |= 0x80;
		if (large)
			reserved |= ((1ull << shift) - 1) & ~0x1fffull;
		if (e & reserved) {
			no.error |= PF_PRESENT | PF_RESERVED;
			return no;
		}
		if (!pdpte) {
			w &= e >> 1 & 1;
			u &= e >> 2 & 1;
			nx |= bytes == 8 && e >> 63;
		}
		if (large || level == 1) {
			bool user = access & PF_USER;
			uint64_t size = 1ull << shift;

			no.error |= PF_PRESENT;
			if ((user && !u) || ((access & PF_FETCH) && nx) ||
			    ((access & PF_WRITE) && !w && (user || p->write_protect)))
				return no;
			return (struct answer){ .gpa = (e & 0x000ffffffffff000 & ~(size - 1)) |
						       (va & (size - 1)),
						/* not where clear_accessed() was */
						.dirty = (e & PTE_D) || table < 0x4000 };
		}
		table = e & 0x000ffffffffff000;
	}
	return no;
}

/* --- the processor's walk of the shadow; CR0.WP is always set --- */

static bool shadow_translate(uint64_t va, unsigned access, uint64_t *pa, unsigned *error)
{
	uint64_t *table = direct(mmu_root(&view));
	bool w = true, u = true, nx = false;

	*error = access;
	for (int level = 4; level; level--) {
		uint64_t e = table[pt_index(va, level)];

		if (!(e & PTE_P))
			return false;
		w &= !!(e & PTE_W);
		u &= !!(e & PTE_U);
		nx |= !!(e & PTE_NX);
		if (level == 1 || (e & PTE_PS)) {
			uint64_t size = pt_span(level);

			*error |= PF_PRESENT;
			if (((access & PF_USER) && !u) || ((access & PF_FETCH) && nx) ||
			    ((access & PF_WRITE) && !w))
				return false;
			*pa = (e & PTE_ADDR & ~(size - 1)) | (va & (size - 1));
			return true;
		}
		table = direct(MPA(e & PTE_ADDR));
	}
	return false;
}

static enum mmu_result access_shadow(uint64_t va, unsigned access, uint64_t *pa, unsigned *error)
{
	for (unsigned tries = 0; tries < 4; tries++) {
		if (shadow_translate(va, access, pa, error))
			return MMU_FILLED;
		enum mmu_result r;
		while ((r = mmu_fault(&view, GVA(va), error)) == MMU_AGAIN)
			*error = access;
		if (r != MMU_FILLED)
			return r;
	}
	return MMU_WINDOW; /* does not terminate */
}

/* --- random guests --- */

static uint64_t random_entry(const struct paging *p, bool table)
{
	uint64_t frame = rnd() % 100 < 95 ? rnd() % (table ? 24 : MEMORY >> 12) : rnd() % 65536;
	uint64_t e =
		frame << 12 | (rnd() & 0x67) | (rnd() % 8 ? 1 : 0) | (table ? 2 | (rnd() & 4) : 0);

	if (rnd() % 16 == 0)
		e |= 0x80;
	if (p->mode != PAGING_32 && rnd() % 4 == 0)
		e |= 1ull << 63;
	if (p->mode != PAGING_32 && rnd() % 200 == 0)
		e |= 1ull << (40 + rnd() % 12);
	return p->mode == PAGING_PAE && table && rnd() % 2 ? e & ~0x80000000000001e6ull : e;
}

static void set_entry(const struct paging *p, uint64_t table, unsigned index, uint64_t e)
{
	memcpy(host_memory + MEMORY_AT + table + index * (p->mode == PAGING_32 ? 4 : 8), &e,
	       p->mode == PAGING_32 ? 4 : 8);
}

/* Pages 0 to 23 are tables; each is used at random levels. */
static void random_tables(const struct paging *p)
{
	for (uint64_t t = 0; t < 24; t++)
		for (unsigned i = 0; i < 512; i++)
			set_entry(p, t << 12, i, random_entry(p, t < 16 && rnd() % 4));
}

static uint64_t random_va(const struct paging *p)
{
	uint64_t va = rnd();

	if (p->mode == PAGING_64)
		va = (uint64_t)((int64_t)((va & 0x0000e0e0e0e0efff) << 16) >> 16);
	else
		va &= rnd() % 2 ? 0xffffffff : 0x00e03fff;
	if (p->mode == PAGING_OFF)
		va %= MEMORY + MIB(2);
	return va;
}

static unsigned wrong;

/* Of the top entries of PAE: they are reserved there, but the page may be another table as well. */
static void clear_accessed(const struct paging *p)
{
	for (unsigned i = 0; p->mode == PAGING_PAE && i < 4; i++) {
		uint64_t at = (p->root.v & 0xffffffe0) + i * 8;

		set_entry(p, at & ~0xfffull, at % 4096 / 8, guest_word(at, 8) & ~0x60ull);
	}
}

static void compare(const struct paging *p, uint64_t va, unsigned access)
{
	clear_accessed(p);
	struct answer want = model(p, va, access);
	uint64_t pa = 0;
	unsigned error;
	enum mmu_result got = access_shadow(va, access, &pa, &error);
	bool outside = !want.fault && want.gpa >= MEMORY + PAGE_SIZE, good;

	if (pt_index(va, 4) == GATE_SLOT)
		good = got == MMU_GUEST_FAULT;
	else if (want.fault)
		good = got == MMU_GUEST_FAULT && error == want.error;
	else if (outside)
		good = got == MMU_NO_MEMORY;
	else if (want.gpa >= MEMORY)
		good = got == MMU_FILLED && pa == VCPU_PAGE_AT + (want.gpa - MEMORY);
	else
		good = got == MMU_FILLED && pa == MEMORY_AT + want.gpa;
	if (good && got == MMU_FILLED && (access & PF_WRITE) && p->mode != PAGING_OFF) {
		clear_accessed(p);
		good = model(p, va, access).dirty;
	}
	if (!good && wrong++ < 5)
		printf("# mode %d va %#lx access %#x: want %s error %#x gpa %#lx, got %d error %#x "
		       "pa %#lx\n",
		       p->mode, va, access, want.fault ? "fault" : "page", want.error, want.gpa,
		       got, error, pa);
}

static void run_mode(enum paging_mode mode, const char *name)
{
	struct paging p = { .mode = mode, .root = GPA(0) };
	bool sound = true;

	wrong = 0;
	for (unsigned round = 0; round < 12; round++) {
		p.write_protect = rnd() % 2;
		p.large_pages = rnd() % 4;
		p.no_execute = rnd() % 4;
		p.root = GPA(mode == PAGING_OFF ? ~0ull : (rnd() % 4) << 12);
		if (mode != PAGING_OFF)
			random_tables(&p);
		load_root(&view, &p, true);
		mmu_flush(&view, GVA(0), ~0ull);
		for (unsigned n = 0; n < 6000; n++) {
			uint64_t va = random_va(&p);
			unsigned access = (rnd() % 2 ? PF_WRITE : 0) | (rnd() % 2 ? PF_USER : 0);

			if (!(access & PF_WRITE) && p.no_execute && rnd() % 4 == 0)
				access |= PF_FETCH;
			compare(&p, va, access);
			if (rnd() % 50 == 0 && mode != PAGING_OFF) { /* change an entry */
				set_entry(&p, (rnd() % 24) << 12, rnd() % 512,
					  random_entry(&p, rnd() % 2));
				mmu_flush(&view, GVA(0), ~0ull);
			}
			if (rnd() % 20 == 0)
				mmu_flush(&view, GVA(va), rnd() % MIB(4));
			if (n % 500 == 0)
				sound &= is_sound();
		}
		sound &= is_sound();
	}
	ok(!wrong, "%s: 72000 accesses end as in the model (%u did not)", name, wrong);
	ok(sound, "%s: no leaf leads outside", name);
}

static void drop_root(uint64_t page)
{
	while (!mmu_drop_root(&m, GPA(page << 12)))
		;
}

static void drop_roots(void)
{
	mmu_unload(&view);
	for (unsigned i = 0; i < 24; i++)
		drop_root(i);
}

static bool pool_is_zero(void)
{
	const uint64_t *word = (const uint64_t *)(host_memory + POOL_AT);

	for (unsigned i = 0; i < POOL_PAGES * 512; i++)
		if (word[i])
			return false;
	return true;
}

/* Several roots, changes to the tables of any, and the flush that each view then needs. */
static void changing_roots(void)
{
	struct paging p = { .mode = PAGING_64, .write_protect = true, .no_execute = true };
	bool sound = true, stale[24] = { false };
	unsigned root = 0;

	random_tables(&p);
	load_root(&view, &p, true);
	wrong = 0;
	for (unsigned n = 0; n < 40000; n++) {
		if (rnd() % 8 == 0) {
			root = rnd() % 24;
			p.root = GPA(root << 12);
			load_root(&view, &p, stale[root]);
			if (stale[root]) /* the kernel's half is flushed separately */
				mmu_flush(&view, GVA(0), ~0ull);
			stale[root] = false;
		}
		if (rnd() % 50 == 0) {
			set_entry(&p, (rnd() % 24) << 12, rnd() % 512, random_entry(&p, rnd() % 2));
			memset(stale, true, sizeof(stale));
			mmu_flush(&view, GVA(0), ~0ull);
			stale[root] = false;
		}
		compare(&p, random_va(&p), (rnd() % 2 ? PF_WRITE : 0) | (rnd() % 2 ? PF_USER : 0));
		if (n % 500 == 0)
			sound &= is_sound();
	}
	ok(!wrong && sound, "roots that share tables, which change");
}

static void roots(void)
{
	struct paging p = { .mode = PAGING_64, .write_protect = true, .no_execute = true };
	bool sound = true;

	drop_roots();
	random_tables(&p);
	wrong = 0;
	for (unsigned n = 0; n < 20000; n++) {
		if (!n || rnd() % 8 == 0) {
			p.root = GPA((rnd() % 24) << 12);
			load_root(&view, &p, false);
		}
		if (rnd() % 64 == 0)
			drop_root(rnd() % 24);
		compare(&p, random_va(&p), rnd() % 2 ? PF_WRITE : 0);
		if (n % 500 == 0)
			sound &= is_sound();
	}
	ok(!wrong && sound, "more roots than there is room for, in turns");
	drop_roots();
	while (m.dying) {
		m.budget = MMU_PART;
		shadow_make_room(&m);
	}
	ok(m.pool_free == POOL_PAGES && pool_is_zero(),
	   "after all roots are dropped the pool is complete");
}

/* A full flush in progress, and one of another vCPU that sees half of a table. */
static void two_flushes(void)
{
	struct paging p = { .mode = PAGING_64, .write_protect = true, .no_execute = true };
	static struct mmu_view other = { .gate_pdpt = GATE_PDPT, .cpu = 1 };
	struct mmu_flush f;
	unsigned parts = 1, error = 0;

	drop_roots();
	mmu_attach(&m, &other);
	for (uint64_t t = 0; t < 4; t++)
		for (unsigned i = 0; i < 512; i++)
			set_entry(&p, t << 12, i, ((t < 3 ? t + 1 : 32 + i) << 12) | 0x67);
	wrong = 0;
	load_root(&other, &p, false);
	load_root(&view, &p, false);
	while (mmu_fault(&other, GVA(0), &error) == MMU_AGAIN)
		;
	for (uint64_t va = 0; va < LARGE_SIZE; va += PAGE_SIZE)
		compare(&p, va, 0);
	set_entry(&p, 3 << 12, 5, 100 << 12 | 0x67);
	mmu_flush_begin(&view, &f, GVA(0), ~0ull);
	mmu_flush(&other, GVA(LARGE_SIZE / 2), LARGE_SIZE / 2);
	for (; !mmu_flush_part(&view, &f); parts++)
		;
	compare(&p, 5 << 12, 0);
	ok(!wrong && is_sound(), "a flush does not take another's half for the whole");
	ok(parts > 2, "the flush is done in parts (%u)", parts);
}

static void copies(void)
{
	struct paging p = { .mode = PAGING_OFF };
	struct guest_failure f;
	char buffer[64] = "0123456789";

	load_root(&view, &p, true);
	ok(!guest_write(&view.guest, GVA(MEMORY - 5), buffer, 5, 0, &f) &&
		   !memcmp(host_memory + MEMORY_AT + MEMORY - 5, "01234", 5),
	   "a copy up to the last byte");
	ok(!guest_pointer(&memory, GPA(MEMORY - 4), 5) && !guest_pointer(&memory, GPA(~0ull), 2) &&
		   guest_pointer(&memory, GPA(MEMORY), 0),
	   "no pointer across the end");
	ok(guest_read(&view.guest, GVA(MEMORY + PAGE_SIZE - 2), buffer, 4, 0, &f) == -EFAULT &&
		   f.va.v == MEMORY + PAGE_SIZE,
	   "a copy across the end says where it failed");
	ok(guest_read(&view.guest, GVA(GATE_BASE), buffer, 4, 0, &f) == -EFAULT &&
		   guest_read(&view.guest, GVA(0x800000000000), buffer, 4, 0, &f) == -EFAULT,
	   "nothing is read from the gate or a non-canonical address");
}

/* A read-only region that the guest's tables make writable: in a private tree, in a mirrored one,
 * and in a large page. */
static void read_only_region(void)
{
	const struct paging modes[] = {
		{ .mode = PAGING_OFF },
		{ .mode = PAGING_64, .write_protect = true, .no_execute = true },
	};
	char buffer[8] = "01234567";
	struct table_report r;
	uint64_t pa;

	memory.region[REGION_VCPU_PAGES] =
		(struct region){ MEMORY, LARGE_SIZE, MPA(MIB(18)), FRAME_READ };
	for (uint64_t t = 0; t < 4; t++) /* at 0 in pages, and at 2 MiB in a large one */
		for (unsigned i = 0; i < 512; i++)
			set_entry(&modes[1], t << 12, i,
				  t < 3 ? ((t + 1) << 12) | 0x67 : (MEMORY + (i << 12)) | 0x67);
	set_entry(&modes[1], 2 << 12, 1, MEMORY | 0xe7);
	for (unsigned i = 0; i < 2; i++)
		for (uint64_t va = i ? 0 : MEMORY; va <= (i ? LARGE_SIZE : MEMORY);
		     va += LARGE_SIZE) {
			unsigned error;

			drop_roots();
			load_root(&view, &modes[i], true);
			bool good = access_shadow(va, PF_WRITE, &pa, &error) == MMU_NO_MEMORY;
			good &= access_shadow(va, 0, &pa, &error) == MMU_FILLED && pa == MIB(18);
			good &= access_shadow(va, PF_WRITE, &pa, &error) == MMU_NO_MEMORY;
			good &= guest_write(&view.guest, GVA(va), buffer, 8, 0, NULL) == -EFAULT;
			good &= !mmu_kernel_stack(&view, GVA(va), 8);
			good &= !guest_read(&view.guest, GVA(va), buffer, 8, 0, NULL);
			ok(good && is_sound(), "read-only memory, mode %d, at %#lx", modes[i].mode,
			   va);
		}
	for (unsigned i = 0; i < POOL_PAGES; i++)
		for (unsigned k = 0; shadow[i].kind == 2 && k < PT_ENTRIES; k++)
			if (shadow_table(&m, i)[k] & PTE_PS)
				shadow_table(&m, i)[k] |= PTE_W;
	ok(!mmu_check(&m, &r) && !strcmp(r.what, "a writable leaf to read-only memory"),
	   "the check finds a writable entry for it");
}

/* --- a legacy guest, which does not say what it writes to its tables --- */

#define TABLES 24

static uint64_t watched[MEMORY / PAGE_SIZE / 64];
static uint32_t writer[MEMORY / PAGE_SIZE];
static struct tables tables;
static char before[TABLES * PAGE_SIZE]; /* of the last write */

static void table_written(UNUSED const struct guest_memory *memory, gpa_t page)
{
	tables_written(&m, page);
}

#define TABLES_AT 0xffe00000u

/* All tables, in every address space. */
static void map_tables(const struct paging *p)
{
	unsigned last = p->mode == PAGING_32 ? 1023 : 511;

	for (unsigned root = 0; root < 4; root++)
		if (p->mode == PAGING_PAE)
			for (unsigned half = 0; half < 2; half++)
				set_entry(p, root << 12, half * 4 + 3, TABLES << 12 | 1);
		else
			set_entry(p, root << 12, last, (TABLES + 1) << 12 | 0x63);
	set_entry(p, TABLES << 12, last, (TABLES + 1) << 12 | 0x63);
	for (unsigned i = 0; i < TABLES; i++)
		set_entry(p, (TABLES + 1) << 12, i + (p->mode == PAGING_32 ? 512 : 0),
			  i << 12 | 0x63);
}

/* Of the walk for va, an entry of some level: where it is. */
static uint64_t entry_on_the_way(const struct paging *p, uint64_t va)
{
	unsigned bytes = p->mode == PAGING_32 ? 4 : 8, bits = p->mode == PAGING_32 ? 10 : 9;
	uint64_t table = p->root.v & (p->mode == PAGING_PAE ? 0xffffffe0 : 0xfffff000), at = table;

	for (unsigned level = p->mode == PAGING_PAE ? 3 : 2; level; level--) {
		uint64_t next =
			table + (va >> (12 + bits * (level - 1)) & ((1 << bits) - 1)) * bytes;

		if (next >= TABLES * PAGE_SIZE)
			break;
		at = next;
		table = guest_word(at, bytes) & 0xfffff000;
		if (!(guest_word(at, 1) & 1) || rnd() % 3 == 0)
			break;
	}
	return at;
}

/* One entry is written, by the guest or by the hypervisor for it. True: one of the four top entries
 * of PAE, which the processor reads when CR3 is loaded, and not at INVLPG. */
static bool by_hypervisor;
static bool write_entry(const struct paging *p, uint64_t on_the_way)
{
	unsigned bytes = p->mode == PAGING_32 ? 4 : 8, error;
	uint64_t at = rnd() % 4 ? entry_on_the_way(p, on_the_way)
				: rnd() % (TABLES * PAGE_SIZE) / bytes * bytes;
	unsigned table = at / PAGE_SIZE, index = at % PAGE_SIZE / bytes;
	bool top = p->mode == PAGING_PAE && table < 4 && index < 8;
	uint64_t e = random_entry(p, rnd() % 2), va = TABLES_AT + at, pa;

	if ((top && index % 4 == 3) || (p->mode == PAGING_32 && table < 4 && index == 1023))
		return false;
	if (rnd() % 2) /* as it is, with other rights */
		e = guest_word(at, bytes) ^ (rnd() & 0x46);
	else if (rnd() % 3 == 0) /* a large page */
		e = rnd() % 2 * 2 * LARGE_SIZE | 0xa7 | (rnd() & 0x40);
	if (top)
		e &= ~0xfff00000000001e6ull;
	clear_accessed(p);
	memcpy(before, host_memory + MEMORY_AT, sizeof(before));
	if (by_hypervisor || rnd() % 8 == 0)
		guest_write(&view.guest, GVA(va), &e, bytes, 0, NULL);
	else if (access_shadow(va, PF_WRITE, &pa, &error) == MMU_FILLED)
		memcpy(host_memory + pa, &e, bytes);
	wrong += memcmp(host_memory + MEMORY_AT + at, &e, bytes) != 0;
	return top;
}

/* Without paging: no write to a table is seen. */
static void write_unseen(enum paging_mode mode, gpa_t root)
{
	const struct paging p = { .mode = mode, .root = root };
	uint64_t at = entry_on_the_way(&p, random_va(&p));

	if (mode == PAGING_32 || at >= 4 * PAGE_SIZE)
		set_entry(&p, at & PAGE_MASK, at % PAGE_SIZE / (mode == PAGING_32 ? 4 : 8),
			  random_entry(&p, rnd() % 2));
	map_tables(&p);
}

static struct answer model_before(const struct paging *p, uint64_t va, unsigned access)
{
	static char now[sizeof(before)];

	memcpy(now, host_memory + MEMORY_AT, sizeof(now));
	memcpy(host_memory + MEMORY_AT, before, sizeof(now));
	struct answer a = model(p, va, access);
	memcpy(host_memory + MEMORY_AT, now, sizeof(now));
	return a;
}

/* Until the guest says that it has changed an entry, what was translated before may be seen still;
 * what faulted before may not. */
static bool old_or_new(const struct paging *p, uint64_t va, unsigned access)
{
	struct answer old = model_before(p, va, access);
	unsigned was = wrong;

	if (!old.fault) {
		uint64_t pa;
		unsigned error;
		enum mmu_result got = access_shadow(va, access, &pa, &error);

		if (old.gpa >= MEMORY + PAGE_SIZE ? got == MMU_NO_MEMORY
						  : got == MMU_FILLED && pa == MEMORY_AT + old.gpa)
			return true;
	}
	compare(p, va, access);
	return wrong == was;
}

static unsigned random_access(const struct paging *p)
{
	unsigned access = (rnd() % 2 ? PF_WRITE : 0) | (rnd() % 2 ? PF_USER : 0);

	return access & PF_WRITE || !p->no_execute || rnd() % 4 ? access : access | PF_FETCH;
}

static void written_tables(enum paging_mode mode, const char *name)
{
	struct paging p = { .mode = mode, .write_protect = true };
	bool sound = true, wp = true;

	wrong = 0;
	for (unsigned round = 0; round < 4000; round++) {
		p.write_protect = wp ? round % 8 != 3 : round % 100 == 99;
		p.mode = mode;
		if (round % 250 == 0) {
			wp = rnd() % 2;
			p.large_pages = rnd() % 4;
			p.no_execute = rnd() % 4;
			random_tables(&p);
			map_tables(&p);
			mmu_unload(&view);
			empty_pool(&m);
		}
		if (round % 25 == 7)
			p.mode = PAGING_OFF;
		p.root = GPA((rnd() % 4) << 12 | (mode == PAGING_PAE ? (rnd() % 2) << 5 : 0));
		load_root(&view, &p, false);
		for (unsigned n = rnd() % 60; n; n--)
			compare(&p, random_va(&p), random_access(&p));
		for (unsigned n = rnd() % 8; n && p.mode != PAGING_OFF; n--) {
			uint64_t va = random_va(&p);

			bool top = write_entry(&p, va);
			old_or_new(&p, va, random_access(&p));
			for (unsigned k = 0; k < 8; k++)
				old_or_new(&p, random_va(&p), random_access(&p));
			if (top || tables_must_reload(&view))
				load_root(&view, &p, false);
			else
				mmu_flush(&view, GVA(va), 1);
			compare(&p, va, random_access(&p));
			load_root(&view, &p, false);
			compare(&p, va, random_access(&p));
			for (unsigned k = 0; k < 8; k++)
				compare(&p, random_va(&p), random_access(&p));
		}
		/* many at once, without a word in between */
		by_hypervisor = round % 20 == 0;
		for (unsigned n = round % 10 && p.mode != PAGING_OFF ? 0 : 200; n; n--) {
			if (p.mode != PAGING_OFF)
				write_entry(&p, random_va(&p));
			else
				write_unseen(mode, p.root);
			if (n % 50 == 0)
				sound &= is_sound();
		}
		by_hypervisor = false;
		if (round % 50 == 0)
			sound &= is_sound();
	}
	ok(!wrong, "%s: what is written to tables is seen when it must be (%u were not)", name,
	   wrong);
	ok(sound, "%s: no leaf leads outside", name);
}

/* What a load of CR3 costs: entries are kept, but for those of a table that was written. */
static void kept_trees(void)
{
	struct paging p = { .mode = PAGING_PAE, .write_protect = true, .root = GPA(0) };
	uint64_t pa, e = 0;
	unsigned error, fills = 0;

	memset(host_memory + MEMORY_AT, 0, MEMORY);
	mmu_unload(&view);
	empty_pool(&m);
	for (unsigned i = 0; i < 4; i++) {
		set_entry(&p, 0, i, ((i + 1) << 12) | 1);
		set_entry(&p, 32, i, ((i + 1) << 12) | 1);
	}
	set_entry(&p, 1 << 12, 0, 5 << 12 | 0x67);
	set_entry(&p, 1 << 12, 1, 6 << 12 | 0x67);
	for (unsigned i = 0; i < 512; i++) {
		set_entry(&p, 5 << 12, i, (i << 12) | 0x67);
		set_entry(&p, 6 << 12, i, ((512 + i) << 12) | 0x67);
	}
	for (unsigned n = 0; n < 40; n++) {
		p.root = GPA((n & 1) * 32);
		load_root(&view, &p, false);
		for (uint64_t va = PAGE_SIZE * 16; va < 2 * LARGE_SIZE; va += PAGE_SIZE)
			if (!shadow_translate(va, 0, &pa, &error) &&
			    access_shadow(va, 0, &pa, &error) == MMU_FILLED)
				fills += n > 1;
		if (n > 1 && access_shadow(5 << 12, PF_WRITE, &pa, &error) == MMU_FILLED)
			set_entry(&p, 5 << 12, 16 + n, e);
	}
	ok(!fills && is_sound(),
	   "two roots in turns, each load after a write: %u pages are filled anew", fills);
}

/* An instruction may write one page at two addresses, which both must be writable at a time. */
static void two_addresses(void)
{
	struct paging p = { .mode = PAGING_PAE, .write_protect = true, .root = GPA(0) };
	unsigned error, faults = 0;
	uint64_t pa;

	set_entry(&p, 5 << 12, 20, 100 << 12 | 0x67);
	set_entry(&p, 5 << 12, 21, 100 << 12 | 0x67);
	set_entry(&p, 5 << 12, 22, 100 << 12 | 0x67);
	mmu_unload(&view);
	empty_pool(&m);
	load_root(&view, &p, false);
	for (uint64_t va = 20 << 12; va < 23 << 12; va += PAGE_SIZE)
		access_shadow(va, PF_WRITE, &pa, &error);
	for (uint64_t va = 20 << 12; va < 23 << 12; va += PAGE_SIZE)
		faults += !shadow_translate(va, PF_WRITE, &pa, &error);
	ok(faults == 1 && is_sound(), "a page is writable at two addresses, not at three");
	tables_protect(&m, GPA(100 << 12));
	for (uint64_t va = 20 << 12; va < 23 << 12; va += PAGE_SIZE)
		faults += !shadow_translate(va, PF_WRITE, &pa, &error);
	ok(faults == 4 && is_sound(), "until it is protected");
}

/* INVLPG of any address in a page of 4 MiB flushes all of it. */
static void large_page(void)
{
	struct paging p = { .mode = PAGING_32, .large_pages = true, .root = GPA(0) };
	const uint64_t low = 4 * LARGE_SIZE, high = low + LARGE_SIZE;

	memset(host_memory + MEMORY_AT, 0, TABLES * PAGE_SIZE);
	map_tables(&p);
	mmu_unload(&view);
	empty_pool(&m);
	wrong = 0;
	for (unsigned wp = 2; wp--;) { /* in mirrored tables, then in a private tree */
		uint64_t pa, e = 2 * LARGE_SIZE * wp | 0xe7;
		unsigned error;

		p.write_protect = wp;
		set_entry(&p, 0, 2, 2 * LARGE_SIZE * !wp | 0xe7);
		load_root(&view, &p, false);
		ok(!!m.shadow[view.root].key == wp, "a %s tree", wp ? "mirrored" : "private");
		compare(&p, low, 0);
		compare(&p, high, 0);
		access_shadow(TABLES_AT + 8, PF_WRITE, &pa, &error);
		memcpy(host_memory + pa, &e, 4);
		if (tables_must_reload(&view))
			load_root(&view, &p, false);
		else
			mmu_flush(&view, GVA(high), 1);
		compare(&p, high, 0);
		compare(&p, low, 0);
	}
	ok(!wrong, "a large page is flushed as a whole");
}

static void legacy_guest(void)
{
	mmu_unload(&view);
	m.views = &view;
	view.next = NULL;
	memory.tables = watched;
	memory.table_written = table_written;
	mmu_init(&m, &memory, MPA(POOL_AT), POOL_PAGES, shadow);
	tables_init(&m, &tables, writer);
	empty_pool(&m);
	tables.reads_max = 4;
	written_tables(PAGING_32, "32-bit");
	written_tables(PAGING_PAE, "PAE");
	tables.reads_max = TABLES_READS;
	kept_trees();
	two_addresses();
	large_page();
}

int main(void)
{
	if (posix_memalign((void **)&host_memory, LARGE_SIZE, MIB(20)))
		return 1;
	memset(host_memory, 0, MIB(20));
	guest_memory_init(&memory, MPA(MEMORY_AT), MEMORY, MPA(VCPU_PAGE_AT), PAGE_SIZE);
	mmu_init(&m, &memory, MPA(POOL_AT), POOL_PAGES, shadow);
	empty_pool(&m);
	mmu_attach(&m, &view);
	run_mode(PAGING_OFF, "paging off");
	run_mode(PAGING_32, "32-bit");
	run_mode(PAGING_PAE, "PAE");
	run_mode(PAGING_64, "64-bit");
	roots();
	changing_roots();
	two_flushes();
	copies();
	read_only_region();
	guest_memory_init(&memory, MPA(MEMORY_AT), MEMORY, MPA(VCPU_PAGE_AT), PAGE_SIZE);
	legacy_guest();
	free(host_memory);
	return done_testing();
}
