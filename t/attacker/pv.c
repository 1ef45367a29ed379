// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel that does nothing but attack, with random numbers from a seed. The attacks are in the
 * other files; this file keeps the kernel alive. Every exception ends an attempt, and the next
 * begins on an empty stack; a timer ends attempts that do not end by themselves; what an attack
 * spoiled of the vCPU's own state is repaired.
 *
 *	 cmdline = seed=S ms=M after=A weights=W
 *
 * It attacks until its clock says M milliseconds, reports that, and goes on for A more, during
 * which the monitor checks it. After a crash or reboot of its own making it starts again with
 * random numbers derived from the seed and the time. What must never happen to it is reported on a
 * line with NOT AS IT MUST.
 */
#include "pv.h"

#include <stdarg.h>

struct self selves[VCPUS];
uint64_t roots[VCPUS][ROOTS][512] __attribute__((aligned(4096)));
const struct veneer_start_info *info;
struct weights weights;
bool in_machine;
uint64_t first_spare, spare_pages;
unsigned failures;

static char stacks[VCPUS][MAIN_STACK] __attribute__((aligned(4096)));
static struct veneer_start_info info_copy;
static uint64_t end_ns, after_ns, clock_mul, seed;
static int clock_shift;

/* --- the console --- */

static void number(char **to, uint64_t v, unsigned base)
{
	char digits[24], *d = digits + sizeof(digits);

	do
		*--d = "0123456789abcdef"[v % base];
	while (v /= base);
	while (d < digits + sizeof(digits))
		*(*to)++ = *d++;
}

void say(const char *fmt, ...)
{
	char line[256], *to = line;
	va_list args;

	va_start(args, fmt);
	for (; *fmt && to < line + 200; fmt++) {
		if (*fmt != '%') {
			*to++ = *fmt;
			continue;
		}
		switch (*++fmt) {
		case 's':
			for (const char *s = va_arg(args, const char *); *s && to < line + 200; s++)
				*to++ = *s;
			break;
		case 'd': number(&to, va_arg(args, unsigned), 10); break;
		default: number(&to, (uint64_t)va_arg(args, void *), 16); break;
		}
	}
	va_end(args);
	veneer_console_write(line, (size_t)(to - line));
}

/* --- time and hypercalls --- */

int64_t call(unsigned nr, uint64_t a, uint64_t b, uint64_t c)
{
	return veneer_hypercall(nr, a, b, c);
}

/* The clock's factors do not change, and an attack may have overwritten those in the page. */
uint64_t now_ns(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	uint64_t t = (uint64_t)hi << 32 | lo;
	t = clock_shift < 0 ? t >> -clock_shift : t << clock_shift;
	return (uint64_t)(((unsigned __int128)t * clock_mul) >> 32);
}

/* In TSC ticks, since Bochs is slower than QEMU in terms of its clock. */
#define LOST   30000
#define PERIOD 300000

void arm(struct self *s)
{
	uint64_t tick = 1000000000 / info->tsc_khz;

	s->seen = s->attempts;
	call(VENEER_HC_TIMER_SET, now_ns() + LOST * tick / 1000, PERIOD * tick / 1000, 0);
	s->dirty &= ~DIRTY_TIMER;
}

/* --- the end of an attempt --- */

static void begin_anew(struct self *s)
{
	attack_on(s, stacks[s->id] + MAIN_STACK);
}

void trap(unsigned vcpu);
void trap(unsigned vcpu)
{
	begin_anew(&selves[vcpu]);
}

/* If an attack has made no progress since the last tick it is stuck, and is ended. */
void event_taken(unsigned vcpu);
void event_taken(unsigned vcpu)
{
	struct self *s = &selves[vcpu];
	uint64_t events = __atomic_exchange_n(&VP->events, 0, __ATOMIC_ACQ_REL);

	if (!(events & 1ull << VENEER_EVENT_TIMER))
		return;
	if (s->seen == s->attempts)
		begin_anew(s);
	s->seen = s->attempts;
}

static void fill_handlers(struct self *s)
{
	struct veneer_handlers *h = &s->handlers;

	for (unsigned i = 0; i < 32; i++)
		h->exception[i] = (uint64_t)exception_entries + 16 * (32 * s->id + i);
	h->event = (uint64_t)event_entries + 16 * s->id;
	h->syscall = (uint64_t)system_entries + 16 * s->id;
}

static void mend_entries(struct self *s)
{
	call(VENEER_HC_SET_HANDLERS, (uint64_t)&s->handlers, 0, 0);
	call(VENEER_HC_SET_ENTRY, VENEER_ENTRY_SYSCALL32, s->handlers.syscall, 0);
	call(VENEER_HC_SET_ENTRY, VENEER_ENTRY_SYSENTER, s->handlers.syscall, 0);
	call(VENEER_HC_SET_ENTRY, VENEER_ENTRY_FAULT,
	     one_in(&s->random, 2) ? s->handlers.syscall : 0, 0);
}

static void mend_descriptors(void)
{
	call(VENEER_HC_SET_DESCRIPTOR, VENEER_USER_CS32 & ~7u, 0x00cffb000000ffff, 0);
	call(VENEER_HC_SET_DESCRIPTOR, VENEER_USER_SS & ~7u, 0x00cff3000000ffff, 0);
	call(VENEER_HC_SET_DESCRIPTOR, VENEER_USER_CS & ~7u, 0x00affb000000ffff, 0);
}

static void unmask(void)
{
	VP->irq_mask = 0;
	if (VP->irq_pending)
		call(VENEER_HC_EVENT_CHECK, 0, 0, 0);
}

/* Repairs the vCPU's state. Some of it is left broken for a while, if the attack can continue. */
static void mend(struct self *s)
{
	if (s->dirty & DIRTY_HANDLERS)
		mend_entries(s);
	if ((s->dirty & DIRTY_PAGE) && one_in(&s->random, 4)) {
		call(VENEER_HC_VCPU_PAGE, VCPU_PAGES + 4096 * s->id, 0, 0);
		s->dirty &= ~DIRTY_PAGE;
	}
	/* A page walk through our own data has set accessed or dirty bits in it. */
	if (s->root >= ROOTS) {
		s->root = 0;
		s->dirty |= DIRTY_ROOT;
	}
	if ((s->dirty & DIRTY_ROOT) && one_in(&s->random, 4)) {
		call(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)roots[s->id][s->root], 0, 0);
		s->dirty &= ~DIRTY_ROOT;
	}
	if ((s->dirty & DIRTY_TABLES) && one_in(&s->random, 8)) {
		mend_descriptors();
		s->dirty &= ~DIRTY_TABLES;
	}
	if ((s->dirty & DIRTY_TIMER) && one_in(&s->random, 4))
		arm(s);
	s->dirty &= ~DIRTY_HANDLERS;
	stand_still(s);
	join_race(s);
	VP->kernel_sp = (uint64_t)trap_stacks + TRAP_STACK * (s->id + 1);
	unmask();
	join_ticking(s);
	join_restart(s, false);
}

/* --- the loop --- */

static attack_fn *const attacks[KINDS] = {
	attack_hypercall,   attack_tables,  attack_touch,  attack_roots,
	attack_descriptors, attack_debug,   attack_frames, attack_user,
	attack_virtio,	    attack_ports,   attack_kernel, attack_softint,
	attack_vcpus,	    attack_console, attack_bulk,   attack_rest,
};

static void one_attack(struct self *s)
{
	unsigned kind = weights_choose(&weights, &s->random);

	s->attempts++;
	attacks[kind](s);
}

static uint64_t all_attempts(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < info->vcpus; i++)
		sum += selves[i].attempts;
	return sum;
}

static void report(const char *what)
{
	veneer_mask(); /* an event must not interrupt a line */
	say("\nattacker: seed %d %s at %d ms, attempts %d\n", (unsigned)seed, what,
	    (unsigned)(now_ns() / 1000000), (unsigned)all_attempts());
	unmask();
}

static void look_at_clock(void)
{
	static bool ended;
	static uint64_t next;
	uint64_t now = now_ns();

	if (now > end_ns && !ended)
		report("ends");
	ended = now > end_ns;
	if (now > end_ns + after_ns)
		veneer_shutdown(failures ? 1 : 0);
	if (ended || now < next)
		return;
	report("goes on");
	next = now + 1000000000000 / info->tsc_khz * 5; /* five million TSC ticks */
}

void attack_for_ever(struct self *s);
void attack_for_ever(struct self *s)
{
	for (;;) {
		mend(s);
		if (++s->rounds % 64 == 0)
			arm(s);
		if (s->rounds % 16 == 0 && !s->id)
			look_at_clock();
		one_attack(s);
	}
}

static void first(struct self *s)
{
	fill_handlers(s);
	mend_entries(s);
	s->dirty = ~0u;
	begin_anew(s);
}

static void begin(uint64_t id)
{
	first(&selves[id & (VCPUS - 1)]);
}

/* If the vCPU is running already, the hypervisor refuses. */
void start_vcpu(struct self *s, unsigned id)
{
	struct veneer_vcpu_start start = {
		.rip = (uint64_t)begin,
		.rsp = (uint64_t)stacks[id] + MAIN_STACK - 8,
		.rdi = id,
		.root = (uint64_t)roots[id][0],
		.vcpu_page = VCPU_PAGES + 4096 * id,
	};

	(void)s;
	call(VENEER_HC_VCPU_START, id, (uint64_t)&start, 0);
}

/* --- start-up --- */

extern char text_end[];

/* Only the kernel can access the image; its text is read-only, and its stacks have guard pages.
 * Below it only memory for attacks is mapped. */
static void protect_image(void)
{
	static uint64_t low[512] __attribute__((aligned(4096)));
	uint64_t *pdpt = (uint64_t *)(veneer_root()[0] & ~0xfffull);
	uint64_t *pd = (uint64_t *)(pdpt[0] & ~0xfffull);
	uint64_t *pt = (uint64_t *)(pd[1] & ~0xfffull);

	for (unsigned i = 0; i < PLACES; i++)
		for (unsigned n = 0; n < places[i].pages; n++)
			low[places[i].at / 4096 + n] = (places[i].at + 4096 * n) | 7;
	pd[0] = (uint64_t)low | 7;
	for (uint64_t at = 0x200000; at < first_spare - 4096; at += 4096)
		pt[at >> 12 & 511] &= at < ((uint64_t)text_end & ~0xfffull) ? ~6ull : ~4ull;
	pt[(first_spare - 4096) >> 12 & 511] = 0; /* the start information, no longer needed */
	for (unsigned i = 0; i < VCPUS; i++) {
		pt[(uint64_t)stacks[i] >> 12 & 511] = 0;
		pt[((uint64_t)trap_stacks + TRAP_STACK * i) >> 12 & 511] = 0;
	}
	call(VENEER_HC_MMU_FLUSH, 0, ~0ull, 0);
}

static void first_vcpu(void)
{
	call(VENEER_HC_MMU_LOAD_ROOT, (uint64_t)roots[0][0], 0, 0);
	call(VENEER_HC_VCPU_PAGE, VCPU_PAGES, 0, 0);
	report("begins");
	first(&selves[0]);
}

static void prepare(void)
{
	uint16_t cs;

	__asm__("movw %%cs, %0" : "=r"(cs));
	in_machine = !(cs & 3);
	first_spare = (info->reserved_end + 4095) & ~4095ull;
	spare_pages = (info->memory - first_spare) >> 12;
	clock_mul = VP->clock.tsc_to_system_mul;
	clock_shift = VP->clock.tsc_shift;
	seed = argument(info->cmdline, "seed", 1);
	end_ns = argument(info->cmdline, "ms", 1000) * 1000000;
	after_ns = argument(info->cmdline, "after", 50) * 1000000;
	weights_read(&weights, info->cmdline);
	if (!in_machine)
		note_shown();
	for (unsigned id = 0; id < VCPUS; id++) {
		struct self *s = &selves[id];

		s->id = id;
		random_begin(&s->random, seed, (now_ns() >> 20) * VCPUS + id);
		for (unsigned i = 0; i < ROOTS; i++)
			roots[id][i][0] = veneer_root()[0];
	}
}

void veneer_main(const struct veneer_start_info *start_info)
{
	info_copy = *start_info;
	info = &info_copy;
	prepare();
	protect_image();
	__asm__ volatile("movq %0, %%rsp; xorl %%ebp, %%ebp; call *%1" ::"r"((uint64_t)stacks[0] +
									     MAIN_STACK),
			 "r"(first_vcpu));
}
