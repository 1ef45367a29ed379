// SPDX-License-Identifier: GPL-2.0-or-later
/* A guest and its vCPUs: creation, start, what others ask of them. Its life is in life.c. */
#include "guest/guest.h"

#include "guest/console.h"
#include "guest/sched.h"
#include "guest/speculation.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "lib/string.h"

struct guest guests[GUESTS_MAX];
unsigned guest_count;

const char *const counter_names[COUNTERS] = {
	"exits",   "hypercall", "fill",	     "io",	 "privileged", "step",
	"softint", "exception", "interrupt", "injected", "flush",
};

mpa_t guest_take(struct guest *g, uint64_t bytes)
{
	mpa_t pa = memory_alloc(bytes);

	if (pa.v)
		g->overhead += ALIGN_UP(bytes, PAGE_SIZE);
	return pa;
}

static bool take_memory(struct guest *g, uint64_t bytes)
{
	mpa_t ram = memory_take(bytes, LARGE_SIZE); /* guest_load zeroes it */
	mpa_t vcpu_pages = guest_take(g, g->vcpus * PAGE_SIZE);

	guest_memory_init(&g->memory, ram, bytes, vcpu_pages, g->vcpus * PAGE_SIZE);
	return ram.v && vcpu_pages.v && !g->engine->create_guest(g);
}

static bool create_vcpu(struct guest *g, unsigned id)
{
	struct vcpu *v = &g->vcpu[id];
	mpa_t fpu = guest_take(g, MAX(cpu_features.xsave_bytes, 512u));

	if (!fpu.v)
		return false;
	v->guest = g;
	v->engine = g->engine;
	v->id = id;
	v->cpu = sched_choose_cpu(g->config->cpus);
	v->state = VCPU_STOPPED;
	v->regs = &v->saved;
	v->fpu = direct(fpu);
	v->own_page = direct(MPA(g->memory.region[REGION_VCPU_PAGES].at.v + id * PAGE_SIZE));
	v->page = v->own_page;
	if (g->engine->create_vcpu(v))
		return false;
	sched_add(v->cpu, v);
	return true;
}

static bool create_vcpus(struct guest *g)
{
	mpa_t array = guest_take(g, g->vcpus * sizeof(struct vcpu));

	if (!array.v)
		return false;
	g->vcpu = direct(array);
	for (unsigned i = 0; i < g->vcpus; i++)
		if (!create_vcpu(g, i))
			return false;
	return true;
}

int guest_create(struct guest *g, const struct guest_config *config)
{
	g->config = config;
	g->vcpus = config->vcpus;
	console_ring_init(&g->console, g->id, config->name);
	const char *why = image_identify(&g->image, config);
	g->board = image_is_for_pc(&g->image) ? &pc_board : NULL;
	if (why) {
		console_guest_notice(g, "%s: %s", config->image, why);
		return -EINVAL;
	}
	g->engine = engine_choose(g, &why);
	if (!g->engine) {
		console_guest_notice(g, "engine = %s: %s", engine_names[config->engine], why);
		return -ENODEV;
	}
	if (!take_memory(g, config->memory) || !create_vcpus(g)) {
		console_guest_notice(g,
				     "%lu MiB of memory wanted, %lu MiB free: lower memory = in "
				     "the configuration, or give the machine more",
				     config->memory >> 20, memory_free_bytes() >> 20);
		return -ENOMEM;
	}
	g->devices = g->board ? NULL : &virtio_devices;
	if ((g->board && g->board->create(g)) || (g->devices && g->devices->create(g)))
		return -ENOMEM;
	if (load_window(g))
		return -EINVAL;
	g->phase = GUEST_LOADING;
	guest_load_begin(g);
	while (!guest_load_part(g))
		;
	return g->phase == GUEST_RUNNING ? 0 : -EINVAL;
}

void vcpu_start_at(struct vcpu *v, const struct regs *r, gpa_t root, uint32_t gdt)
{
	fpu_reset(v);
	memset(&v->handlers, 0, sizeof(v->handlers));
	memset(&v->legacy, 0, sizeof(v->legacy));
	v->legacy.gdt_base = gdt;
	*v->regs = *r;
	v->page->irq_mask = VENEER_IRQ_MASKED;
	v->page->id = v->id;
	v->syscall32_entry = v->sysenter_entry = v->fault_entry = 0;
	v->io_bitmap = 0;
	v->spec_ctrl = 0;
	v->pat = PAT_RESET;
	memset(v->dr, 0, sizeof(v->dr));
	v->dr6 = DR6_FIXED;
	v->dr7 = DR7_FIXED;
	v->engine->start(v, root);
}

static void begin_pv(struct vcpu *v)
{
	const struct veneer_vcpu_start s = v->start;
	struct veneer_vcpu_page *page = guest_pointer(v->view->memory, GPA(s.vcpu_page), PAGE_SIZE);

	memcpy(&page->clock, &v->guest->vcpu->page->clock, sizeof(page->clock));
	vcpu_use_page(v, page);
	const struct regs r = { .rip = s.rip, .rdi = s.rdi, .rsp = s.rsp };
	vcpu_start_at(v, &r, GPA(s.root), 0);
}

/* What is left of it is REQUEST_WORK, without which it does not run. An INIT that has come since
 * ends it before it begins. */
void vcpu_begin(struct vcpu *v)
{
	if (!guest_is_running(v->guest) ||
	    (__atomic_load_n(&v->requests, __ATOMIC_ACQUIRE) & REQUEST_INIT))
		return;
	vcpu_unload(v);
	if (v->guest->board)
		vcpu_start_at(v, &(struct regs){ 0 }, GPA(~0ull), 0);
	else
		begin_pv(v);
	/* in this order: until it runs, nobody else may start it */
	__atomic_store_n(&v->state, VCPU_RUNNABLE, __ATOMIC_RELEASE);
	__atomic_store_n(&v->starting, 0, __ATOMIC_RELEASE);
}

void vcpu_init(struct vcpu *v)
{
	vcpu_unload(v);
	v->state = VCPU_STOPPED;
	__atomic_and_fetch(&v->requests, ~REQUEST_BEGIN, __ATOMIC_RELAXED);
	v->guest->board->init(v);
}

void vcpu_use_page(struct vcpu *v, struct veneer_vcpu_page *page)
{
	__atomic_store_n(&v->page, page, __ATOMIC_RELEASE);
	if (v->loaded)
		v->engine->use_page(v, page);
}

void vcpu_unload(struct vcpu *v)
{
	if (!v || !v->loaded)
		return;
	v->engine->unload(v->cpu, v);
	v->loaded = false;
	v->cpu->current = NULL;
}

void vcpu_load(struct vcpu *v)
{
	vcpu_unload(v->cpu->current);
	speculation_switch(v->cpu, v);
	v->engine->load(v->cpu, v);
	v->loaded = true;
	v->cpu->current = v;
}

struct guest *guest_find(const char *name)
{
	for (unsigned i = 0; i < guest_count; i++)
		if (!strcmp(guests[i].config->name, name))
			return &guests[i];
	return NULL;
}

uint64_t guest_ran(const struct guest *g)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < g->vcpus; i++)
		sum += sched_ran(&g->vcpu[i]);
	return sum;
}

const char *guest_cores(const struct guest *g, char text[GUEST_CORES])
{
	int used = 0;

	for (unsigned i = 0; i < g->vcpus; i++)
		used += format(text + used, GUEST_CORES - (size_t)used, "%s%u", i ? "," : "",
			       g->vcpu[i].cpu->id);
	return text;
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

	spin_lock(&g->console_lock);
	for (; n < bytes && (byte = guest_input_take(g)) >= 0; n++)
		at[n] = (uint8_t)byte;
	spin_unlock(&g->console_lock);
	return n;
}

/* An interrupt that was pending in STI's shadow must end this halt: it will not be signalled again.
 */
void vcpu_halt(struct vcpu *v, bool masked)
{
	const struct board *b = v->guest->board;

	if (!masked && b && b->interrupt_pending(v))
		return;
	v->state = VCPU_HALTED;
	if (masked && b && b->halts_for_good(v))
		guest_crash(v->guest, "halted with interrupts masked: nothing can wake it");
	if (v->guest->line_used)
		console_guest_prompt(v->guest);
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
	if (v->state == VCPU_HALTED) /* else it looks at them before it goes on */
		vcpu_wake(v);
}

void vcpu_event_from(struct vcpu *v, unsigned event)
{
	struct veneer_vcpu_page *page = __atomic_load_n(&v->page, __ATOMIC_ACQUIRE);

	__atomic_or_fetch(&page->events, 1ull << event, __ATOMIC_RELEASE);
	vcpu_request_from(v, REQUEST_EVENT);
}
