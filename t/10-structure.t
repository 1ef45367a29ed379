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
my @order = qw(abi lib arch debug kernel insn load guest virtio pc console engine/hvm engine/ring/shadow engine/ring engine/ring/emulate boot);
my %rank = map { $order[$_] => $_ } 0 .. $#order;

use constant FUNCTION_LINES => 60;

my %text;
find({ no_chdir => 1, wanted => sub {
	return unless /\.(?:[chS]|inc)$/ && !m{^hypervisor/host/};
	(my $name = $_) =~ s{^hypervisor/}{};
	$text{$name} = slurp($_);
} }, 'hypervisor', 'virtio');

sub folder { return $_[0] =~ s{/[^/]+$}{}r }
sub includes { return $text{$_[0]} =~ /^#include "([^"]+)"/mg }

my @wrong;
for my $file (sort keys %text) {
	my $from = folder($file);
	for my $header (includes($file)) {
		my $to = folder($header);
		if (!$text{$header} || !defined $rank{$from} || !defined $rank{$to}) {
			push @wrong, "$file: $header: not there, or in no folder of the list";
			next;
		}
		push @wrong, "$file includes $header, which comes later" if $rank{$to} > $rank{$from};
	}
}
is_deeply(\@wrong, [], 'includes point one way') or diag(join("\n", @wrong));
cmp_ok(scalar(keys %text), '>', 100, 'all of the hypervisor was looked at');

# What is common to all guests and engines asks what a guest or an engine has (guest->board, engine->kernel_ring, an
# operation of either), not which it is. What kind of image it has is for those who read it.
my @asked;
for (
	[qr/\bguest_is_\w*pv\b|\bPREPARE_PV\b/, qr{^load/config\.[ch]$|^guest/load\.c$}],
	[qr/\b(?:ring|svm|vmx)_engine\b/, qr{^guest/engine\.[ch]$|^engine/}],
	[qr/->(?:ring|hvm|svm|vmx)->/, qr{^engine/}],
) {
	my ($word, $may) = @$_;
	push @asked, grep { $text{$_} =~ $word && $_ !~ $may } sort keys %text;
}
is_deeply(\@asked, [], 'nobody asks which guest or engine it is');

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

# A source file that a README or a comment names exists: at that path from the top, from hypervisor/ or from the file's own
# folder, or, without a path, in the same top-level folder (from t/ in hypervisor/ as well). Other projects' files and
# placeholders:
my %foreign = map { $_ => 1 } qw(public/arch-x86/hvm/start_info.h asm/veneer_abi.h guests/NAME.c guests-pc/NAME.c t/proof/file.c);
my %file;
find({ no_chdir => 1, wanted => sub { $file{$_} = 1 if -f && /\.(?:[chSt]|inc|md)$/ } },
	qw(hypervisor virtio rtos-pv rewriter bench pvops-linux t), glob('*.md'));

sub exists_for {
	my ($name, $from) = @_;
	my $here = $from =~ s{[^/]*$}{}r;
	my $top = $here =~ s{/.*}{/}r;
	return 1 if $foreign{$name} || grep { $file{"$_$name"} } '', 'hypervisor/', 't/', 'pvops-linux/overlay/', $here, $top;
	my $of = $top eq 't/' ? qr/^(?:t|hypervisor)\// : qr/^\Q$top\E/;
	return $name !~ m{/} && grep { /$of/ && m{(?:^|/)\Q$name\E$} } keys %file;
}

my ($named, @stale) = 0;
for my $from (sort grep { m{\.md$|^(?!pvops-linux)[^/]+/.*\.[chS]$} } keys %file) {
	my $text = slurp($from);
	my @parts = $from =~ /md$/ ? $text : $text =~ m{/\*.*?\*/|//[^\n]*}sg;
	for (map { m{(?<![\w/.*<-])((?:[\w-]+/)*[\w-]+\.[chSt])\b(?![\w/(]|\.\w)}g } @parts) {
		$named++;
		push @stale, "$from names $_" unless exists_for($_, $from);
	}
}
is_deeply(\@stale, [], 'files that READMEs and comments name exist') or diag(join("\n", @stale));
cmp_ok($named, '>', 200, 'and there are some');

done_testing;
