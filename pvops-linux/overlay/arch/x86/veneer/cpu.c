// SPDX-License-Identifier: GPL-2.0-only
/* Descriptor tables, control registers, MSRs, segment bases, debug registers. */
#include <linux/init.h>
#include <linux/io.h>
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/io_bitmap.h>
#include <asm/idtentry.h>
#include <asm/msr.h>
#include <asm/paravirt.h>
#include <asm/proto.h>
#include <asm/traps.h>
#include <asm/veneer.h>

DEFINE_PER_CPU_PAGE_ALIGNED(struct veneer_vcpu_page, veneer_vcpu);

unsigned long veneer_idt[32];

/* What the kernel takes CR4 to be; the real one is the hypervisor's. */
static DEFINE_PER_CPU(unsigned long, virtual_cr4);

#define FIXED_CR0 (X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | \
		   X86_CR0_PG)

static unsigned long veneer_read_cr0(void)
{
	return FIXED_CR0;
}

static void veneer_write_cr0(unsigned long cr0)
{
}

static void veneer_write_cr4(unsigned long cr4)
{
	this_cpu_write(virtual_cr4, cr4);
}

static void veneer_load_gdt(const struct desc_ptr *table)
{
	if (veneer_call2(VENEER_HC_SET_GDT, table->address, (table->size + 1) / 8))
		BUG();
}

static void veneer_write_gdt_entry(struct desc_struct *gdt, int entry, const void *desc, int type)
{
	native_write_gdt_entry(gdt, entry, desc, type);
	/* Descriptors of 16 bytes are for the processor in ring 0. */
	if (type != DESC_TSS && type != DESC_LDT && gdt == get_current_gdt_rw())
		veneer_call2(VENEER_HC_SET_DESCRIPTOR, entry * 8, *(const u64 *)desc);
}

static void veneer_load_tls(struct thread_struct *t, unsigned int cpu)
{
	struct desc_struct *gdt = get_cpu_gdt_rw(cpu) + GDT_ENTRY_TLS_MIN;
	unsigned int i;

	for (i = 0; i < GDT_ENTRY_TLS_ENTRIES; i++) {
		u64 desc = *(u64 *)&t->tls_array[i];

		if (desc == *(u64 *)&gdt[i])
			continue;
		gdt[i] = t->tls_array[i];
		veneer_call2(VENEER_HC_SET_DESCRIPTOR, (GDT_ENTRY_TLS_MIN + i) * 8, desc);
	}
}

static void veneer_set_ldt(const void *table, unsigned int entries)
{
	veneer_call2(VENEER_HC_SET_LDT, (unsigned long)table, entries);
}

static void veneer_load_tr_desc(void)
{
}

static unsigned long veneer_store_tr(void)
{
	return GDT_ENTRY_TSS * 8;
}

static void set_gate(int vector, const gate_desc *gate)
{
	if (vector < 32) {
		/* Entries with their own stacks are not needed here; #DB has a plain entry. */
		if (vector == X86_TRAP_NMI || vector == X86_TRAP_DF || vector == X86_TRAP_MC)
			return;
		veneer_idt[vector] = gate_offset(gate);
		if (vector == X86_TRAP_DB && gate->bits.ist)
			veneer_idt[vector] = (unsigned long)asm_veneer_exc_debug;
	}
#ifdef CONFIG_IA32_EMULATION
	if (vector == IA32_SYSCALL_VECTOR && gate->bits.p)
		veneer_call3(VENEER_HC_SOFTINT_GATE, vector, (unsigned long)veneer_int80_entry, 3);
#endif
}

static void veneer_write_idt_entry(gate_desc *table, int vector, const gate_desc *gate)
{
	native_write_idt_entry(table, vector, gate);
	set_gate(vector, gate);
}

static void veneer_load_idt(const struct desc_ptr *table)
{
	const gate_desc *gate = (const gate_desc *)table->address;
	int vector;

	for (vector = 0; vector < (table->size + 1) / sizeof(*gate); vector++)
		set_gate(vector, &gate[vector]);
}

DEFINE_IDTENTRY_RAW(veneer_exc_debug)
{
	if (user_mode(regs))
		noist_exc_debug(regs);
	else
		exc_debug(regs);
}

static void veneer_load_sp0(unsigned long sp0)
{
	this_cpu_write(veneer_vcpu.kernel_sp, sp0);
}

/*
 * MOV to GS changes the base, and the kernel's must not be lost. With a null selector some
 * processors leave the base alone: the user's is then 0.
 */
static void veneer_load_gs_index(unsigned int selector)
{
	unsigned long flags, user_base, kernel_base;

	local_irq_save(flags);
	asm volatile("rdgsbase %[kernel]\n"
		     "1:	movl %k[selector], %%gs\n"
		     "jmp 3f\n"
		     "2:	xorl %k[selector], %k[selector]\n"
		     "jmp 1b\n"
		     "3:\n"
		     _ASM_EXTABLE(1b, 2b)
		     "rdgsbase %[user]\n"
		     "wrgsbase %[kernel]\n"
		     : [kernel] "=&r" (kernel_base), [user] "=&r" (user_base),
		       [selector] "+r" (selector)
		     :: "memory");
	this_cpu_write(veneer_vcpu.user_gs_base, selector > 3 ? user_base : 0);
	local_irq_restore(flags);
}

/* CPUID describes the physical processor; the vCPU has another number, and a package without
 * threads. */
static void veneer_cpuid(unsigned int *eax, unsigned int *ebx, unsigned int *ecx,
			 unsigned int *edx)
{
	unsigned int leaf = *eax;

	native_cpuid(eax, ebx, ecx, edx);
	switch (leaf) {
	case 1:
		*ebx = (*ebx & 0xff00ffff) | 1 << 16;
		*ebx = (*ebx & 0x00ffffff) | raw_smp_processor_id() << 24;
		break;
	case 0xb:
	case 0x1f:
		*eax = 0;
		*ebx = 1;
		*edx = raw_smp_processor_id();
		break;
	}
}

static u64 read_msr(unsigned int msr, int *err)
{
	*err = 0;
	switch (msr) {
	case MSR_FS_BASE:
		return rdfsbase();
	case MSR_GS_BASE:
		return rdgsbase();
	case MSR_KERNEL_GS_BASE:
		return this_cpu_read(veneer_vcpu.user_gs_base);
	case MSR_EFER:
		return EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
	case MSR_IA32_CR_PAT:
		return 0x0007040600070406;	/* as after a reset */
	case MSR_IA32_APICBASE:
		return raw_smp_processor_id() ? 0 : MSR_IA32_APICBASE_BSP;
	default:
		*err = -EIO;
		return 0;
	}
}

static int write_msr(unsigned int msr, u64 value)
{
	switch (msr) {
	case MSR_FS_BASE:
		wrfsbase(value);
		return 0;
	case MSR_GS_BASE:
		wrgsbase(value);
		this_cpu_write(veneer_vcpu.kernel_gs_base, value);
		return 0;
	case MSR_KERNEL_GS_BASE:
		this_cpu_write(veneer_vcpu.user_gs_base, value);
		return 0;
	default:
		return -EIO;
	}
}

static u64 veneer_read_msr(unsigned int msr)
{
	int err;

	return read_msr(msr, &err);
}

static void veneer_write_msr(unsigned int msr, unsigned int low, unsigned int high)
{
	write_msr(msr, (u64)high << 32 | low);
}

static u64 veneer_read_msr_safe(unsigned int msr, int *err)
{
	return read_msr(msr, err);
}

static int veneer_write_msr_safe(unsigned int msr, unsigned int low, unsigned int high)
{
	return write_msr(msr, (u64)high << 32 | low);
}

static u64 veneer_read_pmc(int counter)
{
	return 0;
}

static unsigned long veneer_get_debugreg(int reg)
{
	return veneer_call1(VENEER_HC_GET_DEBUGREG, reg);
}

static void veneer_set_debugreg(int reg, unsigned long value)
{
	veneer_call2(VENEER_HC_SET_DEBUGREG, reg, value);
}

static void veneer_wbinvd(void)
{
}

#ifdef CONFIG_X86_IOPL_IOPERM
static void veneer_invalidate_io_bitmap(void)
{
	native_tss_invalidate_io_bitmap();
	veneer_call1(VENEER_HC_SET_IO_BITMAP, 0);
}

static void veneer_update_io_bitmap(void)
{
	struct tss_struct *tss = this_cpu_ptr(&cpu_tss_rw);
	u16 base;

	native_tss_update_io_bitmap();
	base = tss->x86_tss.io_bitmap_base;
	veneer_call1(VENEER_HC_SET_IO_BITMAP, base == IO_BITMAP_OFFSET_INVALID ?
		     0 : (unsigned long)&tss->x86_tss + base);
}
#endif

/* Features that ring 1 cannot use, or that do not describe this vCPU. */
static const u16 cleared[] __initconst = {
	X86_FEATURE_APIC, X86_FEATURE_X2APIC, X86_FEATURE_TSC_DEADLINE_TIMER, X86_FEATURE_MTRR,
	X86_FEATURE_MCE, X86_FEATURE_MCA, X86_FEATURE_ACPI, X86_FEATURE_ACC, X86_FEATURE_MWAIT,
	X86_FEATURE_GBPAGES, X86_FEATURE_INVPCID, X86_FEATURE_SMEP, X86_FEATURE_SMAP,
	X86_FEATURE_PKU, X86_FEATURE_OSPKE, X86_FEATURE_LA57, X86_FEATURE_SHSTK,
	X86_FEATURE_IBT, X86_FEATURE_XSAVES, X86_FEATURE_RDTSCP, X86_FEATURE_RDPID,
	X86_FEATURE_VMX, X86_FEATURE_SVM, X86_FEATURE_SPEC_CTRL, X86_FEATURE_INTEL_STIBP,
	X86_FEATURE_IBRS, X86_FEATURE_IBPB, X86_FEATURE_STIBP, X86_FEATURE_FRED,
	X86_FEATURE_LAM, X86_FEATURE_PTI, X86_FEATURE_BUS_LOCK_DETECT,
	X86_FEATURE_SPLIT_LOCK_DETECT, X86_FEATURE_DE, X86_FEATURE_VME, X86_FEATURE_MPX,
	X86_FEATURE_AMX_TILE,
};

/* Sets the handlers, entries and GS of this vCPU. */
void veneer_cpu_register(void)
{
	struct veneer_handlers handlers = {
		.event = (unsigned long)veneer_event_entry,
		.syscall = (unsigned long)veneer_syscall_entry,
	};
	unsigned int i;

	for (i = 0; i < 32; i++)
		handlers.exception[i] = (unsigned long)veneer_exception_stubs[i];
	this_cpu_write(veneer_vcpu.kernel_gs_base, rdgsbase());
	if (veneer_call1(VENEER_HC_SET_HANDLERS, (unsigned long)&handlers))
		BUG();
	veneer_call2(VENEER_HC_SET_ENTRY, VENEER_ENTRY_FAULT, (unsigned long)veneer_fault_entry);
#ifdef CONFIG_IA32_EMULATION
	veneer_call2(VENEER_HC_SET_ENTRY, VENEER_ENTRY_SYSCALL32,
		     (unsigned long)veneer_syscall_compat_entry);
	veneer_call2(VENEER_HC_SET_ENTRY, VENEER_ENTRY_SYSENTER,
		     (unsigned long)veneer_sysenter_entry);
#endif
}

void __init veneer_cpu_ops_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cleared); i++)
		setup_clear_cpu_cap(cleared[i]);
	/* Roots keep their shadows across a switch, and need a flush only if common code asks for
	 * it. */
	setup_force_cpu_cap(X86_FEATURE_PCID);
	setup_force_cpu_cap(X86_FEATURE_XENPV);
	setup_force_cpu_cap(X86_FEATURE_VENEER);

	pv_ops.cpu.cpuid = veneer_cpuid;
	pv_ops.cpu.get_debugreg = veneer_get_debugreg;
	pv_ops.cpu.set_debugreg = veneer_set_debugreg;
	pv_ops.cpu.read_cr0 = veneer_read_cr0;
	pv_ops.cpu.write_cr0 = veneer_write_cr0;
	pv_ops.cpu.write_cr4 = veneer_write_cr4;
	pv_ops.cpu.wbinvd = veneer_wbinvd;
	pv_ops.cpu.read_msr = veneer_read_msr;
	pv_ops.cpu.write_msr = veneer_write_msr;
	pv_ops.cpu.read_msr_safe = veneer_read_msr_safe;
	pv_ops.cpu.write_msr_safe = veneer_write_msr_safe;
	pv_ops.cpu.read_pmc = veneer_read_pmc;
	pv_ops.cpu.load_tr_desc = veneer_load_tr_desc;
	pv_ops.cpu.store_tr = veneer_store_tr;
	pv_ops.cpu.load_gdt = veneer_load_gdt;
	pv_ops.cpu.load_idt = veneer_load_idt;
	pv_ops.cpu.set_ldt = veneer_set_ldt;
	pv_ops.cpu.load_tls = veneer_load_tls;
	pv_ops.cpu.load_gs_index = veneer_load_gs_index;
	pv_ops.cpu.write_gdt_entry = veneer_write_gdt_entry;
	pv_ops.cpu.write_idt_entry = veneer_write_idt_entry;
	pv_ops.cpu.load_sp0 = veneer_load_sp0;
#ifdef CONFIG_X86_IOPL_IOPERM
	pv_ops.cpu.invalidate_io_bitmap = veneer_invalidate_io_bitmap;
	pv_ops.cpu.update_io_bitmap = veneer_update_io_bitmap;
#endif
}
