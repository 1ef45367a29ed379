// SPDX-License-Identifier: GPL-2.0-or-later
/* The exit status after the machine has ended, and its remaining output. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json_out.h"
#include "run.h"
#include "stay.h"

int outcome(struct machine *m, struct script *s, int status)
{
	bool done = script_is_done(s, "not done when the machine went down");

	if (!m->started && !m->refused)
		fprintf(stderr, "veneer: the hypervisor did not start\n");
	else if (m->started && !m->done && !m->panicked)
		fprintf(stderr,
			"veneer: the machine stopped unexpectedly (the emulator's exit status "
			"is %d)\n",
			status);
	else if (m->well && !machine_is_well(m, status))
		fprintf(stderr,
			"veneer: the console says \"all well\", but the emulator's exit status is "
			"%d\n",
			status);
	return done && machine_is_well(m, status) ? RUN_WELL : RUN_NOT_WELL;
}

int outcome_log(struct output *o)
{
	if (!o->log || !fclose(o->log) || o->failed)
		return 0;
	return run_fail(o->log_name, strerror(errno));
}

int outcome_stay(const char *written, const char *path)
{
	struct stay s;

	if (stay_read(written, &s))
		return RUN_NOT_WELL;
	stay_print(&s, stdout);
	const char *why = json_write_file(stay_json(&s), path);
	return why ? run_fail(path, why) : 0;
}
