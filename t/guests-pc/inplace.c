// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel changes a descriptor in place and loads its selector, as for thread-local data: the
 * processor reads the table, and nothing says that it has changed. The hypervisor's copy was stale
 * then, and the kernel and its programs used the old segment.
 * Attack: a segment's base is changed by several instructions, in a page of its own and in one to
 * which much else is written, and loaded by the kernel and by ring 3. Expected: what is read
 * through it is always what is at the new base. (The guest hurts itself alone.)
 */
#include "pc.h"

#define SEGMENT 0x43 /* entry 8 */
#define DATA3	0x00cff2000000ffffull

static uint64_t own_page[512] __attribute__((aligned(4096)));
static uint32_t value[256];
uint32_t user_value;

static uint64_t segment_at(const uint32_t *base)
{
	uint32_t b = (uint32_t)base;

	return DATA3 | (uint64_t)(b & 0xffffff) << 16 | (uint64_t)(b >> 24) << 56;
}

/* By moves, a string instruction, XCHG, and one that is not emulated: FISTP. */
static void write_entry(uint64_t *entry, uint64_t d, unsigned way)
{
	volatile uint32_t *half = (volatile uint32_t *)entry;
	uint64_t *from = &d, *to = entry;
	uint32_t low = (uint32_t)d, count = 8;

	switch (way % 4) {
	case 0:
		half[0] = low;
		half[1] = (uint32_t)(d >> 32);
		break;
	case 1: __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count)::"memory"); break;
	case 2:
		half[1] = (uint32_t)(d >> 32);
		__asm__ volatile("xchgl %0, %1" : "+r"(low), "+m"(half[0]));
		break;
	default: __asm__ volatile("fildq %1; fistpq %0" : "=m"(*entry) : "m"(d));
	}
}

static uint32_t by_kernel(void)
{
	uint32_t got;

	__asm__ volatile("movl %1, %%fs; movl %%fs:0, %0" : "=r"(got) : "r"(SEGMENT));
	return got;
}

static uint32_t by_user(void)
{
	extern const uint8_t user_code[];

	user_value = 0;
	expect(attempt_user((uint32_t)user_code) == 0x80, "ring 3 comes back");
	return user_value;
}

__asm__(".text\n"
	"user_code:\n"
	"	movl $0x43, %eax\n"
	"	movl %eax, %gs\n"
	"	movl %gs:0, %eax\n"
	"	movl %eax, user_value\n"
	"	int $0x80\n");

static void change(uint64_t *table, unsigned beside)
{
	for (unsigned i = 0; i < 200; i++) {
		write_entry(&table[8], segment_at(&value[i]), i);
		for (unsigned n = 0; n < beside; n++)
			((volatile uint64_t *)table)[500] += n;
		expect(by_kernel() == value[i], "the kernel loads the new segment");
		expect(by_user() == value[i], "so does ring 3");
	}
}

int guest_main(void)
{
	struct table_register r = { 9 * 8 - 1, (uint32_t)own_page };

	__asm__ volatile("fninit");
	for (unsigned i = 0; i < 256; i++)
		value[i] = noise();
	start_user(0x80);
	for (unsigned i = 0; i < 9; i++)
		own_page[i] = gdt[i];
	__asm__ volatile("lgdt %0" ::"m"(r));
	change(own_page, 0);
	say("changed in a page of its own\n");
	change(own_page, 1000);
	say("changed beside other data\n");
	say(failures ? "NOT WELL\n" : "well\n");
	return failures != 0;
}
