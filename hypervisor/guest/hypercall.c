// SPDX-License-Identifier: GPL-2.0-or-later
/* Hypercalls of PV guests; their meaning is in abi/veneer.h. */
#include "arch/cpu.h"
#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "lib/string.h"

static int64_t hc_none(UNUSED struct vcpu *v, UNUSED struct regs *r)
{
	return -ENOSYS;
}

static int64_t hc_version(UNUSED struct vcpu *v, UNUSED struct regs *r)
{
	return VENEER_ABI_MAJOR << 16 | VENEER_ABI_MINOR;
}

/* When the vCPU goes on it makes the hypercall again: RAX is its number, as before. */
static int64_t again(struct vcpu *v, struct regs *r)
{
	r->rip -= v->engine->hypercall_bytes;
	return (int64_t)r->rax;
}

/* Where the console has no room the guest waits for it. */
static int64_t hc_console_write(struct vcpu *v, struct regs *r)
{
	uint64_t bytes = MIN(r->rsi, (uint64_t)CONSOLE_PART);
	char buffer[CONSOLE_PART];
	unsigned budget = CONSOLE_PART;

	if (guest_read(v->view, GVA(r->rdi), buffer, bytes, 0, NULL))
		return -EFAULT;
	uint64_t done = console_guest_write(v->guest, buffer, bytes, &budget);
	if (done || !bytes)
		return (int64_t)done;
	v->state = VCPU_HALTED;
	return again(v, r);
}

static int64_t hc_console_read(struct vcpu *v, struct regs *r)
{
	char buffer[INPUT_BYTES];
	uint32_t n = guest_input_read(v->guest, buffer, MIN(r->rsi, sizeof(buffer)));

	if (n && guest_write(v->view, GVA(r->rdi), buffer, n, 0, NULL))
		return -EFAULT;
	return n;
}

static int64_t hc_set_handlers(struct vcpu *v, struct regs *r)
{
	struct veneer_handlers h;

	if (guest_read(v->view, GVA(r->rdi), &h, sizeof(h), 0, NULL))
		return -EFAULT;
	for (unsigned i = 0; i < 32; i++)
		if (!canonical(h.exception[i]))
			return -EINVAL;
	if (!canonical(h.event) || !canonical(h.syscall) || h.window_start > h.window_end)
		return -EINVAL;
	v->handlers = h;
	v->engine->load_entries(v);
	return 0;
}

static int64_t hc_halt(struct vcpu *v, UNUSED struct regs *r)
{
	v->page->irq_mask = 0;
	if (!__atomic_load_n(&v->page->events, __ATOMIC_ACQUIRE))
		v->state = VCPU_HALTED;
	if (v->guest->line_used)
		console_guest_prompt(v->guest);
	return 0;
}

static int64_t hc_yield(struct vcpu *v, UNUSED struct regs *r)
{
	v->runnable_since = 0; /* the others go first */
	v->cpu->attention = true;
	return 0;
}

/* What is pending is delivered on the way out of every hypercall. */
static int64_t hc_event_check(struct vcpu *v, UNUSED struct regs *r)
{
	v->page->irq_pending = 0;
	return 0;
}

static void timer_fired(struct timer *t)
{
	struct vcpu *v = container_of(t, struct vcpu, timer);

	vcpu_event(v, VENEER_EVENT_TIMER);
	if (v->timer_period) {
		uint64_t next = t->deadline + v->timer_period, now = rdtsc();

		if (next <= now) /* missed some: they are one event */
			next = now + v->timer_period - (now - next) % v->timer_period;
		timer_set(v->cpu, t, next);
	}
}

#define TIMER_PERIOD_MIN_NS 50000 /* each costs the core's other guests an interrupt */
#define TIMER_PERIOD_MAX_NS 3600000000000
#define TIMER_NEVER	    (1ull << 62) /* in TSC ticks: far away, and sums with it do not wrap */

static int64_t hc_timer_set(struct vcpu *v, struct regs *r)
{
	uint64_t deadline = r->rdi, period = r->rsi;

	if (period && (period < TIMER_PERIOD_MIN_NS || period > TIMER_PERIOD_MAX_NS))
		return -EINVAL;
	if (!deadline) {
		timer_cancel(v->cpu, &v->timer);
		return 0;
	}
	v->timer.fire = timer_fired;
	v->timer.owner = v;
	v->timer_period = period ? tsc_from_ns(period) : 0;
	timer_set(v->cpu, &v->timer, MIN(tsc_from_ns(deadline), TIMER_NEVER) + 1);
	return 0;
}

static int64_t hc_mmu_load_root(struct vcpu *v, struct regs *r)
{
	if (r->rdi == ~0ull) {
		v->engine->load_root(v, GPA(~0ull), false);
		return 0;
	}
	gpa_t root = GPA(r->rdi & ~(uint64_t)VENEER_ROOT_FLUSH);
	if (root.v & ~PAGE_MASK || !guest_pointer(v->view->memory, root, PAGE_SIZE))
		return -EINVAL;
	v->engine->load_root(v, root, r->rdi & VENEER_ROOT_FLUSH);
	return 0;
}

static int64_t hc_mmu_flush(struct vcpu *v, struct regs *r)
{
	v->engine->flush(v, GVA(r->rdi), r->rsi);
	return 0;
}

static int64_t hc_mmu_drop_root(struct vcpu *v, struct regs *r)
{
	if (v->view->paging.root.v == r->rdi)
		return -EBUSY;
	if (r->rdi & ~PAGE_MASK || !guest_pointer(v->view->memory, GPA(r->rdi), PAGE_SIZE))
		return -EINVAL;
	return v->engine->drop_root(v, GPA(r->rdi)) ? 0 : again(v, r);
}

static int64_t hc_shutdown(struct vcpu *v, struct regs *r)
{
	switch (r->rdi) {
	case VENEER_SHUTDOWN_POWEROFF: guest_end(v->guest, r->rsi & 0xff, "powered off"); return 0;
	case VENEER_SHUTDOWN_REBOOT: guest_restart(v->guest); return 0;
	case VENEER_SHUTDOWN_CRASH: guest_crash(v->guest, "reported by the guest"); return 0;
	default: return -EINVAL;
	}
}

static int64_t hc_softint_gate(struct vcpu *v, struct regs *r)
{
	uint64_t vector = r->rdi, at = r->rsi, dpl = r->rdx;

	if (!vector_is_guests(vector) || !canonical(at) || (dpl != 1 && dpl != 3))
		return -EINVAL;
	v->engine->set_softint(v, (unsigned)index_nospec(vector, VECTOR_MACHINE_FIRST), at,
			       (unsigned)dpl);
	return 0;
}

/* The contents of the page move to the new one. */
static int64_t hc_vcpu_page(struct vcpu *v, struct regs *r)
{
	struct veneer_vcpu_page *page = guest_pointer(v->view->memory, GPA(r->rdi), PAGE_SIZE);

	if (!page || r->rdi & ~PAGE_MASK)
		return -EINVAL;
	if (page != v->page)
		memcpy(page, v->page, PAGE_SIZE);
	vcpu_use_page(v, page);
	return 0;
}

static struct vcpu *other_vcpu(struct vcpu *v, uint64_t id)
{
	unsigned n = v->guest->vcpus;

	return id < n ? &v->guest->vcpu[index_nospec(id, n)] : NULL;
}

static int64_t hc_vcpu_start(struct vcpu *v, struct regs *r)
{
	struct vcpu *to = other_vcpu(v, r->rdi);
	struct veneer_vcpu_start start;

	if (!to)
		return -EINVAL;
	if (guest_read(v->view, GVA(r->rsi), &start, sizeof(start), 0, NULL))
		return -EFAULT;
	if (!canonical(start.rip) || start.root & ~PAGE_MASK || start.vcpu_page & ~PAGE_MASK ||
	    !guest_pointer(v->view->memory, GPA(start.root), PAGE_SIZE) ||
	    !guest_pointer(v->view->memory, GPA(start.vcpu_page), PAGE_SIZE))
		return -EINVAL;
	/* only one start may be under way; it is over when the vCPU runs */
	if (__atomic_exchange_n(&to->starting, 1, __ATOMIC_ACQ_REL))
		return -EBUSY;
	if (__atomic_load_n(&to->state, __ATOMIC_ACQUIRE) != VCPU_STOPPED) {
		__atomic_store_n(&to->starting, 0, __ATOMIC_RELEASE);
		return -EBUSY;
	}
	to->start = start;
	__atomic_add_fetch(&v->guest->started, 1, __ATOMIC_RELAXED);
	vcpu_request_from(to, REQUEST_START);
	return 0;
}

static int64_t hc_vcpu_stop(struct vcpu *v, UNUSED struct regs *r)
{
	v->state = VCPU_STOPPED;
	timer_cancel(v->cpu, &v->timer);
	if (!__atomic_sub_fetch(&v->guest->started, 1, __ATOMIC_ACQ_REL))
		guest_end(v->guest, -1, "all its vCPUs have stopped");
	return 0;
}

static int64_t hc_vcpu_stopped(struct vcpu *v, struct regs *r)
{
	const struct vcpu *of = other_vcpu(v, r->rdi);

	if (!of)
		return -EINVAL;
	return __atomic_load_n(&of->state, __ATOMIC_ACQUIRE) == VCPU_STOPPED;
}

static int64_t hc_event_send(struct vcpu *v, struct regs *r)
{
	struct vcpu *to = other_vcpu(v, r->rdi);

	if (!to || r->rsi >= VENEER_EVENTS)
		return -EINVAL;
	vcpu_event_from(to, (unsigned)r->rsi);
	return 0;
}

static int64_t hc_set_gdt(struct vcpu *v, struct regs *r)
{
	uint64_t *gdt = v->pv_gdt, entries = r->rsi;
	unsigned n;

	if (entries > SEL_GUEST_MAX / 8)
		return -EINVAL;
	for (unsigned i = 0; i < entries; i += n) {
		n = MIN((unsigned)entries - i, DESCRIPTORS);
		if (descriptors_read(v, GVA(r->rdi), i, n, &gdt[i]))
			return -EFAULT;
		gdt[0] = 0;
	}
	memset(&gdt[entries], 0, SEL_GUEST_MAX - 8 * entries);
	v->pv_gdt_base = r->rdi;
	v->pv_gdt_limit = entries ? 8 * entries - 1 : 0;
	return 0;
}

static int64_t hc_set_ldt(struct vcpu *v, struct regs *r)
{
	if (r->rsi > PV_LDT_MAX)
		return -EINVAL;
	if (r->rdi + 8 * r->rsi < r->rdi) /* it wraps around */
		return -EFAULT;
	return v->engine->set_ldt(v, GVA(r->rdi), r->rsi);
}

static int64_t hc_set_entry(struct vcpu *v, struct regs *r)
{
	if (!canonical(r->rsi))
		return -EINVAL;
	switch (r->rdi) {
	case VENEER_ENTRY_SYSCALL32: v->syscall32_entry = r->rsi; break;
	case VENEER_ENTRY_SYSENTER: v->sysenter_entry = r->rsi; break;
	case VENEER_ENTRY_FAULT: v->fault_entry = r->rsi; break;
	default: return -EINVAL;
	}
	v->engine->load_entries(v);
	return 0;
}

/* Ring 0 runs with these registers armed for a while on its way in and out (engine/ring/gate.S,
 * gate_debug): nothing that it executes or touches may be watched. A breakpoint is up to eight
 * bytes long, before or behind its address: processors differ in what they make of one not aligned.
 */
static bool may_be_watched(uint64_t va)
{
	return canonical(va) && !hv_maps(va - 8, 16);
}

static int64_t hc_set_debugreg(struct vcpu *v, struct regs *r)
{
	uint64_t n = r->rdi, value = r->rsi;

	if (n < 4 && may_be_watched(value))
		v->dr[index_nospec(n, 4)] = value;
	else if (n == 6)
		v->dr6 = (value & DR6_STATUS) | DR6_FIXED;
	else if (n == 7 && !(value >> 32))
		v->dr7 = (value & DR7_ALLOWED) | DR7_FIXED;
	else
		return -EINVAL;
	if (v->engine->debug_changed)
		v->engine->debug_changed(v);
	return 0;
}

static int64_t hc_get_debugreg(struct vcpu *v, struct regs *r)
{
	if (r->rdi < 4)
		return (int64_t)v->dr[index_nospec(r->rdi, 4)];
	return (int64_t)(r->rdi == 6 ? v->dr6 : v->dr7);
}

static int64_t hc_set_io_bitmap(struct vcpu *v, struct regs *r)
{
	if (!canonical(r->rdi))
		return -EINVAL;
	v->io_bitmap = r->rdi;
	v->engine->load_entries(v);
	return 0;
}

typedef int64_t hypercall_fn(struct vcpu *v, struct regs *r);

static hypercall_fn *const hypercalls[VENEER_HC_COUNT] = {
	[VENEER_HC_NOP] = hc_none, /* and whatever number is none: see below */
	[VENEER_HC_VERSION] = hc_version,
	[VENEER_HC_CONSOLE_WRITE] = hc_console_write,
	[VENEER_HC_CONSOLE_READ] = hc_console_read,
	[VENEER_HC_SET_HANDLERS] = hc_set_handlers,
	[VENEER_HC_HALT] = hc_halt,
	[VENEER_HC_YIELD] = hc_yield,
	[VENEER_HC_EVENT_CHECK] = hc_event_check,
	[VENEER_HC_TIMER_SET] = hc_timer_set,
	[VENEER_HC_MMU_LOAD_ROOT] = hc_mmu_load_root,
	[VENEER_HC_MMU_FLUSH] = hc_mmu_flush,
	[VENEER_HC_MMU_DROP_ROOT] = hc_mmu_drop_root,
	[VENEER_HC_SHUTDOWN] = hc_shutdown,
	[VENEER_HC_SOFTINT_GATE] = hc_softint_gate,
	[VENEER_HC_VCPU_PAGE] = hc_vcpu_page,
	[VENEER_HC_VCPU_START] = hc_vcpu_start,
	[VENEER_HC_VCPU_STOP] = hc_vcpu_stop,
	[VENEER_HC_VCPU_STOPPED] = hc_vcpu_stopped,
	[VENEER_HC_EVENT_SEND] = hc_event_send,
	[VENEER_HC_SET_GDT] = hc_set_gdt,
	[VENEER_HC_SET_LDT] = hc_set_ldt,
	[VENEER_HC_SET_DESCRIPTOR] = descriptor_hypercall,
	[VENEER_HC_SET_ENTRY] = hc_set_entry,
	[VENEER_HC_SET_DEBUGREG] = hc_set_debugreg,
	[VENEER_HC_GET_DEBUGREG] = hc_get_debugreg,
	[VENEER_HC_SET_IO_BITMAP] = hc_set_io_bitmap,
	[VENEER_HC_VIRTIO] = virtio_hypercall,
};

void hypercall(struct vcpu *v)
{
	struct regs *r = v->regs;
	v->counts[COUNT_HYPERCALL]++;
	r->rax = (uint64_t)hypercalls[index_nospec((uint32_t)r->rax, VENEER_HC_COUNT)](v, r);
}
