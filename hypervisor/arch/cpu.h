/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control registers, MSRs, flags, vectors (Intel SDM 3A and 4; AMD APM 2), and their instructions.
 */
#pragma once

#ifdef __ASSEMBLER__ /* where C's suffix is an error */
#define BIT(n) (1 << (n))
#else
#define BIT(n) (1u << (n))
#endif

/* EFLAGS, SDM 1 section 3.4.3 */
#define FLAGS_CF   0x00000001
#define FLAGS_ONE  0x00000002
#define FLAGS_PF   0x00000004
#define FLAGS_AF   0x00000010
#define FLAGS_ZF   0x00000040
#define FLAGS_SF   0x00000080
#define FLAGS_TF   0x00000100
#define FLAGS_IF   0x00000200
#define FLAGS_DF   0x00000400
#define FLAGS_OF   0x00000800
#define FLAGS_IOPL 0x00003000
#define FLAGS_NT   0x00004000
#define FLAGS_RF   0x00010000
#define FLAGS_VM   0x00020000
#define FLAGS_AC   0x00040000
#define FLAGS_VIP  0x00100000
/* what software at any level may change: CF PF AF ZF SF TF DF OF NT AC ID */
#define FLAGS_USER 0x00244dd5
/* what may be set while a guest runs in ring 1 or 3. QEMU 7.2 saves flags that no instruction has
 * set, IOPL among them (t/guests/iopl.c), and IRETQ from ring 0 would load it. */
#define FLAGS_GUEST 0x00254fd7

/* Control registers, SDM 3A section 2.5 */
#define CR0_PE	       BIT(0)
#define CR0_MP	       BIT(1)
#define CR0_EM	       BIT(2)
#define CR0_TS	       BIT(3)
#define CR0_ET	       BIT(4)
#define CR0_NE	       BIT(5)
#define CR0_WP	       BIT(16)
#define CR0_AM	       BIT(18)
#define CR0_NW	       BIT(29)
#define CR0_CD	       BIT(30)
#define CR0_PG	       BIT(31)

#define CR4_DE	       BIT(3)
#define CR4_PSE	       BIT(4)
#define CR4_PAE	       BIT(5)
#define CR4_MCE	       BIT(6)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_VMXE       BIT(13)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)

/* Debug registers, SDM 3B section 18.2 */
#define DR6_FIXED   0xffff0ff0
#define DR6_STATUS  0x0000e00f /* B0 to B3, BD, BS, BT */
#define DR6_BS      0x00004000
#define DR7_FIXED   0x00000400
#define DR7_ENABLE  0x000000ff /* L0 to G3 */
#define DR7_ALLOWED 0xffff03ff /* no GD, no RTM */

/* MSRs, SDM 4 */
#define MSR_TSC		   0x00000010
#define MSR_APIC_BASE	   0x0000001b
#define MSR_SPEC_CTRL	   0x00000048
#define MSR_PRED_CMD	   0x00000049
#define MSR_CAPABILITIES   0x0000010a /* IA32_ARCH_CAPABILITIES */
#define MSR_FLUSH_CMD	   0x0000010b
#define MSR_SYSENTER_CS	   0x00000174
#define MSR_SYSENTER_ESP   0x00000175
#define MSR_SYSENTER_EIP   0x00000176
#define MSR_PAT		   0x00000277
#define MSR_MCG_CAP	   0x00000179
#define MSR_MCG_STATUS	   0x0000017a
#define MSR_MC0_STATUS	   0x00000401
#define MSR_EFER	   0xc0000080
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082
#define MSR_CSTAR	   0xc0000083
#define MSR_SFMASK	   0xc0000084
#define MSR_FS_BASE	   0xc0000100
#define MSR_GS_BASE	   0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define PAT_RESET	   0x0007040600070406 /* SDM 3A table 12-12 */

#define EFER_SCE	   BIT(0)
#define EFER_LME	   BIT(8)
#define EFER_LMA	   BIT(10)
#define EFER_NXE	   BIT(11)

/* Exceptions, SDM 3A section 6.3.1 */
#define VECTOR_DE  0
#define VECTOR_DB  1
#define VECTOR_NMI 2
#define VECTOR_BP  3
#define VECTOR_OF  4
#define VECTOR_UD  6
#define VECTOR_DF  8
#define VECTOR_TS  10
#define VECTOR_NP  11
#define VECTOR_SS  12
#define VECTOR_GP  13
#define VECTOR_PF  14
#define VECTOR_AC  17
#define VECTOR_MC  18
/* vectors with an error code */
#define VECTORS_WITH_ERROR 0x60227d00

/* Page fault error code, SDM 3A section 4.7 */
#define PF_PRESENT  0x01
#define PF_WRITE    0x02
#define PF_USER	    0x04
#define PF_RESERVED 0x08
#define PF_FETCH    0x10

/*
 * Whose each of the 256 vectors is: this is the one place that decides. A guest that got a gate of
 * the machine's would take the machine's interrupts, and keep the processor.
 *   0 to 31        the processor's exceptions
 *   32 to 0xef     a guest's INT n: no interrupt of the machine ever comes here, see apic_init
 *   0xf0 to 0xff   the machine's interrupts: a priority class of their own
 */
#define VECTOR_GUEST_FIRST   32
#define VECTOR_MACHINE_FIRST 0xf0
#define VECTOR_CONSOLE	     0xf0
#define VECTOR_TIMER	     0xf1
#define VECTOR_KICK	     0xf2
#define VECTOR_SPURIOUS	     0xff

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

/* What the entry code leaves on the entry stack; the last five are the processor's. */
struct regs {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct regs) == 22 * 8, "gate.S knows this layout");

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

#ifdef VENEER_HOST /* tests have their own clock, and no interrupts */
uint64_t rdtsc(void);
void take_interrupts(void);
void wait_for_interrupt(void);
#else
/* Pending interrupts are taken here. */
static inline void take_interrupts(void)
{
	__asm__ volatile("sti; nop; cli" ::: "memory");
}

static inline void wait_for_interrupt(void)
{
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}
#endif

/* The value of a linker symbol, which may be out of range of the code model. */
#define LINKER_VALUE(symbol)                                    \
	({                                                      \
		uint64_t v_;                                    \
		__asm__("movabsq $" #symbol ", %0" : "=r"(v_)); \
		v_;                                             \
	})

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(sub));
}

/* The same; all 0 if the processor has no such leaf. */
static inline void cpuid_if_there(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	cpuid(leaf & 0x80000000, 0, r);
	if (r[0] >= leaf)
		cpuid(leaf, sub, r);
	else
		r[0] = r[1] = r[2] = r[3] = 0;
}

#define REGISTER(name)                                                       \
	static inline uint64_t read_##name(void)                             \
	{                                                                    \
		uint64_t v;                                                  \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(v)::"memory"); \
		return v;                                                    \
	}                                                                    \
	static inline void write_##name(uint64_t v)                          \
	{                                                                    \
		__asm__ volatile("mov %0, %%" #name ::"r"(v) : "memory");    \
	}
REGISTER(cr0)
REGISTER(cr2)
REGISTER(cr3)
REGISTER(cr4)
REGISTER(dr0)
REGISTER(dr1)
REGISTER(dr2)
REGISTER(dr3)
REGISTER(dr6)
REGISTER(dr7)

static inline void write_breakpoints(const uint64_t dr[4])
{
	write_dr0(dr[0]);
	write_dr1(dr[1]);
	write_dr2(dr[2]);
	write_dr3(dr[3]);
}

static inline uint64_t xgetbv(uint32_t n)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(n));
	return (uint64_t)high << 32 | low;
}

static inline void xsetbv(uint32_t n, uint64_t v)
{
	__asm__ volatile("xsetbv" ::"c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void invlpg(uint64_t va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline bool vector_is_guests(uint64_t vector)
{
	return vector >= VECTOR_GUEST_FIRST && vector < VECTOR_MACHINE_FIRST;
}

static inline bool canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}
#endif
