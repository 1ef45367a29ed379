#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Hostile guests: each does what the comment in its source says, next to a neighbour
# (guests/neighbour.c) that is promised half of the core. The attacker may only hurt itself. It must
# start, and end as its row says; the neighbour must keep its memory, its share of work and its timing;
# the hypervisor must survive.
#
#	prove t/40-hostile.t              all rows
#	prove t/40-hostile.t :: frames    the rows of one guest, with their consoles; `make test T=frames` builds it first
#	prove ... :: hypercalls svm       its rows under one engine
#	prove ... :: others               what follows the rows
#	VENEER_LIB=DIR prove ...          against the hypervisor in DIR, of an older build
#	VENEER_TEST_ALONE=1 prove ...     without rows in which the attacker has a core of its own, since they are not repeatable
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

# The monitor's command `check` looks at all tables of a guest. An older hypervisor may not have it.
use constant HAS_CHECK => slurp(($ENV{VENEER_LIB} // 'build') . '/veneer.elf') =~ /check %s: good/;

# Addresses in the hypervisor's image in the form that guests/armed.c expects. An argument is x (code) or d (data),
# symbol, hexadecimal length.
sub places {
	my (undef, $names) = command(qw(nm build/veneer.elf));
	my %at = map { /^([0-9a-f]{16}) \S (\S+)$/ ? ($2 => $1) : () } split /\n/, $names;
	return join ' ', map { my ($kind, $name, $bytes) = split /:/; "$kind$at{$name}+$bytes" } @_;
}

my $armed = places(qw(x:svm_enter:c0 x:hvm_cpuid:8 x:hvm_rdmsr:8 x:hypercall:8 x:interrupt_handle:8 x:gate_common:8
	x:sched_run:40 d:cpus:100 d:guests:80));

# name, engines, how it ends, text to match, more keys of its configuration. Engines: ring and svm
# run in QEMU, vmx and ring/bochs in Bochs. Under ring a PC is translated; as ring/rewritten its code
# is the rewriter's output, and runs in ring 1 itself. How it ends, and what the text must match:
#   well      exit code 0; one of its lines
#   crash     stopped by the hypervisor; the reason after CRASH
#   exit code N; one of its lines
#   stays     not at all; one of its lines
#   anyhow    as its processors that run random code will have it: a crash (the reason after CRASH), an exit by port, or not
#             at all, since they may change its code: the operator stops it when the neighbour has worked for two seconds
# Keys that are not the configuration's: `said`, a line that must come before a crash; `message`, a line of the hypervisor
# about the guest; `promised`, the neighbour's share in percent, 50 by default; `core`, the neighbour's core, if it
# matters; `as`, the name of the row if a guest has several; `longer`, microseconds by which a guest can overrun its
# turn in Bochs, which takes no interrupt after an entry with IF clear; `rounds`, how often the attacker tries in
# `make check`, instead of as often as it can; `alone`, in `make check` the row has no neighbour on another core. In
# check-long (t/long/40-hostile.t) these two do not count.
my @rows = (
	['gate_area',    'ring',         'well',       qr/^12 pages readable, 2 writable$/],
	['frames',       'ring',         'crash',      qr/^no stack for an exception or event: address ffff800000007fd8$/, said => qr/^well so far/],
	['frames',       'svm vmx',      'exit code 98', qr/^well so far/],
	['doors',        'ring',         'well',       qr/^1704 doors tried$/],
	['iopl',         'ring svm vmx', 'well',       qr/^320 ways tried$/],
	['hypercalls',   'ring svm vmx', 'well',       qr/^\d+ hypercalls made$/, alone => 1, rounds => 48],
	['made_up',      'ring svm',     'well',       qr/^\d+ rounds$/],
	['page_tables',  'ring svm vmx', 'well',       qr/^well so far/],
	['outside',      'ring',         'crash',      qr/^access to address 40003000, which is outside its memory$/],
	['outside',      'svm vmx',      'crash',      qr/^access to guest-physical address 1100000, which is outside its memory$/],
	['scribble',     'ring svm vmx', 'well',       qr/^harmless$/, said => qr/^numbers -1 -2147483648 4294967295 beef$/],
	['softint',      'ring svm vmx', 'well',       qr/^[1-9]\d* events$/],
	['syscall',      'ring svm vmx', 'well',       qr/^well$/],
	['pc-ports',     'ring ring/rewritten svm vmx', 'well',       qr/^well$/],
	['pc-hpet',      'ring ring/rewritten svm vmx', 'well',       qr/^so much for the timers$/],
	['pc-storm',     'ring ring/rewritten svm vmx', 'well',       qr/^\d{4,} ticks$/],
	['pc-tables',    'ring ring/rewritten',         'crash',      qr/^exception 13 \(error 402\) with no usable IDT entry$/, said => qr/^well so far/],
	['pc-tables',    'svm vmx',      'crash',      qr/^access to guest-physical address fffff400, which is outside its memory$/, said => qr/^well so far/],
	['pc-patched',   'ring/rewritten', 'crash',      qr/^access to address b48dc35b, which is outside its memory$/, said => qr/^well so far/],
	['pc-vm',        'ring ring/rewritten',         'crash',      qr/^exception 13 \(error 1a\) with no usable IDT entry$/, said => qr/^well so far/],
	['pc-vm',        'svm vmx',      'crash',      qr/^triple fault$/, said => qr/^well so far/],
	['pc-mmio',      'ring ring/rewritten svm vmx', 'crash',      qr/^access to (?:guest-physical )?address fed40000, which is outside its memory$/, said => qr/^well so far/],
	['pc-masked',    'svm',      'stays',      qr/^well so far/],
	['pc-masked',    'vmx',          'stays',      qr/^well so far/, longer => 6000],
	['pc-loop',      'vmx',          'stays',      qr/^well so far/, longer => 6000], # QEMU does not check the alignment of exception frames
	['pc-ipis',      'svm vmx',      'anyhow',     qr/^access to guest-physical address \w+, which is outside its memory$|^triple fault$|^halted with interrupts masked/, said => qr/^well so far$/, vcpus => 4, cpus => '0-1'],
	['returns',      'ring',         'crash',      qr/^no stack for an exception or event: address 7fffffffffd0$/, said => qr/^well so far/],
	['returns',      'svm vmx',      'exit code 98', qr/^well so far/],
	['descriptors',  'ring',         'well',       qr/^well$/],
	['shadows',      'ring svm vmx', 'well',       qr/^well$/],
	['rings',        'ring svm vmx', 'well',       qr/^honest text$/],
	['smp',          'ring svm vmx', 'well', qr/^well$/, vcpus => 4, cpus => '0-1'],
	['flood',        'ring ring/bochs svm vmx', 'well', qr/^\d+ sent, woken [1-9]\d* times$/, rounds => 60_000, vcpus => 2, cpus => '0-1'],
	['links',        'ring',         'well',       qr/^65536 links led where they must$/, memory => '128M'],
	['pool',         'ring',         'well',       qr/8 vCPUs came to their end/, memory => '4M', vcpus => 8, cpus => '0-1'],
	['pool',         'ring',         'well',       qr/8 vCPUs came to their end/, memory => '4M', vcpus => 8, core => 0, as => 'pool-alone'],
	['starts',       'ring svm',     'well',       qr/^[1-9]\d* starts$/, vcpus => 8, share => 2, core => 0],
	['starts',       'ring svm',     'well',       qr/^[1-9]\d* starts$/, vcpus => 8, cpus => '0-1', as => 'starts-cores'],
	['starts',       'vmx',          'well',       qr/^[1-9]\d* starts$/, vcpus => 8, cpus => '0-1', longer => 3000],
	['relay',        'ring ring/bochs vmx', 'well', qr/^well$/, rounds => 4000, vcpus => 2, cpus => '0-1'],
	['reborn',       'ring svm',     'stays',      qr/^so far: \d+ came$/, vcpus => 8, share => 6, core => 0],
	['counted',      'ring svm',     'well',       qr/^well$/, 'count-at' => 'x', core => 0],
	['prompts',      'ring svm',     'well',       qr/^well$/, core => 0],
	['stale',        'ring svm vmx', 'well',       qr/200 tables were used again/],
	['vectors',      'ring svm vmx', 'well',       qr/208 vectors claimed/],
	['watch',        'ring',         'well',       qr/1000 hits/],
	['movss',        'ring ring/bochs', 'well',    qr/^[1-9]\d* breaks$/],
	['edge',         'ring/bochs',   'well',       qr/^well$/], # QEMU's IRETQ returns to addresses that are not canonical
	['pc-inplace',   'ring svm vmx', 'well',       qr/^changed beside other data$/],
	['pc-remap',     'ring svm vmx', 'well',       qr/^changed \d+ entries$/],
	['pc-flags',     'ring',         'well',       qr/^0 flags made up$/],
	['pc-flags',     'ring/rewritten svm vmx', 'well',       qr/^\d+ flags made up$/],
	['pc-long',      'ring ring/rewritten svm vmx', 'well',       qr/880 far transfers and loads refused/],
	['pc-ring3',     'ring/rewritten', 'well',       qr/^well$/],
	['pc-limits',    'ring ring/rewritten',         'well',       qr/800 accesses tried/],
	['pc-unknown',   'ring ring/rewritten',         'well',       qr/^well$/, message => qr/^unknown to engine ring: an instruction: rip 0009:\w{16} .* vector 0xd error 0, 32-bit code 0f 33 c3/],
	['pc-unknown',   'svm',          'well',       qr/^well$/],
	['pc-unknown',   'vmx',          'well',       qr/^well$/, message => qr/^unknown to engine vmx: an exit: rip 0008:\w{16} .* exit 0x9 error 0, 32-bit code ea /],
	['armed',        'svm vmx',      'well',       qr/^well$/, cmdline => $armed],
	['pc-decoded',   'svm vmx',      'well',       qr/^well$/],
	['pc-user',      'svm vmx',      'well',       qr/^well$/],
	['pc-state',     'svm vmx',      'well',       qr/^well$/, core => 0], # alone on a core its state is never unloaded, and nobody else sees it
	['timers',       'ring svm',     'well',       qr/^woken [1-9]\d* times$/, vcpus => 8, share => 5, core => 0],
	['overrun',      'ring svm',     'well',       qr/^[1-9]\d* writes$/, promised => 90],
	['notify',       'ring svm',     'well',       qr/^stopped$/],
	['segments',     'ring svm',     'well',       qr/^well$/, core => 0],
	['reboots',      'ring svm',     'stays',      qr/^so far: started again$/, memory => '64M'],
	['reboots',      'ring',         'stays',      qr/^so far: started again$/, memory => '1000M', core => 0, as => 'reboots-large'],
	['notes',        'ring svm',     'stays',      qr/^so far: started again$/, core => 0],
	['halves',       'ring',         'stays',      qr/^so far: going$/, vcpus => 2, cpus => '0-1', 'on-crash' => 'restart'],
	['pc-reset',     'ring ring/rewritten svm',     'stays',      qr/^so far: going$/, core => 0],
	['pc-ldt',       'ring ring/rewritten',         'crash',      qr/^LLDT: the table is not all in memory$/, said => qr/^well so far/, message => qr/^unknown to engine ring: a far transfer by a gate/,
		memory => '64M', core => 0],
	['pc-crowd',     'ring',         'well',       qr/^well so far$/, memory => '131100K', core => 0],
	['pc-alias',     'ring',         'well',       qr/^well so far$/, core => 0],
	['pc-prefixes',  'ring',         'well',       qr/^well so far$/, core => 0],
	['pc-straddle',  'ring',         'well',       qr/^well so far$/, core => 0],
	['pc-large',     'ring ring/rewritten svm', 'well', qr/^well$/, core => 0],
	['pc-dirty',     'ring ring/rewritten svm', 'well', qr/^well$/, core => 0],
	['pc-wheel',     'ring ring/rewritten',         'stays',      qr/^so far: going$/, core => 0],
	['pc-wheel',     'ring/bochs',   'stays',      qr/^so far: going$/, longer => 12000], # the operator's check: half a million instructions, 10 to 12 ms there
	['pc-irets',     'ring ring/rewritten',         'well',       qr/^well so far$/, core => 0],
	['pc-gdt',       'ring ring/rewritten svm',     'well',       qr/^well so far$/, core => 0],
	['pc-gates',     'ring ring/rewritten', 'well',       qr/^well$/, message => qr/^unknown to engine ring: a far transfer by a gate/, core => 0],
	['pc-gates',     'svm vmx',      'well',       qr/^well$/, core => 0],
	['pc-far',       'ring ring/rewritten',         'well',       qr/^well so far$/, message => qr/^unknown to engine ring: a far transfer by a gate/, core => 0],
	['relive',       'ring',         'well',       qr/^1000 starts$/, vcpus => 2, core => 0, message => qr/; no more of them are reported$/],
	['gdt',          'ring svm',     'well',       qr/^well$/, core => 0],
	['ldt',          'ring svm',     'well',       qr/^well$/, core => 0],
	['endless',      'ring svm vmx', 'well',       qr/^well$/],
	['pc-counted',   'ring ring/rewritten svm',     'well',       qr/^well so far$/, 'count-at' => 'x', core => 0],
	['pc-strings',   'svm',          'well',       qr/^well so far$/, core => 0],
	['pc-inits',     'svm vmx',      'well',       qr/^going$/, vcpus => 8, cpus => '0-1', core => 0],
	['pc-kicks',     'svm vmx',      'well',       qr/^going$/, vcpus => 2, cpus => '0-1', core => 1],
	['pc-uart',      'svm vmx',      'well',       qr/^[1-9]\d* ticks$/, vcpus => 2, cpus => '0-1', core => 1],
	['relink',       'ring',         'well',       qr/^6 trees were used again$/, memory => '520M', core => 0],
	['reap',         'ring',         'well',       qr/^4 times everything was wanted at once$/, memory => '520M', core => 0],
	['pc-halts',     'ring ring/rewritten', 'crash',      qr/^halted with interrupts masked: nothing can wake it$/, said => qr/^well so far: 0 other$/],
	['pc-halts',     'svm vmx',      'crash',      qr/^halted with interrupts masked: nothing can wake it$/, said => qr/^well so far: 1 other$/, vcpus => 2, cpus => '0-1'],
	['pc-zombie',    'svm vmx',      'exit code 0',  qr/^going$/, vcpus => 2, cpus => '0-1', core => 0],
);

# The longest time in microseconds that the neighbour can be without the core. The scheduler's period is
# 10 ms. Other guests may use what is not the neighbour's share at the end of one period and again at
# the beginning of the next. Add what they overran last time, and the longest stay of the hypervisor: a
# millisecond is far more than both. An instruction takes 20 ns in Bochs, 1 ns in QEMU: a stay of 10 000
# is 200 us in Bochs, and there may be several.
sub longest_wait {
	my ($row) = @_;
	return 2 * (100 - $row->{promised}) / 100 * 10000 + ($row->{machine} eq 'bochs' ? 2000 : 1000) + ($row->{longer} // 0);
}
sub least_work { my ($row) = @_; return 0.96 * $row->{promised} / 100; } # as a part of what it does alone; 4 % are allowed for switches
my $beat = 1000;
my %most_time = (qemu => 8000, bochs => 40000); # milliseconds: an attacker that takes longer is taken to hang

# --- machines, two at a time, before anything is judged ---

my %job; # by name: configuration and options; later also its console

sub neighbour {
	my ($core, $share, $cmdline) = @_;
	return guest('neighbour', image => 't/neighbour.elf', cmdline => $cmdline, cpus => $core, share => $share);
}

# Whether virtual time is reliable: QEMU's with -icount for one processor (with two, it runs the first as long as that
# has something to do), Bochs's always.
sub is_timed {
	my ($row) = @_;
	return $row->{machine} eq 'bochs' || $row->{cpus} == 1;
}

sub machine_options {
	my ($row) = @_;
	return ('--accel', 'bochs', '--cpus', $row->{cpus}) if $row->{machine} eq 'bochs';
	return ('--accel', 'tcg', '--cpus', $row->{cpus}, is_timed($row) ? '--icount' : ());
}

# The pace of the neighbour when it is alone, in blocks per billion TSC ticks.
sub alone { my ($row) = @_; return "alone-$row->{machine}"; }

sub pace {
	my ($row) = @_;
	my ($work, $kiloticks) = ($job{alone($row)}{text} // '') =~ /^neighbour: neighbour: work (\d+) in \d+ ms, (\d+) kiloticks/m or return 0;
	return int($work * 1e6 / $kiloticks);
}

sub script_of {
	my ($row) = @_;
	my @until = $row->{end} eq 'stays' ? ('--expect', 'attacker=so far') : ('--expect', 'veneer=, exit code ');
	@until = ('--expect', 'attacker=so far', '--expect', 'neighbour=for a while', '--send', 'attacker=\\a:stop attacker\\r', '--expect', 'veneer=attacker has ended|attacker: stopped from')
		if $row->{end} eq 'anyhow';
	my @check = map { ('--send', "$_=\\a:check $_\\r", '--expect', "veneer=check $_") } HAS_CHECK ? qw(attacker neighbour) : ();
	return (@until, '--send', 'neighbour=h', '--expect', 'neighbour=here', @check, '--send', 'neighbour=q');
}

# The hypervisor's longest stay with interrupts masked, if QEMU's plugin can count it: once for each attacker, since
# it slows the machine down. An older build in VENEER_LIB may have no plugin.
sub stay_option {
	my ($row) = @_;
	my $library = $ENV{VENEER_LIB} // 'build';
	return $row->{machine} eq 'qemu' && !$row->{core} && -e "$library/stay.so" ? ('--stay', "build/hostile/$row->{job}.json") : ();
}

sub attack_job {
	my ($row) = @_;
	my $pace = int(pace($row) * least_work($row));
	my $tell = $row->{end} eq 'anyhow' ? ' tell=2000' : '';
	my %keys = (cpus => 0, vcpus => 1, %{$row->{keys}});
	$keys{share} //= int((100 - $row->{promised}) * ($keys{cpus} eq '0-1' ? 2 : 1) / $keys{vcpus}); # for each vCPU
	# the machine switches off when the neighbour ends, which gets a key once the attacker has ended
	return { conf => guest('attacker', image => "t/$row->{image}.elf", engine => $row->{engine}, optional => 'yes', %keys) .
			neighbour($row->{core}, $row->{promised}, (is_timed($row) ? "ms=100 wait most=$most_time{$row->{machine}} pace=$pace" : 'ms=20 wait') . $tell),
		options => [machine_options($row), stay_option($row), script_of($row)] };
}

sub run_job {
	my ($name) = @_;
	my ($status, $text) = run_guests("hostile-$name", $job{$name}{conf}, @{$job{$name}{options}});
	spew("build/hostile/$name.txt", $text);
	return;
}

# Runs jobs in two processes, each of which takes the next one when it is free; leaves their consoles in {text}.
sub run_jobs {
	my @names = @_;
	my %running;
	while (@names || %running) {
		while (@names && keys %running < 2) {
			my $name = shift @names;
			my $pid = fork // die "fork: $!";
			if (!$pid) {
				run_job($name);
				require POSIX;
				POSIX::_exit(0);
			}
			$running{$pid} = $name;
		}
		my $pid = wait;
		my $name = delete $running{$pid} or next;
		$job{$name}{text} = slurp("build/hostile/$name.txt");
	}
	return;
}

# --- what is checked ---

my @unmet;  # failed checks of the current row
my $on_trial; # set while this test itself is tested: then nothing is reported

sub must($$) {
	my ($good, $name) = @_;
	push @unmet, $name unless $good;
	ok($good, $name) unless $on_trial;
	return;
}

sub check_end {
	my ($row, $text) = @_;
	my ($end, $words, $what) = @$row{qw(end words job)};
	my @lines = $text =~ /^attacker: (.*)$/mg;
	my ($crash) = $text =~ /^veneer: attacker: CRASH: (.*)$/m;
	my $exit_code = $text =~ /^veneer: attacker: .*, exit code (-?\d+)$/m ? $1 : 'none';

	must((grep { $_ =~ $row->{said} } @lines), "$what: prints the expected line before") if $row->{said};
	must((grep { $_ =~ $row->{message} } $text =~ /^veneer: attacker: (.*)$/mg), "$what: the hypervisor reports it") if $row->{message};
	must((() = $text =~ /^veneer: attacker: unknown to /mg) <= 4, "$what: the hypervisor reports it at most four times") if $row->{message};
	if ($end eq 'crash' || ($end eq 'anyhow' && defined $crash)) {
		return must(($crash // '') =~ $words, "$what: is stopped for the expected reason");
	}
	if ($end eq 'anyhow') {
		return must($text =~ /^veneer: attacker: (?:exit by port 0xf4|stopped from the monitor), /m, "$what: ends itself, or by the operator");
	}
	must((grep { $_ =~ $words } @lines), "$what: prints the expected line");
	must($exit_code eq ($end eq 'stays' ? 'none' : $end =~ /^exit code (\d+)/ ? $1 : 0), "$what: has the expected exit code");
	must(@lines && $lines[-1] eq 'well', "$what: its last line is well") if $end eq 'well';
	return;
}

# Work, gaps and timer events, in virtual time.
sub check_rhythm {
	my ($row, $text) = @_;
	my $what = $row->{job};
	my ($work, $ms, $kiloticks, $gap, $behind, $apart) =
		$text =~ /^neighbour: neighbour: work (\d+) in (\d+) ms, (\d+) kiloticks, longest gap (\d+) us, behind (\d+) us, \d+ beats, (\d+) us apart/m;
	my $due = 1 - longest_wait($row) / 1000 / ($ms || 1); # the part of the time that it must have; it may be waiting for the rest at the end
	my $share = $due > 0 && $kiloticks && pace($row) ? $work * 1e6 / $kiloticks / pace($row) / $due : 0;

	cmp_ok($share, '>=', least_work($row), "$what: the neighbour has its share of work");
	cmp_ok($gap // 1e9, '<=', longest_wait($row), "$what: its longest gap follows from its share");
	cmp_ok($behind // 1e9, '<=', longest_wait($row), "$what: it is never further behind than that");
	cmp_ok($apart // 1e9, '<=', longest_wait($row) + $beat, "$what: its timer fires in time");
	return;
}

sub check_attack {
	my ($row) = @_;
	my $what = $row->{job};
	my $text = $job{$what}{text};

	@unmet = ();
	check_end($row, $text);
	must($text =~ /^neighbour: neighbour: work [1-9]\d* .*, checksum right$/m, "$what: the neighbour works");
	must($text =~ /^veneer: exit code of neighbour: 0$/m, "$what: the neighbour finishes");
	must($text =~ /^veneer: all done/m, "$what: the hypervisor survives");
	my $checked = $row->{end} eq 'anyhow' ? $text =~ s/^attacker: .*//mgr : $text;
	must($checked !~ /FAILED|NOT WELL|PANIC/, "$what: no check in a guest fails");
	must($text !~ /^veneer: all done.*\nveneer: /m, "$what: no line is forged after the end");
	# a guest that restarts all the time has none at times; under svm and vmx tables live as long as the guest
	my $none = $row->{name} =~ /^(?:reboots|notes|halves|reborn|pc-reset)$/ && $row->{engine} eq 'ring' ? '|no tables: it is being loaded$' : '';
	must($text =~ /^veneer: check attacker: (?:good, [1-9]\d* tables,$none)/m, "$what: the attacker has tables, and they are good") if HAS_CHECK;
	must($text =~ /^veneer: check neighbour: good, [1-9]\d* tables, [1-9]\d* leaves$/m, "$what: the neighbour's tables are good") if HAS_CHECK;
	diag($text) if @unmet;
	return unless is_timed($row);
	check_rhythm($row, $text);
	return;
}

sub rows_of {
	my ($name, $engines, $end, $words, %keys) = @_;
	my %own = map { $_ => delete $keys{$_} } qw(said message promised core longer as rounds alone);
	$own{promised} //= 50;
	$own{core} //= 0 if $own{alone} && !$ENV{VENEER_TEST_LONG};
	$keys{cmdline} = "rounds=$own{rounds}" if $own{rounds} && !$ENV{VENEER_TEST_LONG};
	my @made;
	for my $of (split ' ', $engines) {
		my ($engine, $how) = (split('/', $of), '');
		my $machine = $engine eq 'vmx' || $how eq 'bochs' ? 'bochs' : 'qemu';
		my $image = $how eq 'rewritten' ? "$name-rewritten" : $name;
		for my $core ($own{core} // ($machine eq 'bochs' || $ENV{VENEER_TEST_ALONE} ? 0 : (0, 1))) {
			push @made, { name => $name, image => $image, engine => $engine, machine => $machine, core => $core, end => $end, words => $words,
				%own, core => $core, keys => \%keys, cpus => $keys{cpus} ? 2 : $core + 1, job => join('-', $of =~ tr{/}{-}r, $own{as} // $name, $core ? 'beside' : ()) };
		}
	}
	return @made;
}

sub attack_all {
	my @made = map { rows_of(@$_) } @_;
	mkdir 'build/hostile';
	my %alone = map { alone($_) => $_ } grep { is_timed($_) } @made;
	$job{$_} = { conf => neighbour(0, 100, 'ms=200'), options => [machine_options({ %{$alone{$_}}, cpus => 1 })] } for keys %alone;
	run_jobs(sort keys %alone);
	$job{$_->{job}} = attack_job($_) for @made;
	run_jobs(map { $_->{job} } @made);
	return @made;
}

# The arguments are names of guests, of engines, or both; or others.
my $others = "@ARGV" eq 'others' && shift;
my %engine_wanted = map { $_ => 1 } grep { /^(ring|svm|vmx)$/ } @ARGV;
my %wanted = map { $_ => 1 } grep { !$engine_wanted{$_} } @ARGV;
my @chosen;
for (@rows) {
	my ($name, $engines, @more) = @$_;
	my @of = grep { !%engine_wanted || $engine_wanted{s,/.*,,r} } split ' ', $engines;
	push @chosen, [$name, join(' ', @of), @more] if !$others && @of && (!%wanted || $wanted{$name});
}
for my $name (sort keys %wanted) {
	fail("there is a row for $name" . (%engine_wanted ? " under @{[sort keys %engine_wanted]}" : '')) unless grep { $_->[0] eq $name } @chosen;
}
my ($missing) = grep { !-e } map { "build/t/$_.elf" } 'neighbour', map { $_->{image} } map { rows_of(@$_) } @chosen;
BAIL_OUT("$missing is not there: `make $missing`, or make test T=NAME for one guest") if $missing;
check_attack($_) for attack_all(@chosen);

# Which stays may exceed the goal, and why, as in hypervisor/README.md: the function that most of it is spent in, the
# most instructions, and whether the reason applies to a row.
my $goal = 10_000;
my @reasons = (
	['the dump of a crash', qr/^(compose|format_v|send_ring\S*)$/, 45_000, sub { $_[0]{end} =~ /^(crash|anyhow)$/ || $_[0]{keys}{'on-crash'} }],
	['a line for what the engine does not know', qr/^format_v$/, 15_000, sub { $_[0]{message} }],
	['a wait for another processor', qr/^(quiesce|mmu_\w+|shadow_\w+|fault)$/, 'inf', sub { $_[0]{cpus} == 2 }],
);

sub reason_for {
	my ($row, $n, $in) = @_;
	my ($of) = grep { $in =~ $_->[1] && $n <= $_->[2] && $_->[3]->($row) } @reasons;
	return $of ? $of->[0] : undef;
}

sub judge_stay {
	my ($row) = @_;
	my ($n, $in) = $job{$row->{job}}{text} =~ /^longest stay (\d+) .* mostly in (\S+)/m or return;
	ok($n <= $goal || reason_for($row, $n, $in), "$row->{job}: the longest stay is no longer than it may be") or
		diag("$n instructions, mostly in $in");
	return;
}
judge_stay($_) for map { rows_of(@$_) } @chosen;

# Lists the stays, longest first, and writes them as JSON.
{
	my %stay = map { my ($n) = ($job{$_}{text} // '') =~ /^longest stay (\d+) /m; $n ? ($_ => $n) : () } keys %job;
	my @by_length = sort { $stay{$b} <=> $stay{$a} || $a cmp $b } keys %stay;
	diag(sprintf '%-26s %s', $_, $job{$_}{text} =~ /^longest stay (.*)$/m) for @by_length;
	my @entries = map { my $json = slurp("build/hostile/$_.json"); chomp $json; "{\"row\": \"$_\", \"stay\": $json}" } @by_length;
	# only if it is today's hypervisor and all rows have run
	spew('build/longest-stay.json', "[\n" . join(",\n", @entries) . "\n]\n") if @entries && !@ARGV && !$ENV{VENEER_LIB};
}

# Tests this test: an attacker that never starts is noticed.
{
	my ($row) = attack_all(['nobody', 'ring', 'well', qr/^well$/]);
	@unmet = ();
	$on_trial = 1;
	check_end($row, $job{$row->{job}}{text});
	is(scalar @unmet, 3, 'a guest that is not there fails its row');
}

if (@ARGV) {
	note("--- $_: build/hostile/$_.txt\n", $job{$_}{text} // '') for map { $_->{job} } map { rows_of(@$_) } @chosen;
	done_testing;
	exit;
}

# t/new-guest writes a file and prints a row, or refuses the name.
{
	command('sh', '-c', 'rm -rf build/test-new && mkdir -p build/test-new/guests build/test-new/guests-pc && cp t/new-guest build/test-new');
	for (['fine', 'guests/fine.c'], ['pc-fine', 'guests-pc/fine.c'], ['pc-fine-1', 'guests-pc/fine-1.c'], ['fine_2-x', 'guests/fine_2-x.c']) {
		my ($name, $file) = @$_;
		my ($code, $said) = command('build/test-new/new-guest', $name);
		ok($code == 0 && -s "build/test-new/$file" && $said =~ /^\t\['\Q$name\E', /m, "new-guest $name") or diag($said);
	}
	my $files = join ' ', glob 'build/test-new/guests*/{,.,-}*';
	for ('', 'pc-', '-x', 'pc--x', 'fine-', 'fine_', '1st', 'Fine', 'pc-pc', 'pc-start', 'pc-attacker', 'pc-fine-rewritten', 'support', 'attacker', 'fine-beside') {
		my ($code) = command('build/test-new/new-guest', $_);
		is($code, 2, "new-guest '$_' is refused");
	}
	is(join(' ', glob 'build/test-new/guests*/{,.,-}*'), $files, 'and no file is made');
}

# t/coverage empties its folder, so without a folder it must do nothing.
for my $words ([], ['--'], ['build'], ['no-such', '--', 'x', '--', 'y'], ['build', '--', '--', 'y'], ['build', '--', 'x', '--']) {
	my ($code, $said) = command('t/coverage', @$words);
	is($code, 2, "t/coverage @$words is refused");
	like($said, qr/^coverage: [^\n]+\n\z/, 'in one line') or diag($said);
}

# t/audit refuses what it cannot compare with before it builds anything.
for ([[], 'want one commit'], [['--help'], 'want one commit'], [['HEAD', '--x'], 'want one commit'], [['no-such'], 'BASE=no-such is not a commit of this repository: \\S'],
	[["it's"], "BASE=it's is not a commit"]) {
	my ($words, $why) = @$_;
	my ($code, $said) = command('t/audit', @$words);
	is($code, 2, "t/audit @$words is refused");
	like($said, qr/\Aaudit: $why.*\n\z/, 'in a line');
}
{
	my ($code, $said) = command(qw(make -s audit), q(BASE=it's));
	like($said, qr/\Aaudit: BASE=it's is not a commit.*\nmake: .*\n\z/, 'make audit: nothing is built for it');
}

# One guest under one engine. A guest without a row or without an image is reported at once.
{
	my ($code, $said) = command('env', 'VENEER_TEST_ALONE=1', $^X, 't/40-hostile.t', qw(hypercalls svm));
	is($code, 0, 'one guest, one engine') or diag($said);
	like($said, qr/^# --- svm-hypercalls: build\/hostile\/svm-hypercalls\.txt\n.*^# attacker: \d+ hypercalls made$/ms, 'with its console');
	unlike($said, qr/^# --- (?!svm-hypercalls)/m, 'alone');
	($code, $said) = command($^X, 't/40-hostile.t', qw(doors svm));
	isnt($code, 0, 'a guest that has no row there');
	like($said, qr/^not ok 1 - there is a row for doors under svm$/m, 'is named');
	rename 'build/t/doors.elf', 'build/t/doors.away';
	($code, $said) = command($^X, 't/40-hostile.t', 'doors');
	rename 'build/t/doors.away', 'build/t/doors.elf';
	isnt($code, 0, 'a guest that is not built');
	like($said, qr/^Bail out!  build\/t\/doors\.elf is not there: `make build\/t\/doors\.elf`, or make test T=NAME for one guest$/m, 'is said at once');
}

# Registers and memory of other guests: three copies on one core, one of which is restarted.
{
	my ($status, $text) = run_guests('fresh', join('', map { guest($_, image => 't/fresh.elf', cmdline => $_) } qw(a b c)) .
		guest('neighbour', image => 'rtos-rewritten.elf', cmdline => 'spin'), '--cpus', 1, '--send', 'b=\\a:reset b\\r');
	is($status, 0, 'nobody finds what others left') or diag($text);
	like($text, qr/^$_: well$/m, "$_ sees its own alone") for qw(a b c);
	unlike($text, qr/FAILED/, 'no leak') or diag($text);
}

{
	my ($status, $text) = run_guests('narrow', join('', map { guest(substr($_, 0, 1), image => 't/fresh.elf', cmdline => $_, engine => 'svm') } qw(ax b c)), '--cpus', 1);
	is($status, 0, 'svm: one that narrows XCR0 takes nothing from the others') or diag($text);
	unlike($text, qr/FAILED/, 'svm: no leak') or diag($text);
}

{
	my ($status, $text) = run_guests('remains', guest('a', image => 't/remains.elf') . guest('b', image => 't/remains.elf', cmdline => 'leave'), '--cpus', 1);
	is($status, 0, 'nobody finds registers in the pages of the gate') or diag($text);
	like($text, qr/^a: \d+ pages compared 100 times$/m, 'after comparing every byte');
	unlike($text, qr/FAILED/, 'no remains') or diag($text);
}

# Alone, since a neighbour's timers would restart the machine's timer.
for my $engine (qw(ring svm vmx)) {
	my ($status, $text) = run_guests("far-$engine", guest('a', image => 't/far.elf', engine => $engine), '--cpus', 1,
		$engine eq 'vmx' ? () : '--icount');
	is($status, 0, "$engine: far timers come, and in time") or diag($text);
	like($text, qr/^a: after 25 seconds$/m, "$engine: the farthest, too");
}

# Without the monitor's check, which takes long for such a full pool, at the operator's own request.
{
	my ($status, $text) = run_guests('chains', guest('a', image => 't/chains.elf', memory => '1000M', share => 50) .
		guest('b', image => 't/neighbour.elf', cmdline => 'ms=1500', share => 50), '--cpus', 1, qw(--accel tcg --icount --stay build/test-chains.json));
	is($status, 0, 'hash flooding: all are well') or diag($text);
	like($text, qr/^a: [1-9]\d\d tables in one chain$/m, 'hundreds of tables are found to collide');
	my ($stay) = $text =~ /^longest stay (\d+) /m;
	cmp_ok($stay // 1e9, '<', 18_000, 'no stay is longer than hypervisor/README.md says');
	my ($gap) = $text =~ /^b: neighbour: .*longest gap (\d+) us/m;
	cmp_ok($gap // 1e9, '<=', 11_000, "and the neighbour's gap is normal");
}

for my $engine (qw(svm vmx)) {
	my ($status, $text) = run_guests("status-$engine", guest('a', image => 't/status.elf', engine => $engine) .
		guest('b', image => 't/status.elf'), '--cpus', 1);
	is($status, 0, "$engine: debug status goes to nobody else") or diag($text);
	unlike($text, qr/FAILED/, "$engine: no leak") or diag($text);
}

# NMIs and machine checks while a guest makes hypercalls and system calls as fast as it can, or does
# what %busy says.
sub storm {
	my ($what, $command_line, $burst, $seen, %busy) = @_;
	%busy = (image => 'rtos-pv.elf', cmdline => 'bench') unless %busy;
	unlink 'build/test-storm.log';
	spew('build/test-storm.conf', guest('busy', %busy, cpus => 0) .
		guest('neighbour', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 0));
	my (undef, $command) = veneer(qw(run build/test-storm.conf --accel tcg --icount --cpus 1 --print --bundle build/test-storm.cpio));
	chomp $command;
	$command =~ s/-monitor none/-monitor stdio -S/;
	$command =~ s/-serial stdio/-serial file:build\/test-storm.log/;
	my (undef, $monitor, $clock) = monitored('timeout', $limit, split ' ', $command);
	my $log = sub { return slurp('build/test-storm.log') };
	$monitor->('cont');
	1 until $log->() =~ /boot entry/ || !let_run($clock, 0.001); # wait until the hypervisor has an IDT
	my $arrived = sub { return scalar(() = $log->() =~ /machine check: bank/g) };
	for (1 .. 1000) {
		my $before = $arrived->();
		last if $log->() =~ /all done/;
		$monitor->(join "\n", ($command_line) x $burst) // last;
		next if $burst > 1;
		1 while $arrived->() == $before && let_run($clock, 0.0002);
		let_run($clock, 0.001); # else the guests would never run
	}
	1 while let_run($clock, 1); # until the machine is off
	my $text = slurp('build/test-storm.log');
	like($text, qr/^veneer: all done, all well/m, "a storm of $what: all guests are well") or diag($text);
	like($text, $seen, "a storm of $what: they arrived");
}
storm('NMIs', 'nmi', 5, qr/^veneer: core 0 took [1-9]\d+ NMIs/m);
storm('NMIs upon breakpoints', 'nmi', 5, qr/^veneer: core 0 took [1-9]\d+ NMIs/m, image => 't/watch.elf', cmdline => 'storm');
storm('NMIs while breakpoints are armed', 'nmi', 5, qr/^veneer: core 0 took [1-9]\d+ NMIs/m, image => 't/armed.elf', engine => 'svm',
	cmdline => $armed);
storm('NMIs upon the hypervisor', 'nmi', 5, qr/^busy: \d+ pages compared 100 times/m, image => 't/remains.elf', cmdline => 'storm');
# uncorrected, but recoverable; one at a time, since a second one would shut the processor down
storm('machine checks', 'mce 0 5 0xb400000000000000 0x5 0 0', 1, qr/^veneer: machine check: bank 5/m);

# Start, stop and reset while a vCPU runs (XSA-188).
my $keys = join '', map { "\\a:reset a\\r\\a:pause b\\r\\a:stats a\\r\\a:resume b\\r\\a:reset b\\r" } 1 .. 15;
my ($status, $text) = run_guests('races', guest('a', image => 'rtos-pv.elf', cmdline => 'bench', cpus => 1) .
	guest('b', image => 'rtos-rewritten.elf', cmdline => 'bench', cpus => 1) .
	guest('neighbour', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 1), '--send', "a=$keys");
is($status, 0, 'resets and pauses in the middle of everything: all end well');
like($text, qr/^neighbour: neighbour: checksum right/m, 'and the neighbour does not notice');

# The monitor's check of the hypervisor's own page tables while guests of two engines run. t/unit/test_tables.c shows
# what it finds.
{
	my ($status, $text) = run_guests('tables', guest('a', image => 'rtos-pv.elf', cmdline => 'spin') .
		guest('b', image => 'rtos-pv.elf', cmdline => 'spin', engine => 'svm'), '--cpus', 2, '--send', 'a=\\a:tables\\r');
	like($text, qr/^veneer: tables: good, 2 cores/m, 'nothing is writable and executable, nor open to ring 3; stacks have guards') or diag($text);
}

done_testing;
