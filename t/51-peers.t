#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The comparison's peers, Xen PV and KVM, and the way it takes on a processor with KVM. There is none
# here, so a qemu that takes TCG for KVM stands in: what it measures means nothing, that it is measured
# does.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;
use JSON::PP;

mkdir 'build/test-bin';
spew('build/test-bin/qemu-system-x86_64', <<'E');
#!/bin/sh
n=$#
while [ $n -gt 0 ]; do
	case $1 in
	kvm) set -- "$@" tcg,thread=single ;;
	host) set -- "$@" max,-smap,-pku ;;
	*) set -- "$@" "$1" ;;
	esac
	shift
	n=$((n - 1))
done
exec /usr/bin/qemu-system-x86_64 "$@"
E
chmod 0755, 'build/test-bin/qemu-system-x86_64';
local $ENV{PATH} = "build/test-bin:$ENV{PATH}";

my ($status, $text) = veneer(qw(bench --peers --kvm --no-bochs --quiet --output build/test-bench4));
is($status, 0, 'bench with peers and on KVM') or diag($text);
unlike($text, qr/MISSED/, 'no budget is missed, a quarter of what Xen adds among them') or diag($text);
like($text, qr/at most a quarter of Xen's, [\d.]+: held/, 'which are there');
my %value;
for my $r (@{decode_json(slurp('build/test-bench4/results.json'))->{results}}) {
	$value{"$r->{machine} $r->{guest} $r->{engine} $r->{prep}"}{$r->{op}}{$r->{metric}} = $r->{value};
}
my $kvm = $value{'qemu rtos kvm stock'};
my $svm = $value{'qemu rtos svm stock'};
ok($kvm->{$_}{instructions}, "KVM: $_") for qw(irq_mask_unmask task_switch tick cpuid port_out eoi eoi_apic ipi page_fault);
is($kvm->{task_switch}{instructions}, $svm->{task_switch}{instructions}, 'in KVM too a task switch does not exit');
cmp_ok($kvm->{$_}{instructions}, '>', $svm->{$_}{instructions}, "a $_ takes KVM more than Veneer") for qw(cpuid port_out);
for my $way ('none native', 'ring stock', 'ring rewritten', 'ring pv', 'auto stock', 'auto pv') {
	ok($value{"hardware rtos $way"}{task_switch}{cycles}, "on KVM: the RTOS, $way");
}
ok($value{"hardware linux $_"}{fork}{cycles}, "on KVM: Linux, $_") for 'none native', 'ring pv', 'auto pv';
cmp_ok($value{'hardware rtos auto pv'}{cpuid}{exits}, '>', 0.9, 'with the hypervisor\'s counts');
my $html = slurp('build/test-bench4/report.html');
like($html, qr/<td>VT pv, measured here<\/td>/, 'the report has them beside the model');
like($html, qr/>KVM<\/text>/, 'and KVM as a bar');

done_testing;
