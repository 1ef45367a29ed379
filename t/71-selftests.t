#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel's own x86 selftests, 64 and 32 bit, natively and under Veneer: the same result, test by
# test, but for the differences that are listed here with their reasons.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

# Natively, in QEMU 7.2's emulation, these never come to an end; under Veneer they pass.
my %differs = (
	sysret_ss_attrs_64 => 'SYSRET to a 32-bit stack segment: Veneer returns by IRET',
	test_syscall_vdso_32 => 'SYSCALL in 32-bit code with a changing R11: Veneer returns by IRET',
);

sub results {
	my ($text) = @_;
	my %result;
	$result{$1} = $2 while $text =~ /^(?:linux: )?selftest (\S+) (status .*?)\r?$/mg;
	return \%result;
}

# Both at once, each on a core of this machine.
my $native_run = native_linux('selftests');
my ($status, $text) = run_guests('selftests', guest('linux', image => 'linux/vmlinux', module => 'linux/tests.cpio.gz',
	memory => '512M', vcpus => 2, cpus => '0-1', cmdline => 'console=hvc0 quiet task=selftests'), '--timeout', 400);
my $native_text = $native_run->();
is($status, 0, 'the guest ends well') or diag($text);

my ($native, $veneer) = (results($native_text), results($text));
cmp_ok(scalar keys %$native, '>=', 45, 'there are ' . keys(%$native) . ' of them');
for my $name (sort keys %$native) {
	my $got = $veneer->{$name} // 'nothing';
	if ($differs{$name} && $got ne $native->{$name}) {
		like($got, qr/^status 0 .* failed 0$/, "$name: $got; natively $native->{$name} ($differs{$name})");
	} else {
		is($got, $native->{$name}, "$name: $got");
	}
}
unlike($text, qr/BUG:|WARNING:|Oops:/, 'the kernel complains of nothing');

done_testing;
