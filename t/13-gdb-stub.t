#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# `veneer run --gdb`: gdb on a guest, of each kind and under each engine.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use IO::Socket::INET;
use Veneer;

# A TCP port that nobody uses.
sub free_port {
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, ReuseAddr => 1) or die "no port: $!";
	return $socket->sockport;
}

# Starts a machine with that configuration, and waits for a line of its console. Returns the port of the guest g, and
# a function that waits for the end and returns the rest of the console.
sub start {
	my ($name, $conf, $ready, @options) = @_;
	my $port = free_port();
	spew("build/test-gdb-$name.conf", $conf);
	my $pid = open my $console, '-|';
	die "fork: $!" unless defined $pid;
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDERR, '>&', \*STDOUT;
		exec 'build/veneer', 'run', "build/test-gdb-$name.conf", '--timeout', $limit, '--gdb', "g=$port", @options;
	}
	my $text = '';
	while (<$console>) {
		$text .= $_;
		last if /$ready/;
	}
	return ($port, sub {
		local $/;
		$text .= <$console> // '';
		close $console;
		return $text =~ s/\r//gr;
	});
}

# What gdb says to each command, by the command.
sub gdb {
	my ($port, $file, @commands) = @_;
	my ($status, $text) = command('timeout', $limit, 'gdb', '-batch', '-nx', map { ('-ex', $_) } 'set confirm off', 'set width 0',
		($file ? "file $file" : ()), "target remote :$port", map { ("echo @@ $_\\n", $_) } @commands);
	my %said = ('' => $text);
	$said{$1} .= $2 while $text =~ /^@@ (.*)\n((?:(?!@@ ).*\n?)*)/mg;
	return \%said;
}

# The RTOS runs until its variable `heard` is set.
my %rtos = (
	'ring-pv' => ['rtos-pv.elf', 'rtos-pv.elf', 'ring'],
	'ring-rewritten' => ['rtos-rewritten.elf', 'rtos-pc.elf', 'ring'],
	'ring-stock' => ['rtos-pc.elf', 'rtos-pc.elf', 'ring'],
	'svm-pv' => ['rtos-pv.elf', 'rtos-pv.elf', 'svm'],
	'svm-pc' => ['rtos-pc.elf', 'rtos-pc.elf', 'svm'],
	'svm-rewritten' => ['rtos-rewritten.elf', 'rtos-pc.elf', 'svm'],
);

for my $kind (sort keys %rtos) {
	my ($image, $symbols, $engine) = @{$rtos{$kind}};
	my ($port, $rest) = start($kind, guest('g', image => $image, cmdline => 'listen', engine => $engine), qr/^g: listening/);
	my $said = gdb($port, "build/$symbols", 'info threads', 'info registers', 'break kernel_ticks', 'continue', 'backtrace',
		'x/i kernel_ticks', 'stepi', 'print $pc - (long)kernel_ticks', 'finish', 'watch heard', 'delete', 'print heard',
		'info registers cr3 st0 mxcsr', 'set variable heard = 1', 'print heard', 'info breakpoints', 'continue');
	my $sp = $image =~ /pv/ ? 'rsp' : 'esp';

	like($said->{'info threads'}, qr/^\* 1 +Thread 1 \(vCPU 0, /m, "$kind: a vCPU is a thread") or diag($said->{''});
	like($said->{'info registers'}, qr/^$sp +0x[0-9a-f]+ /m, "$kind: registers of its mode");
	unlike($said->{''}, qr/packet reply is too long|Cannot access memory|warning: (?!No exec)/, "$kind: gdb does not complain");
	like($said->{'continue'}, qr/^Breakpoint 1, kernel_ticks \(\)/m, "$kind: a breakpoint");
	like($said->{'backtrace'}, qr/^#0 +kernel_ticks \(\).*\n#1 .* in \w+ \(/m, "$kind: a backtrace");
	like($said->{'x/i kernel_ticks'}, qr/^=> .*<kernel_ticks>:\t(?!hlt|int3)/m, "$kind: the breakpoint does not show in the code");
	like($said->{'print $pc - (long)kernel_ticks'}, qr/= (?:\(.*\) )?(?:0x)?[1-9a-f]\b/, "$kind: a step of one instruction");
	like($said->{'finish'}, qr/^Value returned is /m, "$kind: a function's end");
	is($said->{'print heard'} =~ s/\$\d+ = //gr, "false\ntrue\n", "$kind: memory is written");
	like($said->{'info registers cr3 st0 mxcsr'}, qr/^cr3 +0x.*\nst0 .*\nmxcsr +0x1f80/m, "$kind: system and vector registers");
	like($said->{'continue'}, qr/Remote connection closed/, "$kind: the guest goes on, and the machine ends with it");
	like($rest->(), qr/^veneer: exit code of g: 0$/m, "$kind: and it has ended well");
}

done_testing;
