// SPDX-License-Identifier: GPL-2.0-or-later
/* The life of a guest: its memory, its start, its end. Loading images is in load.c. */
#include "core/guest.h"

#include "core/console.h"
#include "core/cpu.h"
#include "core/load.h"
#include "core/machine.h"
#include "core/sched.h"
#include "core/string.h"
#include "mmu/memory.h"
#include "platform/platform.h"
#include "ring/ring.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/descriptor.h"

struct guest guests[GUESTS_MAX];
unsigned guest_count;

const char *const counter_names[COUNTERS] = {
	"exits", "hypercall", "fill",	   "io",	"privileged",
	"step",	 "softint",   "exception", "interrupt", "injected",
};

static mpa_t take(struct guest *g, uint64_t bytes)
{
	mpa_t pa = memory_alloc(bytes, PAGE_SIZE);

	if (pa.v)
		g->overhead += ALIGN_UP(bytes, PAGE_SIZE);
	return pa;
}

/* Shadow pages: 32, and one for each MiB. The pool bounds what a guest can make us spend, of memory
 * and, in a flush of everything, of time: with all 1024 a few million instructions. */
static unsigned pool_pages(uint64_t memory)
{
	return 32 + (unsigned)MIN(memory >> 20, 992ull);
}

static bool take_memory(struct guest *g, uint64_t bytes)
{
	struct mmu *m = &g->mmu;
	unsigned pages = pool_pages(bytes);
	mpa_t pool, list, vcpu_pages;

	m->memory = memory_take(bytes, LARGE_SIZE); /* guest_load zeroes it */
	pool = take(g, pages * PAGE_SIZE);
	list = take(g, pages * sizeof(struct shadow));
	vcpu_pages = take(g, g->vcpus * PAGE_SIZE);
	if (!m->memory.v || !pool.v || !list.v || !vcpu_pages.v)
		return false;
	m->memory_bytes = bytes;
	m->vcpu_pages = vcpu_pages;
	m->vcpu_pages_bytes = g->vcpus * PAGE_SIZE;
	mmu_init(m, pool, pages, direct(list));
	return true;
}

/* Every other vCPU that walks this guest's shadows now has stopped doing so once. */
static void quiesce(struct mmu *m)
{
	struct guest *g = container_of(m, struct guest, mmu);

	for (unsigned i = 0; i < g->vcpus; i++) {
		struct vcpu *v = &g->vcpu[i];
		uint64_t exits = __atomic_load_n(&v->counts[COUNT_EXITS], __ATOMIC_ACQUIRE);

		if (v->cpu == this_cpu() || !__atomic_load_n(&v->in_guest, __ATOMIC_SEQ_CST))
			continue;
		cpu_kick(v->cpu);
		while (__atomic_load_n(&v->in_guest, __ATOMIC_SEQ_CST) &&
		       __atomic_load_n(&v->counts[COUNT_EXITS], __ATOMIC_ACQUIRE) == exits)
			cpu_relax();
	}
}

static bool create_vcpu(struct guest *g, unsigned id)
{
	struct vcpu *v = &g->vcpu[id];
	mpa_t fpu = take(g, MAX(cpu_features.xsave_bytes, 512u));
	mpa_t gdt = take(g, PAGE_SIZE), idt = take(g, PAGE_SIZE);

	if (!fpu.v || !gdt.v || !idt.v)
		return false;
	v->guest = g;
	v->id = id;
	v->cpu = sched_choose_cpu(g->config->cpus);
	v->state = VCPU_STOPPED;
	v->regs = &v->saved;
	v->fpu = direct(fpu);
	v->gdt = direct(gdt);
	v->idt = direct(idt);
	v->own_page = direct(MPA(g->mmu.vcpu_pages.v + id * PAGE_SIZE));
	v->page = v->own_page;
	v->mmu = (struct mmu_view){
		.mmu = &g->mmu,
		.gate_pdpt = v->cpu->gate_pdpt.v,
		.cpu = v->cpu->id,
		.root = MMU_NO_ROOT,
	};
	sched_add(v->cpu, v);
	return true;
}

static bool create_vcpus(struct guest *g)
{
	mpa_t array = take(g, g->vcpus * sizeof(struct vcpu));

	if (!array.v)
		return false;
	g->vcpu = direct(array);
	for (unsigned i = 0; i < g->vcpus; i++) {
		if (!create_vcpu(g, i))
			return false;
		if (g->vcpu[i].cpu != g->vcpu[0].cpu)
			g->mmu.quiesce = quiesce;
	}
	return true;
}

int guest_create(struct guest *g, const struct guest_config *config)
{
	const char *why;

	g->config = config;
	g->vcpus = config->vcpus;
	if (load_identify(g, &why)) {
		console_guest_notice(g, "%s: %s", config->image, why);
		return -EINVAL;
	}
	if (g->vcpus > 1 && !guest_is_pv(g)) {
		console_guest_notice(g, "vcpus = %u: only a PV guest can have several", g->vcpus);
		return -EINVAL;
	}
	if (!take_memory(g, config->memory) || !create_vcpus(g)) {
		console_guest_notice(g,
				     "%lu MiB of memory wanted, %lu MiB free: lower memory = in "
				     "veneer.conf, or give the machine more",
				     config->memory >> 20, memory_free_bytes() >> 20);
		return -ENOMEM;
	}
	g->device[0].kind = &virtio_console;
	g->device[0].guest = g;
	g->device[0].event = VENEER_EVENT_DEVICES;
	if (!guest_is_pv(g)) {
		mpa_t pa = take(g, platform_bytes());

		if (!pa.v)
			return -ENOMEM;
		g->platform = direct(pa);
	}
	if (load_window(g))
		return -EINVAL;
	while (!guest_zero(g))
		;
	return guest_load(g);
}

static void set_clock(struct vcpu *v)
{
	struct veneer_clock *c = &v->page->clock;
	uint64_t mul = (1000000ull << 32) / tsc_khz();
	int shift = 0;

	for (; mul >> 32; shift++)
		mul >>= 1;
	c->tsc_to_system_mul = (uint32_t)mul;
	c->tsc_shift = (int8_t)shift;
	c->flags = 1; /* the TSC is the same on all processors */
}

#define ZERO_BYTES MIB(4) /* at a time: the core may have other guests */

bool guest_zero(struct guest *g)
{
	uint64_t left = g->mmu.memory_bytes - g->zeroed, n = MIN(left, ZERO_BYTES);

	memset((char *)direct(g->mmu.memory) + g->zeroed, 0, n);
	g->zeroed = n < left ? g->zeroed + n : 0;
	return !g->zeroed;
}

int guest_load(struct guest *g)
{
	const char *why = "";

	for (unsigned i = 0; i < g->vcpus; i++) {
		struct vcpu *v = &g->vcpu[i];

		v->page = v->own_page;
		memset(v->page, 0, PAGE_SIZE);
		memcpy(v->idt, cpu_idt_template(), PAGE_SIZE);
		mmu_unload(&v->mmu);
		v->starting = 0;
		v->ldt_entries = 0; /* its pages go with the pool */
		memset(v->ldt, 0, sizeof(v->ldt));
	}
	mmu_init(&g->mmu, g->mmu.pool, g->mmu.pool_pages, g->mmu.shadow);
	memset(direct(g->mmu.pool), 0, g->mmu.pool_pages * PAGE_SIZE);
	g->ended = false;
	g->ending = 0;
	g->input_tail = g->input_head;
	virtio_reset(&g->device[0]);
	if (g->platform)
		platform_reset(g->platform, g);
	if (load_image(g, &why)) {
		console_guest_notice(g, "%s: %s", g->config->image, why);
		g->ended = true;
		g->verdict = -1;
		return -EINVAL;
	}
	for (unsigned i = 0; i < g->vcpus; i++)
		set_clock(&g->vcpu[i]);
	struct vcpu *v = g->vcpu;
	v->runnable_since = rdtsc();
	v->cpu->attention = true;
	v->state = VCPU_RUNNABLE;
	return 0;
}

/* All vCPUs stop, each on its own CPU; this one at once. False: that is under way already. */
static bool park_all(struct guest *g, bool restart)
{
	if (__atomic_exchange_n(&g->ending, 1, __ATOMIC_ACQ_REL))
		return false;
	g->restart = restart;
	__atomic_store_n(&g->parking, g->vcpus, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < g->vcpus; i++) {
		if (g->vcpu[i].cpu == this_cpu())
			g->vcpu[i].state = VCPU_STOPPED;
		vcpu_request(&g->vcpu[i], REQUEST_PARK);
	}
	return true;
}

void vcpu_park(struct vcpu *v)
{
	struct guest *g = v->guest;

	v->state = VCPU_STOPPED;
	if (v->loaded)
		ring_unload(v->cpu);
	timer_cancel(v->cpu, &v->timer);
	if (__atomic_sub_fetch(&g->parking, 1, __ATOMIC_ACQ_REL) || !g->restart)
		return;
	vcpu_request(g->vcpu, REQUEST_LOAD);
}

void guest_restart(struct guest *g)
{
	if (g->platform)
		platform_stop(g->platform);
	park_all(g, true);
}

void guest_end(struct guest *g, int verdict, const char *how)
{
	if (!park_all(g, false))
		return;
	g->verdict = verdict;
	if (g->platform)
		platform_stop(g->platform);
	console_guest_flush(g);
	console_guest_notice(g, "%s, verdict %d", how, verdict);
	__atomic_store_n(&g->ended, true, __ATOMIC_RELEASE);
	if (guests_all_ended())
		machine_off();
}

void vcpu_stop(struct vcpu *v)
{
	struct guest *g = v->guest;

	v->state = VCPU_STOPPED;
	timer_cancel(v->cpu, &v->timer);
	for (unsigned i = 0; i < g->vcpus; i++)
		if (__atomic_load_n(&g->vcpu[i].state, __ATOMIC_ACQUIRE) != VCPU_STOPPED ||
		    __atomic_load_n(&g->vcpu[i].starting, __ATOMIC_ACQUIRE))
			return;
	guest_end(g, -1, "all its vCPUs have stopped");
}

static void dump_registers(const struct vcpu *v)
{
	struct guest *g = v->guest;
	const struct regs *r = v->regs;

	console_guest_notice(g, "rip %04lx:%016lx rflags %08x cpl %u vector %lu error %lx", r->cs,
			     r->rip, ring_flags(v), (unsigned)(r->cs & 3), r->vector, r->error);
	console_guest_notice(g, "rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx,
			     r->rcx, r->rdx);
	console_guest_notice(g, "rsi %016lx rdi %016lx rbp %016lx rsp %04lx:%016lx", r->rsi, r->rdi,
			     r->rbp, r->ss, r->rsp);
	if (guest_is_pv(g))
		console_guest_notice(g, "r8  %016lx r9  %016lx r10 %016lx r11 %016lx", r->r8, r->r9,
				     r->r10, r->r11);
	console_guest_notice(g, "root %lx cr0 %08x cr2 %lx cr4 %08x gdt %08x idt %08x",
			     v->mmu.paging.root.v, v->legacy.cr0, v->page->cr2, v->legacy.cr4,
			     v->legacy.gdt_base, v->legacy.idt_base);
}

#define RESTARTS_MAX 100 /* a guest that crashes at once must not fill the console for ever */

void guest_crash(struct guest *g, const char *fmt, ...)
{
	char why[160];
	va_list args;

	const struct vcpu *v = this_cpu()->current;

	if (g->ending)
		return;
	va_start(args, fmt);
	format_v(why, sizeof(why), fmt, args);
	va_end(args);
	console_guest_notice(g, "CRASH: %s", why);
	if (v && v->guest == g)
		dump_registers(v);
	if (g->config->on_crash == CRASH_RESTART && g->restarts < RESTARTS_MAX) {
		g->restarts++;
		console_guest_notice(g, "restart %u", g->restarts);
		guest_restart(g);
	} else {
		guest_end(g, -1, "stopped after a crash");
	}
}

struct guest *guest_find(const char *name)
{
	for (unsigned i = 0; i < guest_count; i++)
		if (!strcmp(guests[i].config->name, name))
			return &guests[i];
	return NULL;
}

bool guests_all_ended(void)
{
	for (unsigned i = 0; i < guest_count; i++)
		if (!guests[i].config->optional &&
		    !__atomic_load_n(&guests[i].ended, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

void vcpu_request(struct vcpu *v, uint32_t request)
{
	__atomic_or_fetch(&v->requests, request, __ATOMIC_RELEASE);
	cpu_kick(v->cpu);
}

void guest_request(struct guest *g, uint32_t request)
{
	for (unsigned i = 0; i < g->vcpus; i++)
		vcpu_request(&g->vcpu[i], request);
}

uint64_t guest_count_of(const struct guest *g, enum counter counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < g->vcpus; i++)
		sum += g->vcpu[i].counts[counter];
	return sum;
}

bool guest_input(struct guest *g, uint8_t byte)
{
	uint32_t head = g->input_head;

	if (head - __atomic_load_n(&g->input_tail, __ATOMIC_ACQUIRE) == INPUT_BYTES)
		return false;
	g->input[head % INPUT_BYTES] = byte;
	__atomic_store_n(&g->input_head, head + 1, __ATOMIC_RELEASE);
	vcpu_request(g->vcpu, REQUEST_INPUT);
	return true;
}

int guest_input_take(struct guest *g)
{
	uint32_t tail = g->input_tail;

	if (tail == __atomic_load_n(&g->input_head, __ATOMIC_ACQUIRE))
		return -EAGAIN;
	int byte = g->input[tail % INPUT_BYTES];
	__atomic_store_n(&g->input_tail, tail + 1, __ATOMIC_RELEASE);
	return byte;
}

void guest_console_lock(struct guest *g)
{
	while (__atomic_test_and_set(&g->console_lock, __ATOMIC_ACQUIRE))
		cpu_relax();
}

void guest_console_unlock(struct guest *g)
{
	__atomic_clear(&g->console_lock, __ATOMIC_RELEASE);
}

bool guest_input_waits(const struct guest *g)
{
	return __atomic_load_n(&g->input_tail, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(&g->input_head, __ATOMIC_ACQUIRE);
}

uint32_t guest_input_read(struct guest *g, void *to, uint64_t bytes)
{
	uint8_t *at = to;
	uint32_t n = 0;
	int byte;

	guest_console_lock(g);
	for (; n < bytes && (byte = guest_input_take(g)) >= 0; n++)
		at[n] = (uint8_t)byte;
	guest_console_unlock(g);
	return n;
}

void vcpu_wake(struct vcpu *v)
{
	if (v->state == VCPU_HALTED) {
		v->state = VCPU_RUNNABLE;
		v->runnable_since = rdtsc();
	}
	v->cpu->attention = true;
}

void vcpu_event(struct vcpu *v, unsigned event)
{
	__atomic_or_fetch(&v->page->events, 1ull << event, __ATOMIC_RELEASE);
	vcpu_wake(v);
}

/*
 * A guest may send itself as many events as it likes, but each kick takes time from whoever runs on
 * the other CPU. So an event that is already on its way is not sent again, each one that arrives is
 * charged to the vCPU that gets it (exit_requests), and one that has used up its share waits for
 * the next turn of its CPU.
 */
void vcpu_event_from(struct vcpu *v, unsigned event)
{
	struct veneer_vcpu_page *page = __atomic_load_n(&v->page, __ATOMIC_ACQUIRE);

	__atomic_or_fetch(&page->events, 1ull << event, __ATOMIC_RELEASE);
	if (__atomic_fetch_or(&v->requests, REQUEST_EVENT, __ATOMIC_SEQ_CST) & REQUEST_EVENT)
		return;
	struct vcpu *running = __atomic_load_n(&v->cpu->running, __ATOMIC_SEQ_CST);
	if (!running || running == v || v->budget > 0)
		cpu_kick(v->cpu);
}
