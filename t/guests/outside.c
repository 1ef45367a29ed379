// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that is not the guest's: a page-table entry for a frame beyond the guest's memory.
 * Expected: the guest is stopped at the access, with its registers on the console.
 */
#include "guest.h"

int guest_main(const struct veneer_start_info *info)
{
	veneer_window_set(3, (info->memory + (1ull << 20)) | 3);
	*(volatile char *)(VENEER_WINDOW + 3 * 4096) = 1;
	say("FAILED: memory outside the guest can be written\n");
	return 1;
}
