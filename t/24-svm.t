#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The svm engine: the same images with one word of the configuration changed, next to guests of the
# ring engine, and the messages on processors without AMD-V.
use strict;
use warnings;
no warnings 'qw';
use lib 't/lib';
use Test::More;
use Veneer;

my ($status, $text);

for (['pv', 'rtos-pv.elf'], ['stock', 'rtos-pc.elf'], ['rewritten', 'rtos-rewritten.elf']) {
	my ($how, $image) = @$_;
	($status, $text) = run_guests("svm-$how", guest('rtos', image => $image, cmdline => 'test', engine => 'svm'), '--cpus', 1, '--icount');
	is($status, 0, "the RTOS, $how: ends well") or diag($text);
	like($text, qr/engine svm, $how$/m, "$how: runs as that");
	unlike($text, qr/^rtos: not ok/m, "$how: nothing fails");
	like($text, qr/^rtos: ok 31 /m, "$how: all was run");
}

($status, $text) = run_guests('svm-beside', guest('soft', image => 'rtos-rewritten.elf', cmdline => 'test', engine => 'ring') .
	guest('hard', image => 'rtos-pc.elf', cmdline => 'test', engine => 'svm') .
	guest('chosen', image => 'rtos-pv.elf', cmdline => 'spin', engine => 'auto'), '--cpus', 1, '--icount');
like($text, qr/^veneer: exit code of $_: 0$/m, "side by side on one core: $_ is well") or diag($text) for qw(soft hard chosen);
like($text, qr/^veneer: chosen: .* engine svm, pv$/m, 'auto takes the hardware');

# Runs a guest on another processor model.
sub on_processor {
	my ($cpu, $engine) = @_;
	spew('build/test-svm-cpu.conf', guest('rtos', image => 'rtos-pv.elf', cmdline => 'spin', engine => $engine));
	my (undef, $command) = veneer(qw(run build/test-svm-cpu.conf --accel tcg --cpus 1 --print));
	veneer(qw(run build/test-svm-cpu.conf --bundle build/test-svm-cpu.cpio));
	chomp $command;
	$command =~ s/-cpu max/-cpu $cpu/ or die;
	$command =~ s/-initrd \S+/-initrd build\/test-svm-cpu.cpio/ or die;
	my (undef, $text) = command('timeout', $limit, split ' ', $command);
	return $text =~ s/\r//gr;
}
like(on_processor('max,-svm', 'svm'), qr/rtos: engine = svm: this processor has no AMD-V: want engine = ring$/m, 'a processor without AMD-V');
like(on_processor('max,-npt', 'svm'), qr/rtos: engine = svm: this processor's AMD-V has no nested paging: want engine = ring$/m, 'or without nested paging');
like(on_processor('max,-svm', 'auto'), qr/engine ring, pv$/m, 'auto does with what there is');

# A third-party game, unmodified: it draws, its clock runs, and it reacts to keys.
($status, $text) = run_guests('svm-game', guest('game', image => '/boot/invaders.exec', engine => 'svm'),
	'--cpus', 1, '--expect-screen', "game=$fleet", '--expect-screen', "game=$touching", '--send', 'game=' . '\\e[D' x 6,
	'--expect-screen', "game=$gone_left", '--send', 'game=\\a:stop game\\r');
is($status, 0, 'grub-invaders, untouched: the run ends well') or diag($text);
my ($before, $marching, $after) = text_screens($text);
cmp_ok(scalar(() = join('', @$before) =~ /-\*-/g), '==', 40, 'forty aliens');
isnt(join('', @$before[0 .. 20]), join('', @$marching[0 .. 20]), 'that march');
my ($from, $to) = map { index $_->[24], '/ \\' } $marching, $after;
cmp_ok($to, '<', $from, "the ship follows the keys: column $from, then $to");

# Linux, the image that also runs under ring.
for my $vcpus (1, 4) {
	($status, $text) = run_guests("svm-linux-$vcpus", guest('linux', image => 'linux/vmlinux', module => 'linux/shell.cpio.gz',
		cmdline => 'console=hvc0 quiet', memory => '128M', vcpus => $vcpus, cpus => '0-1', engine => 'svm') .
		guest('rtos', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 1, engine => 'ring'),
		shell('linux', 'echo answer $((6 * 7)), $(nproc) CPUs', 'reboot -f'), shell('linux', 'poweroff -f'));
	is($status, 0, "Linux with $vcpus vCPUs: all well") or diag($text);
	like($text, qr/^linux: answer 42, $vcpus CPUs$/m, 'a shell answers');
	like($text, qr/^rtos: neighbour: checksum right/m, 'its neighbour in ring 1 does not notice');
	unlike($text, qr/BUG|WARNING|Oops/, 'the kernel reports no problem') or diag($text);
}

done_testing;
