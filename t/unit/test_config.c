// SPDX-License-Identifier: GPL-2.0-or-later
/* veneer.conf: valid lines are accepted, invalid ones are reported with their numbers, and parsing
 * continues. */
#include "load/config.h"
#include "tap.h"

static char said[1024];

static void note(void *arg, unsigned line, const char *message)
{
	size_t n = strlen(said);

	(void)arg;
	snprintf(said + n, sizeof(said) - n, "%u: %s\n", line, message);
}

static struct config c;

static void read(const char *text)
{
	said[0] = 0;
	config_read(&c, text, strlen(text), note, NULL);
}

static void good(void)
{
	read("# comment\n[guest a-1]\nimage=x.elf\nmemory = 64M ; remark\ncpus = 0,2-3\r\nengine = "
	     "ring\n"
	     "prepare = pv\non-crash = restart\nshare = 25\noptional = yes\ncmdline = a = b # c\n"
	     "\n[guest b]\n\timage = y\nmemory = 2097152\n");
	ok(c.guests == 2 && !c.errors && !said[0], "two guests, no errors");
	const struct guest_config *g = &c.guest[0];
	ok(g->line == 2 && g->image_line == 3 && !g->modules && c.guest[1].image_line == 14,
	   "lines of the section and its files");
	ok(!strcmp(g->name, "a-1") && !strcmp(g->image, "x.elf") && g->memory == MIB(64),
	   "name, image, memory");
	ok(g->cpus == 0xd && g->engine == ENGINE_RING && g->prepare == PREPARE_PV,
	   "cpus, engine, prepare");
	ok(g->on_crash == CRASH_RESTART && g->share == 25 && g->optional,
	   "on-crash, share, optional");
	ok(!strcmp(g->cmdline, "a = b"), "a value may hold an equals sign, and a comment ends it");
	ok(c.guest[1].memory == MIB(2) && c.guest[1].cpus == 1, "sizes in bytes; defaults");
	read("[guest a]\nimage = it's\ncmdline = a=\"b c\"\ncount-at = \"\n");
	ok(!c.errors && !strcmp(c.guest[0].cmdline, "a=\"b c\"") &&
		   !strcmp(c.guest[0].count_at, "\""),
	   "quotes within a value, or one alone, are part of it");
}

static bool module_is(unsigned n, const char *file, const char *text)
{
	const struct file_config *m = &c.guest[0].module[n];

	return !strcmp(m->file, file) && m->bytes == strlen(text) &&
	       !memcmp(m->text, text, m->bytes);
}

static void files(void)
{
	read("[guest a]\nimage = x\nload=0xFfffFfff\nentry = 1M\nmodule = a\nmodule = b \t c  d ; "
	     "e\n"
	     " module\t= f g\r\nmodule =\n");
	ok(!c.errors && c.guest[0].load == 0xffffffff && c.guest[0].entry == MIB(1), "addresses");
	ok(c.guest[0].modules == 3 && module_is(0, "a", "a") && module_is(1, "b", "c  d") &&
		   module_is(2, "f", "g") && c.guest[0].module[2].line == 7,
	   "modules, with strings");
	read("[guest a]\nimage = x\nload = 4095\n");
	ok(!c.errors && c.guest[0].load == 4095 && c.guest[0].entry == 4095, "entry is load");
	read("[guest a]\nimage = x\nmodule = \"a b\"\nload = 0xg\nload = 2M\n");
	ok(!strcmp(said, "3: module: remove the quotes, they are not needed\n"
			 "4: load: want an address below 4G, as 0x100000 or 1M\n"
			 "5: load: already given in line 4\n") &&
		   c.guest[0].load == LOAD_INVALID && !c.guest[0].load_line,
	   "wrong addresses and modules");
}

static void machine(void)
{
	read("[guest a]\nimage = x\n[machine]\nmitigations = verw  rsb, spec-ctrl # c\n[guest b]\n"
	     "image = y\n");
	ok(c.guests == 2 && !c.errors && !c.mitigations.off &&
		   c.mitigations.forced == (1u << MITIGATION_VERW | 1u << MITIGATION_RSB |
					    1u << MITIGATION_SPEC_CTRL),
	   "measures, in a section between guests");
	read("[machine]\nmitigations = off\n");
	ok(c.mitigations.off && !c.mitigations.forced && !c.errors, "off");
	read("[machine]\nmitigations = auto\n");
	ok(!c.mitigations.off && !c.mitigations.forced && !c.errors, "auto");
}

/* An invalid line about mitigations is not guessed at: no guest is started. */
static void machine_wrong(void)
{
	static const char *const texts[] = {
		"[machine]\nmitigations = of\n",
		"[machine]\nmitigations = rsb, foo\n",
		"[machine]\nmitigations = rsb\nmitigations = off\n",
		"[machine]\nmitigations = rsb\n[machine]\n",
		"[machine]\nmitigation = rsb\n",
		"[machine]\nmitigations\n",
		"[machine]\nmitigations = off\001\n",
		"[Machine]\nmitigations = rsb\n",
		"mitigations = rsb\n",
		"[guest c]\nimage = z\nmitigations = rsb\n",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		for (unsigned first = 0; first < 2; first++) {
			char text[200];

			snprintf(text, sizeof(text), "%s[guest a]\nimage = x\n%s",
				 first ? texts[i] : "", first ? "" : texts[i]);
			if (!first && !strncmp(texts[i], "mitigations", 11))
				continue; /* there it belongs to the guest's section */
			read(text);
			bool all = c.errors == 1;
			for (unsigned j = 0; j < c.guests; j++)
				all &= c.guest[j].broken;
			if (!ok(all, "%s guest, wrong line %u of the machine: it starts nobody",
				first ? "before a" : "after a", i))
				printf("# %s# said: %s", text, said);
		}
	read("[guest a]\n[machine]\nmitigations = auto\n[guest b]\nimage = y\n[machine]\n");
	is(c.errors, 2, "a second [machine], and a guest without an image");
	read("[guest a]\n[guest b]\nimage = y\n[machine]\nmitigations = auto\n");
	ok(c.errors == 1 && c.guest[0].broken && !c.guest[1].broken,
	   "what a guest wants is no line of the machine");
}

static void bad(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "[guest a]\nimage = x\nmemroy = 1M\n", "3: memroy: unknown key\n" },
		{ "[guest a]\nimage = x\nmemory = lots\n", "3: memory: not a size" },
		{ "[guest a]\nimage = x\nmemory = 1M\n", "3: memory: out of range" },
		{ "[guest a]\nimage = x\nmemory = 99999999999999999999G\n",
		  "3: memory: not a size" },
		{ "[guest a]\nimage = x\ncpus = 1-\n", "3: cpus: want cores" },
		{ "[guest a]\nimage = x\ncpus = 3-1\n", "3: cpus: want cores" },
		{ "[guest a]\nimage = x\ncpus = 16\n", "3: cpus: want cores 0 to 15" },
		{ "[guest a]\nimage = x\nmemory = 4M\nimage = y\n",
		  "4: image: already given in line 2\n" },
		{ "[guest a]\nimage = x\ncpus = 0,0\n", "3: cpus: names a core twice\n" },
		{ "[guest a]\nimage = x\ncpus = 1-3,2\n", "3: cpus: names a core twice\n" },
		{ "[guest a]\nimage = \"x\"\n", "2: image: remove the quotes" },
		{ "[guest a]\nimage = x\nmemory = '4M'\n", "3: memory: remove the quotes" },
		{ "[guest a]\nimage = x\ncmdline = \"a b\" # c\n",
		  "3: cmdline: remove the quotes" },
		{ "[machine]\nmitigations = \"off\"\n", "2: mitigations: remove the quotes" },
		{ "[guest a]\nimage = x\nengine = xen\n", "3: engine: want ring" },
		{ "[guest a]\nimage = x\nshare = 0\n", "3: share: want a percentage" },
		{ "[guest a]\nimage = x\nvcpus = 9\n", "3: vcpus: want 1 to 8" },
		{ "[guest a]\nimage = x\ndevice = floppy\n", "3: device: want virtio-console" },
		{ "[guest a]\nmemory = 4M\n", "1: guest \"a\" has no image" },
		{ "[guest a]\nimage = x\n[guest a]\nimage = y\n", "3: duplicate guest \"a\"" },
		{ "image = x\n", "1: image: not in a [guest NAME] section" },
		{ "mitigations = off\n", "1: mitigations: only [machine] has this key" },
		{ "[guest a]\nimage = x\nmitigations = off\n",
		  "3: mitigations: only [machine] has this key" },
		{ "[machine]\nmitigations = off\nmitigations = rsb\n",
		  "3: mitigations: already given in line 2\n" },
		{ "[machine]\n\n[machine]\n", "3: [machine]: already given in line 1\n" },
		{ "[machine]\nmitigation = off\n", "2: mitigation: unknown key of [machine]\n" },
		{ "[machine]\nmitigations = retpoline, smt\n",
		  "2: mitigations: want auto, off, or" },
		{ "[machine]\nmitigations =\n", "2: mitigations: want auto, off, or" },
		{ "[machine]\nmitigations = ,\n", "2: mitigations: want auto, off, or" },
		{ "[machine]\nimage = x\n", "2: image: not in a [guest NAME] section\n" },
		{ "[machine 1]\n", "1: \"[machine 1]\" is not a section" },
		{ "[gast a]\n", "1: \"[gast a]\" is not a section" },
		{ "[guest a b]\n", "1: guest name" },
		{ "[guest ]\n", "1: guest name" },
		{ "[guest veneer]\n", "1: guest name \"veneer\"" },
		{ "[guest a]\nimage\n", "2: \"image\": want KEY = VALUE" },
		{ "[guest a]\nimage = x\ncmdline = a\001b\n", "3: a control character" },
	};

	static const char *const headers[] = { "[guest a b]", "[guest]", "[gast a]", "[guest a",
					       "[guest veneer]" };

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		read(cases[i].text);
		if (!ok(!strncmp(said, cases[i].want, strlen(cases[i].want)) && c.errors,
			"says \"%.*s\"", (int)strcspn(cases[i].want, "\n"), cases[i].want))
			printf("# said: %s", said);
	}
	read("[guest a]\nimage = x\ncpus = 15\n[guest b]\nimage = y\ncpus = 0\n");
	ok(!c.errors && c.guest[0].cpus == 1u << 15,
	   "the last core; each section has its own keys");
	for (unsigned i = 0; i < ARRAY_SIZE(headers); i++) {
		char text[200];

		snprintf(text, sizeof(text), "%s\nimage = x\nmemroy\n[guest b]\nimage = y\n",
			 headers[i]);
		read(text);
		if (!ok(c.errors == 1 && strchr(said, '\n') == said + strlen(said) - 1 &&
				c.guests == 1 && !c.guest[0].broken,
			"\"%s\": one error, none that follows from it", headers[i]))
			printf("# said: %s", said);
	}
	read("[guest a]\nimage = x\nbad\n[guest b]\nimage = y\n");
	ok(c.guest[0].broken && !c.guest[1].broken, "only the guest with the wrong line is broken");
}

static void hostile(void)
{
	static const char alphabet[] =
		"[]guest image=memory cpus\n\n\n#;0123456789-,KMG\"\t\r\001\377";
	static char text[2000];

	for (unsigned round = 0; round < 20000; round++) {
		size_t n = rnd() % sizeof(text);

		for (size_t i = 0; i < n; i++)
			text[i] = alphabet[rnd() % (sizeof(alphabet) - 1)];
		said[0] = 0;
		config_read(&c, text, n, note, NULL);
	}
	ok(c.guests <= GUESTS_MAX, "twenty thousand texts of noise");
	size_t n = 0;
	for (unsigned i = 0; i < GUESTS_MAX + 2; i++)
		n += (size_t)sprintf(text + n, "[guest g%u]\nimage = x\n", i);
	config_read(&c, text, n, note, NULL);
	ok(c.guests == GUESTS_MAX && c.errors, "more guests than there can be");
}

int main(void)
{
	good();
	files();
	machine();
	machine_wrong();
	bad();
	hostile();
	return done_testing();
}
