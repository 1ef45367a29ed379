#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Random programs for ring 0, t/programs/: what each does natively it does translated, and under svm.
# `t/programs/compare` runs other seeds. It proves itself: translations that are broken on purpose do something else.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Holes qw(open_hole);
use Programs qw(run_programs first_difference explain program_holes %reference);

use constant { FIRST => 1, COUNT => 200 };

my %lines = map { $_ => [run_programs($_, FIRST, COUNT)] } qw(native tame translated svm);
for (qw(native tame)) {
	is(scalar @{$lines{$_}}, COUNT, "$_: all programs are run");
	is(scalar(grep { !/: [0-9a-f]{8}, / } @{$lines{$_}}), 0, "$_: each comes to its end") or diag(join("\n", @{$lines{$_}}));
	my %sums = map { /: (\w+),/ => 1 } @{$lines{$_}};
	cmp_ok(scalar keys %sums, '>', COUNT - 2, "$_: each has a sum of its own");
}
for (qw(translated svm)) {
	my ($seed) = first_difference($lines{$reference{$_}}, $lines{$_});
	is($seed, undef, "$_: the same as natively") or diag(explain($seed, $_));
}

# Broken on purpose, the translation is found out by the first few.
for my $hole (program_holes()) {
	local $ENV{VENEER_LIB} = open_hole($hole);
	my ($seed) = first_difference([@{$lines{native}}[0 .. $hole->{seeds} - 1]], [run_programs('translated', FIRST, $hole->{seeds})]);
	ok($seed, "$hole->{name}: noticed") and note("by program $seed");
}

done_testing;
