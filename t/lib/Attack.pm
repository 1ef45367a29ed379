# SPDX-License-Identifier: GPL-2.0-or-later
# Random attackers (t/attacker/). A case determines a run, and is written as one word,
#
#	ENGINE-KIND-VCPUSxCORES-MEMORY-MS-SEED-WEIGHTS	as ring-pv-2x1-16-1000-7-4444444444444444
#
# or with the suffix -stop: then the operator stops the attacker when it first restarts, at a moment that depends on the
# host. A failure can be repeated from its word, since QEMU and Bochs count instructions. With t in place of x QEMU has
# a thread for each core: only then are there real races between cores, but the run may not repeat.
package Attack;
use strict;
use warnings;
use Exporter 'import';
use IO::Select;
use Time::HiRes 'time';
use Veneer;
our @EXPORT_OK = qw(case_of wrong_word wrong_time word_of run_case end_with_parent);

my $build = 'build';

# For a neighbour with half of a core: the work that it does in a second of QEMU's time with 48 % of the core, and how
# long it may wait (see longest_wait in t/40-hostile.t). Only valid on one core, where time follows from the count of
# instructions.
use constant PACE => 890_000;
use constant WAIT_US => 11_000;
use constant BEAT_US => 1_000;
use constant AFTER_MS => 10; # the neighbour works for so long after the end of the attack,
use constant STOP_MS => 1000; # or for at most so long, until the operator's stop has arrived
use constant CHECK_MS => 100; # the attack continues for so long, so that its tables are checked meanwhile
use constant PATIENCE => 20; # wall-clock seconds allowed per second of processor time
use constant BOCHS_BOOT_MS => 5000; # in the machine's time: firmware and boot loader
use constant BOCHS_CHECK_MS => 200; # in Bochs the host may take so long to ask for the check

# The check is typed once the neighbour has printed its figures. Input arrives when the host gets to it, and a check
# takes a while, so from then on no two runs are alike. In Bochs nobody looks at the neighbour's waits, so the check
# can come at the end of the attack.
my $FIGURES = 'neighbour: neighbour: work';
my $END = 'attacker: seed [0-9]+ ends';

sub split_word {
	my ($word) = @_;
	my %case;
	@case{qw(engine kind vcpus turns cores memory ms seed weights stop)} =
		$word =~ /^(ring|svm|vmx)-(pv|pc)-([1-8])([xt])([12])-(\d{1,10})-(\d{1,10})-(\d{1,10})-([0-9a-f]{16})(-stop)?\z/ or return undef;
	return \%case;
}

sub wrong_time {
	my ($ms) = @_;
	return $ms < 1 || $ms > 100_000 ? 'want 1 to 100000 milliseconds' : undef;
}

# Returns why a word is not a valid case, or undef. A run that cannot start or cannot attack would look like a
# finding.
sub wrong_word {
	my ($word) = @_;
	my $case = split_word($word) or return 'want ENGINE-KIND-VCPUSxCORES-MEMORY-MS-SEED-WEIGHTS, as ring-pv-2x1-16-300-7-4444444444444444';
	my ($engine, $kind, $vcpus, $memory, $ms) = @$case{qw(engine kind vcpus memory ms)};
	return 'under ring a PC has one vCPU' if $engine eq 'ring' && $kind eq 'pc' && $vcpus > 1;
	return 'want 4 to 1024 MiB' if $memory < 4 || $memory > 1024;
	my $time = wrong_time($ms);
	return $time if $time;
	return 'want a seed of 0 to 4294967295' if $case->{seed} > 0xffff_ffff;
	return 'want a weight that is not 0' if $case->{weights} !~ /[1-9a-f]/;
	return 'nobody stops an attacker in Bochs' if $engine eq 'vmx' && $case->{stop};
	return undef;
}

sub case_of {
	my ($word) = @_;
	return wrong_word($word) ? undef : split_word($word);
}

sub word_of {
	my ($case) = @_;
	return join('-', @$case{qw(engine kind)}, join('', @$case{qw(vcpus turns cores)}), @$case{qw(memory ms seed weights)}) .
		($case->{stop} // '');
}

sub is_timed {
	my ($case) = @_;
	return $case->{cores} == 1 && $case->{turns} eq 'x' && $case->{engine} ne 'vmx';
}

sub configuration {
	my ($case) = @_;
	my $cpus = $case->{cores} > 1 ? '0-1' : '0';
	my $share = int(50 * $case->{cores} / $case->{vcpus}); # for each vCPU
	my $pace = is_timed($case) ? PACE : 0;
	my $end = $case->{ms} + ($case->{engine} eq 'vmx' ? BOCHS_BOOT_MS : 0);
	my $after = $case->{engine} eq 'vmx' ? BOCHS_CHECK_MS : CHECK_MS;
	my $then = $case->{engine} eq 'vmx' ? BOCHS_CHECK_MS + AFTER_MS : $case->{stop} ? STOP_MS : AFTER_MS;
	# a PC under ring: translated if the seed is even, else as code that runs in ring 1 itself
	my $itself = "$case->{engine}-$case->{kind}" eq 'ring-pc' && $case->{seed} % 2;
	my $image = $case->{kind} eq 'pv' ? 'attacker' : $itself ? 'pc-attacker-rewritten' : 'pc-attacker';
	return guest('attacker', image => "t/$image.elf", memory => "$case->{memory}M", cpus => $cpus, vcpus => $case->{vcpus},
		engine => $case->{engine}, on_crash => 'restart', optional => 'yes', share => $share > 50 ? 50 : $share,
		cmdline => "seed=$case->{seed} ms=$end after=$after weights=$case->{weights}" . ($case->{engine} eq 'ring' ? '' : ' machine=1')) .
		guest('neighbour', image => 't/neighbour.elf', cpus => 0, share => 50,
			cmdline => 'ms=' . ($case->{ms} + $then) . " pace=$pace secret");
}

# Whether the hypervisor's monitor can check a guest's shadows while it runs.
sub can_check {
	my ($image) = @_;
	return slurp($image) =~ /\0check\0/;
}

# Returns what `veneer run` prints. It must succeed: a run that could not be started has tested nothing.
sub prepared {
	my ($status, $text) = veneer('run', @_);
	die "veneer run @_: $text" if $status;
	return $text;
}

sub emulator {
	my ($case, $path, $bundle, $blocks) = @_;
	chomp(my $command = prepared($path, '--accel', 'tcg', '--cpus', $case->{cores}, $case->{turns} eq 'x' ? '--icount' : (),
		'--bundle', $bundle, '--print'));
	my @argv = split / /, $command;
	die "$build/blocks.so: $!: `make $build/blocks.so` makes it\n" if $blocks && !-e "$build/blocks.so";
	push @argv, '-plugin', "$build/blocks.so,out=$blocks" if $blocks;
	return @argv;
}

# A process's user and system time in seconds, which does not depend on other load.
sub processor_time {
	my ($pid) = @_;
	my @field = split ' ', slurp("/proc/$pid/stat") =~ s/.*\) //sr;
	return ($field[11] + $field[12]) / 100;
}

# Whether a process has used that much processor time, or, if it sleeps, far more wall-clock time.
sub is_late {
	my ($pid, $limit, $since) = @_;
	return processor_time($pid) > $limit || time - $since > PATIENCE * $limit;
}

# This process gets SIGTERM when its parent ends, however it ends, and also after exec.
use constant { PRCTL => 157, PR_SET_PDEATHSIG => 1, SIGTERM => 15 };

sub end_with_parent {
	syscall PRCTL, PR_SET_PDEATHSIG, SIGTERM;
}

# Returns the console's text up to its end or the time limit. Types the command once a line matches.
sub watch {
	my ($limit, $line, $command, $seen, @argv) = @_;
	my ($text, $begun, $late) = ('', time);
	pipe my $in, my $type or die;
	pipe my $out, my $print or die;
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		end_with_parent();
		open STDIN, '<&', $in;
		open STDOUT, '>&', $print;
		open STDERR, '>&', $print;
		exec @argv or print STDERR "cannot run $argv[0]: $!\n";
		exit 127;
	}
	close $in;
	close $print;
	binmode $out;
	local $SIG{PIPE} = 'IGNORE';
	my $ready = IO::Select->new($out);
	until ($late = is_late($pid, $limit, $begun)) {
		next unless $ready->can_read(1);
		last unless sysread $out, $text, 65536, length $text;
		$seen->($text) if $seen;
		if ($command && $text =~ /^$line/m) {
			syswrite $type, "\001:$command\r";
			$command = undef;
		}
	}
	kill 'TERM', $pid if $late;
	waitpid $pid, 0;
	return ($text, $late, $late ? 0 : $? & 127);
}

# The attempts of all starts: each start counts from 0, and prints its count every now and then.
sub attempts_in {
	my ($text) = @_;
	my ($sum, $now) = (0, 0);
	while ($text =~ /^attacker: attacker: seed \d+ (\S+).*? at \d+ ms, attempts (\d+)$/mg) {
		$sum += $now if $1 eq 'begins';
		$now = $2;
	}
	return $sum + $now;
}

# A line as a terminal shows it, with its cursor movements applied.
sub shown {
	my ($line) = @_;
	my ($row, $at) = ('', 0);
	for my $piece ($line =~ /\x1b\[[\d;]*[@-~]|[\x9b][\d;]*[@-~]|./gs) {
		if ($piece eq "\b" || $piece =~ /^(?:\x1b\[|\x9b)1?D$/) {
			$at-- if $at;
		} elsif ($piece eq "\r") {
			$at = 0;
		} elsif ($piece !~ /^[\x00-\x1f\x9b]/) {
			$row .= ' ' x ($at - length $row) if $at > length $row;
			substr $row, $at++, 1, $piece;
		}
	}
	return $row;
}

# Returns a line that the attacker printed and that looks like another guest's or the hypervisor's.
sub forged_line {
	my ($text) = @_;
	for (grep { /forged/ } split /\n/, $text) {
		my $shown = shown($_);
		return $shown if $shown =~ /^(?:veneer|neighbour): .*forged/;
	}
	return undef;
}

# Returns what is wrong, or undef.
sub judge {
	my ($text, $late, $signal, $case) = @_;
	my $forged = forged_line($text);
	$text =~ s/\r//g;
	return $1 if $text =~ /^(veneer: PANIC.*)/m;
	return $1 if $text =~ /^(veneer: .*BROKEN.*)/m;
	return $1 if $text =~ /^attacker: (.*NOT AS IT MUST.*)/m;
	return 'no end' if $late;
	return "the emulator died of signal $signal" if $signal; # t/README.md says why it may
	return "the attacker has printed: $forged" if $forged;
	my ($ms, $gap, $behind, $beats, $apart, $sum) = $text =~
		/^neighbour: neighbour: work \d+ in (\d+) ms, (?:\d+ kiloticks, )?longest gap (\d+) us, behind (\d+) us, (\d+) beats, (\d+) us apart, checksum (\S+)/m
		or return 'the machine or the neighbour went down';
	return "the neighbour's checksum is wrong" if $sum ne 'right';
	return 'the hypervisor did not come to its end' unless $text =~ /^veneer: all done/m;
	if (is_timed($case)) {
		return "the neighbour's timer came $beats times in $ms ms" if $beats < $ms / 3; # half of the time, and a wait at the end
		return "the neighbour stood still for $gap us" if $gap > WAIT_US;
		return "the neighbour's timer stood still for $apart us" if $apart > WAIT_US + BEAT_US;
		return "the neighbour is behind by $behind us" if $behind > WAIT_US;
	}
	return 'the operator\'s stop was lost' if $case->{stop} && $text =~ /^veneer: attacker: restart/m &&
		$text !~ /^veneer: attacker: stopped from the monitor/m;
	return 'the attack did not begin' unless $text =~ /^attacker: attacker: seed \d+ begins/m;
	return undef;
}

# Quotes a word for the shell.
sub quoted {
	my ($word) = @_;
	return $word =~ m{^[\w/.,:=+-]+\z} ? $word : "'" . $word =~ s/'/'\\''/gr . "'";
}

# Runs a case. Options: limit (seconds of processor time, which only a hang reaches), blocks (a file for the list of
# executed blocks), seen (called with the text so far). Returns failure (undef if none), attempts, text, command, and
# the files that it used. Dies with a line if the hypervisor did not start its guests, since then nothing was tested.
sub run_case {
	my ($case, %options) = @_;
	my $name = $options{name} // "random-$$";
	my ($path, $bundle) = ("$build/test-$name.conf", "$build/test-$name.cpio");
	my $limit = $options{limit} // 900;
	my $library = $ENV{VENEER_LIB} // $build;
	my $check = can_check("$library/veneer.elf");
	spew($path, configuration($case));
	my @argv = $case->{engine} eq 'vmx'
		? ("$build/veneer", 'run', $path, '--accel', 'bochs', '--cpus', $case->{cores}, '--timeout', PATIENCE * $limit,
			$check ? ('--expect', "attacker=$END", '--send', 'attacker=\a:check attacker\r') : ())
		: emulator($case, $path, $bundle, $options{blocks});
	prepared($path, '--bundle', $bundle) if $case->{engine} eq 'vmx';
	my ($line, $command) = ($FIGURES, 'check attacker');
	($line, $command) = ('veneer: attacker: restart', 'stop attacker') if $case->{stop};
	$command = undef if $case->{engine} eq 'vmx' || !($check || $case->{stop});
	my ($text, $late, $signal) = watch($limit, $line, $command, $options{seen}, @argv);
	die "$argv[0] has started no guest: " . ($text =~ /(\S[^\n]*)\s*\z/ ? $1 : 'it says nothing') . "\n"
		unless $late || $signal || $text =~ /^veneer: (?:boot entry_ticks=|PANIC)/m;
	my $failure = judge($text, $late, $signal, $case);
	$text =~ s/\r//g;
	return { failure => $failure, attempts => attempts_in($text), text => $text,
		command => join(' ', map { quoted($_) } @argv), configuration => $path, bundle => $bundle };
}

1;
