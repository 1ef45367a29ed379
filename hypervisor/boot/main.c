// SPDX-License-Identifier: GPL-2.0-or-later
/* From the boot loader's jump to the first guest, in order. */
#include "arch/acpi.h"
#include "console/monitor.h"
#include "debug/gdb/gdb.h"
#include "engine/ring/shadow/mmu.h"
#include "guest/guest.h"
#include "guest/sched.h"
#include "guest/speculation.h"
#include "kernel/apic.h"
#include "kernel/boot_info.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "pc/disk.h"

static struct boot_info boot;
static struct config config;
static struct acpi_info acpi;
static uint64_t entry_tsc;
static uint32_t off_once;

static void machine_stop(uint8_t code)
{
	outb(0xf4, code);
	if (acpi.pm1a_port)
		outw(acpi.pm1a_port, 0x2000); /* S5 of QEMU and Bochs: SLP_TYP 0, SLP_EN */
	outw(0xb004, 0x2000);
	for (;;)
		__asm__ volatile("cli; hlt");
}

#define refuse_boot(...) (console_print("cannot start: " __VA_ARGS__), machine_stop(1))

void panic_at(const char *file, int line, const char *fmt, ...)
{
	char text[200];

	format_rest(text, fmt);
	console_print_now("PANIC at %s:%d: %s", file, line, text);
	machine_stop(2);
	__builtin_unreachable();
}

uint64_t __stack_chk_guard; /* boot.S */
void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("stack protector: a function overwrote its stack frame, before %lx",
	      (uint64_t)__builtin_return_address(0));
}

void machine_guest_stats(struct guest *g)
{
	uint64_t worst = 0;
	char text[256];
	int used = 0;

	for (unsigned i = 0; i < COUNTERS; i++)
		used += format(text + used, sizeof(text) - (size_t)used, " %s=%lu",
			       counter_names[i], guest_count_of(g, i));
	for (unsigned i = 0; i < g->vcpus; i++)
		worst = MAX(worst, g->vcpu[i].worst_wait);
	console_print("stats %s first_instruction_ticks=%lu ran_us=%lu worst_wait_us=%lu "
		      "overhead_kib=%lu shadow_pages=%u%s",
		      g->config->name, g->first_entry ? g->first_entry - entry_tsc : 0,
		      ns_from_tsc(guest_ran(g)) / 1000, ns_from_tsc(worst) / 1000,
		      g->overhead >> 10, g->mmu ? g->mmu->pool_pages - g->mmu->pool_free : 0, text);
}

/* Lists optional guests that failed, for the last line. */
static void name_optional(char *to, size_t size)
{
	int used = 0;

	for (unsigned i = 0; i < config.guests; i++) {
		const struct guest_config *c = &config.guest[i];
		const struct guest *g = c->optional ? guest_find(c->name) : NULL;

		if (!c->optional || (g && !g->exit_code))
			continue;
		const char *before = used ? "," : ", but optional:";
		size_t left = size - (size_t)used;
		used += g ? format(to + used, left, "%s %s exit code %d", before, c->name,
				   g->exit_code)
			  : format(to + used, left, "%s %s not started", before, c->name);
	}
}

void machine_off(void)
{
	uint64_t overhead = 0;
	char optional[GUESTS_MAX * (NAME_MAX + 16) + 32] = "";
	bool well = !config.errors;

	if (__atomic_exchange_n(&off_once, 1, __ATOMIC_ACQ_REL))
		return;
	console_stop_buffering();
	for (unsigned i = 0; i < guest_count; i++) {
		struct guest *g = &guests[i];

		machine_guest_stats(g);
		rewritten_print_profile(g);
		overhead += g->overhead + ram_bytes(&g->memory);
		well &= g->config->optional || g->exit_code == 0;
	}
	console_print("memory hypervisor_kib=%lu guests_kib=%lu image_kib=%lu",
		      (machine_memory.used - overhead) >> 10, overhead >> 10,
		      machine_memory.image >> 10);
	for (unsigned i = 0; i < cpu_count; i++)
		if (cpus[i].nmi_count)
			console_print("core %u took %lu NMIs", i, cpus[i].nmi_count);
	for (unsigned i = 0; i < guest_count; i++)
		console_print("exit code of %s: %d", guests[i].config->name, guests[i].exit_code);
	name_optional(optional, sizeof(optional));
	console_print("all done, %s%s", well ? "all well" : "not all well", well ? optional : "");
	machine_stop(well ? 0 : 1);
}

static void config_error(UNUSED void *arg, unsigned line, const char *message)
{
	console_print("the configuration, line %u: %s", line, message);
}

static struct file conf;

static void read_bundle(void)
{
	const void *bundle = direct(boot.bundle);

	if (!boot.bundle_bytes)
		refuse_boot("no bundle: give one with -initrd, or as a GRUB module2");
	switch (bundle_find(bundle, boot.bundle_bytes, "veneer.conf", &conf)) {
	case 0: break;
	case -ENOENT: refuse_boot("no veneer.conf in the bundle"); break;
	default: refuse_boot("the bundle is not a whole cpio archive in newc format");
	}
	config_read(&config, (const char *)conf.data, conf.bytes, config_error, NULL);
}

static bool find_file(const struct guest_config *c, const char *name, struct file *file)
{
	if (!bundle_find(direct(boot.bundle), boot.bundle_bytes, name, file) &&
	    file->data != conf.data) /* which has lines of other guests */
		return true;
	console_print("%s: no file \"%s\" in the bundle: not started", c->name, name);
	return false;
}

static bool find_all(const struct guest_config *c, const struct file_config *files, unsigned count,
		     struct file *to)
{
	bool found = true;

	for (unsigned i = 0; i < count && found; i++)
		found = find_file(c, files[i].file, &to[i]);
	return found;
}

static bool find_files(struct guest *g, const struct guest_config *c)
{
	if (!find_file(c, c->image, &g->image.file) ||
	    !find_all(c, c->module, c->modules, g->module) ||
	    !find_all(c, c->disk, c->disks, g->disk))
		return false;
	const char *why = disk_refused(g);
	if (why)
		console_print("%s: %s: not started", c->name, why);
	return !why;
}

static bool try_guest(const struct guest_config *c)
{
	struct guest *g = &guests[guest_count];
	char cores[GUEST_CORES];

	if (!sched_choose_cpu(c->cpus)) {
		console_print(
			"the configuration, line %u: %s: none of its cores is there, the machine "
			"has %u: not started",
			c->line, c->name, cpu_count);
		return false;
	}
	memset(g, 0, sizeof(*g));
	g->id = guest_count;
	if (!find_files(g, c))
		return false;
	g->debugger = c->gdb ? &gdb_debugger : NULL;
	if (guest_create(g, c)) {
		sched_forget(g);
		return false;
	}
	guest_count++;
	console_print("%s: %s, %lu MiB, core %s, engine %s, %s", c->name, c->image, c->memory >> 20,
		      guest_cores(g, cores), g->engine->name, preparation_names[g->image.prepare]);
	return true;
}

/* An invalid line is an error in any section. So is a guest for which the machine has no core or
 * memory, unless it is optional. */
static void create_guest(const struct guest_config *c)
{
	if (c->broken)
		console_print("%s: not started, see above", c->name);
	else if (!try_guest(c) && !c->optional)
		config.errors++;
}

static void read_boot_info(uint32_t magic, mpa_t info)
{
	int err = -EINVAL;

	if (magic == BOOT_MAGIC_PVH)
		err = pvh_read(info, &boot);
	else if (magic == BOOT_MAGIC_MB2)
		err = multiboot2_read(info, &boot);
	if (err)
		refuse_boot("neither PVH nor Multiboot2 information from the boot loader");
}

#define MEMORY_MIN MIB(8)

#define BOOT_REACH (4ull << 30) /* of the tables that boot.S builds */

static void read_acpi(void)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	acpi_read(&acpi, boot.rsdp, BOOT_REACH, r[1] >> 24);
	if (acpi.wrong)
		console_print("firmware table %s is broken: ignored", acpi.wrong);
	if (acpi.cpus_found > acpi.cpus)
		console_print(
			"the machine has %u processors, this build uses %u: raise CPUS_MAX in "
			"arch/acpi.h",
			acpi.cpus_found, acpi.cpus);
}

static void prepare_machine(void)
{
	/* not by RDRAND: runs with instruction counting must be repeatable */
	mmu_secret = entry_tsc * 0x9e3779b97f4a7c15 | 1;
	const char *missing = cpu_features_detect();

	if (missing)
		refuse_boot("this processor has no %s", missing);
	memory_init(&boot);
	if (memory_free_bytes() < MEMORY_MIN)
		refuse_boot("%lu KiB of memory free, at least %lu wanted",
			    memory_free_bytes() >> 10, MEMORY_MIN >> 10);
	mmu_can_mark = cpu_features.physical_bits && cpu_features.physical_bits < 52;
	hv_tables_init();
	read_acpi();
	cpu_count = acpi.cpus;
	for (unsigned i = 0; i < cpu_count; i++) {
		cpus[i].id = i;
		cpus[i].apic_id = acpi.apic_id[i];
		cpu_prepare(&cpus[i]);
	}
	cpu_load_tables(&cpus[0]);
	cpus[0].online = true;
	pic_disable();
	apic_init();
	clock_calibrate();
}

/* Runs on all CPUs in parallel. Engines allocate machine memory, so they are initialized one CPU at
 * a time. */
static void run_guests(struct cpu *cpu)
{
	static SPINLOCK(LOCK_START) lock;

	spin_lock(&lock);
	for (unsigned i = 0; i < guest_count; i++)
		guests[i].engine->start_cpu(cpu);
	spin_unlock(&lock);
	sched_run(cpu);
}

void boot_main(uint32_t magic, uint64_t info);
void boot_main(uint32_t magic, uint64_t info)
{
	entry_tsc = rdtsc();
	console_init();
	read_boot_info(magic, MPA(info));
	prepare_machine();
	console_print("Veneer, %s boot, %u processor%s, %lu MiB, TSC %lu MHz, %s" LOCKS_CHECKED,
		      boot.loader, cpu_count, cpu_count == 1 ? "" : "s", machine_memory.total >> 20,
		      tsc_khz / 1000, cpu_features.name);
	cpus_start();
	read_bundle();
	speculation_init(&config);
	for (unsigned i = 0; i < config.guests; i++)
		create_guest(&config.guest[i]);
	for (unsigned i = 0; i < cpu_count; i++)
		sched_shares(&cpus[i]);
	if (!guest_count)
		refuse_boot("no guest can be started");
	speculation_warn_of_threads();
	console_take_input(monitor_input);
	ioapic_route(&acpi, acpi.com1_gsi, VECTOR_CONSOLE, cpus[0].apic_id);
	console_print("boot entry_ticks=%lu", rdtsc() - entry_tsc);
	gdb_start();
	hv_tables_seal();
	console_buffering = true;
	cpus_go(run_guests);
	run_guests(&cpus[0]);
}
