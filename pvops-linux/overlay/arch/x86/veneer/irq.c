// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts. The hypervisor sets bits in the vCPU page and enters veneer_event_entry; the timer and
 * the IPIs are handled here at once, devices through an irq_domain with one irq for each event.
 */
#include <linux/hardirq.h>
#include <linux/init.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/smp.h>
#include <asm/hardirq.h>
#include <asm/idtentry.h>
#include <asm/irq_regs.h>
#include <asm/paravirt.h>
#include <asm/veneer.h>
#include <asm/x86_init.h>

static struct irq_domain *devices;

static void handle(unsigned int event)
{
	switch (event) {
	case VENEER_EVENT_TIMER:
		inc_irq_stat(apic_timer_irqs);
		veneer_timer_event();
		break;
	case VENEER_IPI_RESCHEDULE:
		inc_irq_stat(irq_resched_count);
		scheduler_ipi();
		break;
	case VENEER_IPI_CALL:
		inc_irq_stat(irq_call_count);
		generic_smp_call_function_interrupt();
		break;
	default:
		if (devices)
			generic_handle_domain_irq(devices, event);
	}
}

DEFINE_IDTENTRY_SYSVEC(sysvec_veneer_event)
{
	struct pt_regs *old_regs = set_irq_regs(regs);
	u64 events;

	while ((events = xchg(&this_cpu_ptr(&veneer_vcpu)->events, 0))) {
		while (events) {
			unsigned int event = __ffs64(events);

			events &= events - 1;
			handle(event);
		}
	}
	set_irq_regs(old_regs);
}

/* An event is an edge; the core keeps masks in software. */
static void event_noop(struct irq_data *data)
{
}

static struct irq_chip event_chip = {
	.name		= "veneer",
	.irq_ack	= event_noop,
	.irq_mask	= event_noop,
	.irq_unmask	= event_noop,
};

static int event_map(struct irq_domain *domain, unsigned int irq, irq_hw_number_t event)
{
	irq_set_chip_and_handler(irq, &event_chip, handle_edge_irq);
	return 0;
}

static const struct irq_domain_ops event_ops = { .map = event_map };

/* The Linux irq of a device's event, or 0. */
int veneer_event_irq(unsigned int event)
{
	return irq_create_mapping(devices, event);
}

static void __init veneer_init_irq(void)
{
	devices = irq_domain_add_linear(NULL, VENEER_EVENTS, &event_ops, NULL);
}

static void veneer_safe_halt(void)
{
	veneer_call0(VENEER_HC_HALT);
}

/* Halts for ever, with events masked. */
static void veneer_halt(void)
{
	veneer_call0(VENEER_HC_VCPU_STOP);
}

void __init veneer_irq_ops_init(void)
{
	pv_ops.irq.save_fl = __PV_IS_CALLEE_SAVE(veneer_save_fl);
	pv_ops.irq.irq_disable = __PV_IS_CALLEE_SAVE(veneer_irq_disable);
	pv_ops.irq.irq_enable = __PV_IS_CALLEE_SAVE(veneer_irq_enable);
	pv_ops.irq.safe_halt = veneer_safe_halt;
	pv_ops.irq.halt = veneer_halt;

	x86_init.irqs.pre_vector_init = x86_init_noop;
	x86_init.irqs.intr_init = veneer_init_irq;
	x86_init.irqs.intr_mode_select = x86_init_noop;
	x86_init.irqs.intr_mode_init = x86_init_noop;
}
