/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC of a guest. Devices are plain state machines that get the time as an argument, so that
 * tests can run them on the host; they only know the bus. This header is for the files that connect
 * them.
 */
#pragma once

#include "arch/cpu.h"
#include "guest/guest.h"
#include "kernel/spinlock.h"
#include "kernel/timer.h"
#include "pc/acpi_pm.h"
#include "pc/bus.h"
#include "pc/hpet.h"
#include "pc/i8042.h"
#include "pc/i8254.h"
#include "pc/i8259.h"
#include "pc/ide.h"
#include "pc/ioapic.h"
#include "pc/lapic.h"
#include "pc/ns16550.h"
#include "pc/pci.h"
#include "pc/rtc.h"
#include "pc/vga.h"

/* A vCPU's local APIC and its timer, which runs on that vCPU's CPU. */
struct apic {
	struct lapic lapic;
	struct timer timer;
	struct pc *pc;
	struct vcpu *vcpu;
	bool waits;  /* for a startup IPI */
	bool halted; /* with interrupts masked: only INIT ends that */
};

/* A timer of the bus. It runs on vCPU 0's CPU; other CPUs request that CPU to arm it. */
struct pc_timer {
	struct timer timer;
	struct pc *pc;
};

/* Actions that an access requests, done after unlocking. */
#define PC_SEND	   1u /* lines of the console have been printed */
#define PC_END	   2u /* end the guest, with exit_code */
#define PC_RESTART 4u
#define PC_PROMPT  8u /* show the unfinished line */

/*
 * Shared by all vCPUs of a guest. `lock` guards everything that changes after creation, so not the
 * tables of the bus. Console locks nest inside it. Wakeups are sent after unlocking.
 */
struct pc {
	SPINLOCK(LOCK_PC) lock;
	uint8_t pending; /* vCPUs to notify after unlocking, as bits */
	uint8_t wanted;	 /* PC_* */
	bool intr_notified;
	bool rearm; /* timers of the bus were set on another CPU */
	uint8_t exit_code;
	const char *ending_how;
	struct guest *guest;
	uint64_t start; /* TSC at reset: time 0 of the devices */
	struct bus bus;
	struct pic pic;
	struct pit pit;
	struct uart uart;
	struct i8042 keyboard;
	struct rtc rtc;
	struct vga vga;
	struct pci pci;
	struct acpi_pm acpi_pm;
	struct hpet hpet;
	struct ide ide; /* attached if the guest has a disk */
	struct ioapic ioapic;
	struct pc_timer timer[BUS_TIMERS];
	struct apic apic[];
};

static inline struct pc *pc_of(const struct guest *g)
{
	return g->board_state;
}

static inline struct pc *pc_of_bus(const struct bus *b)
{
	return container_of(b, struct pc, bus);
}

/* interrupts.c. Unlocks; then notifies the pending vCPUs and does the requested actions. */
void pc_unlock(struct pc *p);
void pc_attach_apics(struct pc *p);
void pc_reset_apics(struct pc *p);
void pc_set_line(struct bus *b, unsigned irq, bool high);
void pc_note(struct pc *p, struct apic *a); /* marks its vCPU: it may have an interrupt */
bool pc_interrupt_pending(const struct vcpu *v);
int pc_acknowledge(struct vcpu *v);
void pc_init(struct vcpu *v);
bool pc_halts_for_good(struct vcpu *v);

/* timers.c */
uint64_t pc_now(const struct bus *b); /* ns */
void pc_set_timer(struct bus *b, unsigned timer);
void pc_arm_lapic(struct apic *a, uint64_t since);
void pc_create_timers(struct pc *p);
void pc_rearm(struct pc *p); /* on vCPU 0's CPU */
void pc_park(struct vcpu *v);

/* ports.c, mmio.c */
uint32_t pc_in(struct vcpu *v, uint16_t port, unsigned width);
void pc_out(struct vcpu *v, uint16_t port, unsigned width, uint32_t value);
uint64_t pc_read(struct vcpu *v, gpa_t at, unsigned width);
void pc_write(struct vcpu *v, gpa_t at, unsigned width, uint64_t value);
/* mmio_emulate.c */
enum outcome pc_outside(struct vcpu *v, const struct board_access *a, unsigned *length);
