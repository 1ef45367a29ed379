#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A bounded set of random attackers: t/attacker/ next to a neighbour that must keep its pace. Each case is a word that
# t/fuzz/attack can repeat, and `make fuzz` generates more. Each must reach a number of attempts. An attacker may end
# itself before that, by a hypercall that it did not intend: then the next seed does the rest. Time is a count of
# instructions, QEMU's or Bochs's, and nothing is typed during an attack, so a run is the same on all machines.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Attack qw(case_of word_of run_case);
use Holes qw(holes);
use POSIX 'mkfifo';
use Veneer;

my @cases = (
	['ring-pv-1x1-16-300-1-4444444444444444', 20_000],
	['ring-pv-2x2-16-200-2-4444444444444444', 10_000],
	['ring-pv-4x1-8-200-3-4444444444444444', 5_000],
	['ring-pc-1x1-16-300-4-4444444444444444', 1_000],
	['ring-pc-1x1-16-300-5-4444444444444444', 1_000], # rewritten: its code runs in ring 1 itself
	['svm-pv-1x1-16-200-5-4444444444444444', 10_000],
	['svm-pv-4x1-16-300-6-4444444444444444', 10_000],
	['svm-pc-1x1-16-200-7-4444444444444444', 1_000],
	['svm-pc-2x1-16-150-8-4444444444444444', 500],
	['vmx-pv-2x2-16-250-9-4444444444444444', 3_000], # in Bochs
);

# Returns the failure (undef: none), the number of attempts, and the last case's word.
sub attack {
	my ($word, $wanted) = @_;
	my ($case, $attempts, $result) = (case_of($word), 0);
	for (1 .. 8) {
		$result = run_case($case, name => 'random');
		$attempts += $result->{attempts};
		last if $result->{failure} || $attempts >= $wanted;
		$case->{seed} += @cases;
	}
	return ($result->{failure}, $attempts, word_of($case));
}

for (@cases) {
	my ($word, $wanted) = @$_;
	my ($failure, $attempts, $last) = attack($word, $wanted);
	is($failure, undef, "$word: nobody else notices") or diag("t/fuzz/attack --replay $last");
	cmp_ok($attempts, '>=', $wanted, "$word: $wanted attempts were made");
}

# A repeated case is the same up to the neighbour's figures, after which the host types. The replay prints the case's
# seed.
{
	my $word = 'ring-pv-2x1-16-100-7-4444444444444444';
	my ($first, $second) = map { run_case(case_of($word), name => 'again')->{text} =~ /^(.*?^neighbour: neighbour: work[^\n]*)/ms ? $1 : "no end $_" } 1 .. 2;
	ok($first eq $second, "$word, twice: the same lines") or diag("$first\n\n$second");
	my ($status, $text) = command('t/fuzz/attack', '--replay', $word);
	is($status, 0, 'a replay of a case succeeds') or diag($text);
	like($text, qr/^attack: seed 7, 1 run, .* [1-9]\d* attempts, /m, 'the replay prints the seed and the attempts');
	like($text, qr/^attack: passed\n\z/m, 'the replay prints the result');
}

# An invalid case is refused in one line, and not counted as a finding.
for (['', 'want ENGINE'], ['ring-pv-2x1-16-300-7-444444444444444', 'want ENGINE'], ['ring-pv-2x1-16-300-7-44444444444444444', 'want ENGINE'],
	['xen-pv-1x1-16-300-7-4444444444444444', 'want ENGINE'], ['ring-pv-9x1-16-300-7-4444444444444444', 'want ENGINE'],
	['ring-pv-1x3-16-300-7-4444444444444444', 'want ENGINE'],
	['ring-pc-2x1-16-300-7-4444444444444444', 'under ring a PC'], ['ring-pv-1x1-0-300-7-4444444444444444', 'want 4 to 1024 MiB'],
	['ring-pv-1x1-99999-300-7-4444444444444444', 'want 4 to 1024 MiB'], ['ring-pv-1x1-16-0-7-4444444444444444', 'want 1 to 100000 milli'],
	['ring-pv-1x1-16-300-9999999999-4444444444444444', 'want a seed'], ['ring-pv-1x1-16-300-7-0000000000000000', 'want a weight'],
	['vmx-pv-1x1-16-300-7-4444444444444444-stop', 'nobody stops']) {
	my ($word, $why) = @$_;
	my ($status, $text) = command('t/fuzz/attack', '--replay', $word);
	is($status, 2, "'$word' is refused");
	like($text, qr/\Aattack: --replay \Q$word\E: not a case: $why.*\n\z/, 'the reason is given in one line');
}
for (['--jobs', 0, 'want at least 1'], ['--only', '(', 'not an expression'], ['--only', 'nothing', 'no case matches'],
	(map { ['--seconds', $_, 'want more than 0'] } 0, -5), ['--hours', 0, 'want more than 0'], ['--limit', 0, 'want more than 0'],
	(map { ['--ms', $_, 'want 1 to 100000 milliseconds'] } 0, -3, 100_001)) {
	my ($option, $value, $why) = @$_;
	my ($status, $text) = command('t/fuzz/attack', $option, $value);
	is("$status $text", "2 attack: $option $value: $why\n", "$option $value is refused");
}

# A run that could not be started neither passes nor fails: it ends the attack with a line.
my $word = 'ring-pv-1x1-16-100-7-4444444444444444';
my $folder = 'build/test-attack-tools';
sub fake {
	my ($program, $script) = @_;
	mkdir $folder;
	spew("$folder/$program", "#!/bin/sh\n$script\n");
	chmod 0755, "$folder/$program";
}
sub without {
	my ($what, $said, @argv) = @_;
	for my $how (['--replay', $word], ['--seconds', 1, '--jobs', 2, '--only', '^(ring|svm)-']) {
		my ($status, $text) = command(@argv, 't/fuzz/attack', @$how);
		is($status, 2, "$what, $how->[0]: exit status") or diag($text);
		like($text, $said, 'the reason is given');
		unlike($text, qr/passed|FAILED|0 failed/, 'no result is printed');
	}
	is(join(' ', glob 'build/test-attack-*-*'), '', 'no files or processes are left');
}
without('no hypervisor', qr/^attack: \/nowhere\/veneer.elf: objdump finds no instructions in it$/m, qw(env VENEER_LIB=/nowhere));
without('no tools', qr/^attack: build\/veneer.elf: objdump finds/m, qw(env PATH=/nowhere));
without('a full disk', qr/File too large.*^attack: \S+ was not run/ms, 'bash', '-c', 'trap "" XFSZ; ulimit -f 8; exec "$@"', 'bash');
fake('qemu-system-x86_64', 'echo "qemu: no such plugin"; exit 1');
without('an emulator that starts nothing', qr/^qemu-system-x86_64 has started no guest: qemu: no such plugin\nattack: \S+ was not run/m,
	'env', "PATH=$folder:$ENV{PATH}");

# A failure is kept completely, with the hypervisor, which the printed command names.
fake('qemu-system-x86_64', 'echo "veneer: boot entry_ticks=1"; echo "veneer: PANIC at test.c:1"; exit 3');
{
	my ($status, $text) = command('env', "PATH=$folder:$ENV{PATH}", 't/fuzz/attack', '--replay', $word);
	is($status, 1, 'what fails: exit status');
	like($text, qr/^FAILED $word: veneer: PANIC at test\.c:1 .*^  command: .* -kernel \S*build\/fuzz\/$word\/veneer\.elf .*-initrd build\/fuzz\/$word\/bundle\.cpio$/ms, 'the failed case is named');
	like($text, qr/^attack: failed: $word\n\z/m, 'the failure is the result');
	is(join(' ', map { s,.*/,,r } glob "build/fuzz/$word/*"), 'bundle.cpio console.log t veneer.elf', 'the failure is kept');
	command('rm', '-r', "build/fuzz/$word");
}

is((command('sh', '-c', 'printf %s ' . Attack::quoted(q(a:check it's\r))))[1], q(a:check it's\r), 'a shell can run the command as it is printed');

# A signal also ends the emulators, and leaves no file behind.
my $fifo = 'build/test-attack.fifo';
unlink $fifo;
mkfifo($fifo, 0600) or die "$fifo: $!";
fake('qemu-system-x86_64', "exec 3> $fifo; echo \$\$ >&3; exec tail -f /dev/null"); # holds the pipe open until it ends
for my $how (['--replay', $word], ['--only', '^(ring|svm)-']) {
	my $pid = open my $from, '-|';
	if (!$pid) {
		local $ENV{PATH} = "$folder:$ENV{PATH}";
		exec 't/fuzz/attack', @$how or exit 127;
	}
	local $SIG{ALRM} = sub { BAIL_OUT("$how->[0]: an emulator does not start, or not end") };
	alarm $limit;
	open my $emulator, '<', $fifo or die "$fifo: $!";
	like(scalar <$emulator>, qr/^\d+$/, "$how->[0]: an emulator runs");
	kill 'TERM', $pid;
	waitpid $pid, 0;
	is($? & 127, 15, 'SIGTERM ends the attack');
	is(scalar <$emulator>, undef, 'SIGTERM ends the emulator');
	alarm 0;
	is(join(' ', glob 'build/test-attack-*-* build/fuzz/blocks.*'), '', 'no files or processes are left');
}

# The parsers' fuzzers: a failure is a failure, and the input is named.
for (['fails', 'echo "Test unit written to build/fuzz/fake-crash-1"; exit 77', 1, 'fuzz: fake failed, exit status 77: build/fuzz/fake-crash-1'],
	['ends without one', 'exit 1', 1, "fuzz: fake failed, exit status 1: no input was kept, see $folder/fake.log"],
	['is well', 'echo Done 5 runs', 0, 'Done 5 runs']) {
	my ($what, $script, $want, $last) = @$_;
	fake('fuzz_fake', $script);
	my ($status, $text) = command('t/fuzz/parsers', 1, "$folder/fuzz_fake");
	is($status, $want, "a fuzzer that $what: exit status");
	is(($text =~ /.*\n/g)[-1], "$last\n", 'the last line names the input');
}
for ('0', 'abc', '', '-1', '1.5') {
	my ($status, $text) = command('t/fuzz/parsers', $_, "$folder/fuzz_fake");
	is("$status $text", "2 fuzz: FUZZ_SECONDS=$_: want a whole number from 1 to 99999\n", "FUZZ_SECONDS=$_ is refused");
}
{
	my ($status, $text) = command(qw(make -s fuzz), q(SEED=it's));
	like($text, qr/^attack: --replay it's: not a case: /m, 'make fuzz gives any SEED as it is');
}

# t/long/holes.t tries whether the attackers find the fixed holes; here each patch is only applied and built.
for my $hole (holes()) {
	my ($status, $text) = command('sh', '-c', "patch -p1 --fuzz=0 --dry-run < $hole->{path}");
	is($status, 0, "$hole->{name} can be opened") or diag($text);
}

done_testing;
