#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The proofs of t/proof hold for all inputs up to the bounds that are printed; each proof fails when the code is off
# by one; and the tool accepts nothing as a proof that is none. PROOF=long: larger bounds, more mutants, and a check
# that no other proof of a mutant's file fails.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my $folder = 'build/proof';
my $long = ($ENV{PROOF} // '') eq 'long';

# The proofs of a file, by name: whether it holds, and its line of output.
sub proofs {
	my ($file, @options) = @_;
	my ($status, $text) = command('t/proof/prove', ($long ? '--long' : ()), @options, $file);
	my %proof;
	$proof{$2} = [$1 eq 'proved', $3] while $text =~ /^(proved|NOT PROVED) (\w+): (.*(?:\n    .*)?)/mg;
	my $all = !grep { !$_->[0] } values %proof;
	my ($last) = $text =~ /^prove: (\d+) proofs, (?:all|\d+ NOT) .*\n\z/m;
	is($last, scalar keys %proof, "$file: the last line counts them");
	diag($text) unless %proof && $all == ($status == 0);
	ok(%proof && $all == ($status == 0), "$file: its status says whether all holds");
	return \%proof;
}

my %wrong = (%{proofs('t/proof/wrong.c', '--only', '(?!too_hard).*')},
	%{proofs('t/proof/wrong.c', '--only', 'too_hard', '--timeout', 1)}); # Z3 would take hours
for (sort keys %wrong) {
	my ($holds, $line) = @{$wrong{$_}};
	my ($expected, $why) = $line =~ /^(.*) \([\d.]+ s\)\n    (.*)/ or die "$_: $line";
	ok(!$holds && $why =~ /^\Q$expected\E/, "$_ is not proved: $expected") or diag($line);
}

{
	my ($status, $text) = command('env', 'PATH=/nowhere', $^X, 't/proof/prove', 't/proof/images.c');
	is("$status $text", "2 prove: there is no clang: make check-packages installs it\n", 'a tool that is missing is named');
}
isnt((command('t/proof/prove', '--only', 'no_such', 't/proof/images.c'))[0], 0, 'a file without proofs fails');

my %harness;
for my $file (grep { !/wrong/ } sort glob 't/proof/*.c') {
	my ($name) = $file =~ m{([^/]+)\.c$};
	my $proof = $harness{$name} = proofs($file);
	for (sort keys %$proof) {
		my ($holds, $line) = @{$proof->{$_}};
		diag("$_: $line");
		ok($holds, "$_ is proved");
	}
}

# A copy of the mutant's file, in its own tree.
sub plant {
	my ($copy, $file, $edit) = @_;
	my ($status, $after) = command('sed', $edit, $file);
	command('rm', '-rf', $copy); # from an earlier list of mutants
	command('mkdir', '-p', "$copy/" . $file =~ s{/[^/]*$}{}r);
	spew("$copy/$file", $after);
	isnt($after, slurp($file), "$edit changes $file");
}

my (%failed, $n);
for (grep { !/^#/ } split /\n/, slurp('t/proof/mutants')) {
	my ($harness, $wanted, $file, $edit) = split ' ', $_, 4;
	next if !$long && !grep { !$failed{$_} } split /\|/, $wanted; # one mutant for each proof is enough
	my $copy = "$folder/mutant" . $n++;
	plant($copy, $file, $edit);
	my $proof = proofs("t/proof/$harness.c", '--source', $copy, '--out', $copy, $long ? () : ('--only', $wanted));
	my @others = grep { !/^(?:$wanted)$/ && !$proof->{$_}[0] } sort keys %$proof;
	is("@others", '', "$edit: no other proof fails");
	my @noticed = grep { /^(?:$wanted)$/ && $proof->{$_}[1] =~ /not so: / } sort keys %$proof;
	is(join('|', @noticed), $wanted, "$edit: $wanted fails, with an input that shows it");
	$failed{$_} = 1 for @noticed;
}
for my $name (grep { $_ ne 'self' } sort keys %harness) { # self tests the tool, not the code
	ok($failed{$_}, "a mutant makes $_ fail") for sort keys %{$harness{$name}};
}
done_testing();
