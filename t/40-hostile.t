#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Hostile guests: each tries what its own comment says, on the same core as a neighbour and then on
# another. The attacker may only hurt itself; the neighbour keeps its checksum and comes to its end;
# the hypervisor lives.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

# How each must end: well, or stopped after a crash of its own, having said what it had to say before.
my @attackers = (
	['gate_area', 'well'], ['frames', 'crash', qr/well so far/], ['doors', 'well'], ['hypercalls', 'well'],
	['page_tables', 'either', qr/well so far/], ['outside', 'crash'], ['scribble', 'well'], ['softint', 'well'], ['syscall', 'well'],
	['pc-ports', 'well'], ['pc-storm', 'well'], ['pc-tables', 'crash', qr/well so far/],
	['pc-rewritten', 'either', qr/well so far/], ['pc-vm', 'crash', qr/well so far/],
	['pc-mmio', 'crash'], ['returns', 'crash', qr/well so far/], ['descriptors', 'well'], ['shadows', 'well'], ['rings', 'well'],
	['smp', 'well', undef, vcpus => 4, cpus => '0-1'], ['flood', 'well', undef, vcpus => 2, cpus => '0-1'],
	['stale', 'well', qr/200 tables were used again/], ['links', 'well', qr/65536 links led where they must/, memory => '128M'],
	['pool', 'well', qr/8 vCPUs came to their end/, memory => '4M', vcpus => 8, cpus => '0-1'],
	['vectors', 'well', qr/208 vectors claimed/],
	['vectors', 'well', qr/208 vectors claimed/], ['watch', 'well', qr/1000 hits/],
	['pc-long', 'well', qr/880 far transfers and loads refused/], ['pc-ring3-rewritten', 'well'], ['pc-limits', 'well', qr/800 accesses tried/],
	['movss', 'well', qr/12 breaks/],
);

# Places in the hypervisor's image, as guests/armed.c wants them: x or d, symbol, hexadecimal length.
sub places {
	my (undef, $names) = command(qw(nm build/veneer.elf));
	my %at = map { /^([0-9a-f]{16}) \S (\S+)$/ ? ($2 => $1) : () } split /\n/, $names;
	return join ' ', map { my ($kind, $name, $bytes) = split /:/; "$kind$at{$name}+$bytes" } @_;
}

my $armed = places(qw(x:svm_enter:c0 x:hvm_cpuid:8 x:hvm_rdmsr:8 x:hypercall:8 x:interrupt_handle:8 x:gate_common:8
	x:sched_run:40 d:cpus:100 d:guests:80));

# In a virtual machine, where the attacker's kernel has a ring 0 of its own; the neighbour is in ring 1.
my @in_a_machine = (
	['frames', 'either', qr/well so far/], ['hypercalls', 'well'], ['page_tables', 'either', qr/well so far/],
	['outside', 'crash'], ['scribble', 'well'], ['softint', 'well'], ['syscall', 'well'],
	['pc-ports', 'well'], ['pc-storm', 'well'], ['pc-tables', 'crash'], ['pc-vm', 'crash', qr/well so far/], ['pc-masked', 'either', qr/well so far/, optional => 'yes'],
	['pc-ipis', 'either', undef, vcpus => 4, cpus => '0-1'],
	['pc-mmio', 'crash', qr/well so far/], ['returns', 'either', qr/well so far/], ['shadows', 'well'], ['rings', 'well'],
	['smp', 'well', undef, vcpus => 4, cpus => '0-1'], ['flood', 'well', undef, vcpus => 2, cpus => '0-1'],
	['vectors', 'well', qr/208 vectors claimed/], ['pc-long', 'well', qr/880 far transfers and loads refused/],
	['armed', 'well', undef, cmdline => places(qw(x:svm_enter:c0 x:hvm_cpuid:8 x:hvm_rdmsr:8 x:hypercall:8
		x:interrupt_handle:8 x:gate_common:8 x:sched_run:40 d:cpus:100 d:guests:80))],
	['armed', 'well', undef, cmdline => $armed],
	['pc-decoded', 'well'], ['pc-user', 'well'], ['pc-state', 'well'],
	['stale', 'well', qr/200 tables were used again/],
);

sub attack {
	my ($engine, $core, $name, $end, $said, %keys) = @_;
	my $accel = delete $keys{accel} // 'tcg';
	my $where = $core ? 'on another core' : 'on its core';
	my ($status, $text) = run_guests("hostile-$name", guest('attacker', image => "t/$name.elf", cpus => 0, engine => $engine, %keys) .
		guest('neighbour', image => 'rtos-pv.elf', cmdline => 'spin', cpus => $core), '--cpus', $keys{cpus} ? 2 : $core + 1, '--accel', $accel);
	like($text, qr/^neighbour: neighbour: checksum right/m, "$engine: $name: the neighbour $where does not notice");
	like($text, qr/^veneer: all done/m, "$engine: $name: the hypervisor lives");
	unlike($text, qr/NOT AS IT MUST|NOT WELL|PANIC/, "$engine: $name: every attempt was met as it must") or diag($text);
	like($text, qr/^attacker: .*$said/m, "$engine: $name: got to its end") if $said;
	if ($end eq 'well') {
		like($text, qr/^veneer: verdict attacker 0$/m, "$engine: $name: goes on");
	} elsif ($end eq 'crash') {
		like($text, qr/^veneer: attacker: CRASH: /m, "$engine: $name: is stopped");
	}
	unlike($text, qr/^veneer: all done, all well\r?$(?!\s*\z)/m, "$engine: $name: fakes no line") if $name eq 'scribble';
}

for my $core (0, 1) {
	attack('ring', $core, @$_) for @attackers;
	attack('svm', $core, @$_) for @in_a_machine;
}
attack('vmx', 0, @$_) for @in_a_machine; # in Bochs, unless the processor has VT-x
# Bochs alone does as a processor does here: QEMU checks no alignment of its own pushes, and its
# IRETQ returns to addresses that are not canonical.
attack('ring', 0, $_, 'well', undef, accel => 'bochs') for qw(edge movss);
attack('vmx', 0, 'pc-loop', 'either', qr/well so far/, optional => 'yes');

# Registers and memory of others: three copies on one core, one restarted in between.
{
	my ($status, $text) = run_guests('fresh', join('', map { guest($_, image => 't/fresh.elf', cmdline => $_) } qw(a b c)) .
		guest('neighbour', image => 'rtos-rewritten.elf', cmdline => 'spin'), '--cpus', 1, '--send', 'b=\\a:reset b\\r');
	is($status, 0, 'nobody finds what others left') or diag($text);
	like($text, qr/^$_: well$/m, "$_ sees its own alone") for qw(a b c);
	unlike($text, qr/NOT AS IT MUST/, 'no leak') or diag($text);
}

{
	my ($status, $text) = run_guests('remains', guest('a', image => 't/remains.elf') . guest('b', image => 't/remains.elf', cmdline => 'leave'), '--cpus', 1);
	is($status, 0, 'nobody finds registers in the pages of the gate') or diag($text);
	like($text, qr/^a: \d+ pages compared 100 times$/m, 'who has looked at every byte');
	unlike($text, qr/NOT AS IT MUST/, 'no remains') or diag($text);
}

{
	my ($status, $text) = run_guests('narrow', join('', map { guest(substr($_, 0, 1), image => 't/fresh.elf', cmdline => $_, engine => 'svm') } qw(ax b c)), '--cpus', 1);
	is($status, 0, 'svm: one that narrows XCR0 takes nothing from the others') or diag($text);
	unlike($text, qr/NOT AS IT MUST/, 'svm: no leak') or diag($text);
}

for my $engine (qw(svm vmx)) {
	my ($status, $text) = run_guests("status-$engine", guest('a', image => 't/status.elf', engine => $engine) .
		guest('b', image => 't/status.elf'), '--cpus', 1);
	is($status, 0, "$engine: debug status goes to nobody else") or diag($text);
	unlike($text, qr/NOT AS IT MUST/, "$engine: no leak") or diag($text);
}

# NMIs and the monitor against guests in the middle of things: a storm of each, while a guest makes
# hypercalls and system calls as fast as it can, or what %busy says.
sub storm {
	my ($what, $command_line, $burst, $seen, %busy) = @_;
	%busy = (image => 'rtos-pv.elf', cmdline => 'bench') unless %busy;
	unlink 'build/test-storm.log';
	spew('build/test-storm.conf', guest('busy', %busy, cpus => 0) .
		guest('neighbour', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 0));
	my (undef, $command) = veneer(qw(run build/test-storm.conf --accel tcg --cpus 1 --print));
	veneer(qw(run build/test-storm.conf --bundle build/test-storm.cpio));
	chomp $command;
	$command =~ s/-monitor none/-monitor stdio -S/;
	$command =~ s/-serial stdio/-serial file:build\/test-storm.log/;
	$command =~ s/-initrd \S+/-initrd build\/test-storm.cpio/;
	open my $monitor, '|-', "timeout 60 $command > /dev/null" or die;
	select((select($monitor), $| = 1)[0]);
	print $monitor "cont\n";
	local $SIG{PIPE} = 'IGNORE';
	for (1 .. 1000) { # not before the hypervisor has an IDT
		last if -e 'build/test-storm.log' && slurp('build/test-storm.log') =~ /boot entry/;
		select undef, undef, undef, 0.005;
	}
	my $arrived = sub { return scalar(() = slurp('build/test-storm.log') =~ /machine check: bank/g) };
	for (1 .. 400) {
		my $before = $arrived->();
		print $monitor $command_line x $burst or last;
		for (1 .. ($burst == 1 ? 200 : 1)) {
			select undef, undef, undef, 0.005;
			last if $arrived->() > $before;
		}
		last if slurp('build/test-storm.log') =~ /all done/;
	}
	close $monitor;
	my $text = slurp('build/test-storm.log');
	like($text, qr/^veneer: all done, all well/m, "a storm of $what: all guests are well") or diag($text);
	like($text, $seen, "a storm of $what: they arrived");
}
storm('NMIs', "nmi\n", 5, qr/^veneer: core 0 took [1-9]\d+ NMIs/m);
storm('NMIs upon breakpoints', "nmi\n", 5, qr/^veneer: core 0 took [1-9]\d+ NMIs/m, image => 't/watch.elf', cmdline => 'storm');
storm('NMIs while breakpoints are armed', "nmi\n", 5, qr/^veneer: core 0 took [1-9]\d+ NMIs/m, image => 't/armed.elf', engine => 'svm',
	cmdline => $armed);
# uncorrected, but the interrupted code can go on; one at a time, or the processor gives up
storm('machine checks', "mce 0 5 0xb400000000000000 0x5 0 0\n", 1, qr/^veneer: machine check: bank 5/m);

# The hypervisor's own page tables, while guests of two engines run: t/unit/test_tables.c has what it finds.
{
	my ($status, $text) = run_guests('tables', guest('a', image => 'rtos-pv.elf', cmdline => 'spin') .
		guest('b', image => 'rtos-pv.elf', cmdline => 'spin', engine => 'svm'), '--cpus', 2, '--send', 'a=\\a:tables\\r');
	like($text, qr/^veneer: tables: good, 2 cores/m, 'nothing is writable and executable, nor open to ring 3; stacks have guards') or diag($text);
}

# Start, stop and reset while a vCPU runs (XSA-188).
my $keys = join '', map { "\\a:reset a\\r\\a:pause b\\r\\a:stats a\\r\\a:resume b\\r\\a:reset b\\r" } 1 .. 15;
my ($status, $text) = run_guests('races', guest('a', image => 'rtos-pv.elf', cmdline => 'bench', cpus => 1) .
	guest('b', image => 'rtos-rewritten.elf', cmdline => 'bench', cpus => 1) .
	guest('neighbour', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 1), '--send', "a=$keys");
is($status, 0, 'resets and pauses in the middle of everything: all end well');
like($text, qr/^neighbour: neighbour: checksum right/m, 'and the neighbour does not notice');

done_testing;
