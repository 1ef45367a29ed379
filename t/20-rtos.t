#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The RTOS's own test suite, with time derived from instruction counts: on a bare PC, as a PV guest, and as the
# rewritten bare-PC binary.
use strict;
use warnings;
no warnings "qw";
use lib 't/lib';
use Test::More;
use Veneer;

sub check_suite {
	my ($how, $text) = @_;
	my @bad = $text =~ /^(?:rtos: )?(not ok .*)$/mg;
	my $good = () = $text =~ /^(?:rtos: )?ok \d+/mg;
	my ($plan) = $text =~ /^(?:rtos: )?1\.\.(\d+)/m;
	is(scalar @bad, 0, "$how: nothing fails") or diag(join "\n", @bad);
	ok($plan && $good == $plan, "$how: all that was planned was run") or diag($text);
}

my ($status, $text) = command('timeout', $limit, qw(qemu-system-x86_64 -accel tcg -cpu max -m 32 -display none -nodefaults
	-serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 -icount shift=1,sleep=off -kernel build/rtos-pc.elf -append test));
is($status, 1, 'native: ends well');
check_suite('native', $text);

for (['pv', 'rtos-pv.elf'], ['rewritten', 'rtos-rewritten.elf'], ['stock', 'rtos-pc.elf']) {
	my ($how, $image) = @$_;
	($status, $text) = run_guests("rtos-$how", guest('rtos', image => $image, cmdline => 'test'), '--cpus', 1, '--icount');
	is($status, 0, "$how: ends well");
	like($text, qr/engine ring, $how$/m, "$how: runs as that");
	check_suite($how, $text);
}

done_testing;
