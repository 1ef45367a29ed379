#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Names for the addresses in the hypervisor's lines about guests: from the image, or by --symbols.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

# Its crash is in guest_main, the exits that are not known in other functions.
my $conf = guest('g', image => 't/pc-ldt.elf', memory => '64M');
my ($status, $text) = run_guests('symbols', $conf);
my ($rip) = $text =~ /^veneer: g: CRASH: .*\nveneer: g: rip 0009:0*(\w+) .* vector 0xd /m or diag($text);
my ($first) = (command('nm', 'build/t/pc-ldt.elf'))[1] =~ /^0*(\w+) T guest_main$/m;
my $offset = sprintf '0x%x', hex($rip) - hex $first;
like($text, qr/^veneer: g: rip 0009:0*$rip .*\nveneer: g: rip is guest_main\+$offset, vector 0xd is #GP$/m, "a crash is named by the image's symbols") or diag($text);
like($text, qr/^veneer: g: unknown to engine ring: .*\nveneer: g: rip is (?:jump|call|return)_far\+0x/m, 'and so is an exit that is not known');

# A kernel without symbols, and a map
spew('build/test-symbols.bin', "\x90\x90\x0f\x0b"); # ud2
my %flat = (image => 'test-symbols.bin', load => '0x100000');
($status, $text) = run_guests('symbols', guest('g', %flat));
like($text, qr/^veneer: g: CRASH: exception 6 .*\nveneer: g: rip \S*100002 .*\nveneer: g: vector 0x6 is #UD\nveneer: g: rax /m, 'without symbols the exception is named') or diag($text);
spew('build/test-symbols.map', "0000000000100000 T begins\n00100001 t he\e[2J\cGre\n0000000000100002 D data\n         U other\n00200000 T behind\n");
($status, $text) = run_guests('symbols', guest('g', %flat) . guest('h', image => 'rtos-pv.elf'), '--symbols', 'g=build/test-symbols.map');
like($text, qr/^veneer: g: rip is he\?\[2J\?re\+0x1, vector 0x6 is #UD$/m, 'a map has priority, only its functions count, and they do nothing to a terminal');
($status, $text) = run_guests('symbols', $conf, '--symbols', 'g=build/test-symbols.map', '--quiet');
is($text, '', 'nothing is printed with --quiet');

spew('build/test-symbols.bin', "\x0f\x0b\n00100000 T raw\n"); # ud2, and a map
($status, $text) = run_guests('symbols', guest('g', %flat));
unlike($text, qr/rip is/, 'an image is no map');
($status, $text) = run_guests('symbols', $conf, '--symbols', 'g=build/test-symbols.map', '--log', 'build/test-symbols.map');
is("$status $text", "2 veneer: --log build/test-symbols.map: is read for this run: want another name\n", 'its file is not written over');

for (['h=build/test-symbols.map', 'h: the configuration has no such guest'], ['g=build/none', 'build/none: No such file or directory'],
	['g=README.md', 'README.md: no symbols: want an ELF file that has some, or a map'], ['g', 'g: want the name of a guest, = and a file'],
	['=build/test-symbols.map', '=build/test-symbols.map: want the name of a guest, = and a file'], ['g=', 'g=: want the name of a guest, = and a file']) {
	my ($option, $why) = @$_;
	($status, $text) = run_guests('symbols', $conf, '--symbols', $option);
	is("$status $text", "2 veneer: --symbols $why\n", "--symbols $option: refused");
}
my @twice = ('--symbols', 'g=build/test-symbols.map') x 2;
is((run_guests('symbols', $conf, @twice))[1], "veneer: --symbols g=build/test-symbols.map: the guest has another file already\n", 'twice: refused');

done_testing;
