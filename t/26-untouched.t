#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Third-party programs as shipped, in virtual machines: memtest86+ and Debian's kernel for clouds,
# both as bzImages. Under svm, or the engine that is the argument: t/long/26-untouched.t has vmx.
use strict;
use warnings;
no warnings 'qw';
use lib 't/lib';
use Test::More;
use Veneer;

# memtest86+ starts its tests by itself after five seconds.
my ($engine) = (@ARGV, 'svm');
my ($status, $text) = run_guests("memtest-$engine", guest('memtest', image => 'debian/memtest86+x64.bin', engine => $engine, memory => '32M'),
	'--cpus', 1, (map { ('--expect-screen', "memtest=Test #$_") } '[0-9]', '[1-9]', '[3-9]'), '--send', 'memtest=\\a:stop memtest\\r');
my @screens = text_screens($text);
my @tests = map { join("\n", @$_) =~ /Test #(\d+)/ ? $1 : () } @screens;
cmp_ok($tests[-1] // 0, '>=', 3, "$engine: memtest86+: test after test (" . join(', ', @tests) . ')') or diag($text);
like(join("\n", @{$screens[-1] // []}), qr/Errors: 0\b/, "$engine: and no errors");
unlike($text, qr/CRASH|reset/, "$engine: it goes on until it is stopped");
is($status, 0, "$engine: and the run ends well");

# On a busy host Linux panics because its timer seems not to work, unless told not to check.
my %debian = (image => 'debian/vmlinuz', module => 'linux/shell.cpio.gz', memory => '256M', cmdline => 'console=ttyS0 quiet no_timer_check');
# CPU hotplug: INIT, and a start by IPI.
my $second = '/sys/devices/system/cpu/cpu1/online';
my @script = shell('debian', 'grep -E "LOC|timer|ttyS0" /proc/interrupts', 'sleep 1 && echo woken', 'echo answer $((6 * 7)) on $(uname -r)',
	'cat /sys/devices/system/clocksource/clocksource0/available_clocksource',
	"echo 0 > $second; echo one \$(nproc); echo 1 > $second; echo all \$(nproc); grep LOC: /proc/interrupts", 'poweroff -f');
my %vcpus = (svm => 4, vmx => 2); # on two cores, one of them shared with the neighbour

($status, $text) = run_guests("debian-$engine", guest('debian', %debian, engine => $engine, vcpus => $vcpus{$engine}, cpus => '0-1') .
	guest('rtos', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 1), @script);
is($status, 0, "$engine: Debian's own kernel: all well") or diag($text);
like($text, qr/answer 42 on 6\.\d+\S*-cloud-amd64$/m, "$engine: a shell answers on its serial line");
like($text, qr/^debian: woken$/m, "$engine: a sleeping process is woken");
like($text, qr/IO-APIC +4-edge +ttyS0/, "$engine: the line's interrupts come by the I/O APIC");
like($text, qr/LOC:(?: +[1-9]\d+){$vcpus{$engine}} +Local timer interrupts/, "$engine: the timer's by the local APICs, all of them");
like($text, qr/^debian: (?=.*\bhpet\b).*\bacpi_pm\b/m, "$engine: HPET and ACPI's timer can be its clock");
my ($one, $all) = ($vcpus{$engine} - 1, $vcpus{$engine});
like($text, qr/one $one\n(?s:.*)all $all\n/, "$engine: a processor goes offline and online again");
like($text, qr/^veneer: debian: powered off/m, "$engine: it powers off by ACPI");
like($text, qr/^rtos: neighbour: checksum right/m, "$engine: its neighbour in ring 1 does not notice");
unlike($text, qr/BUG:|WARNING: CPU|Oops|unchecked MSR/, "$engine: the kernel reports no problem") or diag($text);

($status, $text) = run_guests('debian-ring', guest('debian', %debian, engine => 'ring'));
like($text, qr/\Aveneer: \S+ guest "debian": \S+: a bzImage does not run in ring 1: set engine = svm, vmx or auto, on a processor with AMD-V or VT-x\n\z/, 'under ring it is refused in one line');
($status, $text) = run_guests('debian-small', guest('debian', %debian, engine => 'svm', memory => '16M'));
like($text, qr/the kernel does not fit into the guest's memory: raise memory = /, 'and so is one without room');
($status, $text) = run_guests('pc-memory', guest('rtos', image => 'rtos-pc.elf', engine => 'svm', memory => '4G'), '--memory', 128);
like($text, qr/rtos-pc\.elf: a PC has at most 4076 MiB: /, 'memory where a PC has its devices');

done_testing;
