#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Kernels as they come: what a Multiboot kernel finds at its entry, ELF or not, wherever it is loaded;
# flat binaries; several modules. t/boot/report.c says what it found.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;
no warnings 'qw';

my %module = (one => "first\n" x 1000, two => join('', map { chr } 0 .. 255) x 33, three => 'x');
spew("build/test-images-$_", $module{$_}) for keys %module;

# As report.c computes it
sub sum {
	my $sum = 0;
	$sum = ($sum * 31 + $_) & 0xffffffff for unpack 'C*', $_[0];
	return sprintf '%08x', $sum;
}

my $modules = "module = test-images-one\nmodule = test-images-two  root=/dev/one \$(task-create) # remark\nmodule = test-images-three x\n";
my @strings = ('test-images-one', 'root=/dev/one $(task-create)', 'x');

sub check {
	my ($name, $text, $multiboot) = @_;
	like($text, qr/^g: eax @{[$multiboot ? '2badb002' : '00000000']} image whole$/m, "$name: its entry, with the image in place") or diag($text);
	like($text, qr/^g: stack at 000[0-9]....$/m, "$name: a stack below 640 KiB");
	unlike($text, qr/IN THE IMAGE|DAMAGED/, "$name: nothing lies in its image");
	like($text, qr/^g: report ends$/m, "$name: it gets to its end");
	like($text, qr/^g: mp at 000f0000 sum 00000000 table sum 00000000$/m, "$name: an MP table") if $name !~ /low/;
	like($text, qr/^g: mp entry 03140000 00000600\ng: mp entry 53490001 20202041\ng: mp entry 01110f02 fec00000\n/m, "$name: a processor, a bus, an I/O APIC") if $name !~ /low/;
	my @lines = $text =~ /^g: mp entry (....)0003 (........)$/mg;
	is("@lines", join(' ', map { sprintf '%04x %02x0f%02x00', $_ == 9 ? 13 : 0, $_ || 2, $_ } grep { $_ != 2 } 0 .. 15), "$name: the lines") if $name !~ /low/;
	return if !$multiboot;
	like($text, qr/^g: loader Veneer\ng: cmdline root=x  y$/m, "$name: the command line");
	like($text, qr/^g: range 00000000 bytes 0009fc00 type 00000001\ng: range 0009fc00 bytes 00060400 type 00000002\ng: range 00100000 bytes 00f00000 type 00000001$/m,
		"$name: the memory");
	my @found = $text =~ /^g: module at (.{8})\ng:   bytes (.{8}) sum (.{8}) string (.*)$/mg;
	is_deeply([map { @found[4 * $_ + 1 .. 4 * $_ + 3] } 0 .. 2], [map { (sprintf('%08x', length $module{$_}), sum($module{$_}), shift @strings) } qw(one two three)],
		"$name: three modules, their contents and strings");
	@strings = map { $found[4 * $_ + 3] } 0 .. 2;
	is(scalar(grep { hex($_) & 4095 } @found[0, 4, 8]), 0, "$name: each begins a page");
}

my %image = ('multiboot.elf' => 1, 'low.elf' => 1, 'addresses.bin' => 1, 'addresses.elf' => 1, 'flat.bin' => 0);
my ($entry) = (command('nm', 'build/t/boot/flat.elf'))[1] =~ /^0*(\w+) T _start$/m;
for my $engine (qw(ring svm)) {
	for my $image (sort keys %image) {
		my %flat = $image eq 'flat.bin' ? (load => '0x212000', entry => "0x$entry") : ();
		my ($status, $text) = run_guests('images', guest('g', image => "t/boot/$image", engine => $engine, $image{$image} ? (cmdline => 'root=x  y') : (), %flat) . ($image{$image} ? $modules : ''));
		is($status, 0, "$image, $engine: it ends well") or diag($text);
		check("$image, $engine", $text, $image{$image});
	}
}

# The same file as QEMU's own loader starts it, and what SeaBIOS leaves
my (undef, $here) = run_guests('images-bios', guest('g', image => 't/boot/multiboot.elf'));
my ($bios) = $here =~ /^g: (bios .*)$/m;
for my $image (qw(multiboot.elf addresses.bin)) {
	my (undef, $text) = command('timeout', $limit, 'qemu-system-x86_64', qw(-display none -monitor none -nodefaults -serial stdio -vga std -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 -m 16),
		'-kernel', "build/t/boot/$image", '-initrd', join(',', map { "build/test-images-$_" } qw(one two three)));
	my @found = $text =~ /^ *bytes (.{8}) sum (.{8})/mg;
	is_deeply(\@found, [map { (sprintf('%08x', length $module{$_}), sum($module{$_})) } qw(one two three)], "$image, natively: the same modules") or diag($text);
	like($text, qr/^eax 2badb002 image whole$/m, "$image, natively: the same entry");
	is($text =~ /^(bios .*)$/m ? $1 : '', $bios, "$image, natively: the same BIOS data");
}

# A module that would lie over the screen is behind the first MiB.
spew('build/test-images-large', my $large = 'module' x 200000);
my (undef, $low) = run_guests('images-low', guest('g', image => 't/boot/low.elf', module => 'test-images-large'));
my $sum = sum($large);
like($low, qr/^g: module at 00100000\ng:   bytes @{[sprintf '%08x', length $large]} sum $sum /m, 'a large module of a low kernel is whole') or diag($low);

# The addresses of its Multiboot header have priority over an ELF file's own.
my $two = slurp('build/t/boot/addresses.elf');
my $field = index($two, pack('V', 0x1badb002)) + 12;
my @at = unpack 'V5', substr $two, $field, 20;
substr($two, $field + 16, 4) = pack 'V', $at[4] + 1; # the entry: behind PUSH ESP
spew('build/test-images-two.elf', $two);
my (undef, $which) = run_guests('images-two', guest('g', image => 'test-images-two.elf'));
unlike($which, qr/^g: stack at 0000[89]/m, 'an ELF file with addresses in its Multiboot header begins where that says');

# --- what cannot be loaded is refused in one line, before anything starts ---

sub refused {
	my ($why, $what, %keys) = @_;
	my ($status, $text) = run_guests('images-bad', guest('g', image => 't/boot/flat.bin', %keys));
	is($status, 2, "$what: refused");
	like($text, qr/\Aveneer: build\/test-images-bad\.conf:\d+: $why\n\z/, "$what: in one line");
}

refused(qr/.*flat\.bin: not an ELF file, a bzImage or a Multiboot kernel: a flat binary wants load = in the configuration/, 'a flat binary without an address');
refused(qr/.*flat\.bin: its entry is not in it: change entry = in the configuration/, 'an entry elsewhere', load => '1M', entry => '0x90000');
refused(qr/.*flat\.bin: its entry is not in it: .*/, 'an entry behind it', load => '1M', entry => '2M');
refused(qr/.*flat\.bin: without a Multiboot header it cannot find cmdline = or module =: remove them/, 'a command line that nobody finds', load => '0x212000', cmdline => 'x');
refused(qr/entry: only with load =, for a flat binary/, 'an entry for no flat binary', entry => '1M', image => 't/boot/multiboot.elf');
refused(qr/.*flat\.bin: a segment does not fit into the guest's memory: .*/, 'an address above the memory', load => '64M');
refused(qr/.*flat\.bin: does not fit below 4 GiB: lower load = .*/, 'an address that wraps', load => '0xfffffff0');
refused(qr/load: want an address below 4G, as 0x100000 or 1M/, "load = $_", load => $_) for '0x', '1T', '4G', '0x100000000', '-1', '0x10 0', '10M5', '0x1M';
refused(qr/.*multiboot\.elf: no flat binary: remove load = from the configuration/, 'an ELF file with an address', image => 't/boot/multiboot.elf', load => '1M');

my $hole = slurp('build/t/boot/flat.bin');
spew('build/test-images-hole', $hole . "\0" x 0x60000);
refused(qr/.*test-images-hole: a part of it lies between 639 KiB and 1 MiB, where a PC has no RAM/, 'an image over the screen', image => 'test-images-hole', load => '0x90000');
refused(qr/memory: not a size.*/, 'a size that overflows', memory => '17179869185G', load => '1M');
refused(qr/load: want an address.*/, 'an address that overflows', load => '17179869184G');

my $mb2 = slurp('build/t/boot/multiboot.elf');
substr($mb2, index($mb2, pack 'V', 0x1badb002), 16) = pack 'V4', 0xe85250d6, 0, 16, -(0xe85250d6 + 16) & 0xffffffff;
spew('build/test-images-mb2.elf', $mb2);
refused(qr/.*test-images-mb2\.elf: a Multiboot2 kernel, and only Multiboot 1 is offered: give it both headers/, 'Multiboot2 alone', image => 'test-images-mb2.elf');

# Address fields, each wrong
my $addresses = slurp('build/t/boot/addresses.bin');
my $at = index $addresses, pack('V', 0x1badb002);
my @fields = unpack 'V5', substr $addresses, $at + 12;
my %wrong = ('load behind the header' => [1, $fields[0] + 4], 'before the file' => [0, $fields[0] + 4], 'more than the file' => [2, $fields[2] + 1],
	'an end before the beginning' => [2, $fields[1]], 'memory that ends too early' => [3, $fields[2] - 1]);
for my $what (sort keys %wrong) {
	my ($field, $value) = @{$wrong{$what}};
	spew('build/test-images-wrong.bin', $addresses);
	my $bad = $addresses;
	substr($bad, $at + 12 + 4 * $field, 4) = pack 'V', $value;
	spew('build/test-images-wrong.bin', $bad);
	refused(qr/.*test-images-wrong\.bin: its Multiboot header says that .*/, $what, image => 'test-images-wrong.bin');
}
my $demands = $addresses;
substr($demands, $at + 4, 8) = pack 'VV', 0x10103, -(0x1badb002 + 0x10103) & 0xffffffff;
spew('build/test-images-wrong.bin', $demands);
refused(qr/.*: its Multiboot header wants what this version of Multiboot has not/, 'an unknown demand', image => 'test-images-wrong.bin');

my ($status, $text) = run_guests('images-bad', guest('g', image => 'rtos-pv.elf') . $modules);
like($text, qr/\Aveneer: \S+: guest "g": \S+rtos-pv\.elf: only a Multiboot kernel takes more than one module: remove module = lines\n\z/, 'several modules for a paravirtual guest');
($status, $text) = run_guests('images-bad', guest('g', image => 't/boot/multiboot.elf') . "module = test-images-one\n" x 9);
like($text, qr/\Aveneer: \S+:11: module: more than 8 modules\n\z/, 'nine modules');
($status, $text) = run_guests('images-bad', guest('g', image => 't/boot/multiboot.elf') . "module = test-images-one\nmodule = none such\n");
like($text, qr/\Aveneer: \S+:4: guest "g": \S+none: No such file or directory\n\z/, 'a module that is missing, by its own line');

# --- disks ---

spew("build/test-images-disk-$_", "\0" x 65536) for qw(a b);
spew('build/test-images-small', 'x' x 511);
my $pc = 't/boot/multiboot.elf';
sub no_disk {
	my ($what, $conf, $why) = @_;
	my ($status, $text) = run_guests('images-bad', $conf);
	is("$status $text", "2 veneer: build/test-images-bad.conf:$why\n", $what);
}
no_disk('a disk of half a sector', guest('g', disk => 'test-images-small', image => $pc), '2: guest "g": build/test-images-small: not whole sectors of 512 bytes: fill up the last one (truncate -s %512)');
spew('build/test-images-empty', '');
no_disk('an empty disk', guest('g', disk => 'test-images-empty', image => $pc), '2: guest "g": build/test-images-empty: a disk has from 512 bytes to 128 GiB');
no_disk('no file', guest('g', disk => 'test-images-none', image => $pc), '2: guest "g": build/test-images-none: No such file or directory');
no_disk('a disk of a paravirtual guest', guest('g', disk => 'test-images-disk-a', image => 'rtos-pv.elf'),
	'3: guest "g": build/rtos-pv.elf: a paravirtual guest has no IDE disk: remove disk = from the configuration');
my $twice = 'is another file too, and a guest writes to its disk: make a copy';
no_disk('a disk that is both', guest('g', image => $pc) . "disk = test-images-disk-a\n" x 2, join "\nveneer: build/test-images-bad.conf:", map { qq($_: guest "g": build/test-images-disk-a: $twice) } 3, 4);
no_disk('three disks', guest('g', image => $pc) . join('', map { "disk = test-images-$_\n" } qw(disk-a disk-b three)), '5: disk: more than 2 disks');
no_disk('a disk of two guests', guest('g', disk => 'test-images-disk-a', image => $pc) . guest('h', disk => 'test-images-disk-a', image => $pc),
	"2: guest \"g\": build/test-images-disk-a: $twice\nveneer: build/test-images-bad.conf:5: guest \"h\": build/test-images-disk-a: $twice");
no_disk("a guest's own image", guest('g', disk => $pc, image => $pc), "2: guest \"g\": build/$pc: $twice");

spew('build/veneer.conf', 'x' x 1024);
no_disk('the configuration', guest('g', disk => './veneer.conf', image => $pc), '2: guest "g": build/./veneer.conf: a bundle has another file of that name: want another name');
unlink 'build/veneer.conf';
($status, $text) = run_guests('images-dot', guest('g', image => "./$pc"));
is($status, 0, './ before a name');

# A bundle that the host command would not have made
my $conf = guest('g', disk => 'test-images-disk-a', image => $pc) . guest('h', disk => 'test-images-disk-b', image => $pc);
my %patched = ('disk = test-images-disk-b' => 'disk = test-images-disk-a');
($status, $text) = run_patched('images-patched', $conf, \%patched);
like($text, qr/^veneer: h: a disk is a file of g too: give it one of its own: not started$/m, "another guest's disk: refused by the hypervisor") or diag($text);
like($text, qr/^g: report ends$/m, 'the other guest runs');
($status, $text) = run_patched('images-patched', $conf . "module = test-images-one ..\n", { 'module = test-images-one ..' => 'module = test-images-disk-a' });
like($text, qr/^veneer: h: a disk is a file of g too: give it one of its own: not started$/m, 'a module that is a disk: refused') or diag($text);
($status, $text) = run_patched('images-patched', $conf . "module = test-images-one ..\n", { 'module = test-images-one ..' => 'module = test-images-disk-b' });
like($text, qr/^veneer: h: a disk is a file of its guest too: /m, 'a disk that is a module of its guest: refused') or diag($text);

($status, $text) = run_patched('images-patched', $conf, { 'disk = test-images-disk-b' => 'disk = veneer.conf       ' });
like($text, qr/^veneer: h: no file "veneer\.conf" in the bundle: not started$/m, 'the configuration is no disk') or diag($text);

# --- a prompt is shown, and found, while a kernel waits for input: it polls, or halts ---

my $starts = "\x66\xba\xfb\x03\xb0\x03\xee\x66\xba\xf8\x03\xb0p\xee\xb0>\xee"; # sets up its port, prints "p>"
my $polls = "\x66\xba\xfd\x03\xec\xa8\x01\x74\xfb\x66\xba\xf8\x03\xec\xee\xb0\x0a\xee\x31\xc0\xe6\xf4"; # echoes a byte, and ends
for my $engine (qw(ring svm)) {
	spew('build/test-images-prompt', $starts . $polls);
	($status, $text) = run_guests('images-prompt', guest('g', image => 'test-images-prompt', load => '1M', engine => $engine), '--expect', 'g=p>$', '--send', 'g=y');
	like($text, qr/^g: p>y$/m, "$engine: a kernel that polls has a prompt");
	spew('build/test-images-prompt', "$starts\xfb\xf4\xeb\xfd");
	($status, $text) = run_guests('images-prompt', guest('g', image => 'test-images-prompt', load => '1M', engine => $engine), '--expect', 'g=p>$', '--send', 'g=\\a:stop g\\r');
	is($status, 0, "$engine: and so has one that halts") or diag($text);
}

done_testing;
