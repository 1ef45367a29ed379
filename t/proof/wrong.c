// SPDX-License-Identifier: GPL-2.0-or-later
/* Tests the tool: none of these may be proved, and each states why not. A vacuous proof, a loop
 * that does not end, or a question that Z3 does not answer must not pass. */
#include "proof.h"

PROOF(no_input, "nothing leads to the end")
{
	unsigned a = any_u8();

	assume(a < 4);
	assume(a > 4);
	prove(a == 77);
}

PROOF(no_such_input, "nothing leads to proof_no_such_input")
{
	unsigned a = any_u8();

	prove(a < 256);
	possible(a == 256);
}

PROOF(unreached, "nothing leads to proof_unreached")
{
	unsigned a = any_u8(), b = any_u8();

	if (a + b > 510)
		possible(true);
}

PROOF(one_beyond, "not so: a read stays in its object")
{
	uint64_t n = any_u16(), i = any_u16();
	const uint8_t *file = any_file(n);

	assume(i <= n);
	prove(file[i] <= UINT8_MAX);
}

PROOF(overflow, "not so: no undefined behaviour")
{
	int a = (int)any_u32();

	prove(a + 1 != 0 || a == -1);
}

PROOF(first_value, "not so: what it shall prove")
{
	static unsigned calls; /* may have been called before */

	prove(!calls++);
}

PROOF(endless, "cannot be run: proof_endless loops on")
{
	for (unsigned i = 0; i != 1; i += 2)
		;
}

static unsigned deep(unsigned n)
{
	return n ? deep(n - 1) : 0;
}

PROOF(recursion, "cannot be run: recursion in deep")
{
	prove(!deep(any_u8()));
}

PROOF(elsewhere, "cannot be run: any_other has no body")
{
	unsigned any_other(void);

	prove(any_other() < 8);
}

PROOF(too_hard, "Z3 does not know")
{
	uint64_t a = any_u32(), b = any_u32();

	assume(a > 1 && b > 1);
	prove(a * b != 18446744030759878681ull); /* 4294967291 squared: Z3 may search for long */
}
