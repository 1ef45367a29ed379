#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The hypervisor's folders, as hypervisor/README.md lists them: each includes itself and those before it. No header
# includes itself by way of others. No function is longer than a reader can follow.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use File::Find;
use Veneer qw(slurp);

# virtio/ stands beside hypervisor/, and its headers are found by that name.
my @order = qw(abi lib arch debug kernel insn load guest virtio pc console engine/hvm engine/ring/shadow engine/ring boot);
my %rank = map { $order[$_] => $_ } 0 .. $#order;

use constant FUNCTION_LINES => 60;

# What is still to be cut, each with where it must go. A line that is not needed any more fails.
my %debts = map { $_ => 1 } (
	'guest -> engine/ring/shadow', # guest/guest.h has struct mmu: guest memory is to stand apart from shadows
	'virtio -> engine/ring/shadow', # the same: where a queue looks at guest memory
	'guest -> virtio', # struct guest has its devices in place
);

my %text;
find({ no_chdir => 1, wanted => sub {
	return unless /\.(?:[chS]|inc)$/ && !m{^hypervisor/host/};
	(my $name = $_) =~ s{^hypervisor/}{};
	$text{$name} = slurp($_);
} }, 'hypervisor', 'virtio');

sub folder { return $_[0] =~ s{/[^/]+$}{}r }
sub includes { return $text{$_[0]} =~ /^#include "([^"]+)"/mg }

my %seen;
my @wrong;
for my $file (sort keys %text) {
	my $from = folder($file);
	for my $header (includes($file)) {
		my $to = folder($header);
		if (!$text{$header} || !defined $rank{$from} || !defined $rank{$to}) {
			push @wrong, "$file: $header: not there, or in no folder of the list";
			next;
		}
		next if $rank{$to} <= $rank{$from};
		$seen{"$from -> $to"} = 1;
		push @wrong, "$file includes $header, which comes later" unless $debts{"$from -> $to"};
	}
}
is_deeply(\@wrong, [], 'includes point one way') or diag(join("\n", @wrong));
is_deeply([grep { !$seen{$_} } sort keys %debts], [], 'and no exception is left over');
cmp_ok(scalar(keys %text), '>', 100, 'all of the hypervisor was looked at');

sub circle {
	my ($at, $state, @path) = @_;
	return undef if ($state->{$at} // '') eq 'done';
	return join ' -> ', @path, $at if ($state->{$at} // '') eq 'open';
	$state->{$at} = 'open';
	for (grep { /\.h$/ } includes($at)) {
		my $found = circle($_, $state, @path, $at);
		return $found if $found;
	}
	$state->{$at} = 'done';
	return undef;
}
my %state;
is((map { circle($_, \%state) // () } grep { /\.h$/ } sort keys %text)[0], undef, 'no header includes itself');

my @long;
for my $file (grep { /\.c$/ } sort keys %text) {
	my $from = 0;
	my $line = 0;
	for (split /\n/, $text{$file}) {
		$line++;
		$from = $line if $_ eq '{';
		push @long, "$file:$from: " . ($line - $from - 1) . ' lines' if $_ eq '}' && $from && $line - $from - 1 > FUNCTION_LINES;
	}
}
is_deeply(\@long, [], 'no function above ' . FUNCTION_LINES . ' lines');

done_testing;
