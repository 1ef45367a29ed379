// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "run.h"

bool option_number(const char *option, const char *value, long least, long most)
{
	char *end;

	errno = 0;
	long n = strtol(value, &end, 10);
	if (isdigit((unsigned char)*value) && !*end && !errno && n >= least && n <= most)
		return true;
	fprintf(stderr, "veneer: %s %s: want a whole number from %ld to %ld\n", option, value,
		least, most);
	return false;
}

bool option_real(const char *option, const char *value, double *to)
{
	char *end;

	*to = strtod(value, &end);
	if (isdigit((unsigned char)*value) && !*end && isfinite(*to))
		return true;
	fprintf(stderr, "veneer: %s %s: want a number\n", option, value);
	return false;
}

bool option_choice(const char *option, const char *value, const char *const *names)
{
	for (unsigned i = 0; names[i]; i++)
		if (!strcmp(names[i], value))
			return true;
	fprintf(stderr, "veneer: %s %s: want", option, value);
	for (unsigned i = 0; names[i]; i++)
		fprintf(stderr, "%s %s", !i ? "" : names[i + 1] ? "," : " or", names[i]);
	fputc('\n', stderr);
	return false;
}

bool option_file(const char *option, const char *value)
{
	const char *why = file_wrong_name(value);

	if (why)
		fprintf(stderr, "veneer: %s \"%s\": %s\n", option, value, why);
	return !why;
}

bool option_folder(const char *option, const char *value)
{
	const char *why = !*value		? "an empty name: want the name of a folder"
			  : !strcmp(value, "-") ? "want the name of a folder, ./- for one named -"
						: NULL;

	if (why)
		fprintf(stderr, "veneer: %s \"%s\": %s\n", option, value, why);
	return !why;
}

int option_usage(const char *command, const char *why)
{
	if (why)
		fprintf(stderr, "veneer %s: %s\n", command, why);
	fprintf(stderr, "see veneer %s --help\n", command);
	return RUN_USAGE;
}
