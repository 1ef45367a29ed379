// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The last running vCPU stops while another starts (the guest ended though it had not asked to). A
 * guest ends when all its vCPUs have stopped and none is being started. Two words record this, and
 * the completion of a start changes both.
 * Attack: two vCPUs on two cores start each other and stop, after a delay that varies.
 * Expected: one of them always continues. Runs with `vcpus = 2` on two cores.
 */
#include "guest.h"

#define STACK 4096
#define TURNS 20000

static char stack[2][STACK] __attribute__((aligned(16)));
static struct veneer_vcpu_page page[2] __attribute__((aligned(4096)));
static volatile unsigned turns, last_turn;

static void wait(unsigned n)
{
	while (n--)
		__asm__ volatile("");
}

static void leg(uint64_t id);

static void hand_over(uint64_t id)
{
	uint64_t to = !id;
	struct veneer_vcpu_start s = {
		.rip = (uint64_t)leg,
		.rsp = (uint64_t)stack[to] + STACK - 8,
		.rdi = to,
		.root = (uint64_t)veneer_root(),
		.vcpu_page = (uint64_t)&page[to],
	};
	int64_t r;

	while ((r = veneer_hypercall(VENEER_HC_VCPU_START, to, (uint64_t)&s, 0)) == -16)
		;
	if (r) {
		say("FAILED: a vCPU was not started\n");
		veneer_shutdown(1);
	}
}

static void leg(uint64_t id)
{
	if (++turns == last_turn) {
		say("well\n");
		veneer_shutdown(0);
	}
	if (!(turns % 1000))
		say("so far: %d turns\n", turns);
	hand_over(id);
	wait(turns * 7 % 4093);
	veneer_hypercall(VENEER_HC_VCPU_STOP, 0, 0, 0);
}

int guest_main(const struct veneer_start_info *info)
{
	if (info->vcpus != 2) {
		say("wants vcpus = 2\n");
		return 1;
	}
	last_turn = rounds_or(info, TURNS);
	leg(0);
	return 1;
}
