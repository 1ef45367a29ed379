// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A small VMM for KVM, as /init of an initramfs: runs a 32-bit Multiboot kernel (/guest, with the
 * command line in /cmdline) with KVM's own 8259, 8254 and local APIC, and a serial port that is
 * always ready. It prints what the guest writes there. Before that it loads /modules/N.ko, with N
 * from 0.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#define MEMORY	   (16u << 20)
#define INFO_AT	   0x1000 /* the command line follows it */
#define CMDLINE_AT 0x1100
#define MULTIBOOT  0x2badb002
#define COM1	   0x3f8
#define LSR	   (COM1 + 5)
#define LSR_EMPTY  0x60
#define EXIT_PORT  0xf4

static uint8_t *memory;

static void die(const char *what)
{
	printf("kvmrun: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	exit(1);
}

static int ask(int fd, unsigned long request, const void *with, const char *what)
{
	int result = ioctl(fd, request, with);

	if (result < 0)
		die(what);
	return result;
}

static void prepare_system(void)
{
	char path[32];
	int fd;

	mkdir("/dev", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	fd = open("/dev/console", O_RDWR);
	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/modules/%d.ko", i);
		fd = open(path, O_RDONLY);
		if (fd >= 0 && syscall(SYS_finit_module, fd, "", 0) && errno != ENODEV)
			die(path);
	}
}

static size_t read_file(const char *path, void *to, size_t bytes)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, to, bytes);

	if (n < 0)
		die(path);
	close(fd);
	return (size_t)n;
}

/* Returns the entry point. */
static uint32_t load_guest(void)
{
	static uint8_t image[4 << 20];
	size_t size = read_file("/guest", image, sizeof(image));
	const Elf32_Ehdr *e = (const Elf32_Ehdr *)image;

	for (unsigned i = 0; i < e->e_phnum; i++) {
		const Elf32_Phdr *p = (const Elf32_Phdr *)(image + e->e_phoff) + i;

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_offset + p->p_filesz > size || p->p_paddr + p->p_memsz > MEMORY)
			die("/guest: a segment is outside");
		memcpy(memory + p->p_paddr, image + p->p_offset, p->p_filesz);
	}
	return e->e_entry;
}

static int create_machine(int kvm)
{
	int vm = ask(kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("memory");
	memset(memory, 0, MEMORY);
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY,
						      .userspace_addr = (uintptr_t)memory };
	ask(vm, KVM_SET_TSS_ADDR, (void *)0xfffbd000, "KVM_SET_TSS_ADDR");
	ask(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	ask(vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP");
	ask(vm, KVM_CREATE_PIT2, &pit, "KVM_CREATE_PIT2");
	return vm;
}

/* Multiboot 0.6.96, section 3.2: flat segments, protected mode, no paging. */
static void set_registers(int vcpu, uint32_t entry)
{
	struct kvm_segment code = {
		.limit = ~0u, .selector = 8, .type = 11, .present = 1, .db = 1, .s = 1, .g = 1
	};
	struct kvm_segment data = code;
	struct kvm_sregs s = { 0 };
	struct kvm_regs r = { .rip = entry, .rflags = 2, .rax = MULTIBOOT, .rbx = INFO_AT };
	uint32_t info[5] = { 4, 0, 0, 0, CMDLINE_AT };

	data.selector = 16;
	data.type = 3;
	ask(vcpu, KVM_GET_SREGS, &s, "KVM_GET_SREGS");
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cr0 = 0x11;
	ask(vcpu, KVM_SET_SREGS, &s, "KVM_SET_SREGS");
	ask(vcpu, KVM_SET_REGS, &r, "KVM_SET_REGS");
	memcpy(memory + INFO_AT, info, sizeof(info));
	read_file("/cmdline", memory + CMDLINE_AT, 255);
}

static struct kvm_run *create_vcpu(int kvm, int vm, uint32_t entry, int *vcpu)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[200];
	} cpuid = { .head.nent = 200 };

	*vcpu = ask(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	ask(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid, "KVM_GET_SUPPORTED_CPUID");
	ask(*vcpu, KVM_SET_CPUID2, &cpuid, "KVM_SET_CPUID2");
	set_registers(*vcpu, entry);
	size_t bytes = (size_t)ask(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	void *run = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *vcpu, 0);
	if (run == MAP_FAILED)
		die("struct kvm_run");
	return run;
}

/* Returns false if the guest has ended. */
static int do_io(struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	if (run->io.direction == KVM_EXIT_IO_IN)
		memset(data, run->io.port == LSR ? LSR_EMPTY : 0xff, run->io.size * run->io.count);
	else if (run->io.port == COM1)
		fwrite(data, 1, run->io.count, stdout);
	return run->io.direction == KVM_EXIT_IO_IN || run->io.port != EXIT_PORT;
}

static void run_guest(int vcpu, struct kvm_run *run)
{
	for (;;) {
		ask(vcpu, KVM_RUN, NULL, "KVM_RUN");
		if (run->exit_reason != KVM_EXIT_IO) {
			errno = EPROTO;
			printf("kvmrun: exit reason %u\n", run->exit_reason);
			die("KVM_RUN");
		}
		if (!do_io(run))
			return;
	}
}

int main(void)
{
	int kvm, vm, vcpu;

	prepare_system();
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		die("/dev/kvm");
	vm = create_machine(kvm);
	uint32_t entry = load_guest();
	struct kvm_run *run = create_vcpu(kvm, vm, entry, &vcpu);
	run_guest(vcpu, run);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	return 1;
}
