#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What t/proof proves, for all inputs up to the bounds that are printed; and that each proof fails
# when the code is off by one. PROOF=long: and that no other proof does.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my $folder = 'build/proof';

# Proofs of a file, by name: whether it holds, and the line that says so.
sub proofs {
	my ($file, @options) = @_;
	my ($status, $text) = command('t/proof/prove', @options, $file);
	my %proof;
	$proof{$2} = [$1 eq 'proved', $3] while $text =~ /^(proved|NOT PROVED) (\w+): (.*(?:\n    .*)?)/mg;
	diag($text) unless %proof;
	return \%proof;
}

my %harness;
for my $file (sort glob 't/proof/*.c') {
	my ($name) = $file =~ m{([^/]+)\.c$};
	my $proof = $harness{$name} = proofs($file);
	ok(%$proof, "$name: there are proofs");
	for (sort keys %$proof) {
		my ($holds, $line) = @{$proof->{$_}};
		diag("$_: $line");
		ok($holds, "$_ is proved");
	}
}

my %failed;
my $n = 0;
for (grep { !/^#/ } split /\n/, slurp('t/proof/mutants')) {
	my ($harness, $wanted, $file, $edit) = split ' ', $_, 4;
	my $copy = "$folder/mutant" . $n++;
	my ($folder_of) = $file =~ m{(.*)/};
	my $before = slurp($file);
	my ($status, $after) = command('sed', $edit, $file);
	command('mkdir', '-p', "$copy/$folder_of");
	spew("$copy/$file", $after);
	isnt($after, $before, "$edit finds its place in $file");
	my @options = ('--source', $copy, '--out', $copy);
	push @options, '--only', $wanted unless ($ENV{PROOF} // '') eq 'long';
	my $proof = proofs("t/proof/$harness.c", @options);
	for (sort keys %$proof) {
		my ($holds, $line) = @{$proof->{$_}};
		next if $holds != /^(?:$wanted)$/;
		fail("$_ " . ($holds ? 'does not notice' : 'fails as well') . ": $edit: $line");
	}
	my @noticed = grep { /^(?:$wanted)$/ && $proof->{$_}[1] =~ /not so: / } sort keys %$proof;
	is(join('|', @noticed), $wanted, "$edit: $wanted fails, with an input that shows it");
	$failed{$_} = 1 for @noticed;
}
for my $name (grep { $_ ne 'self' } sort keys %harness) { # the tool, not the code
	ok($failed{$_}, "$_ was seen to fail") for sort keys %{$harness{$name}};
}
done_testing();
