// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether /dev/kvm is worth using: an emulated one works, but is very slow. A short loop and a few
 * exits show it. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"

#define PROBE_MS 200 /* real hardware needs about one */

/* 16-bit code: a million rounds of a loop, 500 port writes, halt. */
static const unsigned char code[] = {
	0x66, 0xb9, 0x40, 0x42, 0x0f, 0x00, /* mov $1000000, %ecx */
	0x66, 0x49, 0x75, 0xfc,		    /* dec %ecx; jnz */
	0xb9, 0xf4, 0x01,		    /* mov $500, %cx */
	0xe6, 0x80, 0xe2, 0xfc,		    /* out %al, $0x80; loop */
	0xf4,
};

static int run_guest(void)
{
	int kvm = open("/dev/kvm", O_RDWR), vm, vcpu;
	struct kvm_userspace_memory_region region = { .memory_size = 4096 };
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;

	if (kvm < 0 || (vm = ioctl(kvm, KVM_CREATE_VM, 0)) < 0)
		return -1;
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memcpy(memory, code, sizeof(code));
	region.userspace_addr = (unsigned long)memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ||
	    (vcpu = ioctl(vm, KVM_CREATE_VCPU, 0)) < 0)
		return -1;
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED || ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		return -1;
	do
		if (ioctl(vcpu, KVM_RUN, 0))
			return -1;
	while (run->exit_reason == KVM_EXIT_IO);
	return run->exit_reason == KVM_EXIT_HLT ? 0 : -1;
}

/* The probe's exit status, or -1 if it takes too long: it may hang in the kernel. */
static int run_probe(void)
{
	int life[2], status = -1; /* the pipe closes when the probe ends */

	if (pipe(life))
		return 1;
	pid_t pid = fork();
	if (!pid)
		_exit(run_guest() ? 1 : 0);
	close(life[1]);
	struct pollfd ends = { life[0], POLLIN, 0 };
	bool in_time = poll(&ends, 1, PROBE_MS) > 0;
	close(life[0]);
	if (pid > 0 && !in_time)
		kill(pid, SIGKILL);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return !in_time ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

const char *accelerator_choose(const char **why)
{
	if (access("/dev/kvm", R_OK | W_OK)) {
		*why = "no usable /dev/kvm";
		return "tcg";
	}
	int status = run_probe();
	*why = !status	    ? "/dev/kvm works"
	       : status < 0 ? "/dev/kvm is too slow"
			    : "/dev/kvm cannot run a guest";
	return status ? "tcg" : "kvm";
}

bool processor_has_vmx(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[8192];
	bool has = false;

	while (f && !has && fgets(line, sizeof(line), f))
		has = !strncmp(line, "flags", 5) && strstr(line, " vmx ");
	if (f)
		fclose(f);
	return has;
}
