// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The shadow MMU with several vCPUs at once, against a model of what a TLB may do. Each vCPU is a
 * coroutine that changes page tables, flushes, loads and drops roots, and accesses memory. A seed
 * determines which one runs next, at each point where the shadow MMU takes its lock or reads guest
 * memory, and between the steps of the processor's walks.
 *
 * The rule: the result of a vCPU's access must follow from entries that the tables have had since
 * that vCPU last flushed the address, for each level separately. Older entries are no longer in its
 * TLB. A flush applies to the loaded root, but a flush of the kernel's half applies to the tables
 * below every root, as the kernel's pages are the same everywhere. A root that was dropped is new
 * to every vCPU.
 */
#include <ucontext.h>
#include <unistd.h>

#include "engine/ring/shadow/shadow.h"
#include "kernel/gate.h"
#include "load_root.h"
#include "tap.h"

#define MEMORY_AT MIB(2)
#define MEMORY	  MIB(4)
#define PAGES_AT  MIB(6)
#define POOL_AT	  MIB(8)
#define HOST	  MIB(10)
#define VCPUS	  4
#define ROOTS	  4  /* pages 0 to 3 */
#define TABLES	  24 /* pages 0 to 23, used at any level */
#define STACK	  KIB(256)
#define CHANGES	  2000 /* of table entries, in a run */
#define FLUSHES	  2000

char *host_memory;
static struct guest_memory memory;
static struct mmu m;
static struct shadow shadow[MMU_POOL_MAX];

/* --- the guest's tables, and the history of each entry --- */

struct change {
	uint64_t time, value;
	struct change *before;
};
static struct change changes[CHANGES];
static unsigned change_count;
static struct change *history[TABLES][PT_ENTRIES];
static uint64_t now;

static uint64_t *entry_at(unsigned table, unsigned index)
{
	return (uint64_t *)(host_memory + MEMORY_AT + table * PAGE_SIZE) + index;
}

static void set_entry(unsigned table, unsigned index, uint64_t value)
{
	struct change *c = &changes[change_count++];

	*c = (struct change){ ++now, value, history[table][index] };
	history[table][index] = c;
	*(volatile uint64_t *)entry_at(table, index) = value;
}

/* Few indices, so that vCPUs collide: two slots of each half, and a few entries below. */
static unsigned random_index(int level)
{
	static const unsigned slots[] = { 0, 1, 300, 511 };

	return level == 4 ? slots[rnd() % 4] : rnd() % (level == 1 ? 6 : 3);
}

static uint64_t hot[4]; /* the addresses that are used most */

static uint64_t random_va(void)
{
	uint64_t va = 0;

	if (rnd() % 2)
		return hot[rnd() % 4];
	for (int level = 4; level; level--)
		va |= (uint64_t)random_index(level) << (12 + 9 * (level - 1));
	return (uint64_t)((int64_t)(va << 16) >> 16);
}

static unsigned first_of(int level) /* of the tables mostly used at that level */
{
	static const unsigned first[] = { TABLES, 16, 8, 4, 0 };

	return first[level];
}

static uint64_t random_entry(int level)
{
	uint64_t page, bits = (rnd() % 8 ? PTE_P : 0) | (rnd() % 4 ? PTE_W : 0) |
			      (rnd() % 4 ? PTE_U : 0) | PTE_A | (rnd() % 2 ? PTE_D : 0);

	if (level == 1)
		page = 32 + rnd() % 64;
	else if (rnd() % 16 == 0) /* a table that was, or still is, used for something else */
		page = rnd() % TABLES;
	else
		page = first_of(level - 1) + rnd() % (first_of(level - 2) - first_of(level - 1));
	if (level == 2 && rnd() % 8 == 0)
		return rnd() % 2 * LARGE_SIZE | bits | PTE_PS;
	return page * PAGE_SIZE | bits;
}

static int level_of(unsigned table)
{
	int level = 4;

	while (table >= first_of(level - 1))
		level--;
	return level;
}

static void change_something(void)
{
	unsigned table = rnd() % TABLES;
	int level = level_of(table);

	if (change_count < CHANGES)
		set_entry(table, random_index(level), random_entry(level));
}

/* --- vCPUs, and what each has flushed --- */

struct flush {
	uint64_t time, first, last, root;
};

static struct vcpu {
	struct mmu_view view;
	ucontext_t context;
	char *stack;
	bool done, in_guest;
	unsigned exits;
	uint64_t until;	    /* the turn in which it may continue */
	bool loaded[ROOTS]; /* at any time before */
	struct flush flush[FLUSHES];
	unsigned flushes;
} vcpu[VCPUS];

static struct vcpu *self;
static unsigned live, steps, switch_one_in;
static ucontext_t outside;
static uint64_t turn;

static void flushed(struct vcpu *v, uint64_t time, uint64_t first, uint64_t last, uint64_t root)
{
	if (v->flushes < FLUSHES)
		v->flush[v->flushes++] = (struct flush){ time, first, last, root };
}

/* A private tree is separate from the mirrored one of the same root: bit 0 tells them apart. */
static uint64_t root_of(const struct paging *p)
{
	return p->root.v | (p->mode == PAGING_OFF || !p->no_execute);
}

/* When v last flushed the root's own entry, or what is below it, which all mirrored roots share in
 * the kernel's half. */
static uint64_t last_flush(const struct vcpu *v, uint64_t va, bool below)
{
	uint64_t root = root_of(&v->view.guest.paging), time = 0;
	bool shared = below && va > USER_LAST && !(root & 1);

	for (unsigned i = 0; i < v->flushes; i++) {
		const struct flush *f = &v->flush[i];

		if (va >= f->first && va <= f->last &&
		    (f->root == root || (shared && !(f->root & 1))))
			time = MAX(time, f->time);
	}
	return time;
}

static void switch_to(struct vcpu *to)
{
	struct vcpu *from = self;

	self = to;
	if (to != from)
		swapcontext(&from->context, &to->context);
}

/* Switches to another vCPU. Sometimes this one stays here for long, while the others do much. */
void mmu_interleave(void)
{
	struct vcpu *to;

	turn++;
	if (!self || rnd() % switch_one_in)
		return;
	if (rnd() % 16 == 0)
		self->until = turn + rnd() % 256;
	do
		to = &vcpu[rnd() % VCPUS];
	while (to->done || (to->until > turn++));
	switch_to(to);
}

/* Like guest/guest.c: returns once every other vCPU has left the guest. */
static void quiesce(struct mmu *mmu)
{
	(void)mmu;
	for (unsigned i = 0; i < VCPUS; i++) {
		struct vcpu *v = &vcpu[i];
		unsigned exits = v->exits;

		while (v->in_guest && v->exits == exits)
			mmu_interleave();
	}
}

/* --- the model --- */

struct outcome {
	bool fault;
	unsigned error; /* if it is a fault */
	uint64_t gpa;
};

/* Whether entries since those times, in the root and below it, explain the outcome, starting at
 * this table. */
static bool explains(uint64_t table, int level, uint64_t rights, uint64_t va,
		     const uint64_t since[2], unsigned access, const struct outcome *o)
{
	struct change *c = NULL;

	if (table < TABLES * PAGE_SIZE)
		c = history[table / PAGE_SIZE][pt_index(va, level)];
	for (;; c = c->before) {
		uint64_t e = c ? c->value : table < TABLES * PAGE_SIZE ? 0 : table | 1;
		uint64_t all = rights & e;
		bool leaf = level == 1 || (level == 2 && (e & PTE_PS));

		if (!(e & PTE_P)) {
			if (o->fault && o->error == access)
				return true;
		} else if (level > 2 && (e & PTE_PS)) {
			if (o->fault && o->error == (access | PF_PRESENT | PF_RESERVED))
				return true;
		} else if (!leaf) {
			if (explains(e & PTE_ADDR, level - 1, all, va, since, access, o))
				return true;
		} else if (shadow_allows(all, access)) {
			if (!o->fault &&
			    o->gpa == (e & PTE_ADDR) + (va & (pt_span(level) - 1) & PAGE_MASK))
				return true;
		} else if (o->fault && o->error == (access | PF_PRESENT)) {
			return true;
		}
		if (!c || c->time <= since[level < 4])
			return false;
	}
}

/* --- actions of a vCPU --- */

static unsigned wrong, accesses;
static bool sound;
static unsigned seed_now;

/* The processor's walk of the shadows, an entry at a time. */
static bool translate(struct vcpu *v, uint64_t va, unsigned access, uint64_t *gpa)
{
	uint64_t *table = direct(mmu_root(&v->view)), rights = ~0ull;

	for (int level = 4; level; level--) {
		mmu_interleave();
		uint64_t e = *(volatile uint64_t *)&table[pt_index(va, level)];

		if (!(e & PTE_P) || e == NOT_PRESENT)
			return false;
		rights &= e;
		if (level == 1 || (e & PTE_PS)) {
			*gpa = (e & PTE_ADDR) - MEMORY_AT + (va & (pt_span(level) - 1) & PAGE_MASK);
			return shadow_allows(rights, access);
		}
		table = direct(MPA(e & PTE_ADDR));
	}
	return false;
}

static struct outcome access_memory(struct vcpu *v, uint64_t va, unsigned access)
{
	struct outcome o = { 0 };

	for (unsigned tries = 0; tries < 1000; tries++) {
		v->in_guest = true;
		bool there = translate(v, va, access, &o.gpa);
		v->in_guest = false;
		v->exits++;
		if (there)
			return o;
		o.error = access;
		enum mmu_result r = mmu_fault(&v->view, GVA(va), &o.error);
		o.fault = r != MMU_FILLED && r != MMU_AGAIN;
		if (o.fault)
			return o;
	}
	o.fault = true; /* it does not terminate */
	return o;
}

/* An access in progress. If another vCPU drops the root meanwhile, that only matters for the next
 * access. */
struct access {
	const char *what;
	uint64_t va, since[2];
	unsigned access;
};

static struct access begin_access(struct vcpu *v, const char *what, uint64_t va, unsigned access)
{
	return (struct access){
		.what = what,
		.va = va,
		.since = { last_flush(v, va, false), last_flush(v, va, true) },
		.access = access,
	};
}

static void judge(struct vcpu *v, const struct access *a, const struct outcome *o)
{
	const struct paging *p = &v->view.guest.paging;
	bool good = p->mode == PAGING_OFF
			    ? !o->fault && o->gpa == a->va
			    : explains(p->root.v, 4, ~0ull, a->va, a->since, a->access, o);

	accesses++;
	if (!good && wrong++ < 3)
		printf("# seed %u vCPU %td root %lx: %s of %lx, access %x: fault %d error %x gpa "
		       "%lx, flushed at %lu, now %lu\n",
		       seed_now, v - vcpu, p->root.v, a->what, a->va, a->access, o->fault, o->error,
		       o->gpa, a->since[1], now);
}

static uint64_t address(struct vcpu *v)
{
	return v->view.guest.paging.mode == PAGING_OFF ? rnd() % MEMORY & PAGE_MASK : random_va();
}

static void access_at(struct vcpu *v, uint64_t va)
{
	unsigned access = (rnd() % 2 ? PF_WRITE : 0) | (rnd() % 2 ? PF_USER : 0);
	struct access a = begin_access(v, "access", va, access);
	struct outcome o = access_memory(v, a.va, access);

	judge(v, &a, &o);
}

static void push_something(struct vcpu *v)
{
	struct access a = begin_access(v, "stack", address(v), PF_WRITE);
	char *to = mmu_kernel_stack(&v->view, GVA(a.va), 8);
	struct outcome o = { .gpa = (uint64_t)(to - host_memory) - MEMORY_AT };

	if (to)
		judge(v, &a, &o);
}

static void copy_something(struct vcpu *v)
{
	struct access a = begin_access(v, "copy", address(v), 0);
	struct guest_failure f = { 0 };
	struct outcome o;
	uint64_t word;

	o.fault = guest_read(&v->view.guest, GVA(a.va), &word, 8, 0, &f);
	o.error = f.error;
	o.gpa = word & ~1ull;
	if (o.fault || (word & ~PAGE_MASK) == 1) /* a page that contains its number */
		judge(v, &a, &o);
}

static void flush(struct vcpu *v, uint64_t va, uint64_t last)
{
	uint64_t root = root_of(&v->view.guest.paging), time = ++now;

	mmu_flush(&v->view, GVA(va), last == ~0ull && !va ? ~0ull : last - va + 1);
	flushed(v, time, va, last, root);
}

static void flush_something(struct vcpu *v)
{
	static const uint64_t sizes[] = { LARGE_SIZE, 1ull << 30, 1ull << 39 };
	uint64_t va = random_va(), other = random_va();
	uint64_t bytes = rnd() % 4 ? PAGE_SIZE : sizes[rnd() % 3];

	switch (rnd() % 8) {
	case 0: flush(v, 0, ~0ull); break;
	case 1: flush(v, va, va | ((1ull << 39) - 1)); break;
	case 2: flush(v, MIN(va, other), MAX(va, other)); break;
	default: flush(v, va & ~(bytes - 1), va | (bytes - 1));
	}
}

/* Like a kernel: finds the entry for an address in its tables, changes it, flushes, and uses the
 * address. */
static void remap_something(struct vcpu *v)
{
	uint64_t va = address(v), table = v->view.guest.paging.root.v;
	int level = 4, last = rnd() % 8 ? 1 : 1 + rnd() % 4;

	for (; level > last && table < TABLES * PAGE_SIZE; level--)
		table = *entry_at(table / PAGE_SIZE, pt_index(va, level)) & PTE_ADDR;
	if (v->view.guest.paging.mode == PAGING_OFF || table >= TABLES * PAGE_SIZE ||
	    change_count == CHANGES)
		return;
	set_entry(table / PAGE_SIZE, pt_index(va, level), random_entry(level));
	flush(v, va & ~(pt_span(level) - 1), va | (pt_span(level) - 1));
	for (unsigned i = 0; i < 3; i++)
		access_at(v, va);
}

/* Usually a mirrored tree; a private one, by turning NX off, which no entry here has; or the
 * identity map. */
static void load_something(struct vcpu *v)
{
	bool private = rnd() % 16 == 0;
	unsigned root = rnd() % ROOTS;
	struct paging p = { .mode = rnd() % 16 ? PAGING_64 : PAGING_OFF,
			    .root = GPA(root * PAGE_SIZE),
			    .write_protect = true,
			    .no_execute = !private };
	bool flush = rnd() % 2 || !v->loaded[root];
	uint64_t time = ++now;

	load_root(&v->view, &p, flush);
	v->loaded[root] |= p.mode == PAGING_64 && !private;
	if (p.mode == PAGING_OFF)
		return;
	if (private)
		flushed(v, time, 0, ~0ull, root_of(&p));
	else if (flush)
		flushed(v, time, 0, USER_LAST, root_of(&p));
}

static void drop_something(void)
{
	uint64_t root = rnd() % ROOTS * PAGE_SIZE, time = ++now;

	while (!mmu_drop_root(&m, GPA(root)))
		;
	for (unsigned i = 0; i < VCPUS; i++)
		flushed(&vcpu[i], time, 0, USER_LAST, root);
}

static void check(void)
{
	struct table_report r;

	if (mmu_check(&m, &r))
		return;
	if (sound)
		printf("# seed %u: %s, page %u, level %u, index %u\n", seed_now, r.what, r.page,
		       r.level, r.index);
	sound = false;
}

static void step(struct vcpu *v)
{
	switch (rnd() % 32) {
	case 0 ... 1: change_something(); break;
	case 2 ... 3: flush_something(v); break;
	case 6: load_something(v); break;
	case 7:
		if (rnd() % 8 == 0)
			drop_something();
		if (rnd() % 8 == 0)
			check();
		break;
	case 8 ... 9: copy_something(v); break;
	case 10: push_something(v); break;
	case 11 ... 14: remap_something(v); break;
	default: access_at(v, address(v));
	}
	mmu_interleave();
}

static void live_on(void)
{
	struct vcpu *v = self;

	load_something(v);
	flush(v, 0, ~0ull);
	for (unsigned i = 0; i < steps; i++)
		step(v);
	v->done = true;
	if (!--live)
		setcontext(&outside);
	struct vcpu *to = vcpu;
	while (to->done)
		to++;
	switch_to(to);
}

/* --- runs --- */

static void begin(unsigned pool_pages)
{
	memset(host_memory, 0, HOST);
	memset(history, 0, sizeof(history));
	change_count = 0;
	now = 0;
	guest_memory_init(&memory, MPA(MEMORY_AT), MEMORY, MPA(PAGES_AT), VCPUS * PAGE_SIZE);
	m = (struct mmu){ .quiesce = quiesce };
	mmu_can_mark = rnd() % 2;
	mmu_init(&m, &memory, MPA(POOL_AT), pool_pages, shadow);
	empty_pool(&m);
	for (uint64_t page = TABLES; page < MEMORY / PAGE_SIZE; page++)
		for (unsigned i = 0; i < PT_ENTRIES; i++)
			entry_at(page, 0)[i] = page * PAGE_SIZE | 1; /* the page's number */
	for (unsigned table = 0; table < TABLES; table++)
		for (unsigned i = 0; i < 16; i++)
			set_entry(table, random_index(level_of(table)),
				  random_entry(level_of(table)));
}

static void run(unsigned seed)
{
	tap_seed = seed * 0x9e3779b97f4a7c15;
	for (unsigned i = 0; i < 20; i++)
		rnd();
	seed_now = seed;
	begin(rnd() % 2 ? MMU_POOL_MIN : 120);
	switch_one_in = 2 + rnd() % 12;
	for (unsigned i = 0; i < 4; i++)
		hot[i] = random_va();
	for (unsigned i = 0; i < VCPUS; i++) {
		struct vcpu *v = &vcpu[i];

		v->done = v->in_guest = false;
		v->flushes = v->exits = 0;
		v->until = 0;
		memset(v->loaded, 0, sizeof(v->loaded));
		v->view = (struct mmu_view){ .cpu = i, .gate_pdpt = MIB(9) + i * PAGE_SIZE };
		mmu_attach(&m, &v->view);
		getcontext(&v->context);
		v->context.uc_stack.ss_sp = v->stack;
		v->context.uc_stack.ss_size = STACK;
		makecontext(&v->context, live_on, 0);
	}
	live = VCPUS;
	self = &vcpu[rnd() % VCPUS];
	swapcontext(&outside, &self->context);
	self = NULL;
	check();
}

int main(int argc, char **argv)
{
	unsigned first = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
	unsigned seeds = argc > 2 ? (unsigned)atoi(argv[2]) : 100;

	if (posix_memalign((void **)&host_memory, LARGE_SIZE, HOST))
		return 1;
	for (unsigned i = 0; i < VCPUS; i++)
		vcpu[i].stack = malloc(STACK);
	steps = 1500;
	sound = true;
	alarm(600);
	for (unsigned seed = first; seed < first + seeds; seed++)
		run(seed);
	ok(!wrong, "%u accesses of %u vCPUs find what a TLB may show (%u did not), seeds %u to %u",
	   accesses, VCPUS, wrong, first, first + seeds - 1);
	ok(sound, "all counts are right throughout");
	for (unsigned i = 0; i < VCPUS; i++)
		free(vcpu[i].stack);
	free(host_memory);
	return done_testing();
}
