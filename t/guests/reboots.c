// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A reboot loop. To start a guest again, its memory is zeroed and its image copied, and that was
 * charged to whoever ran: a neighbour on the core paid 7.8 of 8 seconds. The operator's stop, pause
 * and reset were lost while it was under way. Must happen: it is done in parts, in the share of the
 * guest that asked for it; the operator's word counts at any time.
 */
#include "guest.h"

int guest_main(const struct veneer_start_info *info)
{
	(void)info;
	say("so far: started again\n");
	veneer_hypercall(VENEER_HC_SHUTDOWN, VENEER_SHUTDOWN_REBOOT, 0, 0);
	return 1;
}
