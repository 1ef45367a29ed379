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
# a function that waits for the end and returns the console. A first option that is a function gets the port before that.
sub start {
	my ($name, $conf, $ready, @options) = @_;
	my $connect = ref $options[0] ? shift @options : undef;
	my $port = free_port();
	spew("build/test-gdb-$name.conf", $conf);
	my $pid = open my $console, '-|';
	die "fork: $!" unless defined $pid;
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDERR, '>&', \*STDOUT;
		exec 'build/veneer', 'run', "build/test-gdb-$name.conf", '--timeout', $limit, '--gdb', "g=$port", @options;
	}
	$connect->($port) if $connect;
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

sub packet {
	my ($data) = @_;
	return sprintf '$%s#%02x', $data, unpack('%8C*', $data);
}

sub answer {
	my ($socket, $data) = @_;
	syswrite $socket, $data if length $data;
	my $text = '';
	while ($text !~ /#..$/s) {
		sysread $socket, $text, 4096, length $text or return undef;
	}
	return $text =~ /\$(.*?)#..$/s ? $1 : $text;
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
		'x/i kernel_ticks', 'stepi', 'print $pc - (long)kernel_ticks', 'finish', 'delete',
		($engine eq 'ring' ? ('watch tick_count', ('continue') x 2) : ()), 'delete', 'print heard',
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
	is(scalar(() = $said->{'continue'} =~ /^Hardware watchpoint \d: tick_count\n\nOld value = /mg), 2, "$kind: a watchpoint") if $engine eq 'ring';
	is($said->{'print heard'} =~ s/\$\d+ = //gr, "false\ntrue\n", "$kind: memory is written");
	like($said->{'info registers cr3 st0 mxcsr'}, qr/^cr3 +0x.*\nst0 .*\nmxcsr +0x1f80/m, "$kind: system and vector registers");
	like($said->{'continue'}, qr/Remote connection closed/, "$kind: the guest goes on, and the machine ends with it");
	like($rest->(), qr/^veneer: exit code of g: 0$/m, "$kind: and it has ended well");
}

# --- each part of the work is short ---

for my $kind ('ring-stock', 'ring-rewritten', 'svm-pv') {
	my ($image, $symbols, $engine) = @{$rtos{$kind}};
	my ($port, $rest) = start("stay-$kind", guest('g', image => $image, cmdline => 'listen', engine => $engine), qr/^g: listening/,
		'--accel', 'tcg', '--stay', 'build/test-gdb.stay');
	my $image_at = $image =~ /pv/ ? 0x200000 : 0x100000;
	gdb($port, "build/$symbols", 'info all-registers', 'break kernel_ticks', (map { sprintf 'break *0x%x', $image_at + 16 * $_ } 1 .. 60), 'continue',
		sprintf('dump binary memory build/test-gdb.dump 0x%x 0x%x', $image_at, $image_at + 0x8000),
		sprintf('restore build/test-gdb.dump binary 0x%x', $image_at), 'stepi 20', 'delete', 'set variable heard = 1', 'continue');
	$rest->();
	my ($stay) = slurp('build/test-gdb.stay') =~ /"instructions":\s*(\d+)/;
	cmp_ok($stay, '<=', 10_000, "$kind: the longest stay with a debugger");
}

# --- a rewritten guest is shown as it was before ---

my ($port, $rest) = start('stubs', guest('g', image => 'rtos-rewritten.elf', cmdline => 'listen'), qr/^g: listening/);
my @places = map { "*(port_idle+$_)" } 0 .. 2; # sti; hlt; cli
my $said = gdb($port, 'build/rtos-pc.elf', 'x/4xb port_idle', (map { ("break $places[$_]", 'continue', "print \$pc - (int)port_idle - $_") } 0 .. 2), 'delete',
	'break port_idle', 'continue', (map { ('stepi', "print (int)\$pc - (int)port_idle - $_") } 1, 2), 'kill');
like($said->{'x/4xb port_idle'}, qr/0xfb\s+0xf4\s+0xfa\s+0xc3/, 'rewritten: the original bytes');
like($said->{"print \$pc - (int)port_idle - $_"}, qr/= \(.*\) 0x0|= 0$/m, "rewritten: a breakpoint at instruction $_ of a stub") for 0 .. 2;
like($said->{"print (int)\$pc - (int)port_idle - $_"}, qr/= 0$/m, "rewritten: a step to instruction $_ of a stub") for 1, 2;
$rest->();

# --- a guest that uses INT3, TF and page tables itself ---

for my $engine (qw(ring svm)) {
	($port, $rest) = start("own-$engine", guest('g', image => 't/pc-debugged.elf', engine => $engine), qr/^g: ready/);
	my @more = ('continue', 'stepi', 'print $eax') x 3;
	$said = gdb($port, 'build/t/pc-debugged.elf', 'break round_done', 'continue', 'stepi 200', 'delete', 'break faulting', 'continue', 'stepi 16', 'delete', 'break *0x40000000', @more, 'delete',
		'break *rewritten', 'break round_done', ('continue') x 4, 'x/2xb rewritten', 'delete', 'break flags', 'continue', 'stepi 8', 'print rounds > 5',
		'delete', 'set variable finished = 1', 'continue');
	like($said->{'print $eax'} =~ s/\$\d+ = |\n//gr, qr/^(?:111|222)$/, "$engine: a breakpoint stays in its page when the guest maps another one there") or diag($said->{''});
	like($said->{'x/2xb rewritten'}, qr/0x90\s+0xc3/, "$engine: what the guest has written over a breakpoint stays");
	like($said->{'print rounds > 5'}, qr/= 1$/m, "$engine: the guest goes on");
	my $text = $rest->();
	like($text, qr/^g: well$/m, "$engine: its exceptions, TF and code are its own") or diag($text);
	unlike($text, qr/FAILED|unknown/, "$engine: nothing was wrong in any round");
}

# --- a guest that crashes ---

for my $engine (qw(ring svm)) {
	($port, $rest) = start("crash-$engine", guest('g', image => 'rtos-pc.elf', cmdline => 'listen', engine => $engine), qr/^g: listening/);
	$said = gdb($port, 'build/rtos-pc.elf', 'set $esp = 0xf0000000', 'set $eip = kernel_ticks', 'continue', 'info registers eip esp', 'continue');
	like($said->{'continue'}, qr/received signal SIGSEGV/, "$engine: a crash stops the guest");
	# by an interrupt that was waiting, or by the first store to the stack
	like($said->{'info registers eip esp'}, qr/<kernel_ticks>\nesp +0xf0000000|<kernel_ticks\+\d+>\nesp +0xefffff/, "$engine: with its registers");
	like($rest->(), qr/^veneer: g: CRASH: .*^veneer: g: stopped after a crash, exit code -1$/ms, "$engine: and ends it when it goes on");
}

# --- Debian's binaries, as they are and rewritten ---

for (['/boot/invaders.exec', 'ring'], ['invaders.elf', 'ring'], ['/boot/invaders.exec', 'svm']) {
	my ($image, $engine) = @$_;
	($port, $rest) = start('invaders', guest('g', image => $image, engine => $engine), qr/^veneer: boot entry_ticks/);
	$said = gdb($port, undef, 'tbreak *0x100f51', 'continue', 'x/2i $pc', 'stepi', 'print $pc', 'stepi', 'info registers', 'kill'); # in $0x40, %al; movzbl
	like($said->{'x/2i $pc'}, qr/^=> 0x100f51:\tin +\$0x40,%al\n +0x100f53:\tmovzbl %al,%edx$/m, "$image, $engine: a breakpoint in its wait for a timer") or diag($said->{''});
	like($said->{'print $pc'}, qr/0x100f53/, "$image, $engine: an IN that is emulated is one step");
	like($said->{'info registers'}, qr/^eip +0x100f56/m, "$image, $engine: and so is the next instruction");
	like($rest->(), qr/^veneer: g: stopped from the monitor/m, "$image, $engine: kill ends it");
}

($port, $rest) = start('mach', guest('g', image => 'i386/gnumach', memory => '128M', cmdline => 'gnumach console=com0'), qr/^g: GNU Mach/);
$said = gdb($port, undef, 'info registers eip', 'x/4i $pc', 'stepi 10', 'x/4xw $esp', 'info registers eip', 'kill');
is(scalar(() = $said->{'info registers eip'} =~ /^eip +0xc1/mg), 2, 'GNU Mach: addresses are those that it is linked for') or diag($said->{''});
like($said->{'x/4i $pc'}, qr/^=> 0xc1\w+:\t\w+/, 'GNU Mach: its code');
like($said->{'x/4xw $esp'}, qr/^0xc1\w+:\t0x/, 'GNU Mach: its stack');
$rest->();

# --- VT-x, in Bochs, which only starts once its port is connected to ---

for my $image ('rtos-pc.elf', 'rtos-pv.elf') {
	my $socket;
	my ($ticks) = (command('nm', "build/$image"))[1] =~ /^0*(\w+) T kernel_ticks$/m;
	($port, $rest) = start('vmx', guest('g', image => $image, cmdline => 'listen', engine => 'vmx'), qr/^g: listening/, sub {
		my ($port) = @_;
		until ($socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")) {}
	});
	my $pc = $image =~ /pv/ ? 'p10' : 'p8';
	my $little = unpack 'H*', pack 'V', hex $ticks;
	like(answer($socket, '+' . packet('qSupported')), qr/^PacketSize/, "$image, vmx: a session");
	like(answer($socket, packet('qXfer:features:read:target.xml:0,fff')), $image =~ /pv/ ? qr/x86-64/ : qr/>i386</, "$image, vmx: a description of its mode");
	is(answer($socket, packet("Z0,$ticks,1")), 'OK', "$image, vmx: a breakpoint");
	is(answer($socket, packet('vCont;c')), 'T05swbreak:;thread:1;', "$image, vmx: it is hit");
	like(answer($socket, packet($pc)), qr/^$little/, "$image, vmx: at its address");
	is(answer($socket, packet("z0,$ticks,1")), 'OK', "$image, vmx: it is taken away");
	is(answer($socket, packet('vCont;s:1')), 'T05thread:1;', "$image, vmx: a step");
	unlike(answer($socket, packet($pc)), qr/^$little/, "$image, vmx: it goes on");
	syswrite $socket, packet('k');
	like($rest->(), qr/^veneer: g: stopped from the monitor/m, "$image, vmx: kill ends it");
}

# --- Linux, with several vCPUs ---

my ($execve) = slurp('build/linux/obj/System.map') =~ /^(\w+) T __x64_sys_execve$/m;
for my $engine (qw(ring svm)) {
	($port, $rest) = start("linux-$engine", guest('g', image => 'linux/vmlinux', module => 'linux/shell.cpio.gz', cmdline => 'console=hvc0 quiet',
		memory => '128M', vcpus => 2, cpus => '0-1', engine => $engine), qr/^g: both are busy/, '--expect', 'g=built-in shell', '--expect', 'g=# $',
		'--send', 'g=for n in 1 2; do taskset $n sh -c "while true; do /bin/true; done" & done; echo both are b""usy\n');
	my @busy = map { ("break *0x$execve thread $_", 'continue', 'stepi', "print \$_thread * 10 + (\$pc != 0x$execve)", 'delete') } 1, 2, 1;
	$said = gdb($port, undef, 'info threads', @busy, 'thread 2', 'info registers rip gs_base', 'kill');
	like($said->{'info threads'}, qr/Thread 1 \(vCPU 0, .*Thread 2 \(vCPU 1, /s, "Linux, $engine: two threads") or diag($said->{''});
	is(join(' ', $said->{"print \$_thread * 10 + (\$pc != 0x$execve)"} =~ /= (\d+)$/mg), '11 21 11', "Linux, $engine: each vCPU reaches its breakpoint, and a step");
	like($said->{'info registers rip gs_base'}, qr/^rip +0x\w+.*\ngs_base +0x/m, "Linux, $engine: registers of the other");
	like($rest->(), qr/^veneer: g: stopped from the monitor/m, "Linux, $engine: kill ends it");
}

# --- the protocol: nonsense, Ctrl-C, a debugger that comes and goes ---

($port, $rest) = start('raw', guest('g', image => 'rtos-pc.elf', cmdline => 'listen', engine => 'svm'), qr/^g: listening/);
my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "port $port: $!";
like(answer($socket, '+' . packet('qSupported:swbreak+')), qr/^PacketSize=/, 'a session begins');
is(answer($socket, packet($_)), '', "an unknown packet: $_") for 'vMustReplyEmpty', 'X1000,0:', '!', "q\xff", 'Z2,1000,4', 'J' x 500;
is(answer($socket, packet($_)), 'E01', "a broken packet: $_") for 'm', 'mffffffff', 'm1000', 'M1000,2:0', 'M1000,ffffffff:00', 'p', 'pffff', 'P0', 'P8=', 'Hg77',
	'T99', 'Z0,', 'Z0,f0000000,1', 'mfffffffff,10', 'qXfer:features:read:target.xml:';
is(answer($socket, packet('m100000,4')), answer($socket, packet('m100000,4')), 'memory');
is(length answer($socket, packet('m100000,ffff')), 256, 'a large read is cut');
syswrite $socket, '$' . 'x' x 5000;
like(answer($socket, '#00' . packet('qC')), qr/^QC1$/, 'a packet that is too long is passed over');
syswrite $socket, packet('vCont;c');
is(answer($socket, "\x03"), 'T02thread:1;', 'Ctrl-C');
syswrite $socket, packet('vCont;c');
close $socket;
$socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "port $port: $!";
like(answer($socket, packet('?')), qr/^T0.thread:1;/, 'another debugger in place of one that left without a word');
my ($ticks) = (command('nm', 'build/rtos-pc.elf'))[1] =~ /^0*(\w+) T kernel_ticks$/m;
is(answer($socket, packet('QStartNoAckMode')), 'OK', 'no more acknowledgements');
is(answer($socket, '+' . packet("Z0,$ticks,1")), 'OK', 'a breakpoint');
syswrite $socket, packet('vCont;c');
is(answer($socket, ''), 'T05swbreak:;thread:1;', 'it is hit');
close $socket;
$socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "port $port: $!";
like(answer($socket, '+' . packet('qSupported')), qr/^PacketSize/, 'a third debugger');
syswrite $socket, packet('vCont;c');
is(answer($socket, "\x03"), 'T02thread:1;', "it does not meet the second one's breakpoint");
is(answer($socket, packet('D')), 'OK', 'detach');
syswrite $socket, packet('k');
like($rest->(), qr/^veneer: g: stopped from the monitor/m, 'kill');

done_testing;
