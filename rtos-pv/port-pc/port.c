// SPDX-License-Identifier: GPL-2.0-or-later
/* The RTOS on a bare 32-bit PC: 8259, 8254, 16550. It does not know about hypervisors. */
#include "kernel.h"
#include "syscall.h"

void print(const char *fmt, ...);

const char port_name[] = "pc";

#define PIC1	     0x20
#define PIC2	     0xa0
#define PIT_COUNTER0 0x40
#define PIT_COUNTER2 0x42
#define PIT_CONTROL  0x43
#define PIT_HZ	     1193182u
#define PIT_MAX	     0xffffu
#define SPEAKER	     0x61
#define COM1	     0x3f8

#define VECTOR_IRQ0  32
#define IRQ_TIMER    0
#define IRQ_COM1     4
#define VECTOR_IPI   47 /* of a line of the 8259 that */

struct frame {
	uint32_t edi, esi, ebp, esp_ignored, ebx, edx, ecx, eax;
	uint32_t vector, error, eip, cs, eflags;
};

struct tss {
	uint32_t link, esp0, ss0, unused[22];
	uint16_t trap, io_bitmap;
} __attribute__((packed));

struct gate {
	uint16_t offset_low, selector;
	uint8_t zero, type;
	uint16_t offset_high;
};

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
};

extern char pc_stubs[], pc_syscall_stub[], port_thread_begin[];
void pc_load_segments(void);
void pc_main(const struct multiboot_info *mb);
void pc_interrupt(struct frame *f);
void app_main(void);

static struct tss tss = { .ss0 = 0x10, .io_bitmap = sizeof(struct tss) };
static uint64_t gdt[6] = {
	0,
	0x00cf9b000000ffff, /* 08: code, ring 0 */
	0x00cf93000000ffff, /* 10: data, ring 0 */
	0x00cffb000000ffff, /* 18: code, ring 3 */
	0x00cff3000000ffff, /* 20: data, ring 3 */
	0,		    /* 28: task state */
};
static struct gate idt[256];
static const char *cmdline = "";
static uint64_t start_tsc, timer_ns;
static uint32_t ns_per_tsc; /* 8.24 fixed point */
static uint32_t tsc_per_10ms;

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void set_gate(unsigned vector, const char *at, uint8_t type)
{
	uint32_t offset = (uint32_t)at;

	idt[vector] = (struct gate){ .offset_low = (uint16_t)offset,
				     .selector = 0x08,
				     .type = type,
				     .offset_high = (uint16_t)(offset >> 16) };
}

static void load_tables(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) gdtr = { sizeof(gdt) - 1, (uint32_t)gdt },
				  idtr = { sizeof(idt) - 1, (uint32_t)idt };
	uint32_t at = (uint32_t)&tss;

	gdt[5] = (sizeof(tss) - 1) | (uint64_t)(at & 0xffffff) << 16 | 0x89ull << 40 |
		 (uint64_t)(at >> 24) << 56;
	for (unsigned i = 0; i < 48; i++)
		set_gate(i, pc_stubs + 16 * i, 0x8e);
	set_gate(SYSCALL_VECTOR, pc_syscall_stub, 0xee);
	__asm__ volatile("lgdt %0" ::"m"(gdtr));
	__asm__ volatile("lidt %0" ::"m"(idtr));
	pc_load_segments();
}

static void init_pic(void)
{
	outb(PIC1, 0x11);
	outb(PIC2, 0x11);
	outb(PIC1 + 1, VECTOR_IRQ0);
	outb(PIC2 + 1, VECTOR_IRQ0 + 8);
	outb(PIC1 + 1, 4);
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, 1);
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, (uint8_t) ~(1 << IRQ_TIMER | 1 << IRQ_COM1));
	outb(PIC2 + 1, 0xff);
}

static void init_uart(void)
{
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 0x80);
	outb(COM1, 1);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3);
	outb(COM1 + 2, 7);
	outb(COM1 + 4, 0x0b);
	outb(COM1 + 1, 1);
}

/* TSC ticks in 10 ms of channel 2. */
static void calibrate(void)
{
	const unsigned count = PIT_HZ / 100;

	outb(SPEAKER, (uint8_t)((inb(SPEAKER) & ~2) | 1));
	outb(PIT_CONTROL, 0xb0);
	outb(PIT_COUNTER2, count & 0xff);
	outb(PIT_COUNTER2, count >> 8);
	uint64_t start = port_tsc();
	while (!(inb(SPEAKER) & 0x20))
		;
	tsc_per_10ms = (uint32_t)(port_tsc() - start);
	uint64_t scaled = 10000000ull << 24;
	div64(&scaled, tsc_per_10ms);
	ns_per_tsc = (uint32_t)scaled;
	start_tsc = port_tsc();
	outb(PIT_CONTROL, 0x30); /* channel 0, both bytes, mode 0: one interrupt a count */
}

void pc_main(const struct multiboot_info *mb)
{
	if (mb && (mb->flags & 4))
		cmdline = (const char *)mb->cmdline;
	load_tables();
	init_pic();
	init_uart();
	calibrate();
	app_main();
	port_exit(0);
}

void port_init(void)
{
}

uint64_t port_time_ns(void)
{
	uint64_t t = port_tsc() - start_tsc;
	uint64_t low = (uint64_t)(uint32_t)t * ns_per_tsc, high = (t >> 32) * ns_per_tsc;

	return (low >> 24) + (high << 8);
}

uint64_t port_tsc_from_ns(uint64_t ns)
{
	uint32_t rest = div64(&ns, 10000000);
	uint64_t part = (uint64_t)rest * tsc_per_10ms;

	div64(&part, 10000000);
	return start_tsc + ns * tsc_per_10ms + part;
}

/* The 8254 counts up to 54.9 ms; longer delays take several steps. */
void port_timer_set(uint64_t at_ns)
{
	uint64_t now = port_time_ns(), count = at_ns > now ? at_ns - now : 0;

	if (at_ns == ~0ull)
		return;
	if (count > 50000000) {
		count = PIT_MAX;
	} else {
		count = count * PIT_HZ;
		div64(&count, 1000000000);
		count += 1;
	}
	timer_ns = at_ns;
	outb(PIT_COUNTER0, (uint8_t)count);
	outb(PIT_COUNTER0, (uint8_t)(count >> 8));
}

void port_idle(void)
{
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static void put(char c)
{
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(COM1, (uint8_t)c);
}

void port_put(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(s[i]);
}

void port_exit(int code)
{
	outb(0xf4, (uint8_t)code); /* isa-debug-exit */
	__asm__ volatile("outw %0, %1" ::"a"((uint16_t)0x2000),
			 "Nd"((uint16_t)0x604)); /* ACPI S5 */
	for (;;)
		__asm__ volatile("cli; hlt");
}

const char *port_cmdline(void)
{
	return cmdline;
}

void port_kernel_stack(void *top)
{
	tss.esp0 = (uint32_t)top;
}

void *port_stack_init(void *top, void (*entry)(void *), void *arg)
{
	uint32_t *sp = (uint32_t *)((uint32_t)top & ~15u);

	*--sp = (uint32_t)port_thread_begin;
	*--sp = (uint32_t)entry; /* ebx */
	*--sp = (uint32_t)arg;	 /* ebp */
	*--sp = 0;
	*--sp = 0;
	return sp;
}

static volatile unsigned divide_errors;
static volatile unsigned ipis;
static volatile uint32_t *fault_entry; /* the entry that the page fault handler writes, and where */
static uint32_t fault_value;

#define APIC_SVR   0xfee000f0u
#define APIC_EOI   0xfee000b0u
#define APIC_ICR   0xfee00300u
#define APIC_LINT0 0xfee00350u
#define ICR_SELF   0x40000
#define LVT_EXTINT 0x700
#define SVR_ENABLE 0x1ff

static void apic_write(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

static void device_interrupt(unsigned irq)
{
	kernel_interrupt_enter();
	outb(PIC1, 0x20);
	if (irq == IRQ_TIMER)
		kernel_timer();
	else if (irq == IRQ_COM1)
		while (inb(COM1 + 5) & 1)
			kernel_input((char)inb(COM1));
	kernel_interrupt_exit();
}

static void __attribute__((noreturn)) fatal(const struct frame *f)
{
	print("fatal exception %u error %x at %x:%x flags %x\n", f->vector, f->error, f->cs, f->eip,
	      f->eflags);
	port_exit(99);
}

void pc_interrupt(struct frame *f)
{
	if (f->vector == VECTOR_IPI) {
		ipis++;
		apic_write(APIC_EOI, 0);
	} else if (f->vector >= VECTOR_IRQ0 && f->vector < VECTOR_IRQ0 + 16) {
		device_interrupt(f->vector - VECTOR_IRQ0);
	} else if (f->vector == SYSCALL_VECTOR) {
		irq_unmask();
		f->eax = (uint32_t)kernel_syscall((long)f->eax, (long)f->ebx, (long)f->ecx);
		irq_mask();
	} else if (f->vector == 14 && fault_entry) {
		*fault_entry = fault_value;
	} else if (f->vector == 0) {
		divide_errors++;
		f->eip += 2; /* div %ecx */
	} else {
		fatal(f);
	}
}

/* --- for the measurements --- */

void port_bench_out(void)
{
	outb(0x80, 0);
}

void port_bench_in(void)
{
	inb(0x80);
}

static uint32_t page_directory[1024] __attribute__((aligned(4096)));
static uint32_t window_table[1024] __attribute__((aligned(4096)));
static char window_page[4096] __attribute__((aligned(4096)));
#define WINDOW 0x40000000u

static void set_cr0_pg(bool on)
{
	uint32_t cr0;

	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	cr0 = on ? cr0 | 0x80000000u : cr0 & ~0x80000000u;
	__asm__ volatile("movl %0, %%cr0" ::"r"(cr0) : "memory");
}

void port_bench_page_setup(bool on)
{
	if (on) {
		uint32_t cr4;

		for (unsigned i = 0; i < 256; i++)
			page_directory[i] = i << 22 | 0x87;
		page_directory[WINDOW >> 22] = (uint32_t)window_table | 7;
		__asm__ volatile("movl %%cr4, %0" : "=r"(cr4));
		__asm__ volatile("movl %0, %%cr4" ::"r"(cr4 | 0x10)); /* PSE */
		__asm__ volatile("movl %0, %%cr3" ::"r"(page_directory) : "memory");
	}
	set_cr0_pg(on);
}

void port_bench_page_touch(unsigned n)
{
	volatile uint32_t *entry = window_table;

	for (unsigned i = 0; i < n; i++) {
		*entry = (uint32_t)window_page | 3;
		*(volatile char *)WINDOW = 1;
		*entry = 0;
		__asm__ volatile("invlpg (%0)" ::"r"(WINDOW) : "memory");
	}
}

void port_bench_pte(unsigned n)
{
	volatile uint32_t *entry = window_table;

	for (unsigned i = 0; i < n; i++) {
		*entry = (uint32_t)window_page | (i & 1 ? 3 : 1);
		__asm__ volatile("invlpg (%0)" ::"r"(WINDOW) : "memory");
	}
	*entry = 0;
}

void port_bench_page_fault(unsigned n)
{
	fault_value = (uint32_t)window_page | 3;
	fault_entry = window_table;
	for (unsigned i = 0; i < n; i++) {
		*(volatile char *)WINDOW = 1;
		*fault_entry = 0;
		__asm__ volatile("invlpg (%0)" ::"r"(WINDOW) : "memory");
	}
	fault_entry = NULL;
}

#define USER	   0x80000000u
#define USER_PAGES 8192u

/* 32 MiB of user pages, in two address spaces. */
static void map_user_pages(uint32_t *other)
{
	static uint32_t tables[USER_PAGES] __attribute__((aligned(4096)));

	for (unsigned i = 0; i < USER_PAGES; i++)
		tables[i] = i % 2048 << 12 | 5;
	for (unsigned i = 0; i < USER_PAGES / 1024; i++)
		page_directory[(USER >> 22) + i] = (uint32_t)(tables + 1024 * i) | 7;
	for (unsigned i = 0; i < 1024; i++)
		other[i] = page_directory[i];
}

bool port_bench_cr3(unsigned n)
{
	static uint32_t other_directory[1024] __attribute__((aligned(4096)));

	if (!other_directory[0])
		map_user_pages(other_directory);
	for (; n; n--) {
		uint32_t *to = n & 1 ? page_directory : other_directory;

		__asm__ volatile("movl %0, %%cr3" ::"r"(to) : "memory");
		for (unsigned i = 0; i < USER_PAGES; i++)
			(void)*(volatile char *)(USER + 4096 * i);
	}
	return true;
}

void port_bench_eoi(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		outb(PIC1, 0x20);
}

/* It stays enabled: disabling it would mask the 8259's line too (SDM 3, 11.4.7.2). */
bool port_bench_apic(void)
{
	apic_write(APIC_SVR, SVR_ENABLE);
	apic_write(APIC_LINT0, LVT_EXTINT); /* EOI first, or the 8259 would stay masked */
	return true;
}

void port_bench_eoi_apic(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		apic_write(APIC_EOI, 0);
}

void port_bench_ipi(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned before = ipis;

		apic_write(APIC_ICR, ICR_SELF | VECTOR_IPI);
		while (ipis == before)
			;
	}
}

unsigned port_bench_divide_errors(unsigned n)
{
	divide_errors = 0;
	for (unsigned i = 0; i < n; i++)
		__asm__ volatile("div %%ecx" ::"a"(1), "d"(0), "c"(0) : "cc");
	return divide_errors;
}

bool port_bench_hypercall(bool full)
{
	(void)full;
	return false;
}
