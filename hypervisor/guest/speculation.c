// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measures against speculative execution attacks: which ones this processor needs, and patching
 * them into the code. Names of bits are those of Intel's "CPUID Enumeration and Architectural MSRs"
 * and of AMD's "Software Techniques for Managing Speculation" and APM 3, appendix E.
 */
#include "guest/speculation.h"

#include "guest/guest.h"
#include "kernel/cpu.h"
#include "lib/panic.h"
#include "lib/string.h"

/* CPUID 7 */
#define EBX7_RTM	  BIT(11)
#define EDX7_MD_CLEAR	  BIT(10)
#define EDX7_IBRS_IBPB	  BIT(26)
#define EDX7_STIBP	  BIT(27)
#define EDX7_L1D_FLUSH	  BIT(28)
#define EDX7_CAPABILITIES BIT(29)
#define EDX7_SSBD	  BIT(31)
#define EDX7_2_RRSBA_CTRL BIT(2)
/* CPUID 0x80000008 */
#define EBX8_IBPB   BIT(12)
#define EBX8_IBRS   BIT(14)
#define EBX8_STIBP  BIT(15)
#define EBX8_SSBD   BIT(24)
#define EBX8_SSB_NO BIT(26)
#define EBX8_BTC_NO BIT(29)
/* CPUID 0x80000021 */
#define EAX21_SRSO_NO BIT(29)
/* IA32_ARCH_CAPABILITIES */
#define CAP_RDCL_NO    BIT(0)
#define CAP_IBRS_ALL   BIT(1)
#define CAP_SKIP_L1DFL BIT(3)
#define CAP_SSB_NO     BIT(4)
#define CAP_MDS_NO     BIT(5)
#define CAP_TAA_NO     BIT(8)
#define CAP_MMIO_NO    (BIT(13) | BIT(14) | BIT(15)) /* SBDR_SSDP, FBSDP, PSDP */
#define CAP_RRSBA      BIT(19)
#define CAP_BHI_NO     BIT(20)
#define CAP_RFDS_NO    BIT(27)
#define CAP_RFDS_CLEAR BIT(28)
#define CAP_SHOWN                                                                          \
	(CAP_RDCL_NO | CAP_IBRS_ALL | CAP_SSB_NO | CAP_MDS_NO | CAP_TAA_NO | CAP_MMIO_NO | \
	 CAP_RRSBA | CAP_BHI_NO | CAP_RFDS_NO)
/* IA32_SPEC_CTRL and IA32_PRED_CMD */
#define SPEC_CTRL_IBRS	BIT(0)
#define SPEC_CTRL_STIBP BIT(1)
#define SPEC_CTRL_SSBD	BIT(2)
#define SPEC_CTRL_RRSBA BIT(6) /* RRSBA_DIS_S */
#define PRED_CMD_IBPB	BIT(0)

#define AMD_ZEN		0x17 /* families */
#define AMD_ZEN3	0x19

/* What the processor reports; constant after boot, like everything below. */
static struct {
	bool amd, emulated;
	unsigned family;
	uint32_t ebx7, edx7, ebx8, eax21;
	bool rrsba_control;
	uint64_t capabilities;
} processor;

static uint32_t on;		    /* BIT(MITIGATION_*) */
static uint64_t always, guest_bits; /* bits of SPEC_CTRL: always set; available to guests */

static bool is_on(unsigned m)
{
	return on & BIT(m);
}

/* --- what the processor wants --- */

/* QEMU's TCG does not speculate. */
static bool is_emulated(void)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	if (!(r[2] & BIT(31)))
		return false;
	cpuid(0x40000000, 0, r);
	return !memcmp(&r[1], "TCGTCGTCGTCG", 12);
}

static void detect(void)
{
	uint32_t r[4];

	cpuid(0, 0, r);
	processor.amd = !memcmp(&r[1], "Auth", 4) || !memcmp(&r[1], "Hygo", 4);
	processor.emulated = is_emulated();
	cpuid(1, 0, r);
	processor.family = r[0] >> 8 & 15;
	if (processor.family == 15)
		processor.family += r[0] >> 20 & 255;
	cpuid_if_there(7, 0, r);
	processor.ebx7 = r[1];
	processor.edx7 = r[3];
	if (r[0] >= 2) {
		cpuid(7, 2, r);
		processor.rrsba_control = r[3] & EDX7_2_RRSBA_CTRL;
	}
	cpuid_if_there(0x80000008, 0, r);
	processor.ebx8 = r[1];
	cpuid_if_there(0x80000021, 0, r);
	processor.eax21 = r[0];
	if (processor.edx7 & EDX7_CAPABILITIES)
		processor.capabilities = rdmsr(MSR_CAPABILITIES);
}

static bool has_barrier(void)
{
	return (processor.edx7 & EDX7_IBRS_IBPB) || (processor.ebx8 & EBX8_IBPB);
}

/* Bits of SPEC_CTRL that the processor has. */
static uint64_t control_bits(void)
{
	uint64_t bits = 0;

	if ((processor.edx7 & EDX7_IBRS_IBPB) || (processor.ebx8 & EBX8_IBRS))
		bits |= SPEC_CTRL_IBRS;
	if ((processor.edx7 & EDX7_STIBP) || (processor.ebx8 & EBX8_STIBP))
		bits |= SPEC_CTRL_STIBP;
	if ((processor.edx7 & EDX7_SSBD) || (processor.ebx8 & EBX8_SSBD))
		bits |= SPEC_CTRL_SSBD;
	return bits;
}

/* A guest can train its return predictions: RETBLEED up to Zen 2, SRSO since Zen 3. */
static bool returns_are_taught(void)
{
	if (!processor.amd || processor.family < AMD_ZEN)
		return false;
	return processor.family < AMD_ZEN3 ? !(processor.ebx8 & EBX8_BTC_NO)
					   : !(processor.eax21 & EAX21_SRSO_NO);
}

/* MDS, TAA or RFDS: buffers inside a core can be sampled. */
static bool buffers_leak(void)
{
	uint64_t c = processor.capabilities;

	return !processor.amd && (!(c & CAP_MDS_NO) || (c & CAP_RFDS_CLEAR) ||
				  ((processor.ebx7 & EBX7_RTM) && !(c & CAP_TAA_NO)));
}

static bool l1_leaks(void)
{
	return !processor.amd && !(processor.capabilities & (CAP_RDCL_NO | CAP_SKIP_L1DFL));
}

static const char *where_there(bool there)
{
	return there ? NULL : "no such instruction";
}

/* Why this processor does not need a measure; NULL: it does. */
static const char *why_not(unsigned m)
{
	const char *const no_need = "not needed";

	if (processor.emulated)
		return "emulated processor";
	switch (m) {
	case MITIGATION_RETPOLINE:
	case MITIGATION_RSB: return NULL;
	case MITIGATION_IBPB: return where_there(has_barrier());
	case MITIGATION_IBPB_EXIT:
		return returns_are_taught() ? where_there(has_barrier()) : no_need;
	case MITIGATION_VERW:
		return buffers_leak() ? where_there(processor.edx7 & EDX7_MD_CLEAR) : no_need;
	case MITIGATION_L1D_FLUSH:
		return l1_leaks() ? where_there(processor.edx7 & EDX7_L1D_FLUSH) : no_need;
	case MITIGATION_SSBD: return "left to guests";
	default: return where_there(has_barrier() || control_bits());
	}
}

/* --- into the code --- */

#define SITE_BYTES 5 /* of a call or jump with a displacement */
#define CALL	   0xe8
#define JUMP	   0xe9

/* A writable address of the code, which is mapped read-only where it runs. */
static uint8_t *writable(uint64_t va)
{
	return direct(MPA(va >= IMAGE_BASE ? va - IMAGE_BASE
					   : LINKER_VALUE(gate_text_load) + (va - GATE_TEXT)));
}

static void write_jump(uint64_t from, uint64_t to)
{
	int32_t distance = (int32_t)(to - (from + SITE_BYTES));
	uint8_t *code = writable(from);

	code[0] = JUMP;
	memcpy(code + 1, &distance, sizeof(distance));
}

/* By its target's place among the thunks; the gate has one alone, for RAX. */
static unsigned register_of(uint64_t target)
{
	uint64_t first = (uint64_t)indirect_thunks;

	return target < first ? 0 : (unsigned)((target - first) / THUNK_BYTES);
}

/* A thunk's call or jump becomes CALL or JMP with the register, of the same length: CS prefixes
 * mean nothing there. */
static void write_indirect(uint64_t at)
{
	uint8_t *code = writable(at), opcode = code[0];
	int32_t distance;

	assert(opcode == CALL || opcode == JUMP);
	memcpy(&distance, code + 1, sizeof(distance));
	unsigned reg = register_of(at + SITE_BYTES + (uint64_t)(int64_t)distance);
	memset(code, 0x2e, SITE_BYTES - 2);
	if (reg & 8)
		code[2] = 0x41;
	code[3] = 0xff;
	code[4] = (uint8_t)((opcode == CALL ? 0xd0 : 0xe0) | (reg & 7));
}

static void patch(void)
{
	uint32_t r[4];

	for (const struct speculation_site *s = speculation_sites; s < speculation_sites_end; s++)
		if (is_on((unsigned)s->measure))
			write_jump(s->at, s->to);
	if (!is_on(MITIGATION_RETPOLINE))
		for (const uint64_t *at = indirect_sites; at < indirect_sites_end; at++)
			write_indirect(*at);
	cpuid(0, 0, r); /* fetches anew what was written under another address, SDM 3A 9.1.3 */
}

/* --- at boot --- */

static const char *decide(const struct config *c, unsigned m)
{
	bool forced = c->mitigations.forced & BIT(m);
	const char *why = forced ? NULL : c->mitigations.off ? "configuration" : why_not(m);

	if (why)
		return why;
	on |= BIT(m);
	return forced ? "on (forced)" : "on";
}

void speculation_init(const struct config *c)
{
	const char *how = NULL, *before;
	bool same = true; /* all are off, for one reason */
	char text[400];
	int used = 0;

	detect();
	for (unsigned m = 0; m < MITIGATIONS; m++) {
		before = how;
		how = decide(c, m);
		same &= !is_on(m) && (!m || how == before);
		used += format(text + used, sizeof(text) - (size_t)used,
			       is_on(m) ? "%s%s %s" : "%s%s off (%s)", m ? ", " : "",
			       mitigation_names[m], how);
	}
	if (is_on(MITIGATION_SSBD))
		always |= SPEC_CTRL_SSBD;
	if (is_on(MITIGATION_RETPOLINE) && processor.rrsba_control &&
	    (processor.capabilities & CAP_RRSBA))
		always |= SPEC_CTRL_RRSBA;
	if (is_on(MITIGATION_SPEC_CTRL))
		guest_bits = c->mitigations.forced & BIT(MITIGATION_SPEC_CTRL)
				     ? SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD
				     : control_bits();
	patch();
	console_print(same ? "speculation: all measures off (%s)" : "speculation: %s",
		      same ? how : text);
}

static void warn_of(const struct cpu *a, const struct cpu *b)
{
	for (const struct vcpu *v = a->vcpus; v; v = v->next)
		for (const struct vcpu *u = b->vcpus; u; u = u->next)
			if (u->guest != v->guest) {
				console_print(
					"speculation: cores %u and %u are threads of one core "
					"and run %s and %s, which can leak data to each "
					"other: separate them with cpus =",
					a->id, b->id, v->guest->config->name,
					u->guest->config->name);
				return;
			}
}

void speculation_warn_of_threads(void)
{
	uint32_t r[4];

	cpuid_if_there(0xb, 0, r);
	/* the first bits of an APIC ID name a thread of a core */
	unsigned bits = (r[2] >> 8 & 0xff) == 1 ? r[0] & 31 : 0;
	for (unsigned i = 0; i < cpu_count; i++)
		for (unsigned j = i + 1; j < cpu_count; j++)
			if (cpus[i].apic_id >> bits == cpus[j].apic_id >> bits)
				warn_of(&cpus[i], &cpus[j]);
}

/* --- while guests run --- */

/* Functions of their own, for t/48-speculation.t counts their calls. */
static __attribute__((noinline)) void write_control(uint64_t value)
{
	wrmsr(MSR_SPEC_CTRL, value);
}

static __attribute__((noinline)) void write_barrier(void)
{
	wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
}

static void set_control(struct cpu *cpu, uint64_t value)
{
	value |= always;
	if (cpu->spec_ctrl == value)
		return;
	cpu->spec_ctrl = value;
	write_control(value);
}

void speculation_switch(struct cpu *cpu, const struct vcpu *v)
{
	if (cpu->predicts_for != v->guest) {
		cpu->predicts_for = v->guest;
		if (is_on(MITIGATION_IBPB))
			write_barrier();
	}
	set_control(cpu, v->spec_ctrl);
}

bool speculation_rdmsr(const struct vcpu *v, uint32_t msr, uint64_t *value)
{
	if (msr == MSR_SPEC_CTRL && guest_bits) {
		*value = v->spec_ctrl;
		return true;
	}
	*value = processor.capabilities & CAP_SHOWN;
	return msr == MSR_CAPABILITIES && (speculation_edx7() & EDX7_CAPABILITIES);
}

bool speculation_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (!is_on(MITIGATION_SPEC_CTRL))
		return false;
	if (msr == MSR_SPEC_CTRL && guest_bits && !(value & ~guest_bits)) {
		v->spec_ctrl = value;
		set_control(v->cpu, value);
		return true;
	}
	if (msr != MSR_PRED_CMD || value & ~(uint64_t)PRED_CMD_IBPB)
		return false;
	if (value)
		write_barrier();
	return true;
}

uint32_t speculation_edx7(void)
{
	uint32_t control = EDX7_IBRS_IBPB | EDX7_STIBP | EDX7_SSBD | EDX7_CAPABILITIES;

	return processor.edx7 & (EDX7_MD_CLEAR | (is_on(MITIGATION_SPEC_CTRL) ? control : 0));
}

uint32_t speculation_ebx8(void)
{
	uint32_t no_need = EBX8_SSB_NO | EBX8_BTC_NO;
	uint32_t control = EBX8_IBPB | EBX8_IBRS | EBX8_STIBP | EBX8_SSBD;

	return processor.ebx8 & (no_need | (is_on(MITIGATION_SPEC_CTRL) ? control : 0));
}
