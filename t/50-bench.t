#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# veneer bench: the format of the results file, that a repeated run gives the same counts, and that
# the counts are as the measured paths promise (never times).
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Cwd;
use Veneer;
use JSON::PP;

# README's figures are those of the baseline; Linux's are rounded.
my %baseline;
for (@{decode_json(slurp('bench/baseline.json'))->{results}}) {
	$baseline{"$_->{guest} $_->{op}"}{"$_->{engine} $_->{prep}"} = $_->{value} if $_->{machine} eq 'qemu' && $_->{metric} eq 'instructions';
}
my @ways = ('none native', 'ring stock', 'ring rewritten', 'ring pv', 'svm stock', 'svm pv');
my %rows = ('mask and unmask interrupts' => 'rtos irq_mask_unmask', 'switch tasks there and back' => 'rtos task_switch',
	'queue round trip' => 'rtos queue_roundtrip', 'system call by INT, ring 3' => 'rtos int_syscall',
	'divide error, handled' => 'rtos exception', 'page fault, handled' => 'rtos page_fault', 'timer interrupt' => 'rtos tick',
	'interrupt to itself' => 'rtos ipi', 'OUT to a port' => 'rtos port_out', 'CPUID' => 'rtos cpuid', 'system call' => 'linux syscall',
	'page fault' => 'linux page_fault', 'signal (SIGSEGV)' => 'linux sigsegv', 'pipe, one way' => 'linux pipe',
	'fork and exit' => 'linux fork', 'fork, exec, exit' => 'linux exec');
my $readme = slurp('README.md');
for my $name (sort keys %rows) {
	my $want = $baseline{$rows{$name}};
	my ($row) = $readme =~ /^\| \Q$name\E \|(.*)\|$/m or fail("README has $name"), next;
	my @shown = map { tr/0-9//cdr } split /\|/, $row, -1;
	is(scalar @shown, $rows{$name} =~ /linux/ ? 4 : 7, "README: $name has all columns");
	my @value = $rows{$name} =~ /linux/ ? ($want->{'none native'}, map { $want->{$_} - $want->{'none native'} } 'ring pv', 'svm pv') : map { $want->{$_} } @ways;
	my @wrong = grep { length $shown[$_] ? abs($shown[$_] - $value[$_]) > ($rows{$name} =~ /linux/ ? 0.05 * $value[$_] : 0) + 0.5 : defined $value[$_] } 0 .. $#value;
	is("@shown[@wrong]", '', "README: $name is as it is measured") or diag("measured: @value[@wrong]");
}

# Debug information is loaded with the image, so a path in it would make results differ between clones.
for my $image (qw(veneer.elf rtos-pc.elf rtos-pv.elf)) {
	unlike(slurp("build/$image"), qr/\Q@{[getcwd]}\E/, "$image does not depend on where it was built");
}

# Two runs at once: counts do not depend on time.
my $better = slurp('bench/baseline.json');
$better =~ s/("op": "task_switch", "metric": "instructions", "value": )405,/${1}300,/g;
$better =~ s/"op": "callret", "metric": "instructions"/"op": "no_such_row", "metric": "instructions"/g;
spew('build/test-better.json', $better);
open my $second, '-|', 'build/veneer bench --linux --output build/test-bench2 --quiet --compare build/test-better.json 2>&1' or die;
my ($status, $text) = veneer(qw(bench --linux --output build/test-bench1 --compare bench/baseline.json));
my $second_text = join '', <$second>;
close $second;
my $second_status = $? >> 8;
is($status, 0, 'bench runs, and no row is worse than the committed baseline by more than 5 %') or diag($text);
like($text, qr/^\d{3} rows compared, \d+ changed, 0 worse by more than 5 %$/m, 'bench says that no row is worse');
like($text, qr/^QEMU, with -icount: instructions\noperation +native +ring stock +ring rewritten +ring pv +pv, measures +svm +svm pv$/m, 'bench prints a table for QEMU');
like($text, qr/^Bochs, in its ticks: instructions\noperation +native +ring rewritten +ring pv +vmx +vmx pv$/m, 'bench prints a table for Bochs');
unlike($text, qr/MISSED/, 'no budget is missed') or diag($text);
is(scalar(() = $text =~ /^ +cr3 +.*, at most [\d.]+ x (?:svm|native): held$/mg), 3, 'a load of CR3 by a legacy guest has budgets') or diag($text);
my $one = decode_json(slurp('build/test-bench1/results.json'));
is($one->{version}, 1, 'the file says its version');
is($second_status, 1, 'bench fails against a better baseline');
like($second_text, qr/task_switch +instructions +300 -> +405 .*WORSE$/m, 'bench says which row is worse');
like($second_text, qr/no_such_row +instructions +\S+ -> GONE$/m, 'an operation that is no longer measured fails too');
($status, $text) = veneer(qw(bench --compare README.md));
is($status, 1, 'a file without results is refused');
like($text, qr/^veneer: README.md: no results in it: want /, 'the refusal is one line, before anything is measured');
spew('build/test-version.json', slurp('bench/baseline.json') =~ s/"version": 1\b/"version": 2/r);
like((veneer(qw(bench --compare build/test-version.json)))[1], qr/^veneer: build\/test-version.json: version 2: want 1/, 'results of another version are refused');
spew('build/test-version.json', '{"results": [{"op": "cpuid"}]}');
like((veneer(qw(bench --compare build/test-version.json)))[1], qr/^veneer: build\/test-version.json: result 1: .*machine/, 'results that lack a key are refused');
my $two = decode_json(slurp('build/test-bench2/results.json'));
$_->{results} = [grep { $_->{machine} ne 'hardware' } @{$_->{results}}] for $one, $two;
is_deeply($two->{results}, $one->{results}, 'a repeat gives the same numbers');
ok($one->{meta}{$_}, "meta names $_") for qw(accelerator qemu compiler image_kib hypervisor_kib first_instruction_ticks);
ok(-s 'build/test-bench1/report.html', 'there is a report page');

my (%row, %linux);
for my $r (@{$one->{results}}) {
	ok(exists $r->{$_}, "a result has $_") || last for qw(machine guest prep engine op metric value native);
	$linux{$r->{op}}{"$r->{machine} $r->{engine}"}{$r->{metric}} = $r->{value}, next if $r->{guest} eq 'linux';
	my $way = $r->{engine} eq 'ring' || $r->{engine} eq 'none' ? $r->{prep} : "$r->{engine} $r->{prep}";
	$row{$r->{op}}{$r->{machine} eq 'bochs' ? "bochs $way" : $way}{$r->{metric}} = $r->{value};
	$row{$r->{op}}{$r->{machine} eq 'bochs' ? "bochs $way" : $way}{counts} = $r->{counts} if $r->{counts};
}
for my $op (qw(irq_mask_unmask task_switch sem_pingpong queue_roundtrip timer_wakeup tick int_syscall exception
		port_out port_in cpuid callret timer_set page_touch pte_mod page_fault compute)) {
	ok(exists $row{$op}{$_}{instructions}, "$op is measured $_") for qw(native stock rewritten pv), 'svm stock', 'svm pv',
		map { "bochs $_" } qw(native rewritten pv), 'vmx stock', 'vmx pv';
}
ok(exists $row{$_}{pv}{instructions}, "$_ is measured") for qw(hypercall_gate hypercall_full ipi);
ok(exists $row{eoi}{$_}{instructions}, "eoi is measured $_") for qw(native stock rewritten), 'svm stock', 'bochs vmx stock';
for my $op (qw(eoi_apic ipi)) {
	ok(exists $row{$op}{$_}{instructions}, "$op is measured $_") for 'native', 'svm stock', 'bochs native', 'bochs vmx stock';
}
cmp_ok($row{irq_mask_unmask}{rewritten}{exits}, '<', 0.01, 'masking, rewritten, does not trap');
cmp_ok($row{irq_mask_unmask}{stock}{exits}, '<', 0.01, 'nor does it, translated');
cmp_ok($row{port_out}{stock}{exits}, '>', 0.99, 'an OUT, translated, traps');
cmp_ok($row{hypercall_gate}{pv}{exits}, '<', 0.01, 'a gate hypercall stays in the gate');
cmp_ok($row{hypercall_full}{pv}{exits}, '>', 0.99, 'a full hypercall does not stay in the gate');
cmp_ok($row{hypercall_full}{'pv measures'}{instructions}, '>', $row{hypercall_full}{pv}{instructions} + 32, 'measures against speculation cost a full one, the return stack alone 32');
is($row{$_}{'pv measures'}{instructions}, $row{$_}{pv}{instructions}, "and $_ nothing") for qw(hypercall_gate int_syscall irq_mask_unmask);
cmp_ok($row{int_syscall}{pv}{exits}, '<', 0.01, 'INT from ring 3 goes straight to ring 1');
for my $op (qw(syscall read yield page_fault mmap mprotect sigsegv pipe fork exec file_create boot)) {
	ok(exists $linux{$op}{$_}{instructions}, "linux: $op is measured, $_") for 'qemu none', 'qemu ring', 'qemu svm', 'bochs none', 'bochs ring', 'bochs vmx';
}
# (events that the clock paces do)
cmp_ok($linux{syscall}{$_}{exits}, '<', 0.05, "linux: a system call does not exit, $_") for 'qemu ring', 'qemu svm', 'bochs vmx';
cmp_ok($linux{fork}{'qemu ring'}{exits}, '>', 5 * $linux{fork}{'qemu svm'}{exits}, 'linux: a fork exits more often under ring');

# The longest stay, where QEMU's plugin counts it, and on its own with --stay.
my %stay = (map({ $_ => $row{longest_stay}{$_}{instructions} } qw(stock rewritten pv), 'svm stock', 'svm pv'),
	map { ("linux, $_" => $linux{longest_stay}{$_}{instructions}) } 'qemu ring', 'qemu svm');
for my $way (sort keys %stay) {
	cmp_ok($stay{$way} // 0, '>', 184, "$way: the longest stay is known, more than a null hypercall");
	cmp_ok($stay{$way} // 1e9, '<=', 10000, "$way: it is within the goal");
}
ok(!exists $row{longest_stay}{native}, 'there is no longest stay without a hypervisor');
spew('build/test-bench-stay.conf', guest('rtos', image => 'rtos-pv.elf', cmdline => 'spin'));
my @stay = (qw(run build/test-bench-stay.conf --accel tcg --icount --cpus 1 --stay), 'build/test-bench-stay.json');
my ($stay_status, $stay_text) = veneer(@stay);
is($stay_status, 0, 'run --stay runs');
my ($longest, $began) = $stay_text =~ /^longest stay (\d+) instructions, began at (\S+), mostly in \S+ \d+/m;
my $stay = decode_json(slurp('build/test-bench-stay.json'));
ok($longest && $stay->{instructions} == $longest && $stay->{began} eq $began, 'run --stay prints a repeatable result') or diag($stay_text);
is((veneer(@stay))[1] =~ /^(longest stay .*)$/m ? $1 : '', $stay_text =~ /^(longest stay .*)$/m ? $1 : 'none', 'a repeat gives the same');
like((veneer(@stay, '--accel', 'bochs'))[1], qr/^veneer: --stay: QEMU's plugins count, and only in tcg/, 'Bochs is refused');

# Events counted by the emulator, not by the hypervisor.
sub happened { my ($op, $way, $what) = @_; return $row{$op}{$way}{counts}{$what} // 0; }
cmp_ok(abs(happened('int_syscall', 'native', 'guest.int') - 1), '<', 0.01, 'an INT n for each system call');
cmp_ok(abs(happened('int_syscall', 'native', 'guest.iret') - 1), '<', 0.01, 'an IRET for each system call');
cmp_ok(happened('int_syscall', 'pv', 'gate.iret'), '<', 0.01, 'a system call does not enter the gate');
cmp_ok(abs(happened('exception', 'pv', 'gate.iret') - 1), '<', 0.01, 'an exception enters the gate once');
cmp_ok(abs(happened('cpuid', 'svm stock', 'hypervisor.vmrun') - 1), '<', 0.01, 'a VMRUN for each CPUID');
for my $way (qw(rewritten pv)) {
	for my $op (qw(exception port_out page_touch pte_mod)) {
		my $r = $row{$op}{$way};
		cmp_ok(abs($r->{table_switches} - 2 * $r->{exits}), '<', 0.02, "$op $way: two table switches for each exit");
		cmp_ok($r->{tlb_flushes} - $r->{table_switches}, '>', -0.01, "$op $way: each flushes the TLB");
	}
}
cmp_ok($row{page_touch}{native}{tlb_flushes}, '>', 0.99, 'INVLPG is counted where it runs');
for my $vm ('svm stock', 'svm pv', 'bochs vmx stock', 'bochs vmx pv') {
	cmp_ok($row{cpuid}{$vm}{exits}, '>', 0.99, "$vm: CPUID exits");
	cmp_ok($row{$_}{$vm}{exits}, '<', 0.01, "$vm: $_ does not") for qw(int_syscall exception page_touch pte_mod);
}

done_testing;
