// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio devices behind the hypercall transport: the console, and a device with three queues that
 * keeps buffers and returns them from another turn. The driver may reset the device meanwhile, or
 * name devices, queues, vCPUs and configuration that do not exist.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "guest/console.h"
#include "guest/devices.h"
#include "guest/guest.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "tap.h"
#include "virtio/device.h"

#define MEMORY_AT MIB(1)
#define MEMORY	  (64 * 1024ull)
#define OWN_AT	  (MEMORY_AT + MEMORY) /* what guest_take returns */
#define OWN	  (64 * 1024ull)
#define SIZE	  16 /* size of each queue */
#define STATUS_OK 15 /* ACKNOWLEDGE DRIVER DRIVER_OK FEATURES_OK */

char *host_memory;
uint64_t tsc_khz = 1000000;
struct cpu cpus[CPUS_MAX];
struct guest guests[GUESTS_MAX];

static struct vcpu vcpu[2];
static struct guest *const g = &guests[0];
static struct timer *armed[4]; /* timers that have not fired yet */
static unsigned timers, requested;
static uint64_t events[2];
static char printed[4096];
static unsigned printed_bytes;

/* --- stubs for virtio/ --- */

struct cpu *this_cpu(void)
{
	return &cpus[0];
}

uint64_t rdtsc(void)
{
	return 1;
}

uint64_t tsc_from_ns(uint64_t ns)
{
	return ns;
}

void timer_set(struct cpu *cpu, struct timer *t, uint64_t deadline)
{
	(void)cpu, (void)deadline;
	t->armed = true;
	armed[timers++] = t;
}

void timer_cancel(struct cpu *cpu, struct timer *t)
{
	(void)cpu;
	t->armed = false;
}

void vcpu_request_from(struct vcpu *v, uint32_t request)
{
	(void)v;
	requested |= request;
}

/* Also checks that no device's lock is held: the vCPU may call at once. */
void vcpu_event_from(struct vcpu *v, unsigned event)
{
	for (unsigned i = 0; i < g->virtio->devices; i++)
		if (g->virtio->device[i]->lock.taken)
			abort();
	events[v - vcpu] |= 1ull << event;
}

void vcpu_event(struct vcpu *v, unsigned event)
{
	if (v->cpu != this_cpu())
		abort();
	vcpu_event_from(v, event);
}

void mmu_interleave(void)
{
}

mpa_t guest_take(struct guest *of, uint64_t bytes)
{
	if (bytes > OWN)
		return MPA(0);
	of->overhead += bytes;
	return MPA(OWN_AT);
}

int guest_read(const struct guest_view *view, gva_t va, void *to, uint64_t bytes, unsigned access,
	       struct guest_failure *f)
{
	(void)view, (void)access, (void)f;
	const void *from = guest_pointer(&g->memory, GPA(va.v), bytes);

	if (!from)
		return -EFAULT;
	memcpy(to, from, bytes);
	return 0;
}

uint64_t console_guest_write(struct guest *of, const char *text, uint64_t bytes, unsigned *budget)
{
	(void)of;
	bytes = MIN(bytes, *budget);
	*budget -= (unsigned)bytes;
	for (uint64_t i = 0; i < bytes; i++)
		printed[printed_bytes++ % sizeof(printed)] = text[i];
	return bytes;
}

bool guest_input_waits(const struct guest *of)
{
	(void)of;
	return false;
}

uint32_t guest_input_read(struct guest *of, void *to, uint64_t bytes)
{
	(void)of, (void)to, (void)bytes;
	return 0;
}

/* --- the device with three queues --- */

enum { AT_ONCE, KEPT, ENDLESS, QUEUES };

#define KEEPS		8
#define NEEDED		5
#define NOTHING_OFFERED 6

struct fake {
	uint8_t config[12], behind[16];
	struct virtqueue_chain kept[KEEPS];
	bool on_its_way[KEEPS]; /* also a cancelled one: its slot is free once it has completed */
	unsigned parts[QUEUES];
	bool busy; /* all queues always have more work */
};

static bool at_once(struct virtio_device *d, struct virtqueue *q)
{
	struct virtqueue_chain chain;
	struct fake *f = d->state;

	f->parts[AT_ONCE]++;
	if (virtqueue_take(q, &d->guest->memory, &chain))
		virtio_use(d, q, &chain, 1);
	return f->busy;
}

static bool keep(struct virtio_device *d, struct virtqueue *q)
{
	struct fake *f = d->state;
	unsigned i = 0;

	f->parts[KEPT]++;
	while (i < KEEPS && f->on_its_way[i])
		i++;
	if (i < KEEPS)
		f->on_its_way[i] = virtqueue_take(q, &d->guest->memory, &f->kept[i]);
	return f->busy;
}

static bool endless(struct virtio_device *d, struct virtqueue *q)
{
	struct fake *f = d->state;

	(void)q;
	f->parts[ENDLESS]++;
	return true;
}

/* Completes a request from another turn. */
static void complete(struct virtio_device *d, struct virtqueue_chain *chain)
{
	struct virtqueue *q = &d->queue[KEPT];
	struct fake *f = d->state;

	spin_lock(&d->lock);
	if (virtqueue_holds(q, chain) && chain->segment[0].writable)
		memset(chain->segment[0].at, 0xab, chain->segment[0].bytes);
	virtio_use(d, q, chain, chain->segment[0].bytes);
	f->on_its_way[chain - f->kept] = false;
	virtio_unlock(d);
}

static void create(struct virtio_device *d)
{
	struct fake *f = d->state;

	for (unsigned i = 0; i < sizeof(f->config); i++)
		f->config[i] = (uint8_t)(0x10 + i);
	memset(f->behind, 0x99, sizeof(f->behind));
	d->config = f->config;
	d->config_bytes = sizeof(f->config);
}

static virtio_work_fn *const work[QUEUES] = { at_once, keep, endless };

static const struct virtio_kind kind = {
	.id = 77,
	.offers = 1ull << VIRTIO_F_VERSION_1 | 1 << NEEDED | 1,
	.needs = 1ull << VIRTIO_F_VERSION_1 | 1 << NEEDED,
	.queues = QUEUES,
	.work = work,
	.state_bytes = sizeof(struct fake),
	.create = create,
};

/* --- the driver --- */

enum { CONSOLE, FAKE, TWIN, DEVICES };

struct driver_ring {
	struct vring_desc desc[SIZE];
	struct {
		uint16_t flags, idx, ring[SIZE];
	} avail;
	struct {
		uint16_t flags, idx;
		struct vring_used_elem ring[SIZE];
	} used __attribute__((aligned(4)));
} __attribute__((aligned(16)));

#define QUEUE_AT(q) (0x1000ull * (1 + (q)))
#define DATA	    0x8000ull
#define SET_AT	    0x100ull

static void *at(uint64_t gpa)
{
	return host_memory + MEMORY_AT + gpa;
}

static struct driver_ring *ring(unsigned q)
{
	return at(QUEUE_AT(q));
}

static int64_t call(uint64_t device, uint64_t op, uint64_t arg)
{
	struct regs r = { .rdi = device, .rsi = op, .rdx = arg };

	return virtio_hypercall(vcpu, &r);
}

static int64_t set_queue(uint64_t device, unsigned q)
{
	*(struct veneer_virtio_queue *)at(SET_AT) = (struct veneer_virtio_queue){
		.queue = q,
		.size = SIZE,
		.desc = QUEUE_AT(q) + offsetof(struct driver_ring, desc),
		.avail = QUEUE_AT(q) + offsetof(struct driver_ring, avail),
		.used = QUEUE_AT(q) + offsetof(struct driver_ring, used),
	};
	return call(device, VENEER_VIRTIO_QUEUE_SET, SET_AT);
}

static bool start(uint64_t device, unsigned queues)
{
	bool good = true;

	call(device, VENEER_VIRTIO_SET_STATUS, 0);
	memset(at(0), 0, DATA);
	call(device, VENEER_VIRTIO_SET_FEATURES,
	     call(device, VENEER_VIRTIO_GET_FEATURES, 0) & ~1ll);
	for (unsigned q = 0; q < queues; q++)
		good &= !set_queue(device, q);
	call(device, VENEER_VIRTIO_SET_STATUS, STATUS_OK);
	events[0] = events[1] = 0;
	return good && call(device, VENEER_VIRTIO_GET_STATUS, 0) == STATUS_OK;
}

static void offer(unsigned q, unsigned head, uint64_t addr, uint32_t bytes, uint16_t flags)
{
	struct driver_ring *r = ring(q);

	r->desc[head] = (struct vring_desc){ .addr = addr, .len = bytes, .flags = flags };
	r->avail.ring[r->avail.idx++ % SIZE] = (uint16_t)head;
}

static struct virtio_device *fake;

static struct fake *state(void)
{
	return fake->state;
}

static void fire(void)
{
	unsigned n = timers;
	struct timer *now[ARRAY_SIZE(armed)];

	memcpy(now, armed, sizeof(now));
	timers = 0;
	for (unsigned i = 0; i < n; i++) {
		now[i]->armed = false;
		now[i]->fire(now[i]);
	}
}

/* --- tests --- */

static bool refused(uint64_t features)
{
	call(FAKE, VENEER_VIRTIO_SET_STATUS, 0);
	call(FAKE, VENEER_VIRTIO_SET_FEATURES, features);
	call(FAKE, VENEER_VIRTIO_SET_STATUS, 11);
	return call(FAKE, VENEER_VIRTIO_GET_STATUS, 0) == 3;
}

static void negotiation(void)
{
	ok(refused(0) && refused(1ull << VIRTIO_F_VERSION_1) && refused(1 << NEEDED) &&
		   refused(kind.needs | 1 << NOTHING_OFFERED) && refused(~0ull) &&
		   !refused(kind.needs) && !refused(kind.offers),
	   "FEATURES_OK stays if all that is needed is there, and nothing that is not offered");
	ok(call(FAKE, VENEER_VIRTIO_SET_FEATURES, 0) == -EBUSY && fake->features == kind.offers,
	   "features do not change after FEATURES_OK");
	start(FAKE, QUEUES);
	call(FAKE, VENEER_VIRTIO_SET_STATUS, 0);
	set_queue(FAKE, AT_ONCE);
	offer(AT_ONCE, 0, DATA, 1, 0);
	call(FAKE, VENEER_VIRTIO_SET_STATUS, 15); /* no features: no FEATURES_OK */
	call(FAKE, VENEER_VIRTIO_NOTIFY, AT_ONCE);
	virtio_devices.work(g);
	ok(call(FAKE, VENEER_VIRTIO_GET_STATUS, 0) == 7 && !ring(AT_ONCE)->used.idx,
	   "DRIVER_OK without FEATURES_OK starts nothing");
	call(FAKE, VENEER_VIRTIO_SET_FEATURES, kind.needs);
	call(FAKE, VENEER_VIRTIO_SET_STATUS, 15);
	is(ring(AT_ONCE)->used.idx, 1, "what was available before DRIVER_OK is worked on then");
}

static void numbers(void)
{
	bool good = true;

	start(FAKE, QUEUES);
	const uint64_t bad_device[] = { DEVICES, DEVICES + 1, VIRTIO_DEVICES_MAX, 1ull << 32,
					~0ull };
	for (unsigned i = 0; i < ARRAY_SIZE(bad_device); i++)
		for (unsigned op = 0; op < 16; op++)
			good &= call(bad_device[i], op, 0) == -ENODEV;
	ok(good, "device numbers out of range");
	good = call(FAKE, VENEER_VIRTIO_ID, 0) == 77 && call(TWIN, VENEER_VIRTIO_ID, 0) == 77 &&
	       call(CONSOLE, VENEER_VIRTIO_ID, 0) == 3;
	ok(good, "device numbers in range");

	good = call(FAKE, VENEER_VIRTIO_QUEUE_MAX, QUEUES - 1) == VIRTQUEUE_MAX;
	const uint64_t bad_queue[] = { QUEUES, VIRTIO_QUEUES_MAX, 0xffff, 1ull << 32, ~0ull };
	for (unsigned i = 0; i < ARRAY_SIZE(bad_queue); i++)
		good &= call(FAKE, VENEER_VIRTIO_QUEUE_MAX, bad_queue[i]) == 0 &&
			call(FAKE, VENEER_VIRTIO_NOTIFY, bad_queue[i]) == -EINVAL &&
			call(FAKE, VENEER_VIRTIO_QUEUE_EVENT,
			     (bad_queue[i] & 0xffff ? bad_queue[i] & 0xffff : QUEUES)) == -EINVAL;
	good &= set_queue(FAKE, QUEUES) == -EINVAL && set_queue(FAKE, ~0u) == -EINVAL;
	good &= call(CONSOLE, VENEER_VIRTIO_NOTIFY, 2) == -EINVAL; /* a queue of another device */
	ok(good, "queue numbers out of range");
	is(call(FAKE, VENEER_VIRTIO_QUEUE_SET, MEMORY - 31), -EFAULT, "a description outside");

	uint64_t was = fake->queue[KEPT].target;
	good = true;
	for (uint64_t v = 2; v < 0x10000; v = 2 * v + 1)
		good &= call(FAKE, VENEER_VIRTIO_QUEUE_EVENT, KEPT | v << 16) == -EINVAL;
	for (uint64_t e = VENEER_EVENTS; e < 1ull << 32; e = 2 * e + 1)
		good &= call(FAKE, VENEER_VIRTIO_QUEUE_EVENT, KEPT | e << 32) == -EINVAL;
	ok(good && fake->queue[KEPT].target == was, "vCPUs and events that do not exist");
	good = call(FAKE, VENEER_VIRTIO_QUEUE_EVENT + 1, 0) == -EINVAL &&
	       call(FAKE, ~0ull, 0) == -EINVAL;
	ok(good, "operations that do not exist");
}

static void configuration(void)
{
	uint8_t got[16];
	bool good;
	const uint64_t far[] = { 12, 13, 16, 1ull << 32, ~0ull - 7, ~0ull - 3, ~0ull };

	ok(call(FAKE, VENEER_VIRTIO_CONFIG, 0) == 0x1716151413121110 &&
		   call(FAKE, VENEER_VIRTIO_CONFIG, 4) == 0x1b1a191817161514,
	   "configuration within its bounds");
	good = call(FAKE, VENEER_VIRTIO_CONFIG, 8) == 0x1b1a1918 &&
	       call(FAKE, VENEER_VIRTIO_CONFIG, 11) == 0x1b;
	for (unsigned i = 0; i < ARRAY_SIZE(far); i++)
		good &= call(FAKE, VENEER_VIRTIO_CONFIG, far[i]) == 0;
	for (uint64_t offset = 0; offset < 32; offset++)
		for (uint32_t n = 0; n <= sizeof(got); n++) {
			memset(got, 0xee, sizeof(got));
			virtio_read_config(fake, offset, got, n);
			for (unsigned i = 0; i < sizeof(got); i++)
				good &= got[i] == (i >= n	     ? 0xee
						   : offset + i < 12 ? 0x10 + offset + i
								     : 0);
		}
	ok(good, "configuration beyond its end reads as 0");
	is(call(CONSOLE, VENEER_VIRTIO_CONFIG, 0), 0, "a device that has none");
}

static void interrupts(void)
{
	bool good = start(FAKE, QUEUES);

	good &= call(FAKE, VENEER_VIRTIO_EVENT, 0) == VENEER_EVENT_DEVICES;
	good &= call(FAKE, VENEER_VIRTIO_QUEUE_EVENT, KEPT | 1 << 16 | 9ull << 32) == 0;
	offer(AT_ONCE, 0, DATA, 1, 0);
	call(FAKE, VENEER_VIRTIO_NOTIFY, AT_ONCE);
	good &= events[0] == 1ull << VENEER_EVENT_DEVICES && !events[1];
	events[0] = 0;
	offer(KEPT, 0, DATA, 16, VRING_DESC_F_WRITE);
	call(FAKE, VENEER_VIRTIO_NOTIFY, KEPT);
	good &= !events[0] && !events[1] && !ring(KEPT)->used.idx;
	complete(fake, &state()->kept[0]);
	ok(good && !events[0] && events[1] == 1ull << 9,
	   "each queue's interrupts go where it says");
	ok(ring(KEPT)->used.idx == 1 && ring(KEPT)->used.ring[0].len == 16 &&
		   *(uint8_t *)at(DATA + 15) == 0xab && !*(uint8_t *)at(DATA + 16),
	   "a buffer comes back from another turn");
	complete(fake, &state()->kept[0]);
	is(ring(KEPT)->used.idx, 1, "a buffer is not returned twice");
	ring(KEPT)->avail.flags = VRING_AVAIL_F_NO_INTERRUPT;
	events[1] = 0;
	offer(KEPT, 1, DATA, 16, 0);
	call(FAKE, VENEER_VIRTIO_NOTIFY, KEPT);
	complete(fake, &state()->kept[0]);
	ok(ring(KEPT)->used.idx == 2 && !events[1], "no interrupt is sent if none is wanted");
	start(FAKE, QUEUES);
	is(fake->queue[KEPT].target, VENEER_EVENT_DEVICES, "a reset takes the names back");
}

static void by_status(void)
{
	call(FAKE, VENEER_VIRTIO_SET_STATUS, 0);
}

static void by_status_and_new_start(void)
{
	start(FAKE, QUEUES);
}

static void by_setting(void)
{
	set_queue(FAKE, KEPT);
}

static void by_new_life(void)
{
	virtio_devices.reset(g);
}

/* Buffers are in progress, the device is reset, then they complete. */
static bool late(void (*reset)(void))
{
	static char before[MEMORY];
	bool good = start(FAKE, QUEUES);

	for (unsigned i = 0; i < KEEPS; i++) {
		offer(KEPT, i, DATA + 64 * i, 64, VRING_DESC_F_WRITE);
		call(FAKE, VENEER_VIRTIO_NOTIFY, KEPT);
		good &= virtqueue_holds(&fake->queue[KEPT], &state()->kept[i]);
	}
	complete(fake, &state()->kept[0]);
	good &= ring(KEPT)->used.idx == 1 && *(uint8_t *)at(DATA) == 0xab;
	memset(at(DATA), 0, 4096);
	reset();
	events[0] = events[1] = 0;
	memcpy(before, at(0), MEMORY);
	for (unsigned i = 0; i < KEEPS; i++)
		complete(fake, &state()->kept[i]);
	good &= !memcmp(before, at(0), MEMORY) && !events[0] && !events[1];
	good &= start(FAKE, QUEUES);
	offer(KEPT, 3, DATA, 64, VRING_DESC_F_WRITE);
	call(FAKE, VENEER_VIRTIO_NOTIFY, KEPT);
	complete(fake, &state()->kept[0]);
	return good && ring(KEPT)->used.idx == 1 && ring(KEPT)->used.ring[0].id == 3;
}

static void resets(void)
{
	ok(late(by_status),
	   "late, after a reset: nothing is written, no interrupt is sent, and the device works");
	ok(late(by_status_and_new_start), "the same with the device in use again");
	ok(late(by_setting), "the same with the queue set anew");
	ok(late(by_new_life), "the same with the guest restarted");

	start(FAKE, QUEUES);
	offer(KEPT, 0, DATA, 64, VRING_DESC_F_WRITE);
	call(FAKE, VENEER_VIRTIO_NOTIFY, KEPT);
	start(FAKE, QUEUES);
	offer(KEPT, 1, DATA, 64, VRING_DESC_F_WRITE);
	call(FAKE, VENEER_VIRTIO_NOTIFY, KEPT);
	complete(fake, &state()->kept[0]);
	bool early = ring(KEPT)->used.idx;
	complete(fake, &state()->kept[1]);
	ok(!early && ring(KEPT)->used.idx == 1 && ring(KEPT)->used.ring[0].id == 1,
	   "a request from before a reset is not taken for a current one");

	start(CONSOLE, 2);
	offer(1, 0, DATA, 1000, 0);
	printed_bytes = 0;
	call(CONSOLE, VENEER_VIRTIO_NOTIFY, 1);
	unsigned first = printed_bytes;
	fire();
	unsigned second = printed_bytes;
	call(CONSOLE, VENEER_VIRTIO_SET_STATUS, 0);
	start(CONSOLE, 2);
	for (unsigned i = 0; i < 50; i++)
		fire();
	ok(first && first <= CONSOLE_PART && second > first && printed_bytes == second,
	   "the console forgets a buffer that it has printed in part");
}

static void bounds(void)
{
	struct fake *f = state(), *twin = g->virtio->device[TWIN]->state;
	unsigned *const parts[] = { f->parts, twin->parts };
	bool good = start(FAKE, QUEUES) & start(TWIN, QUEUES);

	fire();
	for (unsigned round = 0; round < 300; round++) {
		memset(f->parts, 0, sizeof(f->parts));
		memset(twin->parts, 0, sizeof(twin->parts));
		if (round % 2)
			virtio_devices.work(g);
		else
			call(FAKE, VENEER_VIRTIO_NOTIFY, round % 3);
		unsigned n = 0;
		for (unsigned i = 0; i < 2 * QUEUES; i++)
			n += parts[i / QUEUES][i % QUEUES];
		good &= n <= VIRTIO_PARTS;
		for (unsigned i = 0; i < 4; i++) {
			memset(f->parts, 0, sizeof(f->parts));
			unsigned had = timers;
			fire();
			good &= had <= DEVICES &&
				f->parts[0] + f->parts[1] + f->parts[2] <= VIRTIO_PARTS;
		}
	}
	ok(good, "an entry does %u parts at most, however much there is", VIRTIO_PARTS);
	start(FAKE, QUEUES);
	memset(f->parts, 0, sizeof(f->parts));
	f->busy = true;
	virtio_devices.work(g); /* the console and the twin have work too */
	for (unsigned i = 0; i < 30; i++)
		fire();
	ok(f->parts[0] >= 19 && f->parts[1] >= 19 && f->parts[2] >= 19, "queues take turns");
	f->busy = false;
	call(FAKE, VENEER_VIRTIO_SET_STATUS, 3);
	memset(f->parts, 0, sizeof(f->parts));
	fire();
	virtio_devices.work(g);
	call(FAKE, VENEER_VIRTIO_NOTIFY, ENDLESS);
	ok(!f->parts[0] && !f->parts[1] && !f->parts[2] && !fake->timer.armed,
	   "a driver that takes DRIVER_OK back has nothing done");
	start(FAKE, QUEUES);
	virtio_devices.park(g);
	good = true;
	for (unsigned i = 0; i < DEVICES; i++)
		good &= !g->virtio->device[i]->timer.armed;
	timers = 0;
	ok(good, "no timers are left of a guest that parks");
	cpus[1].id = 1;
	vcpu[0].cpu = &cpus[1];
	start(FAKE, QUEUES);
	ok(!timers && (requested & REQUEST_VIRTIO),
	   "from another CPU, vCPU 0 is asked to continue");
	vcpu[0].cpu = &cpus[0];
}

/* The driver offers 1000 bytes, of which the console prints a part at once. */
static bool print_part(void)
{
	bool good = start(CONSOLE, 2);

	offer(1, 0, DATA, 1000, 0);
	printed_bytes = 0;
	call(CONSOLE, VENEER_VIRTIO_NOTIFY, 1);
	return good && printed_bytes && printed_bytes < 1000 && timers == 1;
}

/* vCPU 0 parks first; another one notifies the device until it parks, too. */
static void afterlife(void)
{
	bool good = print_part();
	unsigned before = printed_bytes;

	g->phase = GUEST_PARKING;
	fire();
	ok(good && printed_bytes == before && !timers,
	   "a timer from before the end prints nothing, and is not set again");

	g->phase = GUEST_RUNNING;
	good = print_part();
	before = printed_bytes;
	g->phase = GUEST_PARKING;
	virtio_devices.park(g);
	timers = 0;
	call(CONSOLE, VENEER_VIRTIO_NOTIFY, 1);
	call(CONSOLE, VENEER_VIRTIO_SET_STATUS, STATUS_OK);
	ok(good && printed_bytes == before && !timers,
	   "a vCPU that has yet to park cannot set it again");
	g->phase = GUEST_ENDED;
	virtio_devices.work(g);
	ok(printed_bytes == before && !timers, "nothing is printed for a guest that has ended");

	g->phase = GUEST_LOADING;
	virtio_devices.reset(g);
	g->phase = GUEST_RUNNING;
	good = print_part();
	before = printed_bytes;
	fire();
	ok(good && printed_bytes > before, "after a restart the device works");
	call(CONSOLE, VENEER_VIRTIO_SET_STATUS, 0);
	fire();
}

/* A hostile driver, and completions at any time. */
static void noise(void)
{
	static char before[MEMORY];
	unsigned late = 0, in_time = 0, wrong = 0;

	start(FAKE, QUEUES);
	for (unsigned n = 0; n < 100000; n++) {
		unsigned q = rnd() % QUEUES;

		switch (rnd() % 64) {
		case 0: call(FAKE, VENEER_VIRTIO_SET_STATUS, rnd() % 2 ? 0 : rnd()); break;
		case 1: set_queue(FAKE, q); break;
		case 2: call(rnd() % 5, rnd() % 12, rnd() >> rnd() % 64); break;
		case 3: call(FAKE, VENEER_VIRTIO_QUEUE_EVENT, rnd()); break;
		case 4: ((uint8_t *)ring(q))[rnd() % sizeof(struct driver_ring)] = rnd(); break;
		case 5: virtio_devices.work(g); break;
		case 6: fire(); break;
		case 7: start(FAKE, QUEUES); break;
		default: break;
		}
		if (rnd() % 2) {
			offer(q, rnd() % SIZE, DATA + rnd() % (MEMORY - DATA), rnd() % 64,
			      rnd() % 2 ? VRING_DESC_F_WRITE : 0);
			call(FAKE, VENEER_VIRTIO_NOTIFY, q);
			continue;
		}
		unsigned slot = rnd() % KEEPS;
		struct virtqueue_chain *chain = &state()->kept[slot];
		if (!state()->on_its_way[slot])
			continue;
		if (virtqueue_holds(&fake->queue[KEPT], chain)) {
			in_time++;
			complete(fake, chain);
		} else {
			late++;
			memcpy(before, at(0), MEMORY);
			complete(fake, chain);
			wrong += !!memcmp(before, at(0), MEMORY);
		}
	}
	ok(!wrong && late > 500 && in_time > 500,
	   "noise: %u buffers in time, %u too late, which write nothing", in_time, late);
}

int main(void)
{
	static const struct virtio_kind *const kinds[] = { &virtio_console, &kind, &kind };

	if (posix_memalign((void **)&host_memory, 4096, OWN_AT + OWN))
		return 1;
	memset(host_memory, 0, OWN_AT + OWN);
	*g = (struct guest){ .vcpu = vcpu, .vcpus = 2 };
	guest_memory_init(&g->memory, MPA(MEMORY_AT), MEMORY, MPA(0), 0);
	vcpu[0] = (struct vcpu){ .guest = g, .cpu = &cpus[0] };
	vcpu[1] = (struct vcpu){ .guest = g, .cpu = &cpus[1], .id = 1 };
	bool good = !virtio_create_all(g, kinds, DEVICES);
	ok(good && g->overhead && g->overhead < 16 * 1024,
	   "three devices, in %lu bytes of the guest's", g->overhead);
	fake = g->virtio->device[FAKE];
	negotiation();
	numbers();
	configuration();
	interrupts();
	resets();
	bounds();
	afterlife();
	noise();
	free(host_memory);
	return done_testing();
}
