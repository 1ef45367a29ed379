#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's kernel for 32-bit processors as shipped, a bzImage, to a shell: translated in ring 1, or under the engine that
# is the argument (t/long/34-linux32.t has svm). What its programs compute is what they compute natively.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my $cmdline = 'console=ttyS0 quiet no_timer_check panic=-1';

sub results { return [map { s/^(?:linux: )?//r } $_[0] =~ /^(?:linux: )?result: .*$/mg] }

my ($status, $text) = command('timeout', $limit, qw(qemu-system-x86_64 -accel tcg -cpu max -m 256 -display none
	-serial stdio -no-reboot -kernel build/i386-linux/vmlinuz -initrd build/i386-linux/initrd.gz),
	'-append', "$cmdline off-at-once");
$text =~ s/\r//g;
my $native = results($text);
is(scalar @$native, 13, 'native: all work is done') or diag($text);

my @shell = shell('linux', 'echo answer $((6 * 7)) on $(uname -m)', 'ps | grep -c kthreadd', 'poweroff -f');
my ($engine) = (@ARGV, 'ring');
($status, $text) = run_guests("linux32-$engine", guest('linux', image => 'i386-linux/vmlinuz',
	module => 'i386-linux/initrd.gz', memory => '256M', engine => $engine, cmdline => $cmdline), '--cpus', 1, @shell);
is($status, 0, "$engine: all well") or diag($text);
is_deeply(results($text), $native, "$engine: its programs compute the same as natively");
like($text, qr/^linux: answer 42 on i686$/m, "$engine: a shell answers");
like($text, qr/^veneer: linux: powered off, exit code 0/m, "$engine: it powers off by ACPI");
unlike($text, qr/BUG:|WARNING: CPU|Oops|segfault|general protection|unchecked MSR/, "$engine: the kernel reports no problem")
	or diag($text);
like($text, qr/^veneer: stats linux .* fill=[1-9]/m, 'ring: by shadows') if $engine eq 'ring';

done_testing;
