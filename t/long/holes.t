#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The random attackers find the fixed holes: each hole that a patch in t/fuzz/holes/ reopens is found by some seed
# within a number of attempts, and the same seed finds nothing in the unmodified hypervisor. t/fuzz/README.md lists
# the holes that they do not reach, and why.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Holes qw(holes open_hole find_hole closed_as_it_is);
use Resume qw(once);

for my $hole (holes()) {
	my $good = sub { my ($seen, undef, $attempts, $still) = @_; return $seen && $attempts <= $hole->{within} && !defined $still };
	my ($seen, $word, $attempts, $still) = once("hole $hole->{name}", sub {
		my @found = find_hole($hole, open_hole($hole));
		return (@found, $found[0] ? closed_as_it_is($found[1]) : undef);
	}, $good);
	ok($seen, "$hole->{name}: found") or next;
	note("$hole->{name}: by $word, after $attempts attempts: $seen");
	cmp_ok($attempts, '<=', $hole->{within}, "$hole->{name}: within $hole->{within} attempts");
	is($still, undef, "$hole->{name}: closed, it is not found");
}

done_testing;
