// SPDX-License-Identifier: GPL-2.0-or-later
/* The lock checker (debug/locks.c) accepts the correct order, and panics at every violation; each
 * case runs in a child process. */
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/spinlock.h"
#include "tap.h"

static unsigned cpu;
static SPINLOCK(LOCK_PC) pc;
static SPINLOCK(LOCK_SHADOW) one, other;
static SPINLOCK(LOCK_LINE) line;

unsigned locks_cpu(void)
{
	return cpu;
}

void mmu_interleave(void)
{
}

/* The panic message of a process that calls the function; "" if it does not panic. */
static const char *panic_of(void (*does)(void))
{
	static char text[256];
	int ends[2], status;

	fflush(stdout);
	if (pipe(ends))
		return "no pipe";
	pid_t child = fork();
	if (!child) {
		dup2(ends[1], 2);
		does();
		exit(0); /* writes the counters of a coverage build */
	}
	close(ends[1]);
	ssize_t n = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	waitpid(child, &status, 0);
	text[n > 0 ? n : 0] = 0;
	return text;
}

static void in_order(void)
{
	spin_lock(&pc);
	spin_lock(&one);
	spin_lock(&line);
	spin_unlock(&one); /* any order of release is valid */
	spin_unlock(&pc);
	spin_unlock(&line);
	locks_none_held();
}

static void inverted(void)
{
	spin_lock(&line);
	spin_lock(&pc);
}

static void inverted_below_another(void)
{
	spin_lock(&pc);
	spin_lock(&line);
	spin_unlock(&pc);
	spin_lock(&one);
}

static void twice(void)
{
	spin_lock(&pc);
	spin_lock(&pc);
}

static void same_class(void)
{
	spin_lock(&one);
	spin_lock(&other);
}

static void tried(void)
{
	spin_lock(&line);
	if (spin_try_lock(&pc) && !spin_try_lock(&pc))
		spin_unlock(&pc);
	spin_unlock(&line);
	locks_none_held();
}

static void entered(void)
{
	spin_lock(&pc);
	spin_lock(&line);
	locks_none_held();
}

static void tried_and_entered(void)
{
	spin_try_lock(&one);
	locks_none_held();
}

static void released(void)
{
	spin_unlock(&pc);
}

static void on_two_cpus(void)
{
	spin_lock(&line);
	cpu = 1;
	spin_lock(&pc);
	spin_unlock(&pc);
	locks_none_held();
	cpu = 0;
	spin_unlock(&line);
	locks_none_held();
}

static void released_elsewhere(void)
{
	spin_lock(&pc);
	cpu = 1;
	spin_unlock(&pc);
}

int main(void)
{
	static const struct {
		void (*does)(void);
		const char *what, *says;
	} cases[] = {
		{ in_order, "outer to inner", "" },
		{ inverted, "inner to outer", "lock pc is taken inside line" },
		{ inverted_below_another, "inner to outer, after the outermost was released",
		  "lock shadow is taken inside line" },
		{ twice, "the same lock twice", "lock pc is taken twice, inside pc" },
		{ same_class, "two locks of a class", "lock shadow is taken inside shadow" },
		{ tried, "a try out of order", "" },
		{ entered, "two locks at the entry to a guest",
		  "lock pc, and line, are held at the entry to a guest" },
		{ tried_and_entered, "a lock from a try at the entry to a guest",
		  "lock shadow, and shadow, are held at the entry to a guest" },
		{ released, "release of a lock that is not held",
		  "a lock is released that this CPU does not hold" },
		{ on_two_cpus, "two CPUs", "" },
		{ released_elsewhere, "release by another CPU",
		  "a lock is released that this CPU does not hold" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *said = panic_of(cases[i].does);
		size_t n = strlen(cases[i].says);

		ok(n ? !strncmp(said, cases[i].says, n) : !*said, "%s: %s", cases[i].what,
		   n ? cases[i].says : "nothing");
		if (n ? strncmp(said, cases[i].says, n) : *said)
			printf("# got %s\n", said);
	}
	return done_testing();
}
