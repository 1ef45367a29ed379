#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The hypervisor's folders, as hypervisor/README.md lists them: each includes only itself and those before it. No
# header includes itself through others. No function is too long to read without scrolling.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use File::Find;
use Veneer qw(slurp);

# virtio/ is next to hypervisor/, and its headers are included with that folder's name.
my @order = qw(abi lib arch debug kernel insn load guest virtio pc console debug/gdb engine/hvm engine/ring/shadow engine/ring engine/ring/emulate translate boot);
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

# Common code asks what a guest or an engine has (guest->board, engine->kernel_ring, an operation of either), not
# which one it is. Only the code that reads images asks what kind of image a guest has.
my @asked;
for (
	[qr/\bguest_is_\w*pv\b|\bPREPARE_PV\b/, qr{^load/config\.[ch]$|^load/image\.[ch]$}],
	[qr/\b(?:ring|svm|vmx)_engine\b/, qr{^guest/engine\.[ch]$|^engine/}],
	[qr/->(?:ring|hvm|svm|vmx)->/, qr{^engine/|^translate/(?:ring|gdt)\.c$}],
) {
	my ($word, $may) = @$_;
	push @asked, grep { $text{$_} =~ $word && $_ !~ $may } sort keys %text;
}
is_deeply(\@asked, [], 'common code does not ask which guest or engine it is');

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

# Source files that READMEs and comments name must exist: at that path from the top, from hypervisor/ or from the
# file's own folder, or, without a path, in the same top-level folder (from t/ in hypervisor/ as well). Exceptions are
# other projects' files and placeholders:
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

# Nothing waits for the host's clock: no pauses, and no limits that a busy host could reach ($limit in lib/Veneer.pm
# is an hour). Exceptions: file, line, reason
my @timed = (
	['Makefile', qr/--timeout 900 /, 'of `make run` and `make run-linux`: the default, a quarter of an hour'],
	['bench/guest/osbench.c', qr/usleep\(50000\)/, 'in a guest whose time is a count of instructions'],
	['t/unit/test_life.c', qr/nanosleep\(&briefly/, 'frees the processor while other load delays the other thread'],
	['t/unit/test_mmu_vcpus.c', qr/alarm\(600\)/, 'a limit of ten minutes'],
	['t/unit/test_shadow_pool.c', qr/alarm\(300\)/, 'a limit of five minutes'],
	['t/fuzz/parsers', qr/-timeout=300 /, 'a limit of five minutes for an input that takes milliseconds'],
	['t/fuzz/attack', qr/can_read\(1\)/, 'wakes to see whether time is up'],
	['t/lib/Attack.pm', qr/can_read\(1\)/, 'wakes to see how much of the processor an emulator has used'],
	['t/26-untouched.t', qr/'sleep 1 && echo woken'/, "in a guest, by the guest's clock: its timers are the test"],
	['t/47-proof.t', qr/'too_hard', '--timeout', 1\)/, 'the time-out is the test, and Z3 would take hours'],
	['t/60-host.t', qr/endless.*'--timeout', 2\)|--timeout 3\)\)|--timeout 10\), \@options|a screen that never comes.*'--timeout', 5/, 'the time-out is the test'],
	['t/60-host.t', qr/a wrong key/, 'keys that are refused'],
);
my $clock = qr/\b(?:u|nano|clock_nano)?sleep\b(?!=)|\bselect\b\W+undef|\bcan_read\(|\balarm\b(?!\ (?:\$limit|0);)|
	timeout[^\w*]{1,6}\d|--send\b.*\\w/x;
my (@waits, %used);
find({ no_chdir => 1, wanted => sub {
	return if !-f || -B || m{\.(?:md|patch|json|1)$|^t/10-structure\.t$};
	my ($file, $at) = (s{^\./}{}r, 0); # so find names a file at the top
	my $source = $file =~ /\.[ch]$/ ? slurp($file) =~ s{(/\*.*?\*/|"(?:\\.|[^"\\\n])*")}{$1 =~ tr/\n//cdr}gser : slurp($file) =~ s{(?<!\S)#\s.*}{}gr;
	for my $line (split /\n/, $source) {
		$at++;
		next if $line !~ $clock;
		my ($may) = grep { $timed[$_][0] eq $file && $line =~ $timed[$_][1] } 0 .. $#timed;
		defined $may ? $used{$may}++ : push @waits, "$file:$at: $line";
	}
} }, qw(t bench hypervisor/host Makefile));
is_deeply(\@waits, [], 'nothing waits for wall-clock time');
is_deeply([map { "$timed[$_][0]: $timed[$_][1]" } grep { !$used{$_} } 0 .. $#timed], [], 'no exception is out of date');

done_testing;
