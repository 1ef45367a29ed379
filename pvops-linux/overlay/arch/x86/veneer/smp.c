// SPDX-License-Identifier: GPL-2.0-only
/* Other vCPUs: where their pages are, starting, stopping, and interrupts between them. */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/init.h>
#include <linux/sched/hotplug.h>
#include <linux/sched/task_stack.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/espfix.h>
#include <asm/fpu/api.h>
#include <asm/fsgsbase.h>
#include <asm/mtrr.h>
#include <asm/paravirt.h>
#include <asm/smp.h>
#include <asm/veneer.h>
#include <asm/x86_init.h>

static unsigned long vcpu_page_gpa(unsigned int cpu)
{
	return per_cpu_ptr_to_phys(per_cpu_ptr(&veneer_vcpu, cpu));
}

/* The per-CPU areas are set up: from now on the page is the one in CPU 0's. */
static void __init prepare_boot_cpu(void)
{
	veneer_call1(VENEER_HC_VCPU_PAGE, vcpu_page_gpa(0));
	this_cpu_write(veneer_vcpu.kernel_gs_base, rdgsbase());
	native_smp_prepare_boot_cpu();
}

static void __init register_cpus(void)
{
	unsigned int cpu;

	topology_register_boot_apic(0);
	for (cpu = 0; cpu < veneer_start_info->vcpus; cpu++)
		topology_register_apic(cpu, CPU_ACPIID_INVALID, true);
	smp_found_config = 1;
}

static void __init prepare_cpus(unsigned int max_cpus)
{
	smp_prepare_cpus_common();
}

/* There is no local APIC, but common code asks its driver for the current CPU's ID. */
static u32 get_apic_id(u32 unused)
{
	return raw_smp_processor_id();
}

static struct apic veneer_apic __ro_after_init;

void __init veneer_apic_init(void)
{
	veneer_apic = apic_noop;
	veneer_apic.name = "veneer";
	veneer_apic.get_apic_id = get_apic_id;
	apic_install_driver(&veneer_apic);
}

static void bring_up(void)
{
	unsigned int cpu = smp_processor_id();

	cr4_init();
	cpu_init_exception_handling(false);
	cpuhp_ap_sync_alive();
	cpu_init();
	fpu__init_cpu();
	smp_store_cpu_info(cpu);
	set_cpu_sibling_map(cpu);
	veneer_setup_clockevent();
	notify_cpu_starting(cpu);
	set_cpu_online(cpu, true);
	local_irq_enable();
}

/* Called by veneer_ap_entry, on the idle task's stack and with this CPU's GS. */
asmlinkage void veneer_ap_start(void);
asmlinkage void veneer_ap_start(void)
{
	veneer_cpu_register();
	load_direct_gdt(raw_smp_processor_id());
	bring_up();
	cpu_startup_entry(CPUHP_AP_ONLINE_IDLE);
}

static int kick_ap_alive(unsigned int cpu, struct task_struct *idle)
{
	struct veneer_vcpu_start start = {
		.rip = (unsigned long)veneer_ap_entry,
		.rsp = (unsigned long)task_pt_regs(idle),
		.rdi = per_cpu_offset(cpu),
		.root = __pa_symbol(swapper_pg_dir),
		.vcpu_page = vcpu_page_gpa(cpu),
	};
	int err;

	init_espfix_ap(cpu);
	err = common_cpu_up(cpu, idle);

	if (err)
		return err;
	return veneer_call2(VENEER_HC_VCPU_START, cpu, (unsigned long)&start);
}

static void send(unsigned int cpu, unsigned int event)
{
	veneer_call2(VENEER_HC_EVENT_SEND, cpu, event);
}

static void send_reschedule(int cpu)
{
	send(cpu, VENEER_IPI_RESCHEDULE);
}

static void send_call_func_ipi(const struct cpumask *mask)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask)
		send(cpu, VENEER_IPI_CALL);
}

static void send_call_func_single_ipi(int cpu)
{
	send(cpu, VENEER_IPI_CALL);
}

static void stop_self(void *unused)
{
	set_cpu_online(smp_processor_id(), false);
	local_irq_disable();
	for (;;)
		veneer_call0(VENEER_HC_VCPU_STOP);
}

static void veneer_stop_other_cpus(int wait)
{
	smp_call_function(stop_self, NULL, wait);
}

static void poll_sync_state(void)
{
	veneer_call0(VENEER_HC_YIELD);
}

#ifdef CONFIG_HOTPLUG_CPU
static int cpu_disable(void)
{
	if (!smp_processor_id())
		return -EBUSY;
	cpu_disable_common();
	load_cr3(swapper_pg_dir);
	return 0;
}

/* cpuhp_ap_report_dead() has been called; the vCPU is a few instructions away from stopping. */
static void cleanup_dead_cpu(unsigned int cpu)
{
	while (veneer_call1(VENEER_HC_VCPU_STOPPED, cpu) == 0)
		cpu_relax();
}

static void __noreturn veneer_play_dead(void)
{
	play_dead_common();
	for (;;)
		veneer_call0(VENEER_HC_VCPU_STOP);
}
#endif

static const struct smp_ops veneer_smp_ops __initconst = {
	.smp_prepare_boot_cpu	= prepare_boot_cpu,
	.smp_prepare_cpus	= prepare_cpus,
	.smp_cpus_done		= native_smp_cpus_done,
	.kick_ap_alive		= kick_ap_alive,
	.poll_sync_state	= poll_sync_state,
	.stop_other_cpus	= veneer_stop_other_cpus,
	.smp_send_reschedule	= send_reschedule,
	.send_call_func_ipi	= send_call_func_ipi,
	.send_call_func_single_ipi = send_call_func_single_ipi,
#ifdef CONFIG_HOTPLUG_CPU
	.cpu_disable		= cpu_disable,
	.cleanup_dead_cpu	= cleanup_dead_cpu,
	.play_dead		= veneer_play_dead,
#endif
};

void __init veneer_smp_ops_init(void)
{
	smp_ops = veneer_smp_ops;
	x86_init.mpparse.find_mptable = x86_init_noop;
	x86_init.mpparse.early_parse_smp_cfg = x86_init_noop;
	x86_init.mpparse.parse_smp_cfg = register_cpus;
}
