#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The operator always wins: stop, pause and reset take effect whatever the guest is doing, such as
# restarting, ending, or its vCPUs starting each other. A paused guest does nothing: not a single exit
# is counted.
use strict;
use warnings;
no warnings 'qw';
use lib 't/lib';
use Test::More;
use Veneer;

sub exits { return $_[0] =~ /^veneer: stats $_[1] .*exits=(\d+)/mg }

# Next to it, also while it is paused, a neighbour works for 100 ms of virtual time.
my $neighbour = guest('neighbour', image => 't/neighbour.elf', cmdline => 'ms=100', cpus => 0, share => 50);

for (['a reboot loop', 'loop', guest('loop', image => 't/reboots.elf', memory => '512M', share => 50), 'again'],
	['eight vCPUs with timers', 'timers', guest('timers', image => 't/timers.elf', vcpus => 8, cpus => 0, share => 5), undef],
	['starts of eight vCPUs', 'starts', guest('starts', image => 't/starts.elf', vcpus => 8, cpus => 0, share => 5), 'going'],
	['INIT and startup IPIs', 'kicks', guest('kicks', image => 't/pc-kicks.elf', vcpus => 2, cpus => '0-1', share => 25, engine => 'svm'), 'going']) {
	my ($what, $name, $conf, $when) = @$_;
	my ($status, $text) = run_guests("control-$name", $conf . $neighbour, '--cpus', 2, '--memory', 1024, '--icount',
		$when ? ('--expect', "$name=$when") : (),
		'--send', "$name=\\a:pause $name\\r", '--expect', "veneer=$name: paused",
		'--send', "$name=\\a:list\\r\\a:stats $name\\r", '--expect', 'neighbour=well',
		'--send', "$name=\\a:stats $name\\r\\a:resume $name\\r", '--expect', "veneer=$name: resumed",
		'--send', "$name=\\a:list\\r\\a:stop $name\\r");
	is($status, 0, "$what: the run ends well") or diag($text);
	like($text, qr/^veneer: .\d $name +paused/m, "$what: pause is shown");
	my ($first, $second) = exits($text, $name);
	ok(defined $second && $first == $second, "$what: and nothing of it runs: $first exits, then $second") or diag($text);
	like($text, qr/paused.*^veneer: .\d $name +(running|waiting|stopped)/ms, "$what: resume is, too");
	like($text, qr/^veneer: $name: stopped from the monitor, exit code 0$/m, "$what: stop is not lost");
}

my ($status, $text) = run_guests('control-reset', guest('loop', image => 't/reboots.elf', memory => '512M', share => 40) .
	guest('done', image => 't/neighbour.elf', cmdline => 'ms=5', share => 10) . $neighbour, '--cpus', 1, '--memory', 1024, '--icount',
	'--expect', 'done=well', '--send', 'loop=\\a:reset done\\r', '--expect', 'veneer=done: reset', '--expect', 'done=well',
	'--send', 'loop=\\a:pause loop\\r', '--expect', 'veneer=loop: paused', '--send', 'loop=\\a:reset loop\\r', '--expect', 'loop=again', '--send', 'loop=\\a:stop loop\\r');
is($status, 0, 'reset: the run ends well') or diag($text);
is(scalar(() = $text =~ /^done: well$/mg), 2, 'reset: a guest that has ended starts again');
like($text, qr/^veneer: loop: reset\n.*^loop: so far: started again$/ms, 'reset: so does one that is paused in a restart');
like($text, qr/^veneer: loop: stopped from the monitor, exit code 0$/m, 'reset: and can be stopped');

# The monitor says what it checked: the tables of a guest that runs or has ended, or that there are none.
($status, $text) = run_guests('control-check', guest('loop', image => 't/reboots.elf', memory => '512M', share => 40) .
	guest('done', image => 't/neighbour.elf', cmdline => 'ms=5', share => 10) . guest('keeper', image => 'rtos-pv.elf', cmdline => 'listen', share => 40),
	'--cpus', 1, '--memory', 1024, '--icount', '--expect', 'done=well', '--expect', 'loop=again', '--send', 'loop=\\a:pause loop\\r', '--expect', 'veneer=loop: paused',
	'--send', 'loop=\\a:check loop\\r\\a:stop loop\\r', '--expect', 'veneer=loop: stopped',
	'--send', 'keeper=\\a:check loop\\r\\a:check done\\r\\a:check keeper\\r', '--send', 'keeper=\\r');
is($status, 0, 'check: the run ends well') or diag($text);
is(join(', ', $text =~ /^veneer: (check loop.*)$/mg), 'check loop: no tables: it is being loaded, check loop: no tables: it has ended', 'check: of a guest without tables it says that, and why');
like($text, qr/^veneer: check done: good, [1-9]\d* tables, \d+ leaves, as they were when it ended$/m, 'check: of one that has ended, too');
like($text, qr/^veneer: check keeper: good, [1-9]\d* tables, [1-9]\d* leaves$/m, 'check: of one that runs they are good');

done_testing;
