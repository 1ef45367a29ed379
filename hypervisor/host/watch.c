// SPDX-License-Identifier: GPL-2.0-or-later
/* While the machine runs: passes its console to the output and the script, or to a terminal. */
#include "run.h"

static int stop(struct machine *m, int status)
{
	machine_kill(m);
	machine_finish(m);
	return status;
}

static int stop_late(struct machine *m, struct run *o)
{
	fprintf(stderr, "veneer: stopped after %ld s, see --timeout\n", o->timeout);
	lives_report_silent(&o->lives);
	script_is_done(&o->script, "not done in time");
	return stop(m, RUN_TIMEOUT);
}

int watch(struct machine *m, struct run *o, struct output *output)
{
	struct script *s = &o->script;
	long end = now_ms() + o->timeout * 1000;
	const char *text;

	s->output = output;
	while (!s->failed && !output->failed) {
		long left = o->timeout ? end - now_ms() : -1;

		if (o->timeout && left <= 0)
			return stop_late(m, o);
		switch (machine_read(m, (int)left, &text)) {
		case MACHINE_SAYS:
			if (!script_take(s, m, text))
				output_line(output, text);
			explain_line(&o->explain, output, text);
			break;
		case MACHINE_BEGINS: script_peek(s, m, text); break;
		case MACHINE_SILENT: break;
		case MACHINE_ENDED: return outcome(m, s, machine_finish(m));
		}
	}
	return stop(m, RUN_NOT_WELL);
}

int watch_person(struct machine *m, struct run *o, struct output *output)
{
	if (!machine_interact(m, output, o->timeout ? o->timeout * 1000 : -1))
		return stop_late(m, o);
	if (output->failed)
		return stop(m, RUN_NOT_WELL);
	return outcome(m, &o->script, machine_finish(m));
}
