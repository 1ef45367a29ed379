// SPDX-License-Identifier: GPL-2.0-or-later
/* The parser of the configuration, see config.h. */
#include "core/config.h"

#include "core/string.h"
#include "x86/acpi.h"

const char *const engine_names[] = { "auto", "ring", "vmx", "svm", NULL };
const char *const preparation_names[] = { "detect", "pv", "rewritten", "stock", NULL };
const char *const mitigation_names[] = { "retpoline", "rsb",  "ibpb",	   "ibpb-exit", "verw",
					 "l1d-flush", "ssbd", "spec-ctrl", NULL };
static const char *const crash_names[] = { "stop", "restart", NULL };
static const char *const yes_no[] = { "no", "yes", NULL };
static const char *const guest_keys[] = { "image",  "module",	"cmdline",  "count-at", "memory",
					  "vcpus",  "cpus",	"share",    "engine",	"prepare",
					  "device", "on-crash", "optional", NULL };

struct parser {
	struct config *config;
	struct guest_config *guest;		/* of the section we are in */
	bool machine;				/* the section is [machine] */
	bool passed_over;			/* what begins it is wrong, and that is said */
	unsigned given[ARRAY_SIZE(guest_keys)]; /* the line that has a key of the section; or 0 */
	unsigned line;
	config_error_fn *fn;
	void *arg;
};

static void complain(struct parser *p, const char *fmt, const char *what)
{
	char message[160];

	format(message, sizeof(message), fmt, what);
	if (p->guest)
		p->guest->broken = true;
	p->config->errors++;
	p->fn(p->arg, p->line, message);
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

static bool digits(const char **s, uint64_t *value)
{
	const char *p = *s;

	for (*value = 0; *p >= '0' && *p <= '9'; p++) {
		if (*value > 1000000000000ull)
			return false;
		*value = *value * 10 + (*p - '0');
	}
	bool any = p != *s;
	*s = p;
	return any;
}

static bool parse_size(const char *s, uint64_t *value)
{
	if (!digits(&s, value))
		return false;
	if (*s == 'K')
		*value <<= 10;
	else if (*s == 'M')
		*value <<= 20;
	else if (*s == 'G')
		*value <<= 30;
	else if (*s)
		return false;
	return !*s || !s[1];
}

_Static_assert(CPUS_MAX == 16, "bits of a mask, and the words of set_key");

static bool parse_cpus(const char *s, uint32_t *mask)
{
	*mask = 0;
	for (;;) {
		uint64_t from, to;

		if (!digits(&s, &from))
			return false;
		to = from;
		if (*s == '-' && (s++, !digits(&s, &to)))
			return false;
		if (to >= CPUS_MAX || from > to)
			return false;
		for (; from <= to; from++)
			*mask |= 1u << from;
		if (!*s)
			return true;
		if (*s++ != ',')
			return false;
		while (*s == ' ')
			s++;
	}
}

static int choice(const char *const *names, const char *s)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], s))
			return i;
	return -EINVAL;
}

static bool set_number(const char *s, uint64_t lowest, uint64_t highest, unsigned *to)
{
	uint64_t v;

	if (!digits(&s, &v) || *s || v < lowest || v > highest)
		return false;
	*to = (unsigned)v;
	return true;
}

static bool set_text(char *to, size_t size, const char *s)
{
	copy_string(to, s, size);
	return strlen(s) < size;
}

/* One key; what is wrong with its value, or NULL. */
static const char *set_key(struct guest_config *g, const char *key, const char *value)
{
	int n;

	if (!strcmp(key, "image"))
		return set_text(g->image, sizeof(g->image), value) ? NULL : "name too long";
	if (!strcmp(key, "module"))
		return set_text(g->module, sizeof(g->module), value) ? NULL : "name too long";
	if (!strcmp(key, "cmdline"))
		return set_text(g->cmdline, sizeof(g->cmdline), value) ? NULL : "text too long";
	if (!strcmp(key, "count-at"))
		return set_text(g->count_at, sizeof(g->count_at), value) ? NULL : "text too long";
	if (!strcmp(key, "memory")) {
		if (!parse_size(value, &g->memory))
			return "not a size, want a number with K, M or G";
		if (g->memory < MIB(2) || g->memory > MIB(1 << 18) || (g->memory & 4095))
			return "out of range, want 2M to 256G in whole pages";
		return NULL;
	}
	if (!strcmp(key, "vcpus"))
		return set_number(value, 1, VCPUS_MAX, &g->vcpus) ? NULL : "want 1 to 8";
	if (!strcmp(key, "cpus"))
		return parse_cpus(value, &g->cpus) ? NULL : "want cores 0 to 15, as 1 or 0,2-3";
	if (!strcmp(key, "share"))
		return set_number(value, 1, 100, &g->share) ? NULL : "want a percentage, 1 to 100";
	if (!strcmp(key, "engine")) {
		n = choice(engine_names, value);
		g->engine = n < 0 ? ENGINE_AUTO : (enum engine_choice)n;
		return n >= 0 ? NULL : "want ring, vmx, svm or auto";
	}
	if (!strcmp(key, "prepare")) {
		n = choice(preparation_names, value);
		g->prepare = n < 0 ? PREPARE_DETECT : (enum preparation)n;
		return n > 0 ? NULL : "want pv, rewritten or stock";
	}
	if (!strcmp(key, "on-crash")) {
		n = choice(crash_names, value);
		g->on_crash = n == CRASH_RESTART ? CRASH_RESTART : CRASH_STOP;
		return n >= 0 ? NULL : "want stop or restart";
	}
	if (!strcmp(key, "optional")) {
		n = choice(yes_no, value);
		g->optional = n == 1;
		return n >= 0 ? NULL : "want yes or no";
	}
	if (!strcmp(key, "device"))
		return strcmp(value, "virtio-console") ? "want virtio-console" : NULL;
	return "unknown key";
}

#define MITIGATIONS_WANT                                                                        \
	"want auto, off, or a list of retpoline, rsb, ibpb, ibpb-exit, verw, l1d-flush, ssbd, " \
	"spec-ctrl"

/* The machine's one key: spaces or commas between names. */
static const char *set_machine_key(struct config *c, const char *key, char *list)
{
	uint32_t forced = 0;

	if (strcmp(key, "mitigations"))
		return "unknown key";
	if (!strcmp(list, "auto") || !strcmp(list, "off")) {
		c->mitigations_off = !strcmp(list, "off");
		c->mitigations = 0;
		return NULL;
	}
	while (*list) {
		char *end = list;

		while (*end && *end != ' ' && *end != ',')
			end++;
		bool more = *end;
		*end = 0;
		int n = choice(mitigation_names, list);
		if (n < 0 && *list)
			return MITIGATIONS_WANT;
		if (n >= 0)
			forced |= 1u << n;
		list = end + more;
	}
	c->mitigations_off = false;
	c->mitigations = forced;
	return forced ? NULL : MITIGATIONS_WANT;
}

static void open_section(struct parser *p, char *s)
{
	char *name = s + 1, *end = strchr(s, ']');

	p->guest = NULL;
	p->machine = !strcmp(s, "[machine]");
	p->passed_over = !p->machine;
	memset(p->given, 0, sizeof(p->given));
	if (p->machine)
		return;
	if (!end || end[1] || strncmp(name, "guest ", 6)) {
		complain(p, "\"%s\" is not a section, want [machine] or [guest NAME]", s);
		return;
	}
	*end = 0;
	for (name += 6; *name == ' '; name++)
		;
	for (const char *c = name; *c; c++)
		if (!name_char(*c))
			*name = 0;
	if (!strcmp(name, "veneer")) {
		complain(p, "guest name \"%s\": the console's own lines begin so", name);
		return;
	}
	if (!*name || strlen(name) >= NAME_MAX) {
		complain(p, "guest name: want 1 to 23 of letters, digits, - and _%s", "");
		return;
	}
	if (p->config->guests == GUESTS_MAX) {
		complain(p, "too many guests at \"%s\", 8 are possible", name);
		return;
	}
	struct guest_config *g = &p->config->guest[p->config->guests++];
	*g = (struct guest_config){
		.memory = MIB(16),
		.vcpus = 1,
		.cpus = 1,
		.engine = ENGINE_RING,
		.line = p->line,
	};
	copy_string(g->name, name, sizeof(g->name));
	p->guest = g;
	p->passed_over = false;
	for (unsigned i = 0; i + 1 < p->config->guests; i++)
		if (!strcmp(p->config->guest[i].name, name))
			complain(p, "a second guest \"%s\"", name);
}

/* Of two values none is right for sure. */
static bool is_given(struct parser *p, const char *key)
{
	char message[64];
	int n = p->guest ? choice(guest_keys, key) : -EINVAL;

	if (n < 0)
		return false;
	if (p->given[n]) {
		format(message, sizeof(message), "%s: stands in line %u already", key, p->given[n]);
		complain(p, "%s", message);
		return true;
	}
	p->given[n] = p->line;
	return false;
}

static char *trim(char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	char *end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		*--end = 0;
	return s;
}

static void read_line(struct parser *p, char *s)
{
	for (char *c = s; *c; c++)
		if ((*c == '#' || *c == ';') && (c == s || c[-1] == ' ' || c[-1] == '\t'))
			*c = 0;
	s = trim(s);
	if (!*s)
		return;
	if (*s == '[') {
		open_section(p, s);
		return;
	}
	if (p->passed_over)
		return;
	char *value = strchr(s, '=');
	if (!value) {
		complain(p, "\"%s\": want KEY = VALUE", s);
		return;
	}
	*value++ = 0;
	char *key = trim(s);
	if (!p->guest && !p->machine) {
		complain(p, "\"%s\" stands outside any [guest NAME]", key);
		return;
	}
	if (is_given(p, key))
		return;
	value = trim(value);
	const char *wrong =
		p->machine ? set_machine_key(p->config, key, value) : set_key(p->guest, key, value);
	if (wrong) {
		char message[128];

		format(message, sizeof(message), "%s: %s", key, wrong);
		complain(p, "%s", message);
	}
}

void config_read(struct config *c, const char *text, size_t bytes, config_error_fn *fn, void *arg)
{
	struct parser p = { .config = c, .fn = fn, .arg = arg };
	char line[400];

	*c = (struct config){ 0 };
	for (size_t at = 0; at < bytes;) {
		size_t n = 0;
		bool too_long = false, control = false;

		p.line++;
		for (; at < bytes && text[at] != '\n'; at++) {
			control |= (unsigned char)text[at] < ' ' && text[at] != '\t' &&
				   text[at] != '\r';
			if (n + 1 < sizeof(line))
				line[n++] = text[at];
			else
				too_long = true;
		}
		at++;
		line[n] = 0;
		if (too_long || control)
			complain(&p, too_long ? "line too long%s" : "a control character%s", "");
		else
			read_line(&p, line);
	}
	for (unsigned i = 0; i < c->guests; i++) {
		p.guest = &c->guest[i];
		p.line = p.guest->line;
		if (!p.guest->image[0])
			complain(&p, "guest \"%s\" has no image", p.guest->name);
	}
}
