// SPDX-License-Identifier: GPL-2.0-or-later
/* Hypercalls, vCPUs, events, the console and virtio. */
#include "pv.h"

static int64_t call_at(uint64_t entry, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	register uint64_t r10 __asm__("r10") = d;
	int64_t result;

	__asm__ volatile("call *%[entry]"
			 : "=a"(result), "+r"(r10)
			 : [entry] "r"(entry), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

/* Hypercalls that would end the attack for good, or move the vCPU page onto this program, are not
 * made here. */
static bool ends_attack(const struct self *s, unsigned nr, uint64_t a)
{
	return (nr == VENEER_HC_SHUTDOWN && a <= VENEER_SHUTDOWN_CRASH) ||
	       (nr == VENEER_HC_VCPU_STOP && !s->id) ||
	       (nr == VENEER_HC_VCPU_PAGE && (a < TABLES || (a >= 0x200000 && a < first_spare)));
}

static unsigned spoils(unsigned nr)
{
	switch (nr) {
	case VENEER_HC_SET_HANDLERS:
	case VENEER_HC_SET_ENTRY: return DIRTY_HANDLERS;
	case VENEER_HC_TIMER_SET: return DIRTY_TIMER;
	case VENEER_HC_MMU_LOAD_ROOT: return DIRTY_ROOT;
	case VENEER_HC_VCPU_PAGE: return DIRTY_PAGE;
	case VENEER_HC_SET_GDT:
	case VENEER_HC_SET_LDT:
	case VENEER_HC_SET_DESCRIPTOR: return DIRTY_TABLES;
	default: return 0;
	}
}

void attack_hypercall(struct self *s)
{
	struct random *r = &s->random;
	unsigned nr = one_in(r, 32) ? below(r, VENEER_HC_RETURN_USER) : below(r, VENEER_HC_COUNT);
	uint64_t arg[4], entry = VENEER_HYPERCALL_PAGE + nr * VENEER_HYPERCALL_STRIDE;

	if (nr == VENEER_HC_SET_DEBUGREG) {
		attack_debug(s); /* it avoids what crashes QEMU */
		return;
	}
	for (unsigned i = 0; i < 4; i++)
		arg[i] = one_in(r, 2) ? about(r, 8) : edge(r);
	if (ends_attack(s, nr, arg[0]))
		return;
	if (nr == VENEER_HC_MMU_LOAD_ROOT && below(r, 1024)) /* other roots do not map this code */
		arg[0] = (uint64_t)roots[below(r, info->vcpus)][below(r, ROOTS)] + about(r, 3);
	if (nr == VENEER_HC_CONSOLE_WRITE && below(r, 64))
		arg[1] &= 63;
	if (nr == VENEER_HC_HALT)
		arm(s);
	s->dirty |= spoils(nr);
	call_at(entry + (one_in(r, 256) ? below(r, 32) : 0), arg[0], arg[1], arg[2], arg[3]);
}

void attack_console(struct self *s)
{
	struct random *r = &s->random;
	char text[FORGED_MAX];
	unsigned n = below(r, sizeof(text));

	for (unsigned i = 0; i < n; i++)
		text[i] = (char)random32(r);
	if (one_in(r, 8))
		n = random_forgery(r, text);
	if (one_in(r, 16))
		call(VENEER_HC_CONSOLE_READ, edge(r), edge(r), 0);
	else if (one_in(r, 64))
		call(VENEER_HC_CONSOLE_WRITE, own_address(r), 4096, 0);
	else if (one_in(r, 4))
		call(VENEER_HC_CONSOLE_WRITE, (uint64_t)text, n, 0);
}

static uint64_t ticking_until;

/* All vCPUs halt and have timers of the shortest period there is. */
void join_ticking(struct self *s)
{
	uint64_t tick = 1000000000 / info->tsc_khz, period = 50 * tick;

	while (now_ns() < __atomic_load_n(&ticking_until, __ATOMIC_ACQUIRE)) {
		s->attempts++;
		s->dirty |= DIRTY_TIMER;
		call(VENEER_HC_TIMER_SET, now_ns() + period, period < 50000 ? 50000 : period, 0);
		call(VENEER_HC_HALT, 0, 0, 0);
	}
}

static uint64_t restart_at;

/* One vCPU restarts the guest while others, without handlers, return with bad frames. */
void join_restart(struct self *s, bool restarts)
{
	static struct veneer_handlers none;
	uint64_t at = __atomic_load_n(&restart_at, __ATOMIC_ACQUIRE);

	if (!at)
		return;
	if (!restarts)
		call(VENEER_HC_SET_HANDLERS, (uint64_t)&none, 0, 0);
	while (now_ns() < at)
		;
	for (unsigned n = about(&s->random, 10); n; n--)
		__asm__ volatile("");
	if (restarts)
		call(VENEER_HC_SHUTDOWN, VENEER_SHUTDOWN_REBOOT, 0, 0);
	s->attempts++;
	s->dirty = ~0u;
	attack_return(s);
}

static void restart_beside(struct self *s)
{
	if (info->vcpus == 1)
		return;
	__atomic_store_n(&restart_at, now_ns() + 300000000 / info->tsc_khz * 1000,
			 __ATOMIC_RELEASE);
	join_restart(s, true);
}

void attack_vcpus(struct self *s)
{
	struct random *r = &s->random;
	unsigned id = one_in(r, 64) ? random32(r) : below(r, info->vcpus);
	struct veneer_vcpu_start start = { edge(r), edge(r), edge(r), edge(r), edge(r) };

	switch (below(r, 18)) {
	case 17:
		if (one_in(r, 64))
			restart_beside(s);
		break;
	case 16:
		if (one_in(r, 32))
			__atomic_store_n(&ticking_until, now_ns() + about(r, 28), __ATOMIC_RELEASE);
		break;
	case 0: call(VENEER_HC_VCPU_START, id, one_in(r, 2) ? (uint64_t)&start : edge(r), 0); break;
	case 1:
	case 2:
	case 3:
		if (id < info->vcpus)
			start_vcpu(s, id);
		break;
	case 4:
		if (s->id && one_in(r, 8))
			call(VENEER_HC_VCPU_STOP, 0, 0, 0);
		break;
	case 5: call(VENEER_HC_VCPU_STOPPED, id, 0, 0); break;
	case 6:
		arm(s);
		call(VENEER_HC_HALT, 0, 0, 0);
		break;
	case 7: call(VENEER_HC_YIELD, 0, 0, 0); break;
	case 8:
		call(VENEER_HC_TIMER_SET, edge(r), one_in(r, 2) ? 0 : edge(r), 0);
		s->dirty |= DIRTY_TIMER;
		break;
	case 9:
		call(VENEER_HC_TIMER_SET, now_ns() + about(r, 20), 50000 + about(r, 20), 0);
		s->dirty |= DIRTY_TIMER;
		break;
	case 10: VP->irq_mask = random32(r); break;
	case 11: VP->events = random64(r); break;
	default: call(VENEER_HC_EVENT_SEND, id, below(r, 66), 0);
	}
}

/* --- virtio --- */

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

#define DESC  ((volatile struct desc *)RINGS)
#define AVAIL ((volatile uint16_t *)(RINGS + 0x1000))
#define USED  (RINGS + 0x2000)

static int64_t device(unsigned op, uint64_t arg)
{
	return call(VENEER_HC_VIRTIO, 0, op, arg);
}

/* Like a driver, or nearly. */
static void set_up_device(struct random *r)
{
	struct veneer_virtio_queue q = { below(r, 2), 1u << below(r, 8), RINGS, RINGS + 0x1000,
					 USED };

	if (one_in(r, 8))
		*(&q.desc + below(r, 3)) = edge(r);
	if (one_in(r, 8))
		q.size = about(r, 10);
	device(VENEER_VIRTIO_SET_STATUS, 0);
	device(VENEER_VIRTIO_SET_FEATURES, one_in(r, 8) ? edge(r) : 1ull << 32);
	device(VENEER_VIRTIO_QUEUE_SET, (uint64_t)&q);
	device(VENEER_VIRTIO_SET_STATUS, one_in(r, 8) ? about(r, 8) : 15);
	AVAIL[1] = 0;
}

static uint32_t length(struct random *r)
{
	return one_in(r, 4) ? (uint32_t)edge(r) : one_in(r, 4) ? 65536 : about(r, 13);
}

/* Chains of every length, from the first descriptor on. */
static void fill_descriptors(struct random *r)
{
	unsigned chain = 1 + about(r, 5);

	for (unsigned i = 0; i < 128; i++) {
		DESC[i].addr = one_in(r, 64) ? edge(r) : one_in(r, 2) ? 0 : own_address(r);
		DESC[i].len = length(r);
		DESC[i].flags = (i + 1) % chain ? 1 : 0;
		DESC[i].next = (uint16_t)(i + 1);
		if (one_in(r, 64))
			DESC[i].flags = (uint16_t)about(r, 16);
		if (one_in(r, 64))
			DESC[i].next = (uint16_t)about(r, 8);
	}
	for (unsigned i = 0; i < 128; i++)
		AVAIL[2 + i] = (uint16_t)(i * chain % 128);
}

/* The same segments again and again: the cost of output does not depend on their contents. */
static void fill_alike(struct random *r)
{
	uint32_t bytes = length(r), chain = 1 + below(r, 16);

	for (unsigned i = 0; i < 128; i++) {
		DESC[i].addr = DATA;
		DESC[i].len = bytes;
		DESC[i].flags = (i + 1) % chain ? 1 : 0;
		DESC[i].next = (uint16_t)(i + 1);
		AVAIL[2 + i] = (uint16_t)(i * chain % 128);
	}
}

void attack_virtio(struct self *s)
{
	struct random *r = &s->random;

	switch (below(r, 16)) {
	case 0: set_up_device(r); break;
	case 1: fill_descriptors(r); break;
	case 2: fill_alike(r); break;
	case 3: DESC[below(r, 128)].addr = edge(r); break;
	case 4: DESC[about(r, 7)].len = length(r); break;
	case 5: DESC[below(r, 128)].flags = (uint16_t)about(r, 16); break;
	case 6: AVAIL[2 + below(r, 128)] = (uint16_t)about(r, 16); break;
	case 7: AVAIL[1] = (uint16_t)(one_in(r, 4) ? random32(r) : AVAIL[1] + about(r, 8)); break;
	case 8: AVAIL[0] = (uint16_t)below(r, 3); break;
	case 9: device(below(r, 12), edge(r)); break;
	case 10: call(VENEER_HC_VIRTIO, edge(r), edge(r), edge(r)); break;
	case 11: device(VENEER_VIRTIO_CONFIG, edge(r)); break;
	case 12:
		AVAIL[1]++;
		/* fall through */
	default: device(VENEER_VIRTIO_NOTIFY, one_in(r, 16) ? edge(r) : below(r, 3));
	}
}
