// SPDX-License-Identifier: GPL-2.0-or-later
/* Interrupts of a PC: from a device's line through the 8259s and the I/O APIC, or as an IPI between
 * local APICs, to the destination vCPU. */
#include "guest/console.h"
#include "kernel/cpu.h"
#include "pc/pc.h"

/* The 8259s' INTR line, which only vCPU 0 has. */
static bool intr(const struct pc *p, unsigned vcpu)
{
	return !vcpu && p->pic.intr && lapic_passes_intr(&p->apic[0].lapic);
}

/* Runs without the lock: whoever changes something meanwhile sends a notification. */
bool pc_interrupt_pending(const struct vcpu *v)
{
	const struct pc *p = pc_of(v->guest);
	const struct apic *a = &p->apic[v->id];

	return !a->halted && (intr(p, v->id) || lapic_pending(&a->lapic) >= 0);
}

bool pc_halts_for_good(struct vcpu *v)
{
	struct pc *p = pc_of(v->guest);
	bool all = true;

	spin_lock(&p->lock);
	p->apic[v->id].halted = true;
	for (unsigned i = 0; i < v->guest->vcpus; i++)
		all &= p->apic[i].halted || p->apic[i].waits;
	pc_unlock(p);
	return all;
}

static void notify(struct vcpu *v)
{
	if (v->cpu != this_cpu())
		vcpu_request_from(v, REQUEST_EVENT);
	else if (pc_interrupt_pending(v))
		vcpu_wake(v);
}

__attribute__((noinline)) static void handle_unlocked(struct pc *p, unsigned pending,
						      unsigned wanted)
{
	for (; pending; pending &= pending - 1)
		notify(&p->guest->vcpu[__builtin_ctz(pending)]);
	if (wanted & PC_SEND)
		console_guest_send(p->guest);
	if (wanted & PC_PROMPT)
		console_guest_prompt(p->guest);
	if (wanted & PC_END)
		guest_end(p->guest, p->exit_code, p->ending_how);
	if (wanted & PC_RESTART) {
		console_guest_notice(p->guest, "reset");
		guest_restart(p->guest);
	}
}

void pc_unlock(struct pc *p)
{
	unsigned pending = p->pending | (p->pic.intr & !p->intr_notified), wanted = p->wanted;

	p->pending = p->wanted = 0;
	p->intr_notified = p->pic.intr;
	if (p->pic.intr)
		p->guest->vcpu->interrupt_waits = true;
	spin_unlock(&p->lock);
	if (pending | wanted)
		handle_unlocked(p, pending, wanted);
}

/* The 8259s have priority; the local APIC's interrupts stay pending. */
int pc_acknowledge(struct vcpu *v)
{
	struct pc *p = pc_of(v->guest);
	struct lapic *l = &p->apic[v->id].lapic;
	int vector;

	spin_lock(&p->lock);
	if (intr(p, v->id)) {
		vector = (int)pic_acknowledge(&p->pic);
	} else {
		vector = lapic_pending(l);
		if (vector >= 0)
			lapic_acknowledge(l, (unsigned)vector);
	}
	v->interrupt_waits = (!v->id && p->pic.intr) || l->irr_words;
	pc_unlock(p);
	return vector;
}

void pc_note(struct pc *p, struct apic *a)
{
	a->vcpu->interrupt_waits = true;
	p->pending |= (uint8_t)(1 << a->vcpu->id);
}

static void accept(struct pc *p, unsigned vcpu, unsigned vector, bool level)
{
	lapic_accept(&p->apic[vcpu].lapic, vector, level);
	pc_note(p, &p->apic[vcpu]);
}

#define MODE_FIXED   0
#define MODE_LOWEST  1
#define MODE_INIT    5
#define MODE_STARTUP 6

/* To all of these vCPUs; in lowest-priority mode, to the first. */
static void send(struct pc *p, unsigned vcpus, unsigned mode, unsigned vector, bool level)
{
	if (mode == MODE_LOWEST)
		vcpus &= -vcpus;
	else if (mode != MODE_FIXED)
		return;
	for (; vcpus; vcpus &= vcpus - 1)
		accept(p, (unsigned)__builtin_ctz(vcpus), vector, level);
}

static unsigned destinations(const struct pc *p, uint8_t destination, bool logical)
{
	unsigned vcpus = 0;

	for (unsigned i = 0; i < p->guest->vcpus; i++)
		vcpus |= (unsigned)lapic_is_destination(&p->apic[i].lapic, destination, logical)
			 << i;
	return vcpus;
}

/* Sends the interrupts of these I/O APIC pins to their destinations. */
static void send_pins(struct pc *p, uint32_t pins)
{
	for (; pins; pins &= pins - 1) {
		uint64_t r = p->ioapic.redirect[__builtin_ctz(pins)];

		send(p, destinations(p, IOAPIC_DESTINATION(r), r & IOAPIC_LOGICAL), IOAPIC_MODE(r),
		     IOAPIC_VECTOR(r), r & IOAPIC_LEVEL);
	}
}

/* A device's line goes to both controllers; the timer's to pin 2 of the second. */
void pc_set_line(struct bus *b, unsigned irq, bool high)
{
	struct pc *p = pc_of_bus(b);

	pic_set_line(&p->pic, irq, high);
	send_pins(p, ioapic_set_line(&p->ioapic, irq ? irq : 2, high));
}

/* 9.4.4.1: INIT makes a processor wait for a startup IPI; the first one after it gives the address.
 * The boot processor is not restarted this way. */
static void send_init(struct pc *p, unsigned vcpus)
{
	for (vcpus &= ~1u; vcpus; vcpus &= vcpus - 1) {
		struct apic *a = &p->apic[__builtin_ctz(vcpus)];

		a->waits = true;
		a->halted = false;
		__atomic_and_fetch(&a->vcpu->requests, ~REQUEST_START, __ATOMIC_RELAXED);
		vcpu_request_from(a->vcpu, REQUEST_INIT);
	}
}

static void send_startup(struct pc *p, unsigned vcpus, uint8_t page)
{
	for (; vcpus; vcpus &= vcpus - 1) {
		struct apic *a = &p->apic[__builtin_ctz(vcpus)];

		if (!a->waits)
			continue;
		a->waits = false;
		a->vcpu->startup = page;
		vcpu_request_from(a->vcpu, REQUEST_START);
	}
}

#define ICR_ASSERT 0x4000
#define ICR_LEVEL  0x8000

/* 11.6.1: shorthand or destination field. */
static unsigned ipi_destinations(const struct pc *p, const struct apic *from)
{
	unsigned all = (1u << p->guest->vcpus) - 1, self = 1u << from->vcpu->id;

	switch (from->lapic.icr_low >> 18 & 3) {
	case 0:
		return destinations(p, (uint8_t)(from->lapic.icr_high >> 24),
				    from->lapic.icr_low & IOAPIC_LOGICAL);
	case 1: return self;
	case 2: return all;
	default: return all & ~self;
	}
}

__attribute__((noinline)) static void send_ipi(struct pc *p, const struct apic *from)
{
	uint32_t low = from->lapic.icr_low;
	unsigned mode = low >> 8 & 7, to = ipi_destinations(p, from);

	if (mode == MODE_INIT && (!(low & ICR_LEVEL) || (low & ICR_ASSERT)))
		send_init(p, to & ~(1u << from->vcpu->id));
	else if (mode == MODE_STARTUP)
		send_startup(p, to, (uint8_t)low);
	else
		send(p, to, mode, low & 0xff, false);
}

static uint64_t now_for(const struct pc *p, unsigned offset)
{
	return offset < LAPIC_TIMED ? LAPIC_NEVER : pc_now(&p->bus);
}

/* Registers are 4 bytes wide, 16 apart; other accesses are undefined (11.4.1). */
static uint64_t read_lapic(void *device, struct bus_access a)
{
	struct pc *p = device;
	unsigned offset = a.at & ~PAGE_MASK;

	return offset & 3 ? ~0ull : lapic_read(&p->apic[a.vcpu].lapic, offset, now_for(p, offset));
}

HOT_FRAME static void write_lapic(void *device, struct bus_access access, uint64_t value)
{
	struct pc *p = device;
	struct apic *a = &p->apic[access.vcpu];
	unsigned offset = access.at & ~PAGE_MASK, vector = 0;

	if (offset & 3)
		return;
	switch (lapic_write(&a->lapic, offset, (uint32_t)value, now_for(p, offset), &vector)) {
	case LAPIC_TIMER: pc_arm_lapic(a, pc_now(&p->bus)); break;
	case LAPIC_EOI: send_pins(p, ioapic_end_of_interrupt(&p->ioapic, vector)); break;
	case LAPIC_SEND: send_ipi(p, a); break;
	case LAPIC_NOTHING: break;
	}
}

static uint64_t read_ioapic(void *device, struct bus_access a)
{
	return a.at & 3 ? ~0ull : ioapic_read(&((struct pc *)device)->ioapic, a.at & ~PAGE_MASK);
}

static void write_ioapic(void *device, struct bus_access a, uint64_t value)
{
	struct pc *p = device;

	if (!(a.at & 3))
		send_pins(p, ioapic_write(&p->ioapic, a.at & ~PAGE_MASK, (uint32_t)value));
}

void pc_attach_apics(struct pc *p)
{
	static const struct bus_functions lapic = { read_lapic, write_lapic, 4 };
	static const struct bus_functions ioapic = { read_ioapic, write_ioapic, 4 };

	for (unsigned i = 0; i < p->guest->vcpus; i++) {
		p->apic[i].pc = p;
		p->apic[i].vcpu = &p->guest->vcpu[i];
	}
	bus_add_memory(&p->bus, LAPIC_AT, PAGE_SIZE, &lapic, p);
	bus_add_memory(&p->bus, IOAPIC_AT, PAGE_SIZE, &ioapic, p);
}

void pc_reset_apics(struct pc *p)
{
	struct guest *g = p->guest;

	for (unsigned i = 0; i < g->vcpus; i++) {
		p->apic[i].waits = i;
		p->apic[i].halted = false;
		lapic_reset(&p->apic[i].lapic, (uint8_t)i);
		g->vcpu[i].interrupt_waits = false;
	}
	ioapic_reset(&p->ioapic);
}

void pc_init(struct vcpu *v)
{
	struct pc *p = pc_of(v->guest);
	struct apic *a = &p->apic[v->id];

	spin_lock(&p->lock);
	timer_cancel(v->cpu, &a->timer);
	lapic_reset(&a->lapic, (uint8_t)v->id);
	pc_unlock(p);
}
