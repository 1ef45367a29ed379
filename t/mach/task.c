// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first task of GNU Mach: talks to the kernel by system calls, which go through a call gate in
 * the LDT, and messages, and says on the console what came of it. Its arguments are the names of
 * the ports that a bootstrap task is given, "--host=1 --device=2" (t/32-translated.t).
 */
#include <stddef.h>
#include <stdint.h>

#define TRAP(name, number) \
	__asm__(".globl " #name "\n" #name ": movl $-" #number ", %eax; lcall $7, $0; ret\n")

typedef uint32_t port;

/* Mach's traps */
int mach_msg_trap(void *msg, uint32_t option, uint32_t send, uint32_t receive, port from,
		  uint32_t timeout, port notify);
port mach_reply_port(void);
port mach_task_self(void);
int vm_allocate(port task, uint32_t *address, uint32_t bytes, int anywhere);
int vm_deallocate(port task, uint32_t address, uint32_t bytes);
int thread_yield(void);
TRAP(mach_msg_trap, 25);
TRAP(mach_reply_port, 26);
TRAP(mach_task_self, 28);
TRAP(thread_yield, 60);
TRAP(vm_allocate, 65);
TRAP(vm_deallocate, 66);

__asm__(".globl _start\n_start: movl %esp, %eax; pushl %eax; call run; jmp .\n");

/* A message, and the types of what it holds: name, bits, number, and whether it is inline. */
struct header {
	uint32_t bits, size;
	port remote, local;
	uint32_t sequence, id;
};
#define TYPE(name, bits, number) ((name) | (bits) << 8 | (number) << 16 | 1u << 28)
#define INTEGER			 TYPE(2u, 32u, 1u)
#define LONG_FORM		 (3u << 28)

static port reply_port;

#define ELSEWHERE (1u << 31) /* of bits: data is at an address */

/* Returns the kernel's answer, which is in the reply behind its type. */
static int call(struct header *m, uint32_t size, uint32_t room, port to, uint32_t id)
{
	m->bits |= 19 | 21 << 8; /* copy a send right, make a send-once right for the reply */
	m->size = size;
	m->remote = to;
	m->local = reply_port;
	m->id = id;
	int err = mach_msg_trap(m, 3, size, room, reply_port, 0, 0);
	return err ? err : ((const int *)(m + 1))[1];
}

static void copy(char *to, const char *from, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		to[i] = from[i];
}

static int open_device(port master, const char *name, port *device)
{
	struct {
		struct header h;
		uint32_t mode_type, mode, name_type, name_long, name_number;
		char name[128];
	} m = { .mode_type = INTEGER,
		.mode = 3,
		.name_type = LONG_FORM,
		.name_long = 12 | 1024 << 16,
		.name_number = 1 };

	for (unsigned i = 0; name[i]; i++)
		m.name[i] = name[i];
	int err = call(&m.h, sizeof(m), sizeof(m), master, 2800);
	*device = m.name_long; /* behind the result, and its type */
	return err;
}

static int write(port device, const char *text, uint32_t bytes)
{
	struct {
		struct header h;
		uint32_t mode_type, mode, record_type, record, data_type;
		char data[128];
	} m = { .mode_type = INTEGER, .record_type = INTEGER, .data_type = TYPE(8u, 8u, bytes) };

	copy(m.data, text, bytes);
	return call(&m.h, (uint32_t)offsetof(typeof(m), data) + ((bytes + 3) & ~3u), sizeof(m),
		    device, 2803);
}

static port console;

static void say(const char *text)
{
	uint32_t bytes = 0;

	while (text[bytes])
		bytes++;
	write(console, text, bytes);
}

static void say_number(const char *before, uint32_t n, const char *after)
{
	char digits[12], *d = digits + 11;

	*d = 0;
	do
		*--d = (char)('0' + n % 10);
	while (n /= 10);
	say(before);
	say(d);
	say(after);
}

/* Pages that the kernel makes as they are touched. Returns how many held what was written. */
static uint32_t memory(uint32_t pages)
{
	uint32_t at = 0, right = 0, left = 0;

	if (vm_allocate(mach_task_self(), &at, pages * 4096, 1))
		return 0;
	for (uint32_t i = 0; i < pages; i++) {
		volatile uint32_t *page = (void *)(uintptr_t)(at + i * 4096);

		left += page[7];
		page[7] = i * 77 + 1;
	}
	for (uint32_t i = 0; i < pages; i++)
		right += *(volatile uint32_t *)(uintptr_t)(at + i * 4096 + 28) == i * 77 + 1;
	return vm_deallocate(mach_task_self(), at, pages * 4096) || left ? 0 : right;
}

/* Whole sectors of a disk, from that one on. */
static int read_disk(port device, uint32_t sector, uint32_t bytes, const uint8_t **data)
{
	struct {
		struct header h;
		uint32_t mode_type, mode, record_type, record, bytes_type, bytes;
	} m = { .mode_type = INTEGER,
		.record_type = INTEGER,
		.record = sector,
		.bytes_type = INTEGER,
		.bytes = bytes };
	int err = call(&m.h, sizeof(m), sizeof(m), device, 2804);

	*data = (const uint8_t *)(uintptr_t)m.bytes; /* the reply's last word */
	return err;
}

static int write_disk(port device, uint32_t sector, const uint8_t *data, uint32_t bytes)
{
	struct {
		struct header h;
		uint32_t mode_type, mode, record_type, record;
		uint32_t data_type, data_long, data_number, data;
	} m = { .h.bits = ELSEWHERE,
		.mode_type = INTEGER,
		.record_type = INTEGER,
		.record = sector,
		.data_type = 1u << 29, /* the long form, not inline */
		.data_long = 9 | 8 << 16,
		.data_number = bytes,
		.data = (uint32_t)(uintptr_t)data };

	return call(&m.h, sizeof(m), sizeof(m), device, 2802);
}

/* Sums up 64 sectors, changes two, and reads them again. */
static void use_disk(port master)
{
	static uint8_t written[1024];
	const uint8_t *data;
	uint32_t sum = 0, same = 0;
	port disk;

	if (open_device(master, "hd0", &disk) || read_disk(disk, 0, 64 * 512, &data))
		return;
	for (unsigned i = 0; i < 64 * 512; i++)
		sum = sum * 31 + data[i];
	say_number("task: disk ", sum, "\r\n");
	for (unsigned i = 0; i < sizeof(written); i++)
		written[i] = (uint8_t)(i * 3 + i / 256);
	if (write_disk(disk, 100, written, sizeof(written)) ||
	    read_disk(disk, 100, sizeof(written), &data))
		return;
	for (unsigned i = 0; i < sizeof(written); i++)
		same += data[i] == written[i];
	say_number("task: written and read ", same, "\r\n");
}

/* The decimal number of the argument --device=N. */
static port device_port(const char *const *argv, uint32_t argc)
{
	port n = 0;

	for (uint32_t i = 0; i < argc; i++)
		if (argv[i][0] == '-' && argv[i][2] == 'd')
			for (const char *s = argv[i] + 9; *s; s++)
				n = n * 10 + (uint32_t)(*s - '0');
	return n;
}

void run(const uint32_t *stack);
void run(const uint32_t *stack)
{
	const char *const *argv = (const void *)(stack + 1);
	uint32_t selves = 0, pages = 0;

	reply_port = mach_reply_port();
	port master = device_port(argv, stack[0]);
	if (open_device(master, "console", &console))
		for (;;)
			thread_yield();
	say_number("\r\ntask: arguments ", stack[0], "\r\n");
	for (unsigned i = 0; i < 1000; i++)
		selves += mach_task_self() == mach_task_self();
	say_number("task: system calls ", 2 * selves, "\r\n");
	for (unsigned i = 0; i < 8; i++)
		pages += memory(256);
	say_number("task: pages ", pages, "\r\n");
	double x = 1;
	for (unsigned i = 0; i < 20; i++) {
		x = x * 1.5 + 1;
		thread_yield();
	}
	say_number("task: floating point ", (uint32_t)x, "\r\n");
	use_disk(master);
	say("task: ends\r\n");
	for (;;)
		thread_yield();
}
