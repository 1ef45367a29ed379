// SPDX-License-Identifier: MIT
#include "veneer_guest.h"

#define PTE_P	  0x01
#define PTE_W	  0x02
#define PTE_U	  0x04
#define PTE_PS	  0x80
#define PTE_TABLE (PTE_P | PTE_W | PTE_U)
#define LARGE	  (2ull << 20)

typedef uint64_t table[512] __attribute__((aligned(4096)));

static table pml4, pdpt, pd, pt_low, pd_window, pt_window;

extern char veneer_exception_stubs[], veneer_event_entry[], veneer_softint_entry[];
extern char veneer_window_start[], veneer_window_end[];

static veneer_event_fn *event_handlers[VENEER_EVENTS];
static veneer_event_fn *return_handler;
static veneer_exception_fn *exception_handlers[32], *softint_handler;

static uint64_t pa(const void *p)
{
	return (uint64_t)p; /* RAM is identity-mapped */
}

/* Maps up to 1 GiB of RAM at its own address, and the 2 MiB around veneer_vcpu with small pages. */
void veneer_tables(const struct veneer_start_info *info)
{
	uint64_t vcpu = pa((void *)&veneer_vcpu), low = vcpu & ~(LARGE - 1);

	pml4[0] = pa(pdpt) | PTE_TABLE;
	pdpt[0] = pa(pd) | PTE_TABLE;
	pdpt[VENEER_WINDOW >> 30] = pa(pd_window) | PTE_TABLE;
	pd_window[0] = pa(pt_window) | PTE_TABLE;
	for (uint64_t at = 0; at < info->memory && at < VENEER_WINDOW; at += LARGE)
		pd[at / LARGE] = at | PTE_TABLE | PTE_PS;
	pd[low / LARGE] = pa(pt_low) | PTE_TABLE;
	for (unsigned i = 0; i < 512; i++)
		pt_low[i] = (low + i * 4096) | PTE_TABLE;
	pt_low[(vcpu >> 12) & 511] = info->vcpu_pages | PTE_P | PTE_W;
	veneer_hypercall(VENEER_HC_MMU_LOAD_ROOT, pa(pml4), 0, 0);
}

uint64_t *veneer_root(void)
{
	return pml4;
}

static void set_handlers(void)
{
	static struct veneer_handlers h;

	for (unsigned i = 0; i < 32; i++)
		h.exception[i] = (uint64_t)veneer_exception_stubs + 16 * i;
	h.event = (uint64_t)veneer_event_entry;
	h.window_start = (uint64_t)veneer_window_start;
	h.window_end = (uint64_t)veneer_window_end;
	veneer_hypercall(VENEER_HC_SET_HANDLERS, (uint64_t)&h, 0, 0);
}

void veneer_begin(const struct veneer_start_info *info)
{
	static const char wrong[] =
		"this kernel was built for another version of the guest interface\n";

	if (info->magic != VENEER_START_MAGIC || info->abi_major != VENEER_ABI_MAJOR) {
		veneer_console_write(wrong, sizeof(wrong) - 1);
		veneer_shutdown(1);
	}
	set_handlers();
	veneer_main(info);
	veneer_shutdown(0);
}

void veneer_on_event(unsigned event, veneer_event_fn *fn)
{
	event_handlers[event] = fn;
}

void veneer_on_exception(unsigned vector, veneer_exception_fn *fn)
{
	exception_handlers[vector] = fn;
}

void veneer_on_return(veneer_event_fn *fn)
{
	return_handler = fn;
}

int veneer_on_softint(unsigned vector, veneer_exception_fn *fn)
{
	softint_handler = fn;
	return (int)veneer_hypercall(VENEER_HC_SOFTINT_GATE, vector, (uint64_t)veneer_softint_entry,
				     3);
}

/* Called by entry.S */
void veneer_exception(struct veneer_frame *f)
{
	if (exception_handlers[f->vector & 31])
		exception_handlers[f->vector & 31](f);
	else
		veneer_hypercall(VENEER_HC_SHUTDOWN, VENEER_SHUTDOWN_CRASH, 0, 0);
}

void veneer_event(void)
{
	uint64_t bits = __atomic_exchange_n(&veneer_vcpu.events, 0, __ATOMIC_ACQ_REL);

	while (bits) {
		unsigned n = (unsigned)__builtin_ctzll(bits);

		bits &= bits - 1;
		if (event_handlers[n])
			event_handlers[n]();
	}
	if (return_handler)
		return_handler();
}

void veneer_softint(struct veneer_frame *f)
{
	softint_handler(f);
}

uint64_t veneer_clock_ns(void)
{
	const volatile struct veneer_clock *c = &veneer_vcpu.clock;
	uint32_t version, lo, hi;
	uint64_t ns;

	do {
		version = c->version;
		__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
		uint64_t delta = ((uint64_t)hi << 32 | lo) - c->tsc_timestamp;
		delta = c->tsc_shift < 0 ? delta >> -c->tsc_shift : delta << c->tsc_shift;
		ns = c->system_time +
		     (uint64_t)(((unsigned __int128)delta * c->tsc_to_system_mul) >> 32);
	} while ((version & 1) || version != c->version);
	return ns;
}

int veneer_timer_set(uint64_t at_ns, uint64_t period_ns)
{
	return (int)veneer_hypercall(VENEER_HC_TIMER_SET, at_ns, period_ns, 0);
}

void veneer_console_write(const char *s, size_t n)
{
	while (n) {
		int64_t done = veneer_hypercall(VENEER_HC_CONSOLE_WRITE, (uint64_t)s, n, 0);

		if (done <= 0)
			return;
		s += done;
		n -= (size_t)done;
	}
}

size_t veneer_console_read(char *s, size_t n)
{
	int64_t got = veneer_hypercall(VENEER_HC_CONSOLE_READ, (uint64_t)s, n, 0);

	return got > 0 ? (size_t)got : 0;
}

void veneer_shutdown(int exit_code)
{
	for (;;)
		veneer_hypercall(VENEER_HC_SHUTDOWN, VENEER_SHUTDOWN_POWEROFF, (uint64_t)exit_code,
				 0);
}

void veneer_window_set(unsigned page, uint64_t entry)
{
	pt_window[page & 511] = entry;
}

void veneer_window_flush(unsigned page, unsigned count)
{
	veneer_hypercall(VENEER_HC_MMU_FLUSH, VENEER_WINDOW + page * 4096ull, count * 4096ull, 0);
}
