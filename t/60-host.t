#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The host command as a user meets it: help, wrong words, missing files, time-outs, pictures, install.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my ($status, $text) = veneer();
is($status, 2, 'no command: usage');
($status, $text) = veneer('--help');
is($status, 0, '--help');
for my $command (qw(rewrite inspect run bench)) {
	like($text, qr/^  $command /m, "help lists $command");
	my ($code, $help) = veneer($command, '--help');
	is($code, 0, "$command --help");
	like($help, qr/^usage: veneer $command/, "$command --help says how");
	($code, $help) = veneer($command, '--nonsense');
	is($code, 2, "$command --nonsense is refused");
	like(slurp('hypervisor/host/veneer.1'), qr/\b$command\b/, "the man page has $command");
}
($status, $text) = veneer('nonsense');
is($status, 2, 'a wrong command');
like($text, qr/no command "nonsense"/, 'is named');

($status, $text) = veneer('run', 'nowhere.conf');
is($status, 2, 'no configuration');
like($text, qr/^veneer: nowhere.conf: No such file/m, 'is said');
($status, $text) = run_guests('missing', guest('a', image => 'nowhere.elf'));
is($status, 2, 'an image that is not there');
like($text, qr/nowhere.elf: No such file/, 'is said');
($status, $text) = run_guests('noise', "this is not a configuration\n");
like($text, qr/test-noise.conf:1: .*want KEY = VALUE/, 'a wrong line is named');
($status, $text) = run_guests('log', guest('a', image => 'rtos-pv.elf', cmdline => 'spin'), '--log', '/nowhere/log');
is($status, 2, 'a log that cannot be written');
($status, $text) = run_guests('endless', guest('a', image => 'invaders.elf'), '--timeout', 2);
is($status, 3, 'a time-out has its own exit status');
like($text, qr/stopped after 2 s/, 'and is said');

unlink 'build/test.png';
($status, $text) = run_guests('picture', guest('game', image => 'invaders.elf'), '--expect-screen', 'game=-[*]-',
	'--screen', 'game=build/test.png', '--log', 'build/test.log');
is($status, 0, 'a picture is taken');
like(slurp('build/test.png'), qr/^\x89PNG/, 'it is a PNG');
like(slurp('build/test.log'), qr/^veneer: all done, all well/m, 'the log is kept');
($status, $text) = run_guests('engine-ring', "# a comment first\n" . guest('a', image => 'rtos-pv.elf', cmdline => 'spin') .
	guest('b', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 1), '--engine', 'ring');
is($status, 0, '--engine ring goes into every section') or diag($text);
($status, $text) = run_guests('engine', guest('a', image => 'rtos-pv.elf', cmdline => 'spin'), '--engine', 'best');
like($text, qr/^veneer: .*test-engine.conf:\d+: .*engine/m, 'an engine that is not there is refused') or diag($text);

($status, $text) = command('sh', '-c', 'rm -rf build/test-root && make -s install DESTDIR=build/test-root PREFIX=/usr');
is($status, 0, 'make install') or diag($text);
($status, $text) = command(qw(build/test-root/usr/bin/veneer run build/test-slices-installed.conf));
ok(-e "build/test-root/usr/$_", "installs $_") for qw(bin/veneer lib/veneer/veneer.elf share/man/man1/veneer.1 include/veneer/veneer.h);
spew('build/test-installed.conf', guest('a', image => 'rtos-pv.elf', cmdline => 'spin'));
($status, $text) = command(qw(build/test-root/usr/bin/veneer run build/test-installed.conf --accel tcg));
is($status, 0, 'what is installed runs') or diag($text);
($status, $text) = command('man', '--warnings', '-l', 'hypervisor/host/veneer.1') if -x '/usr/bin/man';
unlike($text, qr/warning/, 'the man page is well formed') if -x '/usr/bin/man';

done_testing;
