// SPDX-License-Identifier: GPL-2.0-or-later
/* The host command: veneer COMMAND ... */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "abi/veneer.h"
#include "bench.h"
#include "command.h"
#include "run.h"
#include "version.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "rewrite", command_rewrite, "rewrite a 32-bit kernel so that it runs in ring 1" },
	{ "inspect", command_inspect, "show sensitive instructions and how they are rewritten" },
	{ "run", command_run, "start the hypervisor with a configuration in an emulator" },
	{ "check", command_check, "look for errors in a configuration" },
	{ "bench", command_bench, "measure native, stock, rewritten and paravirtual guests" },
};

static void help(FILE *f)
{
	fprintf(f, "usage: veneer COMMAND [ARGUMENTS]\n       veneer --help | --version\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(f, "\nSee also veneer COMMAND --help and man veneer.\n");
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

static int run(int argc, char **argv)
{
	static char name[32];

	if (argc < 2) {
		help(stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name)) {
			snprintf(name, sizeof(name), "veneer %s", commands[i].name);
			argv[1] = name; /* the prefix of getopt_long's messages */
			return commands[i].run(argc - 1, argv + 1);
		}
	bool version = !strcmp(argv[1], "--version"), help_wanted = is_help(argv[1]);
	if (argc > 2 && (version || help_wanted)) {
		fprintf(stderr, "veneer: %s takes no argument: see veneer %s\n", argv[1],
			version ? "--help" : "COMMAND --help");
		return 2;
	}
	if (version) {
		printf("veneer " VENEER_VERSION ", guest interface %d.%d\n", VENEER_ABI_MAJOR,
		       VENEER_ABI_MINOR);
		return 0;
	}
	if (help_wanted) {
		help(stdout);
		return 0;
	}
	fprintf(stderr, "veneer: no command \"%s\": veneer --help lists them\n", argv[1]);
	return 2;
}

/* Where 0, 1 or 2 is closed, a file would be opened in its place, and get what is printed. What is
 * opened here can neither be read from nor written to. */
static void hold_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

/* Failing to print the result is an error. */
int main(int argc, char **argv)
{
	hold_standard_descriptors();
	int status = run(argc, argv);
	bool bad = ferror(stdout);

	if (!fclose(stdout) && !bad)
		return status;
	if (!status)
		fprintf(stderr, "veneer: standard output: %s\n", strerror(errno));
	return status ? status : 1;
}
