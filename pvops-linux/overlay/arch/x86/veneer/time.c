// SPDX-License-Identifier: GPL-2.0-only
/* Time: the pvclock of the vCPU page, and a one-shot timer on the same nanoseconds. */
#include <linux/clockchips.h>
#include <linux/clocksource.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/sched/clock.h>
#include <asm/paravirt.h>
#include <asm/pvclock.h>
#include <asm/veneer.h>
#include <asm/x86_init.h>

/* The clock is the same on all vCPUs and never changes: one copy serves kernel and vDSO. */
static struct {
	struct pvclock_vsyscall_time_info info;
	u8 rest[PAGE_SIZE - sizeof(struct pvclock_vsyscall_time_info)];
} clock __page_aligned_data;

static DEFINE_PER_CPU(struct clock_event_device, veneer_timer);

static noinstr u64 veneer_clock_ns(void)
{
	return pvclock_clocksource_read_nowd(&clock.info.pvti);
}

static u64 veneer_clocksource_read(struct clocksource *cs)
{
	return veneer_clock_ns();
}

static int veneer_clocksource_enable(struct clocksource *cs)
{
	vclocks_set_used(VDSO_CLOCKMODE_PVCLOCK);
	return 0;
}

static struct clocksource veneer_clocksource = {
	.name	= "veneer",
	.rating	= 299, /* the TSC itself, if usable, has 300 and is a little cheaper */
	.read	= veneer_clocksource_read,
	.mask	= CLOCKSOURCE_MASK(64),
	.flags	= CLOCK_SOURCE_IS_CONTINUOUS | CLOCK_SOURCE_VALID_FOR_HRES,
	.enable	= veneer_clocksource_enable,
	.vdso_clock_mode = VDSO_CLOCKMODE_PVCLOCK,
};

static int timer_next(unsigned long delta, struct clock_event_device *dev)
{
	return veneer_call2(VENEER_HC_TIMER_SET, veneer_clock_ns() + delta, 0);
}

static int timer_off(struct clock_event_device *dev)
{
	return veneer_call2(VENEER_HC_TIMER_SET, 0, 0);
}

void veneer_timer_event(void)
{
	struct clock_event_device *dev = this_cpu_ptr(&veneer_timer);

	if (dev->event_handler)
		dev->event_handler(dev);
}

void veneer_setup_clockevent(void)
{
	struct clock_event_device *dev = this_cpu_ptr(&veneer_timer);

	*dev = (struct clock_event_device) {
		.name			= "veneer",
		.features		= CLOCK_EVT_FEAT_ONESHOT,
		.rating			= 400,
		.set_next_event		= timer_next,
		.set_state_shutdown	= timer_off,
		.cpumask		= cpumask_of(smp_processor_id()),
	};
	clockevents_config_and_register(dev, NSEC_PER_SEC, 1000, LONG_MAX);
}

void veneer_stop_clockevent(void)
{
	clockevents_unbind_device(this_cpu_ptr(&veneer_timer), smp_processor_id());
}

static unsigned long veneer_tsc_khz(void)
{
	setup_force_cpu_cap(X86_FEATURE_TSC_KNOWN_FREQ);
	return veneer_start_info->tsc_khz;
}

static void veneer_get_wallclock(struct timespec64 *now)
{
	u64 ns = veneer_start_info->wall_clock + veneer_clock_ns();

	*now = ns_to_timespec64(ns);
}

static int veneer_set_wallclock(const struct timespec64 *now)
{
	return -ENODEV;
}

static void __init veneer_time_init(void)
{
	clocksource_register_hz(&veneer_clocksource, NSEC_PER_SEC);
	veneer_setup_clockevent();
}

void __init veneer_sched_clock_init(void)
{
	paravirt_set_sched_clock(veneer_clock_ns);
}

void __init veneer_time_ops_init(void)
{
	BUILD_BUG_ON(sizeof(struct veneer_clock) != sizeof(struct pvclock_vcpu_time_info));
	memcpy(&clock.info.pvti, &this_cpu_ptr(&veneer_vcpu)->clock, sizeof(clock.info.pvti));
	pvclock_set_flags(PVCLOCK_TSC_STABLE_BIT);
	pvclock_set_pvti_cpu0_va(&clock.info);

	x86_platform.calibrate_tsc = veneer_tsc_khz;
	x86_platform.calibrate_cpu = veneer_tsc_khz;
	x86_platform.get_wallclock = veneer_get_wallclock;
	x86_platform.set_wallclock = veneer_set_wallclock;
	x86_init.timers.timer_init = veneer_time_init;
	x86_init.timers.setup_percpu_clockev = x86_init_noop;
	x86_cpuinit.setup_percpu_clockev = x86_init_noop;
}
