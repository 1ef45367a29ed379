// SPDX-License-Identifier: GPL-2.0-or-later
/* The check of locks (debug/locks.c) lets pass what is in order, and ends what is not: the panic of
 * a child. */
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

/* What a process that does it says as it panics; "" when it does not. */
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
		exit(0); /* with the counts of a build that counts */
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
	spin_unlock(&one); /* given back in any order */
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

static void given_back(void)
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

static void given_back_elsewhere(void)
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
		{ in_order, "from outer to inner", "" },
		{ inverted, "an inversion", "lock pc is taken inside line" },
		{ inverted_below_another, "one whose outer lock is gone",
		  "lock shadow is taken inside line" },
		{ twice, "twice", "lock pc is taken twice, inside pc" },
		{ same_class, "two of a class", "lock shadow is taken inside shadow" },
		{ tried, "one that is only tried", "" },
		{ entered, "at the entry to a guest",
		  "lock pc, and line, are held at the entry to a guest" },
		{ tried_and_entered, "one that was tried",
		  "lock shadow, and shadow, are held at the entry to a guest" },
		{ given_back, "given back without having it",
		  "a lock is given back that this CPU does not have" },
		{ on_two_cpus, "each CPU for itself", "" },
		{ given_back_elsewhere, "given back by another",
		  "a lock is given back that this CPU does not have" },
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
