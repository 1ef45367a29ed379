#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# hypervisor/gdb.py: what gdb shows of guests, vCPUs and shadows through QEMU's stub.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my @options = ('build/test-gdb.conf', '--accel', 'tcg', '--cpus', 2);
spew('build/test-gdb.conf', guest('one', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 1) .
	guest('two', image => 'rtos-rewritten.elf', cmdline => 'spin', memory => '20M'));
my (undef, $emulator) = veneer('run', @options, qw(--print --bundle build/test-gdb.cpio));
$emulator =~ s{-serial stdio}{-serial file:build/test-gdb.console};
$emulator =~ s/\n//;
my ($status, $text) = command('timeout', $limit, 'gdb', '-batch', '-nx', 'build/veneer.elf', '-x', 'hypervisor/gdb.py',
	map { ('-ex', $_) } "target remote | exec timeout $limit $emulator -S -gdb stdio", 'hbreak guest_end', 'continue', 'veneer-guests', 'veneer-vcpus two', 'delete',
	'hbreak machine_off', 'continue', 'veneer-guests', 'veneer-shadows two', 'veneer-vcpus nobody', 'kill');
like($text, qr/^0 one +ring PREPARE_PV +GUEST_RUNNING +1 vCPUs, 16 MiB$/m, 'a guest that runs') or diag($text);
like($text, qr/^1 two +ring PREPARE_REWRITTEN GUEST_RUNNING +1 vCPUs, 20 MiB$/m, 'another guest that runs');
like($text, qr/^two.0: CPU 0, VCPU_\w+, requests 0x\w+, cs:rip \w+:\w+ ss:rsp \w+:\w+ rflags \w+ root \w+$/m, 'a vCPU');
unlike($text, qr/^one.0: /m, 'only of the guest that was asked for');
like($text, qr/^0 one .*GUEST_\w+ +1 vCPUs, 16 MiB, exit code 0$/m, 'a guest that has ended');
like($text, qr/^two: a pool of \d+ pages, \d+ free, 0 lent$/m, 'shadows');
like($text, qr/^ +SHADOW_USED +level 4: \d+$/m, 'shadows by state and level');
like($text, qr/^no guest "nobody": veneer-guests lists them$/m, 'a guest that does not exist');

done_testing;
