#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Ten thousand random programs for ring 0 (t/programs/): what each does natively it does translated, and under svm.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Programs qw(run_programs first_difference explain %reference);
use Resume qw(once);

use constant { COUNT => 10_000, PART => 1_000 };

for my $part (0 .. COUNT / PART - 1) {
	my $from = 1 + $part * PART;
	for my $engine (qw(translated svm)) {
		my ($seed) = once("programs $engine $from", sub {
			return first_difference(map { [run_programs($_, $from, PART)] } $reference{$engine}, $engine);
		}, sub { return !defined $_[0] });
		is($seed, undef, "$engine, from $from on: the same as natively") or diag(explain($seed, $engine));
	}
}

done_testing;
