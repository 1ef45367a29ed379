#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# veneer bench: the file's shape, that a repeat gives the same numbers, and that counts say what the
# preparations promise (never a time).
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;
use JSON::PP;

my ($status, $text) = veneer(qw(bench --output build/test-bench1 --compare bench/baseline.json));
is($status, 0, 'bench runs, and no row is worse than the committed baseline by more than 5 %') or diag($text);
like($text, qr/^\d{3} rows compared, \d+ changed, 0 worse by more than 5 %$/m, 'which it says');
like($text, qr/^operation +native +ring stock +ring rewritten +ring pv +svm +svm pv$/m, 'prints a table for QEMU');
like($text, qr/^operation +native +ring rewritten +ring pv +vmx +vmx pv$/m, 'and one for Bochs');
unlike($text, qr/MISSED/, 'no budget is missed') or diag($text);
my $one = decode_json(slurp('build/test-bench1/results.json'));
my $better = slurp('bench/baseline.json');
$better =~ s/("op": "task_switch", "metric": "instructions", "value": )405,/${1}300,/g;
spew('build/test-better.json', $better);
($status, $text) = veneer(qw(bench --output build/test-bench2 --quiet --compare build/test-better.json));
is($status, 1, 'against a better one it fails');
like($text, qr/task_switch +instructions +300 -> +405 .*WORSE$/m, 'and says where');
($status, $text) = veneer(qw(bench --compare README.md));
is($status, 1, 'what is no result file is refused');
like($text, qr/^veneer: README.md: no results in it: want /, 'in one line, before anything is measured');
my $two = decode_json(slurp('build/test-bench2/results.json'));
is_deeply($two->{results}, $one->{results}, 'a repeat gives the same numbers');
ok($one->{meta}{$_}, "meta names $_") for qw(accelerator qemu compiler image_kib hypervisor_kib first_instruction_ticks);
ok(-s 'build/test-bench1/results.svg', 'and there is a picture');

my %row;
for my $r (@{$one->{results}}) {
	ok(exists $r->{$_}, "a result has $_") || last for qw(machine guest prep engine op metric value native);
	my $way = $r->{engine} eq 'ring' || $r->{engine} eq 'none' ? $r->{prep} : "$r->{engine} $r->{prep}";
	$row{$r->{op}}{$r->{machine} eq 'bochs' ? "bochs $way" : $way}{$r->{metric}} = $r->{value};
}
for my $op (qw(irq_mask_unmask task_switch sem_pingpong queue_roundtrip timer_wakeup tick int_syscall exception
		port_out port_in cpuid callret timer_set page_touch pte_mod compute)) {
	ok(exists $row{$op}{$_}{instructions}, "$op is measured $_") for qw(native stock rewritten pv), 'svm stock', 'svm pv',
		map { "bochs $_" } qw(native rewritten pv), 'vmx stock', 'vmx pv';
}
ok(exists $row{$_}{pv}{instructions}, "$_ is measured") for qw(hypercall_gate hypercall_full);
cmp_ok($row{irq_mask_unmask}{rewritten}{exits}, '<', 0.01, 'masking, rewritten, does not trap');
cmp_ok($row{irq_mask_unmask}{stock}{exits}, '>', 1.9, 'untouched, it does, twice');
cmp_ok($row{hypercall_gate}{pv}{exits}, '<', 0.01, 'a gate hypercall stays in the gate');
cmp_ok($row{hypercall_full}{pv}{exits}, '>', 0.99, 'a full one does not');
cmp_ok($row{int_syscall}{pv}{exits}, '<', 0.01, 'INT from ring 3 goes straight to ring 1');
for my $vm ('svm stock', 'svm pv', 'bochs vmx stock', 'bochs vmx pv') {
	cmp_ok($row{cpuid}{$vm}{exits}, '>', 0.99, "$vm: CPUID exits");
	cmp_ok($row{$_}{$vm}{exits}, '<', 0.01, "$vm: $_ does not") for qw(int_syscall exception page_touch pte_mod);
}

done_testing;
