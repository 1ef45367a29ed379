// SPDX-License-Identifier: GPL-2.0-or-later
/* Regions of a guest's memory, page by page: which frame each page has, with which rights. */
#include "arch/layout.h"
#include "guest/memory.h"
#include "tap.h"

#define RAM_AT	 MIB(64)
#define PAGES_AT (MIB(32) + 5 * PAGE_SIZE)

char *host_memory;
static struct guest_memory m;

/* What guest_frame must return for a page, computed from the bounds alone. */
static uint64_t expected(uint64_t gpa)
{
	const struct region *ram = &m.region[REGION_RAM], *pages = &m.region[REGION_VCPU_PAGES];
	uint64_t page = gpa / PAGE_SIZE * PAGE_SIZE;

	if (page < ram->bytes)
		return (ram->at.v + page) | ram->rights;
	if (page >= pages->first && page < pages->first + pages->bytes)
		return (pages->at.v + page - pages->first) | pages->rights;
	return 0;
}

/* Whether the 4 KiB pages of a large page are contiguous, and it is aligned. */
static uint64_t expected_large(uint64_t gpa)
{
	uint64_t start = gpa / LARGE_SIZE * LARGE_SIZE, frame = expected(start);

	for (uint64_t at = 0; at < LARGE_SIZE; at += PAGE_SIZE)
		if (!expected(start + at) || expected(start + at) != frame + at)
			return 0;
	return (frame & PTE_ADDR) % LARGE_SIZE ? 0 : frame;
}

static bool agrees(uint64_t gpa)
{
	return guest_frame(&m, GPA(gpa), PAGE_SIZE) == expected(gpa) &&
	       guest_frame(&m, GPA(gpa), LARGE_SIZE) == expected_large(gpa);
}

static bool all_agree(void)
{
	static const uint64_t far[] = { 1ull << 32, 1ull << 44,		1ull << 52, 1ull << 63,
					~0ull,	    ~0ull & ~PAGE_MASK, 0 - MIB(2), 0 - MIB(64) };
	uint64_t end = guest_memory_end(&m);
	bool good = true;

	for (uint64_t gpa = 0; gpa < end + 4 * LARGE_SIZE; gpa += PAGE_SIZE)
		good &= agrees(gpa) && agrees(gpa + 1) && agrees(gpa + PAGE_SIZE - 1);
	for (unsigned i = 0; i < sizeof(far) / sizeof(*far); i++)
		good &= agrees(far[i]);
	return good;
}

static void frames(void)
{
	static const uint64_t sizes[] = { PAGE_SIZE, MIB(2) - 4096, MIB(2), MIB(2) + 4096, MIB(9) };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		guest_memory_init(&m, MPA(RAM_AT), sizes[i], MPA(PAGES_AT), 3 * PAGE_SIZE);
		ok(all_agree(), "%lu KiB, and vCPU pages after it", sizes[i] >> 10);
		m.region[REGION_RAM].at.v += PAGE_SIZE;
		ok(all_agree(), "the same, unaligned in the machine");
		m.region[REGION_RAM].at.v -= PAGE_SIZE;
		m.region[REGION_VCPU_PAGES] =
			(struct region){ MIB(12), MIB(5), MPA(MIB(40)), FRAME_READ };
		ok(all_agree(), "the same, with a separate read-only region");
	}
}

static void pointers(void)
{
	static char memory[8 * PAGE_SIZE];

	host_memory = memory;
	guest_memory_init(&m, MPA(PAGE_SIZE), 4 * PAGE_SIZE, MPA(6 * PAGE_SIZE), PAGE_SIZE);
	ok(guest_pointer(&m, GPA(0), 4 * PAGE_SIZE) == memory + PAGE_SIZE &&
		   guest_pointer(&m, GPA(4 * PAGE_SIZE - 1), 1) == memory + 5 * PAGE_SIZE - 1,
	   "a pointer to all of RAM, and to its last byte");
	ok(!guest_pointer(&m, GPA(0), 4 * PAGE_SIZE + 1) &&
		   !guest_pointer(&m, GPA(4 * PAGE_SIZE), 1) &&
		   !guest_pointer(&m, GPA(4 * PAGE_SIZE - 1), 2) &&
		   !guest_pointer(&m, GPA(1), ~0ull) && !guest_pointer(&m, GPA(~0ull), 2),
	   "no pointer beyond RAM, nor to the vCPU pages");
}

static void window(void)
{
	guest_memory_init(&m, MPA(RAM_AT), MIB(2), MPA(PAGES_AT), PAGE_SIZE);
	ok(!guest_in_window(&m, GVA(0)) && !guest_in_window(&m, GVA(~0ull)), "no patch window");
	m.window = (struct patch_window){ 0xffc00000, VENEER_WINDOW_STUBS + 2 * PAGE_SIZE,
					  MPA(MIB(16)) };
	ok(!guest_in_window(&m, GVA(0xffbfffff)) && guest_in_window(&m, GVA(0xffc00000)) &&
		   guest_in_window(&m, GVA(0xffc03fff)) && !guest_in_window(&m, GVA(0xffc04000)),
	   "the bounds of the patch window");
	ok(guest_window_frame(&m, GVA(0xffc00004)) == (PAGES_AT | FRAME_ALL) &&
		   guest_window_frame(&m, GVA(0xffc01004)) == (PAGES_AT | FRAME_ALL) &&
		   guest_window_frame(&m, GVA(0xffc02000)) == (MIB(16) | FRAME_READ) &&
		   guest_window_frame(&m, GVA(0xffc03fff)) == ((MIB(16) + PAGE_SIZE) | FRAME_READ),
	   "the vCPU page twice, then what is read-only");
}

int main(void)
{
	frames();
	pointers();
	window();
	return done_testing();
}
