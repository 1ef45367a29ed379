#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The vmx engine, in Bochs where the processor has no VT-x: the same images with one word of the
# configuration changed, next to guests of the ring engine, and the message on a processor without
# VT-x.
use strict;
use warnings;
no warnings 'qw';
use lib 't/lib';
use Test::More;
use Veneer;

my ($status, $text);

for (['pv', 'rtos-pv.elf'], ['stock', 'rtos-pc.elf'], ['rewritten', 'rtos-rewritten.elf']) {
	my ($how, $image) = @$_;
	($status, $text) = run_guests("vmx-$how", guest('rtos', image => $image, cmdline => 'test', engine => 'vmx'), '--cpus', 1);
	is($status, 0, "the RTOS, $how: ends well") or diag($text);
	like($text, qr/engine vmx, $how$/m, "$how: runs as that");
	unlike($text, qr/^rtos: not ok/m, "$how: nothing fails");
	like($text, qr/^rtos: ok 31 /m, "$how: all was run");
}

($status, $text) = run_guests('vmx-beside', guest('soft', image => 'rtos-rewritten.elf', cmdline => 'spin', engine => 'ring') .
	guest('hard', image => 'rtos-pc.elf', cmdline => 'spin', engine => 'vmx') .
	guest('chosen', image => 'rtos-pv.elf', cmdline => 'spin', engine => 'auto'), '--cpus', 1);
like($text, qr/^veneer: exit code of $_: 0$/m, "side by side on one core: $_ is well") or diag($text) for qw(soft hard chosen);
like($text, qr/^veneer: chosen: .* engine vmx, pv$/m, 'auto takes the hardware');

spew('build/test-vmx-cpu.conf', guest('rtos', image => 'rtos-pv.elf', engine => 'vmx'));
veneer(qw(run build/test-vmx-cpu.conf --bundle build/test-vmx-cpu.cpio));
(undef, $text) = command('timeout', $limit, qw(qemu-system-x86_64 -accel tcg -cpu max -m 128 -display none -nodefaults -serial stdio
	-no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 -kernel build/veneer.elf -initrd build/test-vmx-cpu.cpio));
like($text, qr/rtos: engine = vmx: this processor has no VT-x: want engine = ring\r?$/m, 'a processor without VT-x');

# A third-party game, unmodified: it draws, its clock runs, and it reacts to keys.
($status, $text) = run_guests('vmx-game', guest('game', image => '/boot/invaders.exec', engine => 'vmx'),
	'--cpus', 1, '--expect-screen', "game=$fleet", '--expect-screen', "game=$touching", '--send', 'game=' . '\\e[D' x 6,
	'--expect-screen', "game=$gone_left", '--send', 'game=\\a:stop game\\r');
is($status, 0, 'grub-invaders, untouched: the run ends well') or diag($text);
my ($before, $marching, $after) = text_screens($text);
cmp_ok(scalar(() = join('', @$before) =~ /-\*-/g), '==', 40, 'forty aliens');
isnt(join('', @$before[0 .. 20]), join('', @$marching[0 .. 20]), 'that march');
my ($from, $to) = map { index $_->[24], '/ \\' } $marching, $after;
cmp_ok($to, '<', $from, "the ship follows the keys: column $from, then $to");

# Linux, the image that also runs under ring.
($status, $text) = run_guests('vmx-linux', guest('linux', image => 'linux/vmlinux', module => 'linux/shell.cpio.gz',
	cmdline => 'console=hvc0 quiet', memory => '128M', vcpus => 2, cpus => '0-1', engine => 'vmx') .
	guest('rtos', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 1, engine => 'ring'),
	shell('linux', 'echo answer $((6 * 7)), $(nproc) CPUs', 'poweroff -f'));
is($status, 0, 'Linux with 2 vCPUs: all well') or diag($text);
like($text, qr/^linux: answer 42, 2 CPUs$/m, 'a shell answers');
like($text, qr/^rtos: neighbour: checksum right/m, 'its neighbour in ring 1 does not notice');
unlike($text, qr/BUG|WARNING|Oops/, 'the kernel reports no problem') or diag($text);

done_testing;
