#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Stock kernels, which are translated as they run: what they compute is what they compute natively, and kernels from Debian's
# packages run as shipped.
use strict;
use warnings;
use lib 't/lib';
no warnings 'qw';
use Test::More;
use Veneer;

sub translated {
	my ($name, $keys, @options) = @_;
	return run_guests("translated-$name", guest($name, %$keys), '--cpus', 1, @options);
}

# --- the same as natively ---

my ($status, $text) = command('timeout', $limit, qw(qemu-system-x86_64 -accel tcg -cpu max -m 16 -display none -nodefaults
	-serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 -kernel build/t/pc-translated.elf));
$text =~ s/\r//g;
my @native = $text =~ /^(?:so far|well): \d+$/mg;
is(scalar @native, 4, 'native: a kernel that looks at itself comes to its end') or diag($text);

($status, $text) = translated('itself', { image => 't/pc-translated.elf' });
is($status, 0, 'a kernel that looks at itself: ends well') or diag($text);
is_deeply([map { s/^itself: //r } $text =~ /^itself: (?:so far|well): \d+$/mg], \@native, 'it computes the same as natively') or diag($text);
like($text, qr/^veneer: stats itself .* step=[1-9]/m, 'writes to code that is running are stepped over');
($status, $text) = run_guests('translated-rewritten', guest('itself', image => 't/pc-translated-rewritten.elf'), '--cpus', 1);
isnt(($text =~ /^itself: well: (\d+)$/m)[0] // '', $native[-1] =~ s/well: //r, 'code that runs in ring 1 itself computes something else, so this test can fail');

my $sum = 1;
$sum = ($sum * 3 + $_ % 5) & 0xffffffff for 0 .. 4000 * 5 - 1;
($status, $text) = translated('apart', { image => 't/pc-apart.elf' });
like($text, qr/^apart: well: $sum$/m, 'functions that are 64 KiB apart: each is called, and each returns');
cmp_ok(($text =~ /^veneer: stats apart .*\bexits=(\d+)/m)[0] // 'none', '<', 2000, 'and not by an exit each, of 40 000 calls and returns') or diag($text);

# --- as shipped by Debian ---

($status, $text) = translated('game', { image => '/boot/invaders.exec' }, '--expect-screen', "game=$fleet", '--send', 'game=\\a:stop game\\r');
is($status, 0, 'grub-invaders: the fleet is there') or diag($text);

($status, $text) = translated('mach', { image => 'i386/gnumach', memory => '128M', cmdline => 'gnumach console=com0' },
	'--expect', 'mach=No bootstrap code loaded with the kernel!', '--send', 'mach=\\a:stop mach\\r');
is($status, 0, 'GNU Mach: comes as far as it can without a task') or diag($text);
like($text, qr/^mach: GNU Mach 1\.8/m, 'GNU Mach: with its name');

# With a task, whose system calls go through a call gate, and a disk: the same as natively. Natively it goes on until it
# is killed.
spew("build/test-mach-$_", join '', map { pack 'C', $_ * 7 + ($_ >> 9) & 255 } 0 .. (2 << 20) - 1) for qw(native disk);
my $script = 'mach-task --host=${host-port} --device=${device-port} $(task-create) $(task-resume)';
my $pid = open my $qemu, '-|';
if (!$pid) {
	open STDERR, '>', '/dev/null';
	exec 'timeout', $limit, qw(qemu-system-x86_64 -m 128 -display none -monitor none -nodefaults -vga std -serial stdio -no-reboot
		-drive if=ide,format=raw,file=build/test-mach-native -kernel build/i386/gnumach -append console=com0 -initrd), "build/t/$script";
}
@native = ();
while (<$qemu>) {
	push @native, $1 if /^task: (.*?)\r*$/;
	last if /^task: ends/;
}
kill 'TERM', $pid;
close $qemu;
is(scalar @native, 7, 'native: a task of GNU Mach comes to its end');
($status, $text) = translated('mach-task', { image => 'i386/gnumach', memory => '128M', cmdline => 'console=com0', module => "t/mach-task $script", disk => 'test-mach-disk' },
	'--expect', 'mach-task=task: ends', '--send', 'mach-task=\\a:stop mach-task\\r');
is($status, 0, 'GNU Mach: its task comes to its end') or diag($text);
is_deeply([$text =~ /^mach-task: task: (.*)$/mg], \@native, 'GNU Mach: the task computes, reads and writes the same') or diag($text);
like($text, qr/^mach-task: hd0: Veneer disk, 2MB/m, 'GNU Mach: the disk has a name');

($status, $text) = translated('memtest', { image => 'i386/memtest86+ia32.bin', memory => '32M' },
	(map { ('--expect-screen', "memtest=Test #$_") } '[0-9]', '[1-9]', '[3-9]'), '--send', 'memtest=\\a:stop memtest\\r');
is($status, 0, 'memtest86+, 32 bits: test after test') or diag($text);
like(join("\n", @{(text_screens($text))[-1] // []}), qr/Errors: 0\b/, 'memtest86+: and no errors');

done_testing;
