// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The notes of a 64-bit image are searched for its entry point. At each start this was done again,
 * in one go.
 * Attack: an image with 700 000 empty notes of twelve bytes each and no entry point among them,
 * which restarts again and again.
 * Expected: no stay of the hypervisor above its goal of 10 000 instructions; the neighbour's timing
 * is not affected.
 */
#include "guest.h"

__asm__(".pushsection .note.veneer, \"a\", @note; .balign 4; .skip 12 * 700000; .popsection");

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	say("so far: started again\n");
	veneer_hypercall(VENEER_HC_SHUTDOWN, VENEER_SHUTDOWN_REBOOT, 0, 0);
	return 1;
}
