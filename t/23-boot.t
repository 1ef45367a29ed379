#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Ways to boot: PVH, a GRUB ISO with BIOS, with UEFI, and in Bochs; and the messages when a machine or
# a bundle is unsuitable.
use strict;
use warnings;
no warnings "qw";
use lib 't/lib';
use Test::More;
use Veneer;
use Cwd 'getcwd';

spew('build/test-iso.conf', guest('rtos', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 1) .
	guest('legacy', image => 'rtos-rewritten.elf', cmdline => 'spin'));
my ($status, $text) = command(qw(make -s iso CONF=build/test-iso.conf));
is($status, 0, 'make iso') or diag($text);

my @qemu = ('timeout', $limit, qw(qemu-system-x86_64 -accel tcg -cpu max -m 512 -smp 2 -display none -nodefaults
	-serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1));

sub guests_well {
	my ($how, $output) = @_;
	$output =~ s/\r//g;
	like($output, qr/^veneer: Veneer, Multiboot2 boot, 2 processors/m, "$how: both processors are there");
	like($output, qr/^$_: neighbour: checksum right/m, "$how: the guest $_ runs") for qw(rtos legacy);
	like($output, qr/^veneer: all done, all well/m, "$how: all well");
}

($status, $text) = command(@qemu, qw(-cdrom build/veneer.iso));
guests_well('BIOS', $text);

($status, $text) = command(@qemu, '-drive', 'if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd',
	qw(-cdrom build/veneer.iso));
guests_well('UEFI', $text);

my $here = getcwd();
my $bochs = "$here/build/bochs";
mkdir $bochs;
unlink "$bochs/serial.txt";
spew("$bochs/bochsrc", <<"E");
display_library: term
megs: 256
cpu: count=2, ips=50000000, model=corei7_skylake_x, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$here/build/veneer.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$bochs/serial.txt
log: $bochs/log.txt
clock: sync=none, time0=1767225600
panic: action=fatal
E
spew("$bochs/rc", "c\n");
command('sh', '-c', "cd $bochs && timeout $limit script -qc 'bochs -q -f bochsrc -rc rc' /dev/null");
guests_well('Bochs', slurp("$bochs/serial.txt"));

# --- a processor between its two STARTUP IPIs ---

# One thread emulates both processors: while the first waits before its second IPI, the other runs.
{
	spew('build/test-startup.conf', guest('here', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 0) .
		guest('there', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 1));
	veneer(qw(run build/test-startup.conf --bundle build/test-startup.cpio));
	(undef, $text) = command('timeout', $limit, qw(qemu-system-x86_64 -accel tcg,thread=single -cpu max -m 256 -smp 2 -display none
		-nodefaults -serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 -kernel build/veneer.elf
		-initrd build/test-startup.cpio -trace apic_mem_writel -D build/test-startup.log));
	like($text, qr/^veneer: all done, all well/m, 'both processors run their guests');
	my @writes = slurp('build/test-startup.log') =~ /^apic_mem_writel (0x[0-9a-f]+ = 0x[0-9a-f]+)$/mg;
	my @startup = grep { $writes[$_] =~ /^0x300 = 0x000046/ } 0 .. $#writes; # interrupt command register
	is(scalar @startup, 2, 'it is sent two STARTUP IPIs');
	my @timer = grep { $writes[$_] =~ /^0x380 / } $startup[0] .. $startup[1];
	is(scalar @timer, 0, 'and does not set a timer for a guest before the second one arrives');
}

# --- refusals, each in one line ---
spew('build/test-boot.conf', guest('rtos', image => 'rtos-pv.elf'));
veneer(qw(run build/test-boot.conf --bundle build/test-boot.cpio));

sub refused {
	my ($what, $pattern, @options) = @_;
	my ($code, $out) = command('timeout', $limit, qw(qemu-system-x86_64 -accel tcg -display none -nodefaults -serial stdio
		-no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 -kernel build/veneer.elf), @options);
	like($out, $pattern, "$what: is said");
	isnt($code, 1, "$what: exit status");
	isnt($code, 124, "$what: at once");
}

my @max = qw(-cpu max -m 128);
refused('no bundle', qr/veneer: cannot start: no bundle/, @max);
refused('no long mode', qr/veneer: this processor has no 64-bit mode/, qw(-cpu qemu32 -m 128 -initrd build/test-boot.cpio));
refused('no execute-disable', qr/veneer: this processor has no execute-disable/,
	qw(-cpu qemu64,-nx -m 128 -initrd build/test-boot.cpio));
refused('too little memory', qr/veneer: cannot start: \d+ KiB of memory free, at least/,
	qw(-cpu max -m 6 -initrd build/test-boot.cpio));
my $bundle = slurp('build/test-boot.cpio');
spew('build/test-broken.cpio', substr $bundle, 0, 40);
refused('a broken bundle', qr/veneer: cannot start: the bundle is not a whole cpio archive/, @max, qw(-initrd build/test-broken.cpio));
spew('build/test-broken.cpio', substr $bundle, 0, length($bundle) / 2);
refused('a truncated bundle', qr/veneer: rtos: no file "rtos-pv.elf"|not a whole cpio/, @max, qw(-initrd build/test-broken.cpio));
(my $wrong = $bundle) =~ s/\177ELF/\177FLE/;
spew('build/test-broken.cpio', $wrong);
refused('a broken image', qr/veneer: rtos: rtos-pv.elf: not an ELF file/, @max, qw(-initrd build/test-broken.cpio));

done_testing;
