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

# --- the verdict: what the hypervisor says and the emulator's exit status, never what a guest prints ---
my $spin = guest('a', image => 'rtos-pv.elf', cmdline => 'spin');
my $game = guest('game', image => 'invaders.elf', cpus => 1);

sub on_terminal {
	my ($conf, @options) = @_;
	spew('build/test-terminal.conf', $conf);
	my ($code, $output) = command('timeout', $limit, 'script', '-qec', "build/veneer run build/test-terminal.conf @options", '/dev/null');
	return ($code, $output =~ s/\r\n/\n/gr);
}
sub in_script {
	my ($conf, @options) = @_;
	return run_guests('verdict', $conf, @options);
}

($status, $text) = on_terminal($spin, qw(--accel tcg));
is($status, 0, 'on a terminal: all well') or diag($text);
for my $engine (qw(ring svm vmx)) { # vmx: in Bochs, which has no exit status for it
	my $forge = guest('attacker', image => 't/forge.elf', engine => $engine) .
		guest('neighbour', image => 'rtos-pv.elf', cmdline => 'spin');
	for (['on a terminal', \&on_terminal], ['in a script', \&in_script]) {
		my ($where, $run) = @$_;
		($status, $text) = $run->($forge, qw(--accel tcg --cpus 1));
		is($status, 1, "$engine, $where: a forged verdict is not taken");
		like($text, qr/^veneer: verdict attacker 7$/m, 'the true one is there');
		is(join(', ', $text =~ /^veneer: (?:all done|verdict attacker) *.*$/mg), 'veneer: verdict attacker 7, veneer: all done, not all well', 'alone');
		is(scalar(() = $text =~ /^neighbour: /mg), 1, 'the neighbour said nothing but its own');
		unlike($text, qr/[^\n\t -~]/, 'nothing moves the cursor');
	}
}

# An emulator that says all is well.
mkdir 'build/test-emulator';
for (['killed', 0, 1], ['failing', 3, 1], ['done', 1, 0]) {
	my ($what, $exit, $want) = @$_;
	spew('build/test-emulator/qemu-system-x86_64', "#!/bin/sh\necho 'veneer: boot entry_ticks=1'; echo 'veneer: all done, all well'; exit $exit\n");
	chmod 0755, 'build/test-emulator/qemu-system-x86_64';
	local $ENV{PATH} = "build/test-emulator:$ENV{PATH}";
	for (['a terminal', \&on_terminal], ['a script', \&in_script]) {
		($status, $text) = $_->[1]->($spin, qw(--accel tcg));
		is($status, $want, "$_->[0]: all well, and an emulator $what: exit status");
		$want ? like($text, qr/^veneer: the console says "all well", but the emulator's exit status is $exit$/m, 'is said') :
			unlike($text, qr/exit status/, 'without a word');
	}
}

# --- steps that cannot be done ---
my @ended = ('--expect', 'veneer=a: powered off');
for (
	['a line that never comes', $spin, 1, qr/--expect a=no such words: the guest has ended without it/, '--expect', 'a=no such words'],
	['one that an ended guest never said', $spin . $game, 1, qr/--expect a=no such words: the guest has ended without it/, @ended, '--expect', 'a=no such words'],
	['a word of the hypervisor', $spin, 1, qr/--expect veneer=no such words: not done when the machine went down/, '--expect', 'veneer=no such words'],
	['a line that was there before', $spin, 1, qr/--expect a=checksum: the guest has ended without it/, '--expect', 'a=checksum', '--expect', 'a=checksum'],
	['a screen that never comes', $game, 3, qr/--expect-screen game=no such words: not done in time/, '--timeout', 5, '--expect-screen', 'game=no such words'],
	['the screen of one that has none', $game . guest('a', image => 'rtos-pv.elf', cmdline => 'listen'), 1,
		qr/--expect-screen a=x: the guest has no text screen/, '--expect-screen', 'a=x'],
	['a picture of it', $game . guest('a', image => 'rtos-pv.elf', cmdline => 'listen'), 1,
		qr/--screen a=build\/test-none.png: the guest has no text screen/, '--screen', 'a=build/test-none.png'],
	['a picture that cannot be written', $game, 1, qr/\/nowhere\/test.png: /, '--screen', 'game=/nowhere/test.png'],
	['keys for nobody', $game, 1, qr/--send nobody=x: no such guest is there/, '--send', 'nobody=x'],
	['keys for one that has ended', $spin . $game, 1, qr/--send a=x: the guest has ended/, @ended, '--send', 'a=x'],
	['keys for one that never started', $game . guest('far', image => 'rtos-pv.elf', cpus => 9), 1, qr/--send far=x: no such guest is there/, '--cpus', 2, '--send', 'far=x'],
	['keys when the machine is down', $spin, 1, qr/--send a=x: not done when the machine went down/, '--expect', 'veneer=all done', '--send', 'a=x'],
	['a wrong expression', $spin, 2, qr/--expect a=\(: .*[Pp]arenthes[ie]s|--expect a=\(: Unmatched/, '--expect', 'a=('],
	['a wrong key', $spin, 2, qr/--send a=\\w: keys: want /, '--send', 'a=\\w'],
	['no guest', $spin, 2, qr/--send x: want the name of a guest/, '--send', 'x'],
	['too many', $spin, 2, qr/--send a=x: too many steps/, ('--send', 'a=x') x 65],
) {
	my ($what, $conf, $want, $said, @options) = @$_;
	($status, $text) = run_guests('steps', $conf, @options);
	is($status, $want, "$what: exit status") or diag($text);
	is(scalar(() = $text =~ /^veneer: (?=-|\/nowhere)$said/mg), 1, 'is said in a line') or diag($text);
}
ok(!-e 'build/test-none.png', 'no picture of nothing');
($status, $text) = run_guests('steps', $spin . $game, '--expect', 'a=checksum', @ended, '--expect-screen', 'game=-[*]-',
	'--send', 'game= \\a:stop game\\r', '--expect', 'veneer=all done, all well');
is($status, 0, 'steps that can be done') or diag($text);
{
	local $ENV{PATH} = '/nowhere';
	($status, $text) = run_guests('steps', $spin, '--send', 'a=x');
	is($status, 1, 'no emulator: exit status');
	like($text, qr/^veneer: the hypervisor did not start$/m, 'is said');
}

# A name beside the ISO that can be guessed may be another's link.
spew('build/test-victim', "precious\n");
unlink 'build/test-link.iso', 'build/test-link.iso.new';
symlink 'test-victim', 'build/test-link.iso.new';
($status, $text) = run_guests('link', $spin, '--iso', 'build/test-link.iso');
is($status, 0, 'an ISO') or diag($text);
is(slurp('build/test-victim'), "precious\n", 'is not written through a link that somebody planted');
ok(-s 'build/test-link.iso' && !-l 'build/test-link.iso', 'and is there');
is(join(' ', glob 'build/test-link.iso.*'), 'build/test-link.iso.new', 'alone');

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
