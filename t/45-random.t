#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Random attackers, a bounded set of them: t/attacker/ beside a neighbour that must keep its pace. Each case is a word
# that t/fuzz/attack does again and `make fuzz` makes more of; each must come to so many attempts. An attacker may end
# itself before it has made them, by a hypercall it did not mean: another seed then makes the rest. Time is a count of
# instructions, QEMU's or Bochs's, and nothing is typed during an attack, so that all machines see the same.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Attack qw(case_of word_of run_case);
use Holes qw(holes);
use Veneer;

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

# The failure, undef for none, the attempts, and the last case's word.
sub attack {
	my ($word, $wanted) = @_;
	my ($case, $attempts, $result) = (case_of($word), 0);
	for (1 .. 8) {
		$result = run_case($case, name => 'random');
		$attempts += $result->{attempts};
		last if $result->{failure} || $attempts >= $wanted;
		$case->{seed} += @cases;
	}
	return ($result->{failure}, $attempts, word_of($case));
}

for (@cases) {
	my ($word, $wanted) = @$_;
	my ($failure, $attempts, $last) = attack($word, $wanted);
	is($failure, undef, "$word: nobody else notices") or diag("t/fuzz/attack --replay $last");
	cmp_ok($attempts, '>=', $wanted, "$word: $wanted attempts were made");
}

# A case again: the same up to the neighbour's figures, when the host types. The replay says whose seed it is.
{
	my $word = 'ring-pv-2x1-16-100-7-4444444444444444';
	my ($first, $second) = map { run_case(case_of($word), name => 'again')->{text} =~ /^(.*?^neighbour: neighbour: work[^\n]*)/ms ? $1 : "no end $_" } 1 .. 2;
	ok($first eq $second, "$word, twice: the same lines") or diag("$first\n\n$second");
	my ($status, $text) = command('t/fuzz/attack', '--replay', $word);
	is($status, 0, '--replay') or diag($text);
	like($text, qr/^attack: seed 7, 1 run, /m, 'says the seed of the case');
}

# What cannot be a case is refused in a line, and counts as nothing found.
for (['', 'want ENGINE'], ['ring-pv-2x1-16-300-7-444444444444444', 'want ENGINE'], ['ring-pv-2x1-16-300-7-44444444444444444', 'want ENGINE'],
	['xen-pv-1x1-16-300-7-4444444444444444', 'want ENGINE'], ['ring-pv-9x1-16-300-7-4444444444444444', 'want ENGINE'],
	['ring-pv-1x3-16-300-7-4444444444444444', 'want ENGINE'],
	['ring-pc-2x1-16-300-7-4444444444444444', 'under ring a PC'], ['ring-pv-1x1-0-300-7-4444444444444444', 'want 4 to 1024 MiB'],
	['ring-pv-1x1-99999-300-7-4444444444444444', 'want 4 to 1024 MiB'], ['ring-pv-1x1-16-0-7-4444444444444444', 'want 1 to 100000 milli'],
	['ring-pv-1x1-16-300-9999999999-4444444444444444', 'want a seed'], ['ring-pv-1x1-16-300-7-0000000000000000', 'want a weight'],
	['vmx-pv-1x1-16-300-7-4444444444444444-stop', 'nobody stops']) {
	my ($word, $why) = @$_;
	my ($status, $text) = command('t/fuzz/attack', '--seconds', 0, '--replay', $word);
	is($status, 2, "'$word' is refused");
	like($text, qr/\Aattack: --replay \Q$word\E: not a case: $why.*\n\z/, 'in a line, with why');
}
for (['--jobs', 0, 'want at least 1'], ['--only', '(', 'not an expression'], ['--only', 'nothing', 'no case matches']) {
	my ($option, $value, $why) = @$_;
	my ($status, $text) = command('t/fuzz/attack', '--seconds', $option eq '--jobs' ? 0 : 1, $option, $value);
	is("$status $text", "2 attack: $option $value: $why\n", "$option $value is refused");
}

# Whether they find what was closed, t/long/holes.t tries; that it can be opened again is seen here.
for my $hole (holes()) {
	my ($status, $text) = command('sh', '-c', "patch -p1 --fuzz=0 --dry-run < $hole->{path}");
	is($status, 0, "$hole->{name} can be opened") or diag($text);
}

done_testing;
