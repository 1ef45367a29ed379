// SPDX-License-Identifier: GPL-2.0-only
/* From the hypervisor's start information to start_kernel(), and the ways out of a running kernel. */
#define pr_fmt(fmt) "veneer: " fmt

#include <linux/acpi.h>
#include <linux/console.h>
#include <linux/init.h>
#include <linux/kexec.h>
#include <linux/panic_notifier.h>
#include <linux/reboot.h>
#include <linux/start_kernel.h>
#include <asm/bootparam.h>
#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/e820/api.h>
#include <asm/hypervisor.h>
#include <asm/paravirt.h>
#include <asm/reboot.h>
#include <asm/setup.h>
#include <asm/text-patching.h>
#include <asm/veneer.h>
#include <asm/x86_init.h>

#include "../kernel/cpu/cpu.h"

bool veneer_guest __ro_after_init;
const struct veneer_start_info *veneer_start_info __ro_after_init;

static struct veneer_start_info start_info __ro_after_init;

extern void early_xen_iret_patch(void);	/* entry_64.S: the jump to an IRET */
void veneer_iret(void);

/* Text goes to the hypervisor's console until hvc takes over. */
static void early_write(struct console *con, const char *text, unsigned int n)
{
	veneer_call2(VENEER_HC_CONSOLE_WRITE, (unsigned long)text, n);
}

static struct console early_console_veneer = {
	.name	= "earlyveneer",
	.write	= early_write,
	.flags	= CON_PRINTBUFFER | CON_BOOT | CON_ANYTIME,
	.index	= -1,
};

static char *__init memory_setup(void)
{
	e820__range_add(0, start_info.memory, E820_TYPE_RAM);
	e820__update_table(e820_table);
	return "Veneer";
}

static void __noreturn shut_down(unsigned long how, unsigned long code)
{
	veneer_call2(VENEER_HC_SHUTDOWN, how, code);
	for (;;)
		veneer_call0(VENEER_HC_VCPU_STOP);
}

static void veneer_restart(char *command)
{
	shut_down(VENEER_SHUTDOWN_REBOOT, 0);
}

static void veneer_power_off(void)
{
	shut_down(VENEER_SHUTDOWN_POWEROFF, 0);
}

static void veneer_emergency_restart(void)
{
	shut_down(VENEER_SHUTDOWN_REBOOT, 0);
}

static void veneer_crash_shutdown(struct pt_regs *regs)
{
	shut_down(VENEER_SHUTDOWN_CRASH, 0);
}

static int panic_event(struct notifier_block *nb, unsigned long event, void *text)
{
	if (!kexec_crash_loaded() && panic_timeout >= 0) {
		bust_spinlocks(0);
		console_flush_on_panic(CONSOLE_FLUSH_PENDING);
		shut_down(panic_timeout ? VENEER_SHUTDOWN_REBOOT : VENEER_SHUTDOWN_CRASH, 0);
	}
	return NOTIFY_DONE;
}

static struct notifier_block panic_block = {
	.notifier_call	= panic_event,
	.priority	= INT_MIN,
};

static void __init arch_setup(void)
{
	disable_acpi();
	if (strstr(boot_command_line, "earlyprintk"))
		register_console(&early_console_veneer);
	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
}

static void __init banner(void)
{
	pr_info("ABI %u.%u, %llu MiB, %u vCPU%s\n", start_info.abi_major, start_info.abi_minor,
		start_info.memory >> 20, start_info.vcpus, start_info.vcpus == 1 ? "" : "s");
}

static void __init legacy_features(void)
{
	x86_platform.legacy.rtc = 0;
	x86_platform.legacy.no_vga = 1;
	x86_platform.legacy.warm_reset = 0;
	x86_platform.legacy.i8042 = X86_LEGACY_I8042_PLATFORM_ABSENT;
	x86_platform.legacy.devices.pnpbios = 0;
	x86_platform.legacy.reserve_bios_regions = 0;
}

static uint32_t __init detect(void)
{
	return veneer_guest ? 1 : 0;
}

/* From here on static calls can be updated. */
static void __init init_platform(void)
{
	veneer_sched_clock_init();
	veneer_apic_init();
}

const struct hypervisor_x86 x86_hyper_veneer __initconst = {
	.name			= "Veneer",
	.detect			= detect,
	.type			= X86_HYPER_VENEER,
	.init.init_platform	= init_platform,
	.init.x2apic_available	= bool_x86_init_noop,
	.init.guest_late_init	= x86_init_noop,
	.ignore_nopv		= true,
};

static void __init platform_ops_init(void)
{
	x86_init.resources.memory_setup = memory_setup;
	x86_init.resources.probe_roms = x86_init_noop;
	x86_init.resources.reserve_resources = x86_init_noop;
	x86_init.oem.arch_setup = arch_setup;
	x86_init.oem.banner = banner;
	x86_platform.set_legacy_features = legacy_features;
	x86_platform.realmode_reserve = x86_init_noop;
	x86_platform.realmode_init = x86_init_noop;

	machine_ops.restart = veneer_restart;
	machine_ops.halt = veneer_power_off;
	machine_ops.power_off = veneer_power_off;
	machine_ops.emergency_restart = veneer_emergency_restart;
	machine_ops.crash_shutdown = veneer_crash_shutdown;
	pm_power_off = veneer_power_off;
}

static void __init fill_boot_params(void)
{
	boot_params.hdr.version = 0x020c;
	boot_params.hdr.type_of_loader = 0xff;
	boot_params.hdr.ramdisk_image = start_info.module;
	boot_params.hdr.ramdisk_size = start_info.module_bytes;
	boot_params.hdr.cmd_line_ptr = __pa_symbol(start_info.cmdline);
	strscpy(boot_command_line, start_info.cmdline, COMMAND_LINE_SIZE);
}

/*
 * The first C code. It runs on early_top_pgt, which maps the image, and to which page faults of early
 * code add parts of the direct map; and on the boot stack and CPU 0's initial per-CPU data.
 */
void __init veneer_start_kernel(unsigned long info)
{
	clear_bss();
	clear_page(init_top_pgt);
	veneer_guest = true;

	__text_gen_insn(&early_xen_iret_patch, JMP32_INSN_OPCODE, &early_xen_iret_patch,
			&veneer_iret, JMP32_INSN_SIZE);

	pv_info.name = "Veneer";
	veneer_call1(VENEER_HC_VCPU_PAGE, __pa(per_cpu_ptr(&veneer_vcpu, 0)));
	veneer_cpu_ops_init();
	veneer_irq_ops_init();
	veneer_mmu_ops_init();
	veneer_smp_ops_init();
	early_boot_irqs_disabled = true;
	switch_gdt_and_percpu_base(0);
	veneer_cpu_register();
	idt_setup_early_handler();
	init_top_pgt[pgd_index(__START_KERNEL_map)] =
		early_top_pgt[pgd_index(__START_KERNEL_map)];

	start_info = *(struct veneer_start_info *)__va(info);
	veneer_start_info = &start_info;
	veneer_time_ops_init();
	platform_ops_init();
	get_cpu_cap(&boot_cpu_data);
	x86_configure_nx();
	get_cpu_address_sizes(&boot_cpu_data);

	fill_boot_params();
	x86_64_start_reservations((char *)__pa_symbol(&boot_params));
}
