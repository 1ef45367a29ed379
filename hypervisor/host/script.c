// SPDX-License-Identifier: GPL-2.0-or-later
#include "script.h"

#include <string.h>

#include "file.h"

#define QUESTIONS  100 /* numbers of two digits */
#define ESCAPES	   "rneta\\"
#define ESCAPED	   "\r\n\033\t\001\\"
#define MONITOR	   1 /* Ctrl-A */
#define KEYS_BYTES 128

static const char *const options[] = { [STEP_SEND] = "--send",
				       [STEP_EXPECT] = "--expect",
				       [STEP_EXPECT_SCREEN] = "--expect-screen",
				       [STEP_SCREEN] = "--screen" };

static void complain(const struct step *step, const char *why)
{
	fprintf(stderr, "veneer: %s %s=%.*s: %s\n", options[step->kind], step->guest,
		(int)strcspn(step->arg, "\n"), step->arg, why);
}

/* --- what is wanted --- */

static const char *wrong_escape(const char *keys)
{
	for (const char *c = keys; (c = strchr(c, '\\')); c += 2)
		if (!c[1] || !strchr(ESCAPES, c[1]))
			return "keys: want \\r \\n \\e \\t \\a or \\\\ behind a backslash";
	return NULL;
}

static const char *prepare(struct step *step)
{
	static char why[128];
	int flags = REG_EXTENDED | (step->kind == STEP_EXPECT_SCREEN ? REG_NEWLINE : 0);

	if (step->kind == STEP_SEND)
		return wrong_escape(step->arg);
	if (step->kind == STEP_SCREEN)
		return file_wrong_name(step->arg);
	int err = regcomp(&step->pattern, step->arg, flags);
	if (!err)
		return NULL;
	regerror(err, &step->pattern, why, sizeof(why));
	return why;
}

int script_add(struct script *s, enum step_kind kind, const char *arg)
{
	const char *equals = strchr(arg, '='), *why = NULL;
	struct step *step = &s->step[s->steps];

	if (s->steps == SCRIPT_STEPS)
		why = "too many steps";
	else if (!equals || equals == arg || (size_t)(equals - arg) >= sizeof(step->guest))
		why = "want the name of a guest, = and what";
	if (why) {
		fprintf(stderr, "veneer: %s %s: %s\n", options[kind], arg, why);
		return -1;
	}
	*step = (struct step){ .kind = kind, .arg = equals + 1 };
	memcpy(step->guest, arg, (size_t)(equals - arg));
	why = prepare(step);
	if (why) {
		complain(step, why);
		return -1;
	}
	s->steps++;
	return 0;
}

static bool is_in(const struct config *c, const char *guest)
{
	for (unsigned i = 0; i < c->guests; i++)
		if (!strcmp(c->guest[i].name, guest))
			return true;
	return false;
}

int script_check(const struct script *s, const struct config *c)
{
	for (unsigned i = 0; i < s->steps; i++) {
		const struct step *step = &s->step[i];
		bool hypervisor = step->kind == STEP_EXPECT && !strcmp(step->guest, "veneer");

		if (!hypervisor && !is_in(c, step->guest)) {
			complain(step, "the configuration has no such guest");
			return -1;
		}
		const char *why = step->kind == STEP_SCREEN ? file_why_not(step->arg) : NULL;
		if (why) {
			complain(step, why);
			return -1;
		}
	}
	return 0;
}

/* --- doing it --- */

static struct step *current(struct script *s)
{
	return s->started && !s->failed && s->at < s->steps ? &s->step[s->at] : NULL;
}

static bool is_doing(struct script *s, enum step_kind kind)
{
	const struct step *step = current(s);

	return step && step->kind == kind;
}

static void fail(struct script *s, const char *why)
{
	complain(&s->step[s->at], why);
	s->failed = true;
}

static void next(struct script *s)
{
	s->at++;
	s->phase = STEP_WAITS;
	s->seen = s->shown;
}

/* Types keys, and a question whose answer says that they have arrived. */
static void type(struct script *s, struct machine *m, const char *keys, size_t n)
{
	char question[8];

	s->asked = (s->asked + 1) % QUESTIONS;
	int used = snprintf(question, sizeof(question), "\001:@%u\r", s->asked);
	machine_type(m, keys, n);
	machine_type(m, question, (size_t)used);
}

static char next_key(const char **keys)
{
	char c = *(*keys)++;

	return c == '\\' ? ESCAPED[strchr(ESCAPES, *(*keys)++) - ESCAPES] : c;
}

/* The next portion; a monitor command is not split. *to_guest: part of it is for the guest. */
static size_t next_keys(struct script *s, size_t portion, char to[KEYS_BYTES], bool *to_guest)
{
	enum { TYPING, KEY, COMMAND } monitor = TYPING;
	size_t n = 0;

	*to_guest = false;
	while (*s->keys && n < KEYS_BYTES && (n < portion || monitor != TYPING)) {
		char c = next_key(&s->keys);

		to[n++] = c;
		*to_guest |= monitor == TYPING && c != MONITOR;
		if (monitor == TYPING)
			monitor = c == MONITOR ? KEY : TYPING;
		else if (monitor == KEY)
			monitor = c == ':' ? COMMAND : TYPING;
		else if (c == '\r' || c == '\n')
			monitor = TYPING;
	}
	return n;
}

static void send(struct script *s, struct machine *m)
{
	bool to_guest;
	char keys[KEYS_BYTES];
	size_t n = next_keys(s, m->portion, keys, &to_guest);

	if (to_guest && lives_ended(m->lives, current(s)->guest)) {
		fail(s, "the guest has ended");
		return;
	}
	type(s, m, keys, n);
	s->phase = STEP_TYPES;
	if (!*s->keys)
		next(s);
}

static void look(struct script *s, struct machine *m)
{
	s->screen.rows = s->text.rows = 0;
	s->phase = STEP_LOOKS;
	type(s, m, is_doing(s, STEP_SCREEN) ? "\001c" : "\001v", 2);
}

/* The input goes to the guest of the step. */
static void chosen(struct script *s, struct machine *m)
{
	s->keys = current(s)->arg;
	if (is_doing(s, STEP_SEND))
		send(s, m);
	else
		look(s, m);
}

static void take_picture(struct script *s, struct machine *m)
{
	if (s->screen.rows < SCREEN_ROWS) {
		fail(s, "the guest has no text screen");
	} else if (screen_png(&s->screen, current(s)->arg)) {
		s->failed = true;
	} else {
		type(s, m, "\001k", 2);
		next(s);
	}
}

static void show_screen(struct script *s)
{
	char line[SCREEN_COLUMNS + NAME_MAX + 32];

	for (unsigned row = 0; row < SCREEN_ROWS; row++) {
		snprintf(line, sizeof(line), "veneer: %s: screen %02u |%.*s|", current(s)->guest,
			 row, SCREEN_COLUMNS, s->text.row[row]);
		output_line(s->output, line);
	}
}

/* A screen that does not match is requested again at once: the hypervisor's console sends a screen
 * in parts, and the guests run in between. */
static void compare_screen(struct script *s, struct machine *m)
{
	if (s->text.rows < SCREEN_ROWS) {
		fail(s, "the guest has no text screen");
	} else if (!regexec(&current(s)->pattern, text_screen_string(&s->text), 0, NULL, 0)) {
		show_screen(s);
		next(s);
	} else if (lives_ended(m->lives, current(s)->guest)) {
		fail(s, "the guest has ended without it");
	} else {
		look(s, m);
	}
}

/* The last question has been answered. */
static void answered(struct script *s, struct machine *m)
{
	if (s->phase == STEP_TYPES)
		send(s, m);
	else if (s->phase == STEP_LOOKS && is_doing(s, STEP_SCREEN))
		take_picture(s, m);
	else if (s->phase == STEP_LOOKS)
		compare_screen(s, m);
}

/* Begins steps for as long as that needs nothing from the machine. */
static void begin(struct script *s, struct machine *m)
{
	char command[NAME_MAX + 16];
	const struct step *step = current(s);

	if (!step || s->phase != STEP_WAITS)
		return;
	if (strcmp(step->guest, "veneer") && !lives_started(m->lives, step->guest)) {
		fail(s, "the guest was not started");
		return;
	}
	if (step->kind == STEP_EXPECT) {
		if (lives_ended(m->lives, step->guest))
			fail(s, "the guest has ended without it");
		return;
	}
	if (s->asked != s->answered)
		return;
	s->phase = STEP_CHOOSES;
	int n = snprintf(command, sizeof(command), "\001:input %s\r", step->guest);
	machine_type(m, command, (size_t)n);
}

/* "GUEST: TEXT" of the guest that the step waits for, unless it is old. */
static void compare_line(struct script *s, const char *line)
{
	const struct step *step = current(s);
	size_t n = strlen(step->guest), from = n + 2;

	if (strncmp(line, step->guest, n) || line[n] != ':' || line[n + 1] != ' ')
		return;
	if (s->seen > from)
		from = s->seen;
	if (from <= strlen(line) &&
	    !regexec(&step->pattern, line + from, 0, NULL, from > n + 2 ? REG_NOTBOL : 0))
		next(s);
}

/* The hypervisor's answers to the script. */
static bool take_answer(struct script *s, struct machine *m, const char *said)
{
	const struct step *step = current(s);
	unsigned number;

	if (sscanf(said, "no command \"@%2u\"", &number) == 1) {
		s->answered = number;
		if (step && s->asked == number)
			answered(s, m);
		return true;
	}
	if (!step)
		return false;
	if (s->phase == STEP_LOOKS)
		return screen_take(&s->screen, step->guest, said) ||
		       text_screen_take(&s->text, step->guest, said) ||
		       (!strncmp(said, step->guest, strlen(step->guest)) &&
			!strcmp(said + strlen(step->guest), " has no screen"));
	if (s->phase != STEP_CHOOSES)
		return false;
	if (strncmp(said, "input goes to ", 14))
		return false;
	chosen(s, m);
	return true;
}

bool script_take(struct script *s, struct machine *m, const char *line)
{
	const char *said = hypervisor_says(line);

	s->started = m->started;
	bool mine = said && s->steps && take_answer(s, m, said);
	if (!mine && is_doing(s, STEP_EXPECT))
		compare_line(s, line);
	s->seen = s->shown = 0;
	begin(s, m);
	return mine;
}

void script_peek(struct script *s, struct machine *m, const char *begun)
{
	s->shown = strlen(begun);
	if (is_doing(s, STEP_EXPECT))
		compare_line(s, begun);
	begin(s, m);
}

bool script_is_done(struct script *s, const char *why)
{
	if (!s->failed && s->at < s->steps)
		fail(s, why);
	return !s->failed;
}
