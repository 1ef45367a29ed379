// SPDX-License-Identifier: GPL-2.0-or-later
/* Bringing up a physical CPU: its gate area, tables, stacks and features. */
#include "kernel/cpu.h"

#include "abi/veneer.h"

#include "arch/cpu.h"
#include "arch/descriptor.h"
#include "arch/paging.h"
#include "kernel/apic.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/memory.h"
#include "kernel/tables.h"
#include "lib/string.h"

struct cpu cpus[CPUS_MAX];
unsigned cpu_count;
struct cpu_features cpu_features = { .xsave_bytes = 512 }; /* FXSAVE's */

extern char init_stack_end[];

const struct gate64 *idt_template;

const char *cpu_features_detect(void)
{
	uint32_t r[4];

	for (uint32_t i = 0; i < 3; i++) {
		cpuid_if_there(0x80000002 + i, 0, r);
		memcpy(cpu_features.name + 16 * i, r, 16);
	}
	cpuid(1, 0, r);
	if (!(r[3] & (1 << 9)))
		return "local APIC (CPUID 1 EDX.9)";
	if (!(r[3] & (1 << 24)))
		return "FXSAVE (CPUID 1 EDX.24)";
	if (!(r[3] & (1 << 4)))
		return "time-stamp counter (CPUID 1 EDX.4)";
	cpu_features.xsave = r[2] & (1 << 26);
	cpu_features.cr4 |= cpu_features.xsave ? CR4_OSXSAVE : 0;
	cpu_features.cr4 |= r[2] & (1 << 17) ? CR4_PCIDE : 0;
	cpuid(0x80000001, 0, r);
	if (!(r[3] & (1 << 11)))
		return "SYSCALL (CPUID 0x80000001 EDX.11)";
	cpuid_if_there(7, 0, r);
	cpu_features.cr4 |= r[2] & (1 << 2) ? CR4_UMIP : 0;
	cpu_features.cr4 |= r[1] & 1 ? CR4_FSGSBASE : 0;
	cpu_features.cr4 |= r[1] & (1 << 7) ? CR4_SMEP : 0;
	cpu_features.cr4 |= r[1] & (1 << 20) ? CR4_SMAP : 0;
	cpuid_if_there(0x80000008, 0, r);
	cpu_features.physical_bits = r[0] & 0xff;
	if (cpu_features.xsave) {
		cpuid(0xd, 0, r);
		cpu_features.xcr0 = r[0] & 0xe7; /* x87, SSE, AVX, AVX-512 */
	}
	return NULL;
}

static mpa_t alloc(uint64_t bytes)
{
	return memory_need(bytes, "CPU structures");
}

static void gate_map(struct cpu *cpu, uint64_t va, mpa_t pa, uint64_t attr)
{
	cpu->gate_pt[pt_index(va, 1)] = pa.v | PTE_P | PTE_A | attr;
}

/* Builds the tables of the gate area for guests or for the hypervisor. They differ in the frame at
 * GATE_STACKS, whose entry is returned. */
static uint64_t *gate_tables(const struct cpu *cpu, mpa_t *pdpt)
{
	*pdpt = alloc(PAGE_SIZE);
	uint64_t *pd = hv_table(direct(*pdpt));

	pd[0] = direct_mpa(cpu->gate_pt).v | PTE_P | PTE_W | PTE_A;
	return &hv_table(&pd[pt_index(GATE_STACKS, 2)])[pt_index(GATE_STACKS, 1)];
}

static void fill_idt_template(void)
{
	static const uint8_t stack[256] = {
		[VECTOR_NMI] = 1, [VECTOR_MC] = 2, [VECTOR_DF] = 3, [VECTOR_DB] = 4
	};

	struct gate64 *idt = direct(alloc(PAGE_SIZE));

	for (unsigned i = 0; i < 256; i++) {
		uint64_t at = i == VECTOR_NMI ? gate_entry_points[GATE_NMI]
					      : gate_entry_points[GATE_VECTORS] + 16 * i;
		bool from_guest = i == VECTOR_BP || i == VECTOR_OF;

		idt[i] = gate_to(at, SEL_HV_CS, from_guest ? 3 : 0, DESC_TYPE_INTERRUPT);
		idt[i].ist = stack[i];
	}
	idt_template = idt;
}

void cpu_prepare(struct cpu *cpu)
{
	mpa_t tss = alloc(3 * PAGE_SIZE), gdt = alloc(PAGE_SIZE), data = alloc(PAGE_SIZE), own;
	uint64_t text = LINKER_VALUE(gate_text_load), text_bytes = LINKER_VALUE(gate_text_size);

	if (!idt_template)
		fill_idt_template();
	cpu->gate_pt = direct(alloc(PAGE_SIZE));
	cpu->stacks_entry = gate_tables(cpu, &cpu->gate_pdpt);
	*gate_tables(cpu, &own) = alloc(PAGE_SIZE).v | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;

	for (uint64_t at = 0; at < text_bytes; at += PAGE_SIZE)
		gate_map(cpu, GATE_TEXT + at, MPA(text + at), 0);
	gate_map(cpu, GATE_HYPERCALL, MPA(LINKER_VALUE(hypercall_phys)), 0);
	gate_map(cpu, GATE_IDT, direct_mpa(idt_template), PTE_NX);
	for (unsigned i = 0; i < 3; i++)
		gate_map(cpu, GATE_TSS + i * PAGE_SIZE, MPA(tss.v + i * PAGE_SIZE), PTE_NX);
	gate_map(cpu, GATE_GDT, alloc(PAGE_SIZE), PTE_NX);
	gate_map(cpu, GATE_GDT + PAGE_SIZE, gdt, PTE_NX);
	gate_map(cpu, GATE_DATA, data, PTE_NX);

	cpu->gdt = direct(gdt);
	cpu->gdt[SEL_OWN(SEL_HV_CS)] = DESC_CODE64(0);
	cpu->gdt[SEL_OWN(SEL_HV_SS)] = DESC_DATA(0);
	desc_system(&cpu->gdt[SEL_OWN(SEL_TSS)], DESC_TYPE_TSS32, GATE_TSS,
		    sizeof(struct tss64) - 1);
	cpu->tss = direct(tss);
	cpu->tss->rsp[0] = GATE_STACKS + GATE_ENTRY_STACK_TOP;
	cpu->tss->rsp[1] = VENEER_ENTRY_STACK_TOP;
	cpu->tss->ist[0] = GATE_STACKS + GATE_NMI_STACK_TOP;
	cpu->tss->ist[1] = GATE_STACKS + GATE_MC_STACK_TOP;
	cpu->tss->ist[2] = GATE_STACKS + GATE_DF_STACK_TOP;
	cpu->tss->ist[3] = GATE_STACKS + GATE_DB_STACK_TOP;
	cpu->tss->io_bitmap = sizeof(struct tss64); /* past the limit: every port traps */

	cpu->root = direct_mpa(hv_root_create(own));
	cpu->abort_stack = hv_stack_create(PAGE_SIZE);
	cpu->stack_top = cpu->id ? hv_stack_create(CPU_STACK_BYTES) : (uint64_t)init_stack_end;
	cpu->gate = direct(data);
	cpu->gate->hv_cr3 = cpu->root.v;
	cpu->gate->this_cpu = (uint64_t)cpu;
}

/* Checks the CPU's own tables and the gate area that its guests see. Returns NULL, or an error
 * message and its address. */
static const char *check_tables(const struct cpu *cpu, struct tables_check *c)
{
	const uint64_t *root = direct(cpu->root);

	tables_find_code(c, cpu->root, 4, 0);
	if (!tables_check(c, cpu->root, 4, 0) || !tables_check(c, cpu->gate_pdpt, 3, GATE_BASE))
		return c->why;
	for (unsigned i = 0; i < PT_ENTRIES / 2; i++)
		if (root[i] & PTE_P) {
			c->va = i * pt_span(4);
			return "something in the lower half";
		}
	const uint64_t stacks[][2] = { { cpu->stack_top, CPU_STACK_BYTES },
				       { cpu->abort_stack, PAGE_SIZE },
				       { GATE_STACKS + PAGE_SIZE, PAGE_SIZE } };
	for (unsigned i = 0; i < ARRAY_SIZE(stacks); i++) {
		c->va = stacks[i][0];
		if (!tables_stack_is_guarded(cpu->root, c->va, stacks[i][1]))
			return "a stack without a guard page";
	}
	return NULL;
}

void cpus_check_tables(void)
{
	unsigned leaves = 0;

	for (unsigned i = 0; i < cpu_count; i++) {
		struct tables_check c = { 0 };
		const char *why = check_tables(&cpus[i], &c);

		leaves += c.leaves;
		if (why) {
			console_print("tables: BROKEN: core %u, address %lx: %s", i, c.va, why);
			return;
		}
	}
	console_print("tables: good, %u cores, %u pages", cpu_count, leaves);
}

void cpu_load_gdt_idt(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) gdt = { GDT_LIMIT, GATE_GDT }, idt = { PAGE_SIZE - 1, GATE_IDT };

	__asm__ volatile("lgdt %0; lidt %1" ::"m"(gdt), "m"(idt));
}

static void load_segments(void)
{
	__asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" ::"i"(SEL_HV_CS)
			 : "rax", "memory");
	__asm__ volatile("movl %0, %%ss" ::"r"(SEL_HV_SS));
	__asm__ volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%fs; movl %0, %%gs" ::"r"(0));
}

void cpu_load_tables(struct cpu *cpu)
{
	write_cr3(cpu->root.v);
	/* LTR marks the descriptor busy; let it be written for that */
	uint64_t *gdt_entry = &cpu->gate_pt[pt_index(GATE_GDT + PAGE_SIZE, 1)];
	*gdt_entry |= PTE_W | PTE_D;
	cpu_load_gdt_idt();
	load_segments();
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS) : "memory");
	*gdt_entry &= ~(PTE_W | PTE_D);

	write_cr4(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE |
		  (cpu_features.cr4 & (CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE)));
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
	if (cpu_features.xsave) {
		uint32_t r[4];

		xsetbv(0, cpu_features.xcr0);
		cpuid(0xd, 0, r);
		cpu_features.xsave_bytes = r[1];
	}
	wrmsr(MSR_STAR, (uint64_t)SEL_HV_CS << 32);
	wrmsr(MSR_LSTAR, gate_entry_points[GATE_SYSCALL]);
	wrmsr(MSR_CSTAR, gate_entry_points[GATE_SYSCALL32]);
	wrmsr(MSR_SFMASK,
	      FLAGS_IF | FLAGS_TF | FLAGS_DF | FLAGS_NT | FLAGS_AC | FLAGS_IOPL | FLAGS_RF);
	wrmsr(MSR_SYSENTER_CS, 0); /* SYSENTER: #GP, until a guest asks for it */
	wrmsr(MSR_SYSENTER_ESP, GATE_STACKS + GATE_ENTRY_STACK_TOP);
	wrmsr(MSR_SYSENTER_EIP, gate_entry_points[GATE_SYSENTER]);
}

extern uint8_t ap_start[], ap_start_end[], ap_start_stack[], ap_start_root[], ap_start_cpu[];

static void start_one(struct cpu *cpu, mpa_t page)
{
	uint8_t *code = direct(page);

	memcpy(code, ap_start, ap_start_end - ap_start);
	memcpy(code + (ap_start_stack - ap_start), &cpu->stack_top, 8);
	memcpy(code + (ap_start_root - ap_start), &cpu->root.v, 8);
	memcpy(code + (ap_start_cpu - ap_start), &cpu, 8);
	apic_send(cpu->apic_id, ICR_INIT);
	delay_us(10000);
	apic_send(cpu->apic_id, ICR_STARTUP | (uint32_t)(page.v >> PAGE_SHIFT));
	delay_us(200);
	apic_send(cpu->apic_id, ICR_STARTUP | (uint32_t)(page.v >> PAGE_SHIFT));
	for (unsigned i = 0; i < 10000 && !__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE); i++)
		delay_us(100);
	if (!cpu->online)
		console_print("processor %u (APIC %u) does not start: not used", cpu->id,
			      cpu->apic_id);
}

void cpus_start(void)
{
	mpa_t page = MPA(machine_memory.low_page);

	if (!page.v && cpu_count > 1) {
		console_print("no free page below 1 MiB: only one processor");
		return;
	}
	for (unsigned i = 1; i < cpu_count; i++)
		start_one(&cpus[i], page);
}

static void (*run)(struct cpu *cpu); /* NULL until all guests have been created */

void cpus_go(void (*then)(struct cpu *cpu))
{
	__atomic_store_n(&run, then, __ATOMIC_RELEASE);
}

/* It runs no guest until both STARTUP IPIs have arrived. QEMU (at least 7.2) handles the second one
 * first, and an interrupt that arrives with it then waits until something else stops the processor.
 * If both the timer and a kick are pending, nothing does. */
void cpu_main(struct cpu *cpu)
{
	cpu_load_tables(cpu);
	apic_init();
	__atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&run, __ATOMIC_ACQUIRE))
		cpu_relax();
	write_cr3(read_cr3()); /* the image's pages were writable until here */
	run(cpu);
	__builtin_unreachable();
}

void cpu_kick(struct cpu *cpu)
{
	if (cpu != this_cpu())
		apic_send(cpu->apic_id, ICR_FIXED | VECTOR_KICK);
	else
		cpu->attention = true;
}
