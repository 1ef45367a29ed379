#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Measures against speculative execution. In the image, each instruction is exactly where it should
# be. In a run, it is executed as often as it should be if its measure is forced on, and never if it
# is off. This needs no processor that speculates, and none is emulated.
use strict;
use warnings;
no warnings 'qw'; # commas in QEMU's options
use lib 't/lib';
use Test::More;
use Veneer;

my $image = 'build/veneer.elf';

# --- the image: [address, function, text] of each instruction in the sections that the hypervisor runs
my (@code, %at, $function);
{
	my (undef, $text) = command(qw(objdump -d --no-show-raw-insn -j .text -j .gate), $image);
	for (split /\n/, $text) {
		if (/^([0-9a-f]{16}) <(\S+)>:/) {
			$at{$function = $2} = $1;
		} elsif (/^\s*([0-9a-f]+):\s+(.*?)\s*$/) {
			push @code, [$1, $function, $2];
		}
	}
}
cmp_ok(scalar @code, '>', 20000, 'the image can be read');
my @thunks = grep { /_indirect_thunk_r/ } sort keys %at;
is_deeply([map { "$_->[1]: $_->[2]" } grep { $_->[2] =~ /^(notrack )?(call|jmp)\S* +\*/ } @code], [], 'no indirect branch but by a thunk');
cmp_ok((grep { $_->[2] =~ /^(call|jmp) .*_indirect_thunk_r\w+>$/ } @code), '>', 100, 'the image has many thunks');

sub functions { my %seen; return [grep { !$seen{$_}++ } map { $_->[1] } @_]; }
is_deeply(functions(grep { $_->[2] =~ /^verw/ } @code), [qw(svm_entry_clear vmx_entry_clear gate_resume_clear)], 'VERW is on the three ways into a guest');

# WRMSR instructions by MSR number, where it is a constant
my (%writes, %ecx);
for (@code) {
	$ecx{$_->[1]} = hex $1 if $_->[2] =~ /^mov +\$0x([0-9a-f]+),%ecx/;
	push @{$writes{$ecx{$_->[1]} // 0}}, $_ if $_->[2] eq 'wrmsr';
}
is_deeply([sort @{functions(@{$writes{0x49}})}], [sort qw(write_barrier svm_exit_barrier vmx_exit_barrier gate_exit_barrier)],
	'PRED_CMD is written on the three ways out of a guest, and in one place more');
is_deeply(functions(@{$writes{0x10b}}), ['vmx_entry_flush'], "FLUSH_CMD, on VT-x's way in");
is_deeply(functions(@{$writes{0x48}}), ['write_control'], 'SPEC_CTRL, in one place');

# --- runs: how often addresses were executed, with the guests of a configuration on one core
my $runs = 0;
sub passed {
	my ($mitigations, $guests) = @_;
	my $name = 'build/test-speculation-' . $runs++;
	my @places = (qw(gate_exit_df_clear gate_resume gate_resume_clear gate_exit_stuff gate_exit_barrier vcpu_load hypercall
		write_barrier write_control svm_enter svm_entry_clear svm_exit_stuff svm_exit_barrier), @thunks);
	my %place = map { $at{$_} => $_ } @places;

	spew("$name.conf", "[machine]\nmitigations = $mitigations\n" . $guests);
	veneer('run', "$name.conf", '--bundle', "$name.cpio");
	my ($status, $text) = command('timeout', $limit, qw(qemu-system-x86_64 -machine pc -accel tcg -cpu max -m 256 -smp 1 -display none
		-monitor none -nodefaults -serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1
		-icount shift=0,sleep=off -seed 1 -rtc base=2026-01-01,clock=vm), '-kernel', $image, '-initrd', "$name.cpio",
		'-plugin', join ',', 'build/t/places.so', "out=$name.places", map { "at=$_" } keys %place);
	$text =~ s/\r//g;
	like($text, qr/^veneer: all done, all well$/m, "mitigations = $mitigations: all is well") or diag($text);
	my %count = (text => $text, thunks => 0);
	for (split /\n/, slurp("$name.places")) {
		my ($address, $n) = split;
		my $what = $place{$address} =~ /_thunk_/ ? 'thunks' : $place{$address};
		$count{$what} += $n;
	}
	return %count;
}

my %rtos = (image => 'rtos-pv.elf', cmdline => 'spin');
my $two = guest('a', %rtos) . guest('b', %rtos);
my $one = guest('a', image => 't/timers.elf', vcpus => 8);
my $everything = 'retpoline rsb ibpb ibpb-exit verw l1d-flush ssbd spec-ctrl';

my %off = passed('off', $two);
my %auto = passed('auto', $two);
my %all = passed($everything, $two);
like($off{text}, qr/^veneer: speculation: all measures off \(configuration\)$/m, 'all measures are off');
like($auto{text}, qr/^veneer: speculation: all measures off \(emulated processor\)$/m, 'no measure is on where nothing speculates');
like($all{text}, qr/^veneer: speculation: (\S+ on \(forced\)(, |$)){8}$/m, 'forced measures are on');
for my $run (\%off, \%auto) {
	is($run->{$_}, 0, "off: no $_") for qw(gate_resume_clear gate_exit_stuff gate_exit_barrier write_barrier write_control thunks);
}
cmp_ok($all{gate_exit_df_clear}, '>', 100, 'guests leave often');
is($all{gate_resume_clear}, $all{gate_resume}, 'VERW at each entry');
is($all{$_}, $all{gate_exit_df_clear}, "$_ at each exit") for qw(gate_exit_stuff gate_exit_barrier);
cmp_ok($all{vcpu_load}, '>', 10, 'two guests take turns');
is($all{write_barrier}, $all{vcpu_load}, 'IBPB each time');
is($all{write_control}, 1, 'SSBD is set once');
cmp_ok($all{thunks}, '>', 3 * $all{hypercall}, 'a hypercall branches through three thunks');

my %some = passed('rsb, ibpb', $one);
like($some{text}, qr/speculation: retpoline off \(emulated processor\), rsb on \(forced\), ibpb on \(forced\), ibpb-exit off/, 'some are forced on');
cmp_ok($some{vcpu_load}, '>', 10, 'vCPUs of one guest take turns');
is($some{write_barrier}, 1, 'and are no danger to each other');
is($some{gate_exit_stuff}, $some{gate_exit_df_clear}, 'rsb alone: at each exit');
is($some{$_}, 0, "rsb alone: no $_") for qw(gate_exit_barrier gate_resume_clear thunks write_control);

my %svm = passed($everything, guest('a', %rtos, engine => 'svm') . guest('b', image => 'rtos-pc.elf', cmdline => 'spin', engine => 'svm'));
cmp_ok($svm{svm_enter}, '>', 100, 'svm: guests leave often');
is($svm{$_}, $svm{svm_enter}, "svm: $_ each time") for qw(svm_entry_clear svm_exit_stuff svm_exit_barrier);
is($svm{write_barrier}, $svm{vcpu_load}, 'svm: IBPB at each change of guest');
my %svm_off = passed('off', guest('a', %rtos, engine => 'svm'));
is($svm_off{$_}, 0, "svm, off: no $_") for qw(svm_entry_clear svm_exit_stuff svm_exit_barrier);

# --- guests that set their own SPEC_CTRL
for my $engine (qw(ring svm)) {
	my $guests = join '', map { guest("g$_", image => 't/speculation.elf', cmdline => $_, engine => $engine) } 1, 4, 7;
	my %none = passed('off', $guests);
	like($none{text}, qr/^g$_: no SPEC_CTRL here$/m, "$engine: without, guest $_ sees none") for 1, 4, 7;
	my %offered = passed('spec-ctrl', $guests);
	like($offered{text}, qr/^g$_: SPEC_CTRL $_ through 50 turns$/m, "$engine: guest $_ has its own") for 1, 4, 7;
	cmp_ok($offered{write_control}, '>=', $offered{vcpu_load} / 2, "$engine: which is written when its turn comes");
	unlike("$none{text}$offered{text}", qr/FAILED/, "$engine: SPEC_CTRL is as each guest set it");
}

# --- VT-x: Bochs does not count, but executes all of it
{
	my ($status, $text) = run_guests('speculation-vmx', "[machine]\nmitigations = $everything\n" .
		guest('a', image => 't/speculation.elf', cmdline => 4, engine => 'vmx') . guest('b', image => 'rtos-pc.elf', cmdline => 'spin', engine => 'vmx'),
		'--cpus', 1, '--accel', 'auto');
	is($status, 0, 'vmx: all is well') or diag($text);
	like($text, qr/^a: SPEC_CTRL 4 through 50 turns$/m, 'vmx: a guest has its own SPEC_CTRL');
}

# --- configuration errors and warnings
{
	my ($status, $text) = run_guests('speculation-wrong', "[machine]\nmitigations = retpolines\nsmt = off\n" . guest('a', image => 't/smp.elf', vcpus => 4));
	is($status, 2, 'a wrong name starts nothing');
	like($text, qr/^veneer: build\/test-speculation-wrong\.conf:2: mitigations: want auto, off, or a list of retpoline, rsb, ibpb, ibpb-exit, verw, l1d-flush, ssbd, spec-ctrl$/m, 'the wrong name is named');
	like($text, qr/^veneer: build\/test-speculation-wrong\.conf:3: smt: unknown key of \[machine\]$/m, 'a wrong key is named');
}
{
	# the hypervisor itself, whoever made the bundle
	my ($conf, $bundle) = ('build/test-speculation-bundle.conf', 'build/test-speculation-bundle.cpio');
	spew($conf, "[machine]\nmitigations = off\n" . guest('a', image => 'rtos-pv.elf', cmdline => 'spin'));
	my (undef, $command) = veneer('run', $conf, qw(--accel tcg --print --bundle), $bundle);
	spew($bundle, slurp($bundle) =~ s/mitigations = off/mitigations = odd/r);
	my ($status, $text) = command('timeout', $limit, split ' ', $command);
	$text =~ s/\r//g;
	is($status, 3, 'the hypervisor starts nothing');
	like($text, qr/^veneer: the configuration, line 2: mitigations: want .*^veneer: a: not started, see above\nveneer: cannot start: no guest can be started$/ms, 'the hypervisor says why');
}
{
	my $conf = guest('a', image => 't/smp.elf', vcpus => 4) . guest('b', image => 't/smp.elf', vcpus => 4, cpus => 1);
	my @machine = ('timeout', $limit, qw(qemu-system-x86_64 -machine pc -accel tcg -cpu max -m 256 -display none -monitor none -nodefaults -serial stdio
		-no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1));
	spew('build/test-threads.conf', $conf);
	veneer(qw(run build/test-threads.conf --bundle build/test-threads.cpio));
	my (undef, $threads) = command(@machine, qw(-smp 2,cores=1,threads=2 -kernel), $image, qw(-initrd build/test-threads.cpio));
	like($threads, qr/^veneer: speculation: cores 0 and 1 are threads of one core and run a and b, which can leak data to each other: separate them with cpus =\r?$/m,
		'threads of one core that run different guests are named');
	my (undef, $cores) = command(@machine, qw(-smp 2,cores=2,threads=1 -kernel), $image, qw(-initrd build/test-threads.cpio));
	like($cores, qr/all done, all well/, 'real cores');
	unlike($cores, qr/threads of one/, 'cause no warning');
}

done_testing;
