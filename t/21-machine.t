#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Several guests on several cores: placement, time slices, the monitor, crashes, wrong configurations.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my %spin = (image => 'rtos-pv.elf', cmdline => 'spin');
my ($status, $text);

($status, $text) = run_guests('cores', guest('a', %spin, cpus => 0) . guest('b', %spin, cpus => 1) .
	guest('c', %spin, cpus => 3) . guest('d', image => 'rtos-rewritten.elf', cpus => '2-3'), '--cpus', 4);
is($status, 0, 'four guests on four cores are well');
like($text, qr/^veneer: $_->[0]: .* core $_->[1],/m, "$_->[0] is on core $_->[1]") for ['a', 0], ['b', 1], ['c', 3], ['d', 2];
like($text, qr/^$_: neighbour: checksum right/m, "$_ keeps its checksum") for qw(a b c);

($status, $text) = run_guests('slices', guest('a', %spin, share => 50) . guest('b', %spin) . guest('c', %spin) .
	guest('d', image => 'rtos-rewritten.elf', cmdline => 'spin'), '--cpus', 1);
is($status, 0, 'four guests on one core are well');
like($text, qr/^$_: neighbour: checksum right/m, "$_ keeps its checksum") for qw(a b c d);

($status, $text) = run_guests('monitor', guest('a', image => 'rtos-pv.elf', cmdline => 'spin') .
	guest('game', image => 'invaders.elf', cpus => 1),
	'--expect-screen', 'game=-[*]-', '--send', 'game=\\ah\\al\\a:pause game\\r', '--expect', 'veneer=game: paused',
	'--send', 'game=\\a:list\\r\\a:resume game\\r', '--expect', 'veneer=game: resumed',
	'--send', 'game=\\a:list\\r\\a:stats game\\r\\a:reset game\\r', '--expect', 'veneer=game: reset', '--expect-screen', 'game=-[*]-',
	'--send', 'game=\\a:screen game\\r\\a:nonsense\\r\\a:stop nobody\\r\\a2\\ak');
is($status, 0, 'the monitor ends the run');
like($text, qr/veneer: +h +help/, 'help');
like($text, qr/veneer: .2 game +paused/, 'pause');
like($text, qr/paused.*veneer: .2 game +(running|waiting)/s, 'resume');
like($text, qr/^veneer: stats game .*exits=\d+/m, 'stats');
like($text, qr/^veneer: game: reset$/m, 'reset');
like($text, qr/^veneer: game: screen 00 \|.{80}\|$/m, 'screen');
like($text, qr/no command "nonsense"/, 'a wrong command is named');
like($text, qr/no guest "nobody"/, 'a wrong guest is named');
like($text, qr/^veneer: game: stopped from the monitor/m, 'stop');

# The monitor answers every command with a line.
($status, $text) = run_guests('answers', guest('a', %spin) . guest('game', image => 'invaders.elf', cpus => 1),
	'--expect', 'veneer=a: powered off', '--expect-screen', 'game=-[*]-', '--send', 'game=\\az\\a\\e\\a7\\a:\\r\\a:stop a \\r\\a:pause a\\r\\a:resume a\\r' .
	'\\a:cells a\\r\\a:resume game\\r\\a:pause game\\r', '--expect', 'veneer=game: paused', '--send', 'game=\\a:pause game\\r\\a:resume game\\r', '--expect', 'veneer=game: resumed',
	'--send', 'game=\\a2\\ap\\ap\\a:stop game\\r');
is($status, 0, 'answers of the monitor') or diag($text);
is(scalar(() = $text =~ /^veneer: $_->[1]$/mg), $_->[2] // 1, $_->[0]) or diag($text)
	for ['a wrong key is named', qr/no key "z": Ctrl-A h lists them/], ['one that cannot be shown, too', qr/no key 0x1b: Ctrl-A h lists them/],
	['a wrong number', qr/no guest 7: Ctrl-A l lists them/], ['an empty line', qr/no command "": Ctrl-A h lists them/],
	['stop, pause and resume of a guest that has ended', qr/a has ended: reset starts it again/, 3],
	['cells of one without a screen', qr/a has no screen/], ['resume of one that runs', qr/game is not paused/],
	['pause of one that is paused, and twice before it is', qr/game is paused already/, 2];

# Commands for the whole machine take no guest name. A guest that has ended is listed as such. A guest with several
# vCPUs is listed with all of their cores and times, though its first vCPU is idle.
($status, $text) = run_guests('vcpus', guest('a', %spin) . guest('b', image => 't/smp.elf', vcpus => 4, cpus => '0-1') .
	guest('game', image => 'invaders.elf', cpus => 1), '--cpus', 2, '--expect', 'veneer=a: powered off', '--expect', 'veneer=b: powered off',
	'--expect-screen', 'game=-[*]-', '--send', 'game=' . join('', map { "\\a:$_ game\\r" } qw(off list tables help)) .
	'\a:pause game\r', '--expect', 'veneer=game: paused', '--send', 'game=\a:list\r\a:stop   game\r');
is($status, 0, 'commands of the machine') or diag($text);
like($text, qr/^veneer: $_ takes no guest name$/m, "$_ takes no guest") for qw(off list tables help);
like($text, qr/^veneer: .1 a +ended +core 0, /m, 'one that has ended');
like($text, qr/^veneer: .2 b +ended +core [01](,[01]){3}, 16 MiB, pv, ran [1-9]\d* ms$/m, 'one of four vCPUs');
like($text, qr/^veneer: .3 game +paused +core 1, /m, 'one that is paused');
like($text, qr/^veneer: game: stopped from the monitor/m, 'any number of spaces may stand before a name');

# The firmware lists a processor that does not start: its guest is not started, and the others run.
spew('build/test-no-processor.conf', guest('a', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 0) . guest('b', %spin, cpus => 1) .
	guest('c', %spin, vcpus => 1, cpus => '0-1'));
spew('build/test-no-processor.madt', pack('L<2 C4 L<', 0xfee00000, 0, 0, 8, 1, 77, 1));
my @no_processor = ('build/test-no-processor.conf', '--accel', 'tcg', '--cpus', 1);
(undef, my $emulator) = veneer('run', @no_processor, qw(--print --bundle build/test-no-processor.cpio));
($status, $text) = command('timeout', $limit, split(/ /, $emulator =~ s/\n//r), '-acpitable', 'sig=APIC,rev=1,data=build/test-no-processor.madt');
$text =~ s/\r//g;
like($text, qr/^veneer: processor 1 \(APIC 77\) does not start: not used$/m, 'a processor that does not come up is named') or diag($text);
like($text, qr/^veneer: the configuration, line \d+: b: none of its cores is there, .*: not started$/m, 'the guest that is to run there is named');
like($text, qr/^$_: neighbour: checksum right/m, "$_ is well on the other one") for qw(a c);
is($status, 3, 'the exit status is that of a failure');

# The lines of a list are not interrupted by other output.
($status, $text) = run_guests('list', join('', map { guest($_, image => 't/reboots.elf', share => 25) } 'a' .. 'c') . guest('d', %spin, optional => 'yes', cpus => 1),
	'--cpus', 2, '--expect', 'a=again', '--send', join('', 'a=', ('\\al') x 30, map { "\\a:stop $_\\r" } 'a' .. 'c'));
is($status, 0, 'lists') or diag($text);
my $lists = () = $text =~ /^veneer: .1 a .*\nveneer: .2 b .*\nveneer: .3 c .*\nveneer: .4 d .*$/mg;
is($lists, 30, 'nothing comes between the lines of one') or diag($text);

($status, $text) = run_guests('warned', guest('a', %spin) . guest('b', %spin, engine => 'svm') .
	guest('c', image => 'rtos-rewritten.elf', cmdline => 'spin') . guest('d', image => 'rtos-pc.elf', cmdline => 'spin', engine => 'svm'),
	'--send', join('', 'a=', map { "\\a:check $_\\r" } 'a' .. 'd'));
like($text, qr/^veneer: check $_: (?:good, [1-9]\d* tables, \d+ leaves|no tables: it has not begun)$/m, "$_: what its processor walks leads to its own memory")
	for 'a' .. 'd';

($status, $text) = run_guests('typing', guest('rtos', image => 'rtos-pv.elf', cmdline => 'listen') .
	guest('legacy', image => 'rtos-rewritten.elf', cmdline => 'listen', cpus => 1),
	'--expect', 'legacy=listening', '--send', 'rtos=hello\\r', '--send', 'legacy=dear\\r'); # a PC loses input that arrives before its UART is set up
like($text, qr/^rtos: typed: hello$/m, 'what is typed reaches a PV guest');
like($text, qr/^legacy: typed: dear$/m, 'what is typed reaches a legacy guest by its serial port');

($status, $text) = run_guests('crash', guest('bad', image => 't/outside.elf') . guest('good', %spin, cpus => 0), '--cpus', 1);
is($status, 1, 'a crash is seen in the exit status');
like($text, qr/^veneer: bad: CRASH: access to address \w+, which is outside its memory$/m, 'a crash is reported');
like($text, qr/^veneer: bad: rip 1031:\w{16} rflags \w{8} cpl 1 vector 0xe error \w+, 64-bit code( \w\w)+$/m, 'a crash is reported with registers and code');
like($text, qr/^good: neighbour: checksum right/m, 'its neighbour does not notice');

($status, $text) = run_guests('crash-svm', guest('bad', image => 't/outside.elf', engine => 'svm'), '--cpus', 1);
like($text, qr/^veneer: bad: rip \w+:\w{16} rflags \w{8} cpl 0 exit 0x400 error \w+, 64-bit code( \w\w)+$/m, 'a crash in a virtual machine is reported with the exit, in hexadecimal');

($status, $text) = run_patched('prepare', guest('bad', image => 'rtos-rewritten.elf', prepare => 'rewritten'), { 'prepare = rewritten' => 'prepare =     stock' }, '--cpus', 1);
like($text, qr/^veneer: bad: rtos-rewritten\.elf: the image is rewritten, not stock: change or remove prepare = stock$/m, 'what an image is, where the configuration is wrong');
($status, $text) = run_patched('vcpus', guest('bad', image => 'rtos-rewritten.elf', vcpus => 1), { 'vcpus = 1' => 'vcpus = 2' }, '--cpus', 1);
like($text, qr/^veneer: bad: engine = ring: only a paravirtual guest can have several vCPUs in ring 1: set vcpus = 1$/m, 'several vCPUs of a PC in ring 1');

($status, $text) = run_guests('restart', guest('bad', image => 't/outside.elf', on_crash => 'restart') .
	guest('good', %spin), '--cpus', 1);
like($text, qr/^veneer: bad: restart 1$/m, 'on-crash = restart starts it again');
like($text, qr/^veneer: bad: restart 100$/m, 'on-crash = restart starts it 100 times');
like($text, qr/^veneer: bad: stopped after a crash/m, 'on-crash = restart stops after that');
like($text, qr/^good: neighbour: checksum right/m, 'its neighbour does not notice');

($status, $text) = run_patched('wrong', guest('bad', %spin, memory => '8192K') . guest('far', %spin, cpus => 9) .
	guest('big', %spin, memory => '1G') . guest('good', %spin), {'8192K' => ' lots'}, '--cpus', 2, '--memory', 256);
is($status, 3, 'a wrong line is seen in the exit status');
like($text, qr/^veneer: the configuration, line 4: memory: not a size/m, 'a wrong line is reported with number and reason');
like($text, qr/far: none of its cores is there, the machine has 2/, 'a core that does not exist');
like($text, qr/big: 1024 MiB of memory wanted, \d+ MiB free/, 'more memory than is free');
like($text, qr/^good: neighbour: checksum right/m, 'the others start');

# optional: the guest's outcome does not affect the machine's exit code, but a configuration error does.
my %outside = (image => 't/outside.elf', optional => 'yes');
for (['a crash', guest('bad', %outside) . guest('good', %spin), 0, qr/exit code of bad: -1/],
	['no core for it', guest('bad', %outside, cpus => 9) . guest('good', %spin), 0, qr/bad: none of its cores is there/],
	['no memory for it', guest('bad', %outside, memory => '1G') . guest('good', %spin), 0, qr/bad: 1024 MiB of memory wanted/],
	['another that cannot be started', guest('bad', %outside, optional => 'no', cpus => 9) . guest('good', %spin, optional => 'yes'), 1, qr/bad: none of its/],
	['all are', guest('bad', %outside) . guest('good', %spin, optional => 'yes'), 0, qr/exit code of bad: -1/]) {
	my ($what, $conf, $want, $said) = @$_;
	($status, $text) = run_guests('optional', $conf, '--cpus', 2, '--memory', 256);
	is($status, $want, "optional, $what: exit status") or diag($text);
	my $last = $want ? 'not all well' : 'all well, but optional: ' . ($said =~ /exit code/ ? 'bad exit code -1' : 'bad not started');
	like($text, qr/^veneer: all done, $last\n\z/m, 'the last line says so');
	like($text, qr/^veneer: (the configuration, line \d+: )?$said/m, 'the reason is printed');
	like($text, qr/^good: neighbour: checksum right/m, 'the other guest finishes');
}
my @eight = map { sprintf 'optional-guest-number-%d', $_ } 1 .. 7;
($status, $text) = run_guests('optional', join('', map { guest($_, %outside, cpus => 9) } @eight) . guest('good', %spin), '--cpus', 2);
is($status, 0, 'seven optional guests that cannot be started') or diag($text);
like($text, qr/^veneer: all done, all well, but optional: @{[join ', ', map { "$_ not started" } @eight]}\n\z/m, 'all optional guests are named');

($status, $text) = run_guests('many', guest('a', %spin), '--cpus', 17);
is($status, 0, 'more processors than the build is for: well');
like($text, qr/^veneer: the machine has 17 processors, this build uses 16: raise CPUS_MAX/m, 'the processors that are not used are reported');

done_testing;
