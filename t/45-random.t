#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Random attackers, a bounded set of them: t/attacker/ beside a neighbour that must keep its pace. Each case is a word
# that t/fuzz/attack does again and `make fuzz` makes more of; each must come to so many attempts, which QEMU's count of
# instructions makes the same on every machine.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Attack qw(case_of run_case);

my @cases = (
	['ring-pv-1x1-16-300-1-4444444444444444', 20_000],
	['ring-pv-2x2-16-200-2-4444444444444444', 10_000],
	['ring-pv-4x1-8-200-3-4444444444444444', 5_000],
	['ring-pc-1x1-16-300-4-4444444444444444', 1_000],
	['svm-pv-1x1-16-200-5-4444444444444444', 10_000],
	['svm-pv-4x1-16-300-6-4444444444444444', 10_000],
	['svm-pc-1x1-16-200-7-4444444444444444', 1_000],
	['svm-pc-2x1-16-150-8-4444444444444444', 500],
	['vmx-pv-2x2-16-250-9-4444444444444444', 3_000], # in Bochs
);

for (@cases) {
	my ($word, $wanted) = @$_;
	my $result = run_case(case_of($word), name => 'random');
	is($result->{failure}, undef, "$word: nobody else notices") or diag("t/fuzz/attack --replay $word");
	cmp_ok($result->{attempts}, '>=', $wanted, "$word: $wanted attempts were made");
}

done_testing;
