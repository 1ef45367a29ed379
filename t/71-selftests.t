#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel's own x86 selftests, 64 and 32 bit, natively and under an engine of Veneer, ring unless the argument is
# another (t/long/71-selftests.t has svm): each test must have the same result, except for the differences listed here with
# their reasons.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

# Natively, in QEMU 7.2's emulation, these never end; under Veneer they pass.
my %differs = (
	'mov_ss_trap_64 svm' => "a breakpoint: QEMU 7.2's VMRUN does not arm the guest's",
	sysret_ss_attrs_64 => 'SYSRET to a 32-bit stack segment: Veneer returns by IRET',
	test_syscall_vdso_32 => 'SYSCALL in 32-bit code with a changing R11: Veneer returns by IRET',
);

sub results {
	my ($text) = @_;
	my %result;
	$result{$1} = $2 while $text =~ /^(?:linux: )?selftest (\S+) (status .*?)\r?$/mg;
	return \%result;
}

my $native;

sub compare {
	my ($engine, $status, $text) = @_;
	my $veneer = results($text);
	is($status, 0, "$engine: the guest ends well") or diag($text);
	for my $name (sort keys %$native) {
		my $got = $veneer->{$name} // 'nothing';
		my $why = $differs{$name} // $differs{"$name $engine"};
		$why //= 'out of time' if $native->{$name} =~ /^status 137/; # on a busy host
		if ($why && $got ne $native->{$name}) {
			like($got, qr/^status 0 .* failed 0$/, "$engine: $name: $got; natively $native->{$name} ($why)");
		} else {
			is($got, $native->{$name}, "$engine: $name: $got");
		}
	}
	unlike($text, qr/BUG:|WARNING:|Oops:/, "$engine: the kernel reports no problem");
}

sub run_selftests {
	my ($engine) = @_;
	return run_guests("selftests-$engine", guest('linux', image => 'linux/vmlinux', module => 'linux/tests.cpio.gz', engine => $engine,
		memory => '512M', vcpus => 2, cpus => '0-1', cmdline => 'console=hvc0 quiet task=selftests'));
}

# Both runs in parallel, each on a core of this machine.
my $engine = $ARGV[0] // 'ring';
my $native_run = native_linux('selftests');
my @run = run_selftests($engine);
$native = results($native_run->());
cmp_ok(scalar keys %$native, '>=', 45, 'there are ' . keys(%$native) . ' of them');
compare($engine, @run);

done_testing;
