// SPDX-License-Identifier: GPL-2.0-or-later
/* The life of a guest: its memory, its start, its end. Loading images is in load.c. */
#include "core/guest.h"

#include "core/console.h"
#include "core/cpu.h"
#include "core/load.h"
#include "core/machine.h"
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

/* Shadow pages: 32, and one for each MiB; the pool bounds what a guest can make us spend. */
static unsigned pool_pages(uint64_t memory)
{
	return 32 + (unsigned)MIN(memory >> 20, 4096ull);
}

static bool take_memory(struct guest *g, uint64_t bytes)
{
	struct mmu *m = &g->mmu;
	unsigned pages = pool_pages(bytes);
	mpa_t pool, list, fpu, gdt, idt, vcpu_page;

	m->memory = memory_take(bytes, LARGE_SIZE); /* guest_load zeroes it */
	pool = take(g, pages * PAGE_SIZE);
	list = take(g, pages * sizeof(uint16_t));
	fpu = take(g, MAX(cpu_features.xsave_bytes, 512u));
	gdt = take(g, PAGE_SIZE);
	idt = take(g, PAGE_SIZE);
	vcpu_page = take(g, PAGE_SIZE);
	if (!m->memory.v || !pool.v || !list.v || !fpu.v || !gdt.v || !idt.v || !vcpu_page.v)
		return false;
	m->memory_bytes = bytes;
	m->vcpu_pages = vcpu_page;
	m->vcpu_pages_bytes = PAGE_SIZE;
	mmu_init(m, pool, pages, direct(list));
	g->vcpu.fpu = direct(fpu);
	g->vcpu.gdt = direct(gdt);
	g->vcpu.idt = direct(idt);
	g->vcpu.page = direct(vcpu_page);
	return true;
}

int guest_create(struct guest *g, const struct guest_config *config, struct cpu *cpu,
		 uint64_t gate_pdpt)
{
	const char *why;

	g->config = config;
	g->vcpu.guest = g;
	g->vcpu.cpu = cpu;
	g->vcpu.state = VCPU_STOPPED;
	g->vcpu.regs = &g->vcpu.saved;
	g->mmu.gate_pdpt = gate_pdpt;
	if (load_identify(g, &why)) {
		console_guest_notice(g, "%s: %s", config->image, why);
		return -EINVAL;
	}
	if (!take_memory(g, config->memory)) {
		console_guest_notice(g,
				     "%lu MiB of memory wanted, %lu MiB free: lower memory = in "
				     "veneer.conf, or give the machine more",
				     config->memory >> 20, memory_free_bytes() >> 20);
		return -ENOMEM;
	}
	if (!guest_is_pv(g)) {
		mpa_t pa = take(g, platform_bytes());

		if (!pa.v)
			return -ENOMEM;
		g->platform = direct(pa);
	}
	return load_window(g) ? -EINVAL : guest_load(g);
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

int guest_load(struct guest *g)
{
	struct vcpu *v = &g->vcpu;
	const char *why = "";

	if (v->loaded)
		ring_unload(v->cpu);
	timer_cancel(v->cpu, &v->timer);
	memset(direct(g->mmu.memory), 0, g->mmu.memory_bytes);
	memcpy(v->idt, cpu_idt_template(), PAGE_SIZE);
	g->ended = false;
	g->input_tail = g->input_head;
	if (g->platform)
		platform_reset(g->platform, g);
	if (load_image(g, &why)) {
		console_guest_notice(g, "%s: %s", g->config->image, why);
		v->state = VCPU_STOPPED;
		g->ended = true;
		g->verdict = -1;
		return -EINVAL;
	}
	set_clock(v);
	v->state = VCPU_RUNNABLE;
	v->runnable_since = rdtsc();
	v->cpu->attention = true;
	return 0;
}

void guest_end(struct guest *g, int verdict, const char *how)
{
	g->vcpu.state = VCPU_STOPPED;
	g->verdict = verdict;
	if (g->platform)
		platform_stop(g->platform);
	timer_cancel(g->vcpu.cpu, &g->vcpu.timer);
	console_guest_flush(g);
	console_guest_notice(g, "%s, verdict %d", how, verdict);
	__atomic_store_n(&g->ended, true, __ATOMIC_RELEASE);
	g->vcpu.cpu->attention = true;
	if (guests_all_ended())
		machine_off();
}

static void dump_registers(struct guest *g)
{
	const struct vcpu *v = &g->vcpu;
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
			     v->paging.root.v, v->legacy.cr0, v->page->cr2, v->legacy.cr4,
			     v->legacy.gdt_base, v->legacy.idt_base);
}

#define RESTARTS_MAX 100 /* a guest that crashes at once must not fill the console for ever */

void guest_crash(struct guest *g, const char *fmt, ...)
{
	char why[160];
	va_list args;

	if (g->vcpu.state == VCPU_STOPPED)
		return;
	va_start(args, fmt);
	format_v(why, sizeof(why), fmt, args);
	va_end(args);
	console_guest_notice(g, "CRASH: %s", why);
	dump_registers(g);
	if (g->config->on_crash == CRASH_RESTART && g->restarts < RESTARTS_MAX) {
		g->restarts++;
		console_guest_notice(g, "restart %u", g->restarts);
		guest_load(g);
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

bool guest_input(struct guest *g, uint8_t byte)
{
	uint32_t head = g->input_head;

	if (head - __atomic_load_n(&g->input_tail, __ATOMIC_ACQUIRE) == INPUT_BYTES)
		return false;
	g->input[head % INPUT_BYTES] = byte;
	__atomic_store_n(&g->input_head, head + 1, __ATOMIC_RELEASE);
	vcpu_request(&g->vcpu, REQUEST_INPUT);
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
