#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The comparison with Xen PV and KVM, and its use on real hardware: in KVM, and on the bare machine.
# Neither is available here, so a qemu that uses TCG for KVM stands in for one, and QEMU for the
# other. The values mean nothing, but the path is tested.
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
like($text, qr/at most a quarter of Xen's, [\d.]+: held/, 'the budgets are in the table');
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
my $beside = qr/<th>configuration<\/th><th>measured<\/th>.*?<tr><td>svm pv<\/td><td>[\d.]+<\/td><td>[\d.]+<\/td>/s;
like($html, $beside, 'the report has them beside the model');
like($html, qr/>KVM<\/text>/, 'the report has a bar for KVM');

# --- the bare machine: an ISO to boot, and the output of its serial line ---
my ($iso, $record) = ('build/test-bench.iso', 'build/test-metal.txt');
($status, $text) = veneer(qw(bench --iso), $iso);
is($status, 0, 'an ISO that measures') or diag($text);
is($text, '', 'nothing is printed');

# Boots the ISO and chooses an entry of its menu over the serial line.
sub boot_entry {
	my ($key) = @_;
	spew('build/test-keys', $key x 40);
	my (undef, $said) = command('sh', '-c', "timeout $limit /usr/bin/qemu-system-x86_64 -accel tcg,thread=single -cpu max " .
		'-m 256 -display none -nodefaults -serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 ' .
		"-cdrom $iso < build/test-keys");
	return $said;
}
my ($native, $vt) = (boot_entry(1), boot_entry(6));
like($native, qr/veneer: booting rtos, native\s*$/m, 'the serial line says which entry it was');
like($vt, qr/veneer: booting rtos, VT pv\s*$/m, 'the serial line says so each time');

sub metal_values {
	my ($log) = @_;
	spew($record, $log);
	($status, $text) = veneer(qw(bench --no-bochs --quiet --output build/test-bench5 --log), $record);
	return {} if $status;
	my %cycles;
	for my $r (@{decode_json(slurp('build/test-bench5/results.json'))->{results}}) {
		$cycles{"$r->{engine} $r->{prep}"}{$r->{op}}{$r->{metric}} = $r->{value} if $r->{machine} eq 'hardware';
	}
	return \%cycles;
}
my $metal = metal_values($native . substr($vt, 0, length($vt) / 2) . "\r\n" . $vt);
is($status, 0, 'bench with that record') or diag($text);
like($text, qr/^the bare machine: cycles\noperation +native +VT pv$/m, 'bench prints a table of the record');
my ($hundredths) = $native =~ /^BENCH task_switch (\d+)/m;
is($metal->{'none native'}{task_switch}{cycles}, $hundredths / 100, 'the values are those of the record');
cmp_ok($metal->{'auto pv'}{cpuid}{exits}, '>', 0.9, 'and the hypervisor\'s counts');
like(slurp('build/test-bench5/report.html'), $beside, 'the report has it beside the model');

metal_values($vt . substr($native, 0, -200));
is($status, 0, 'a record with an incomplete measurement');
like($text, qr/^veneer: $record: rtos, native: not measured to the end, ignored$/m, 'an incomplete measurement is ignored and named');
metal_values("no such thing\n");
is($status, 1, 'a file without measurements fails');
like($text, qr/^veneer: $record: no measurement in it: want .* veneer bench --iso writes$/, 'one line says why');
($status, $text) = veneer(qw(bench --iso /dev/full));
is($status, 1, 'an ISO that would take a device\'s place');
like($text, qr/^veneer: \/dev\/full: not a file that can be replaced: want another name$/, 'an ISO in place of a device is refused');
ok(-c '/dev/full', 'the device is left as it was');

done_testing;
