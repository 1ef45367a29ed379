#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Linux as a PV guest: it boots to a shell with one, two and four vCPUs, with little and much memory,
# next to an RTOS and next to another Linux, and a failure of one does not affect the other.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my %linux = (image => 'linux/vmlinux', module => 'linux/shell.cpio.gz', cmdline => 'console=hvc0 quiet', memory => '128M');
my %rtos = (image => 'rtos-pv.elf', cmdline => 'spin');

for my $vcpus (1, 2, 4) {
	my ($status, $text) = run_guests("linux-$vcpus", guest('linux', %linux, vcpus => $vcpus, cpus => '0-1'),
		shell('linux', 'echo answer $((6 * 7)), $(nproc) CPUs', 'poweroff -f'));
	is($status, 0, "$vcpus vCPUs: all well") or diag($text);
	like($text, qr/^linux: answer 42, $vcpus CPUs$/m, "$vcpus vCPUs: a shell answers on the console");
	like($text, qr/^veneer: linux: powered off, exit code 0$/m, "$vcpus vCPUs: it powers off");
	unlike($text, qr/BUG|WARNING|Oops/, "$vcpus vCPUs: the kernel reports no problem") or diag($text);
}

for my $memory ('64M', '2G') {
	my ($status, $text) = run_guests("linux-$memory", guest('linux', %linux, memory => $memory),
		shell('linux', 'poweroff -f'));
	is($status, 0, "$memory of memory: all well") or diag($text);
	my ($mib) = $text =~ /^linux: Linux \S+, 1 CPUs, (\d+) MiB$/m;
	cmp_ok($mib // 0, '>', $memory eq '2G' ? 1900 : 40, "$memory of memory: $mib MiB are there");
}

{
	my ($status, $text) = run_guests('linux-hotplug', guest('linux', %linux, vcpus => 3, cpus => '0-1'),
		shell('linux', 'cd /sys/devices/system/cpu', 'echo 0 > cpu2/online; echo now $(cat online)',
			'echo 1 > cpu2/online; taskset 4 sh -c "echo then $(cat online)"', 'poweroff -f'));
	is($status, 0, 'a vCPU is taken away and given back') or diag($text);
	like($text, qr/^linux: now 0-1$/m, 'the vCPU is offline');
	like($text, qr/^linux: then 0-2$/m, 'the vCPU is online again and runs');
}

{
	my ($status, $text) = run_guests('linux-rtos', guest('linux', %linux, vcpus => 2, cpus => '0,2') .
		guest('rtos', %rtos, cpus => 1),
		shell('linux', 'poweroff -f'));
	is($status, 0, 'next to an RTOS: all well') or diag($text);
	like($text, qr/^rtos: neighbour: checksum right/m, 'the RTOS finishes');
}

{
	# Linux discards keys until its console is open. If guest one is ready before two, the empty line makes it
	# print another prompt; else its first prompt is still to come.
	my ($status, $text) = run_guests('linux-two', guest('one', %linux) . guest('two', %linux, cpus => 1),
		'--expect', 'two=built-in shell', '--send', 'one=\\n', '--expect', 'one=/ # ', '--send', 'one=echo c > /proc/sysrq-trigger\\n',
		'--expect', 'veneer=one: CRASH',
		'--send', 'two=echo still $((1 + 1)) here; poweroff -f\\n');
	like($text, qr/^one: .*Kernel panic - not syncing: sysrq triggered crash/m, 'two of them: one panics and says why');
	like($text, qr/^veneer: one: CRASH: /m, 'the hypervisor reports the crash');
	like($text, qr/^two: still 2 here$/m, 'the other Linux continues');
	like($text, qr/^veneer: exit code of two: 0$/m, 'the other Linux powers off');
	is($status, 1, 'the exit status says that not all were well');
}

{
	my ($status, $text) = run_guests('linux-oom', guest('linux', %linux, memory => '64M') .
		guest('rtos', %rtos, cpus => 1),
		shell('linux', 'tail /dev/zero'), '--expect', 'linux=Killed process',
		'--send', 'linux=echo still $((1 + 1)) here\\n', '--expect', 'linux=^still 2 here', '--send', 'linux=poweroff -f\\n');
	like($text, qr/^linux: .*Out of memory: Killed process/m, 'out of memory: the guest says so') or diag($text);
	like($text, qr/^linux: still 2 here$/m, 'the guest continues');
	like($text, qr/^rtos: neighbour: checksum right/m, 'its neighbour does not notice');
	is($status, 0, 'all well');
}

{
	my ($status, $text) = run_guests('linux-reboot', guest('linux', %linux, cmdline => 'console=hvc0 earlyprintk'),
		shell('linux', 'reboot -f'), shell('linux', 'poweroff -f'));
	like($text, qr/^linux: \[    0\.000000\] Linux version 6\.12.*earlyveneer.*disabled/ms, 'an early console, until hvc comes');
	is(() = $text =~ /busybox shell/g, 2, 'the guest reboots');
	is($status, 0, 'the guest boots again') or diag($text);
}

done_testing;
