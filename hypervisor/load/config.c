// SPDX-License-Identifier: GPL-2.0-or-later
/* The parser of the configuration, see config.h. */
#include "load/config.h"

#include "arch/acpi.h"
#include "lib/string.h"

const char *const engine_names[] = { "auto", "ring", "vmx", "svm", NULL };
const char *const preparation_names[] = { "detect", "pv", "rewritten", "stock", NULL };
const char *const mitigation_names[] = { "retpoline", "rsb",  "ibpb",	   "ibpb-exit", "verw",
					 "l1d-flush", "ssbd", "spec-ctrl", NULL };
static const char *const crash_names[] = { "stop", "restart", NULL };
static const char *const input_names[] = { "auto", "serial", "keyboard", NULL };
static const char *const yes_no[] = { "no", "yes", NULL };
static const char *const gdb_names[] = { "none", "com2", "com3", "com4", NULL };
static const char *const device_names[] = { "virtio-console", NULL };

static bool name_char(char c)
{
	return (c && strchr("-_", c)) || (c >= '0' && c <= '9') ||
	       ((c | 32) >= 'a' && (c | 32) <= 'z');
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

static bool hex_digits(const char *s, uint64_t *value)
{
	bool any = *s;

	for (*value = 0; *s; s++) {
		char c = *s | 32;
		bool letter = c >= 'a' && c <= 'f';

		if ((!letter && (*s < '0' || *s > '9')) || *value >> 32)
			return false;
		*value = *value << 4 | (unsigned)(letter ? c - 'a' + 10 : *s - '0');
	}
	return any;
}

static int choice(const char *const *names, const char *s)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], s))
			return i;
	return -EINVAL;
}

/* A key: how its value is stored, and the message if it is invalid. */
struct key {
	const char *name, *want;
	enum { TEXT, MODULE, DISK, ADDRESS, MEMORY, NUMBER, CPUS, CHOICE, MEASURES } kind;
	size_t at, size;	  /* of the field; 0: there is none */
	unsigned lowest, highest; /* of a number, or of a choice's index */
	const char *const *choices;
	size_t line; /* of the field that keeps the key's line; 0: there is none */
};

static const char *set_text(const struct key *k, void *field, const char *s)
{
	copy_string(field, s, k->size);
	return strlen(s) < k->size ? NULL : k->want;
}

/* K, M or G behind a number that ends it. */
static bool unit(const char *s, uint64_t *n)
{
	static const char units[] = "KMG";
	const char *u = *s ? strchr(units, *s) : NULL;

	unsigned shift = u ? 10 * (unsigned)(u - units + 1) : 0;

	if (*n >> (64 - 1 - shift))
		return false;
	*n <<= shift;
	return !s[u ? 1 : 0];
}

static const char *set_memory(const struct key *k, void *field, const char *s)
{
	uint64_t *bytes = field;

	if (!digits(&s, bytes) || !unit(s, bytes))
		return "not a size, want a whole number of bytes, or one with K, M or G behind it";
	return *bytes < MIB(2) || *bytes > MIB(1 << 18) || (*bytes & 4095) ? k->want : NULL;
}

static const char *set_address(const struct key *k, void *field, const char *s)
{
	uint64_t v;

	*(uint32_t *)field = LOAD_INVALID;
	bool hex = s[0] == '0' && (s[1] | 32) == 'x';

	if (hex ? !hex_digits(s + 2, &v) : !digits(&s, &v) || !unit(s, &v))
		return k->want;
	if (v > UINT32_MAX)
		return k->want;
	*(uint32_t *)field = (uint32_t)v;
	return NULL;
}

static const char *set_number(const struct key *k, void *field, const char *s)
{
	uint64_t v;

	if (!digits(&s, &v) || *s || v < k->lowest || v > k->highest)
		return k->want;
	*(unsigned *)field = (unsigned)v;
	return NULL;
}

static const char *set_choice(const struct key *k, void *field, const char *s)
{
	int n = choice(k->choices, s);

	if (n < (int)k->lowest)
		return k->want;
	memcpy(field, &n, k->size); /* an enum, or a bool */
	return NULL;
}

static const char *set_cpus(const struct key *k, void *field, const char *s)
{
	uint32_t *mask = field;

	for (*mask = 0;;) {
		uint64_t from, to;

		if (!digits(&s, &from))
			return k->want;
		to = from;
		if ((*s == '-' && (s++, !digits(&s, &to))) || to >= CPUS_MAX || from > to)
			return k->want;
		for (; from <= to; *mask |= 1u << from++)
			if (*mask >> from & 1)
				return "names a core twice";
		if (!*s)
			return NULL;
		if (*s++ != ',')
			return k->want;
		while (*s == ' ')
			s++;
	}
}

/* Spaces or commas between names. */
static const char *set_measures(const struct key *k, void *field, char *s)
{
	struct mitigations *m = field;

	*m = (struct mitigations){ .off = !strcmp(s, "off") };
	if (m->off || !strcmp(s, "auto"))
		return NULL;
	for (char *end; *s; s = end) {
		for (end = s; *end && *end != ' ' && *end != ','; end++)
			;
		while (*end == ' ' || *end == ',')
			*end++ = 0;
		int n = choice(k->choices, s);
		if (n < 0)
			return k->want;
		m->forced |= 1u << n;
	}
	return m->forced ? NULL : k->want;
}

/* Returns an error message, or NULL. No function pointers: the thunks are not patched yet
 * (speculation.c). */
static const char *set_value(const struct key *k, void *field, char *s)
{
	switch (k->kind) {
	case TEXT: return set_text(k, field, s);
	case ADDRESS: return set_address(k, field, s);
	case MEMORY: return set_memory(k, field, s);
	case NUMBER: return set_number(k, field, s);
	case CPUS: return set_cpus(k, field, s);
	case MEASURES: return set_measures(k, field, s);
	default: return set_choice(k, field, s);
	}
}

_Static_assert(CPUS_MAX == 16 && VCPUS_MAX == 8, "bits of a mask, and the words of keys");

#define FIELD(name) \
	.at = offsetof(struct guest_config, name), .size = sizeof(((struct guest_config *)0)->name)

/* Keys of [machine], then of a guest */
static const struct key keys[] = {
	{ "mitigations",
	  "want auto, off, or a list of retpoline, rsb, ibpb, ibpb-exit, verw, l1d-flush, ssbd, "
	  "spec-ctrl",
	  MEASURES, .at = offsetof(struct config, mitigations), .choices = mitigation_names },
#define MACHINE_KEYS 1
	{ "image", "name too long", TEXT, FIELD(image),
	  .line = offsetof(struct guest_config, image_line) },
	{ "load", "want an address below 4G, as 0x100000 or 1M", ADDRESS, FIELD(load),
	  .line = offsetof(struct guest_config, load_line) },
	{ "entry", "want an address below 4G, as 0x100000 or 1M", ADDRESS, FIELD(entry),
	  .line = offsetof(struct guest_config, entry_line) },
	{ "module", "more than 8 modules", MODULE, .highest = MODULES_MAX },
	{ "disk", "more than 2 disks", DISK, .highest = DISKS_MAX },
	{ "cmdline", "text too long", TEXT, FIELD(cmdline) },
	{ "count-at", "text too long", TEXT, FIELD(count_at) },
	{ "memory", "out of range, want 2M to 256G in whole pages", MEMORY, FIELD(memory) },
	{ "vcpus", "want 1 to 8", NUMBER, FIELD(vcpus), 1, VCPUS_MAX },
	{ "cpus", "want cores 0 to 15, as 1 or 0,2-3", CPUS, FIELD(cpus) },
	{ "share", "want a percentage, 1 to 100", NUMBER, FIELD(share), 1, 100 },
	{ "engine", "want ring, vmx, svm or auto", CHOICE, FIELD(engine), .choices = engine_names },
	{ "prepare", "want pv, rewritten or stock", CHOICE, FIELD(prepare), .lowest = PREPARE_PV,
	  .choices = preparation_names },
	{ "on-crash", "want stop or restart", CHOICE, FIELD(on_crash), .choices = crash_names },
	{ "input", "want auto, serial or keyboard", CHOICE, FIELD(input), .choices = input_names },
	{ "optional", "want yes or no", CHOICE, FIELD(optional), .choices = yes_no },
	{ "gdb", "want com2, com3 or com4", CHOICE, FIELD(gdb), .lowest = 1, .choices = gdb_names },
	{ "device", "want virtio-console", CHOICE, .choices = device_names },
};

struct parser {
	struct config *config;
	struct guest_config *guest;	  /* of the current section */
	bool machine;			  /* the section is [machine] */
	bool machine_wrong;		  /* an error in [machine]: nothing starts */
	bool passed_over;		  /* what begins it is wrong, and that is said */
	unsigned machine_line;		  /* of the section [machine], or 0 */
	unsigned given[ARRAY_SIZE(keys)]; /* line of each key in the current section, or 0 */
	char already[40];
	unsigned line;
	const char *text; /* of the line, and the copy that is being read */
	char copy[400];
	config_error_fn *fn;
	void *arg;
};

__attribute__((format(printf, 2, 3))) static void complain(struct parser *p, const char *fmt, ...)
{
	char message[160];

	format_rest(message, fmt);
	if (p->guest)
		p->guest->broken = true;
	p->machine_wrong |= p->machine;
	p->config->errors++;
	p->fn(p->arg, p->line, message);
}

static const char *why_quoted(const char *value)
{
	size_t n = strlen(value);
	bool quoted = n > 1 && (*value == '"' || *value == '\'') && value[n - 1] == *value;

	return quoted ? "remove the quotes, they are not needed" : NULL;
}

static const char *add_file(struct parser *p, const struct key *k, const char *value)
{
	struct guest_config *g = p->guest;
	bool is_disk = k->kind == DISK;
	unsigned *count = is_disk ? &g->disks : &g->modules;
	struct file_config *f = is_disk ? &g->disk[*count] : &g->module[*count];
	const char *text = value;

	if (!*value)
		return NULL;
	if (*count == k->highest)
		return k->want;
	while (*text && *text != ' ' && *text != '\t')
		text++;
	size_t n = (size_t)(text - value);
	if (n >= sizeof(f->file))
		return "name too long";
	memcpy(f->file, value, n);
	while (*text == ' ' || *text == '\t')
		text++;
	if (!*text)
		text = value;
	f->text = p->text + (text - p->copy);
	f->bytes = (unsigned)strlen(text);
	f->line = p->line;
	(*count)++;
	return NULL;
}

/* Handles one key; returns an error message, or NULL. A repeated key is an error since either value
 * may be the intended one, and a misplaced key of [machine] since the machine lacks it. */
static const char *set_key(struct parser *p, const char *name, char *value)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];
		bool of_machine = i < MACHINE_KEYS;

		if (strcmp(k->name, name))
			continue;
		p->machine_wrong |= of_machine && !p->machine;
		if (of_machine ? !p->machine : !p->guest)
			return of_machine ? "only [machine] has this key"
					  : "not in a [guest NAME] section";
		const char *quoted = why_quoted(value);
		if (k->kind == MODULE || k->kind == DISK)
			return quoted ? quoted : add_file(p, k, value);
		format(p->already, sizeof(p->already), "already given in line %u", p->given[i]);
		if (p->given[i])
			return p->already;
		p->given[i] = p->line;
		char *to = of_machine ? (char *)p->config : (char *)p->guest;
		const char *why = set_value(k, to + k->at, value);
		if (k->line && *value && !quoted && !why)
			*(unsigned *)(to + k->line) = p->line;
		return quoted ? quoted : why;
	}
	return p->machine ? "unknown key of [machine]" : "unknown key";
}

static void open_section(struct parser *p, char *s)
{
	char *name = s + 1, *end = strchr(s, ']');

	p->guest = NULL;
	p->machine = !strcmp(s, "[machine]");
	p->passed_over = !p->machine;
	memset(p->given, 0, sizeof(p->given));
	if (p->machine) {
		if (p->machine_line)
			complain(p, "[machine]: already given in line %u", p->machine_line);
		p->machine_line = p->line;
		return;
	}
	if (!end || end[1] || strncmp(name, "guest ", 6)) {
		complain(p, "\"%s\" is not a section, want [machine] or [guest NAME]", s);
		return;
	}
	*end = 0;
	for (name += 6; *name == ' '; name++)
		;
	size_t n = 0;
	while (name_char(name[n]))
		n++;
	const char *why = !n || name[n] || n >= NAME_MAX   ? "want 1 to 23 letters, digits, - or _"
			  : !strcmp(name, "veneer")	   ? "reserved for the console's own lines"
			  : p->config->guests < GUESTS_MAX ? NULL
							   : "more than 8 guests";
	if (why) {
		complain(p, "guest name \"%s\": %s", name, why);
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
			complain(p, "duplicate guest \"%s\"", name);
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
	if (*s == '[')
		open_section(p, s);
	if (!*s || *s == '[')
		return;
	char *value = strchr(s, '=');
	if (value)
		*value++ = 0;
	const char *wrong = value ? set_key(p, trim(s), trim(value)) : "want KEY = VALUE";
	if (wrong && !p->passed_over)
		complain(p, value ? "%s: %s" : "\"%s\": %s", trim(s), wrong);
}

/* Takes a line from the text; returns where the next one begins. */
static size_t take_line(struct parser *p, const char *text, size_t bytes, size_t at)
{
	size_t n = 0;
	bool too_long = false, control = false;

	p->line++;
	p->text = text + at;
	for (; at < bytes && text[at] != '\n'; at++) {
		control |= (unsigned char)text[at] < ' ' && text[at] != '\t' && text[at] != '\r';
		if (n + 1 < sizeof(p->copy))
			p->copy[n++] = text[at];
		else
			too_long = true;
	}
	p->copy[n] = 0;
	if (too_long || control)
		complain(p, too_long ? "line too long, at most 399 bytes" : "a control character");
	else
		read_line(p, p->copy);
	return at + 1;
}

/* What only the whole section shows. */
static void check_guest(struct parser *p, struct guest_config *g)
{
	p->guest = g;
	g->broken |= p->machine_wrong;
	p->line = g->line;
	if (!g->image[0])
		complain(p, "guest \"%s\" has no image", g->name);
	p->line = g->entry_line;
	if (g->entry_line && !g->load_line)
		complain(p, "entry: only with load =, for a flat binary");
	if (!g->entry_line)
		g->entry = g->load;
}

void config_read(struct config *c, const char *text, size_t bytes, config_error_fn *fn, void *arg)
{
	struct parser p = { .config = c, .fn = fn, .arg = arg };

	*c = (struct config){ 0 };
	for (size_t at = 0; at < bytes;)
		at = take_line(&p, text, bytes, at);
	p.machine = false;
	for (unsigned i = 0; i < c->guests; i++)
		check_guest(&p, &c->guest[i]);
}
