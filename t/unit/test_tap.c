// SPDX-License-Identifier: GPL-2.0-or-later
/* A failed check prints its file, line and expression, and both values. */
#include <unistd.h>

#include "tap.h"

/* The output of a child process with checks that fail on purpose. */
static void fail_on_purpose(char *text, size_t bytes)
{
	int ends[2];

	fflush(stdout);
	if (pipe(ends))
		return;
	if (!fork()) {
		dup2(ends[1], 1);
		ok(1 + 1 == 3, "a sum");
		is(2 * 3, 7, "a product");
		is(2 * 3, 6, "a right one");
		exit(done_testing());
	}
	close(ends[1]);
	for (ssize_t n; bytes > 1 && (n = read(ends[0], text, bytes - 1)) > 0; text += n)
		bytes -= (size_t)n;
	*text = 0;
}

int main(void)
{
	char text[1024] = "";

	fail_on_purpose(text, sizeof(text));
	ok(strstr(text, "not ok 1 - a sum\n# t/unit/test_tap.c:"), "name, file and line");
	ok(strstr(text, ": 1 + 1 == 3\n"), "the expression");
	ok(strstr(text, ": 2 * 3\n# got 0x6, want 0x7\n"), "got and want");
	ok(strstr(text, "\nok 3 - a right one\n1..3\n"), "nothing for a check that passes");
	return done_testing();
}
