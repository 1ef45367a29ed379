#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# clang-tidy reports nothing for the hypervisor and the tools, and would report a planted error. The argument is how
# far the static analyzer goes, more in t/long/15-tidy.t.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my ($status, $text) = command('make', '--no-print-directory', 'tidy', 'TIDY_NODES=' . ($ARGV[0] // 20_000));
my @found = grep { /(?:warning|error): / } split /\n/, $text;
is_deeply(\@found, [], 'clang-tidy finds nothing');
is($status, 0, 'make tidy succeeds') or diag($text);

# On a machine without jq, the target that lists the files to check installs it first.
($status, $text) = command(qw(make -n MISSING=a-package compile_commands.json));
like($text, qr/ install a-package'.*^\{ jq /ms, 'compile_commands.json installs what it needs');

spew('build/test-tidy.c', "int f(int *p);\nint f(int *p)\n{\n\tif (p)\n\t\treturn 0;\n\treturn *p;\n}\n");
($status, $text) = command(qw(clang-tidy --quiet build/test-tidy.c --));
like($text, qr/null pointer/, 'a null pointer would be found');
isnt($status, 0, 'a null pointer would be an error');

done_testing;
