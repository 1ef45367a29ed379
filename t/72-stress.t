#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A pass of stress-ng with --verify, natively and in a guest with two vCPUs, next to an RTOS that must
# not notice. Each class must have the same result in both, "passed".
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my $native_run = native_linux('stress');
my ($status, $text) = run_guests('stress', guest('linux', image => 'linux/vmlinux', module => 'linux/tests.cpio.gz',
	memory => '512M', vcpus => 2, cpus => '0-1', cmdline => 'console=hvc0 quiet task=stress') .
	guest('rtos', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 2));
my $native = $native_run->();
is($status, 0, 'the guests end well') or diag($text);
for (qw(cpu vm fork context mmap signal sigsegv pthread timer fault switch futex)) {
	like($native, qr/^stress --$_ passed$/m, "$_ natively");
	like($text, qr/^linux: stress --$_ passed$/m, "$_ under Veneer");
}
like($text, qr/^linux: stress: all passed$/m, 'all classes ran');
like($text, qr/^rtos: neighbour: checksum right/m, 'the neighbour keeps its memory');
unlike($text, qr/BUG:|WARNING:|Oops:/, 'the kernel reports no problem');

done_testing;
