#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The sources of the Linux port: what happens if a tree is missing or does not fit, what checkpatch
# reports for the patches and the overlay, and how long they are.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;
use Cwd qw(abs_path);

my $tree = abs_path('build') . '/test-tree';
my $source = 'build/test-source';
my @patches = sort glob 'pvops-linux/patches/*.patch';

sub prepare {
	my ($origin) = @_;
	return command('pvops-linux/prepare', $origin, $source, map { abs_path($_) } @patches);
}

# The files that the patches change, from Debian's tree.
my @files = ('Makefile', map { slurp($_) =~ m{^\+\+\+ b/(\S+)}mg } @patches);
command('rm', '-rf', $tree);
mkdir $tree;
my ($status, $text) = command('tar', '-C', $tree, '--strip-components=1', '-xf', '/usr/src/linux-source-6.12.tar.xz',
	map { "linux-source-6.12/$_" } @files);
is($status, 0, 'the files that patches change are in the tree') or diag($text);

($status, $text) = prepare($tree);
is($status, 0, 'the patches apply') or diag($text);
like(slurp("$source/arch/x86/Kbuild"), qr/veneer/, 'the patches are applied');
unlike(slurp("$tree/arch/x86/Kbuild"), qr/veneer/, 'the tree itself stays as it was');

my $tlb = slurp("$tree/arch/x86/mm/tlb.c");
(my $other = $tlb) =~ s/flush range by one by one/flush it all/;
spew("$tree/arch/x86/mm/tlb.c", $other);
($status, $text) = prepare($tree);
isnt($status, 0, 'a tree that does not fit is refused');
like($text, qr/^pvops-linux: patches\/0003-\S+ does not apply: arch\/x86\/mm\/tlb\.c: Hunk #\d FAILED at \d+/m,
	'with patch, file and place');
spew("$tree/arch/x86/mm/tlb.c", $tlb);

my $makefile = slurp("$tree/Makefile");
(my $newer = $makefile) =~ s/^PATCHLEVEL = 12$/PATCHLEVEL = 15/m;
spew("$tree/Makefile", $newer);
($status, $text) = prepare($tree);
isnt($status, 0, 'another version is refused');
like($text, qr/this is Linux 6\.15, the patches are for 6\.12/, 'the refusal names the version');

($status, $text) = prepare('/nowhere');
isnt($status, 0, 'a missing tree is refused');
like($text, qr/\/nowhere: no such tree or archive: give one with KSRC=/, 'the message says how to give a tree');
($status, $text) = prepare(abs_path('t'));
like($text, qr/not a Linux tree/, 'a folder without a tree is refused');

# checkpatch: no errors; people judge its warnings
chomp(my @overlay = `find pvops-linux/overlay -name '*.[chS]'`);
for my $file (@patches, @overlay) {
	# a patch is passed on standard input: checkpatch takes files that git knows for source files
	my $how = $file =~ /patch$/ ? "- < $file" : "-f $file";
	($status, $text) = command('sh', '-c', "perl build/linux/source/scripts/checkpatch.pl --no-tree --terse $how");
	unlike($text, qr/: ERROR: /, "checkpatch: $file") or diag($text);
}

my $lines = 0;
$lines += () = slurp($_) =~ /\n/g for @overlay;
my $changed = 0;
$changed += () = slurp($_) =~ /^[+-](?![+-])/mg for @patches;
cmp_ok($lines + $changed, '<=', 4000, "the port has $lines lines, and $changed in patches");

done_testing;
