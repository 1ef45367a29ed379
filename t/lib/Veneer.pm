# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the TAP scripts: running the host command and other commands.
package Veneer;
use strict;
use warnings;
use Exporter 'import';
use IPC::Open2;
our @EXPORT = qw(veneer run_guests run_patched native_linux monitored let_run command slurp spew guest text_screens shell $limit $fleet $touching $gone_left);

my $build = 'build';

# Seconds after which a run is taken to hang. Nothing else depends on wall-clock time: tests wait for what they can
# see, so they also pass on a machine that is twenty times slower.
our $limit = $ENV{VENEER_TEST_LIMIT} // 3600;

# Patterns for the screen of grub-invaders: all forty aliens, with no two next to each other, which happens whenever
# the fleet spreads; two that touch, which happens as they move; the ship, which starts in the middle, at the left.
our $fleet = "(-[*]-[^*-]([^*]|\n)*){40}";
our $touching = '-[*]--[*]-';
our $gone_left = '^ {0,35}/ \\\\ ';

sub spew {
	my ($path, $text) = @_;
	open my $f, '>', $path or die "$path: $!";
	binmode $f;
	print $f $text;
	close $f or die "$path: $!";
}

sub slurp {
	my ($path) = @_;
	open my $f, '<', $path or die "$path: $!";
	binmode $f;
	local $/;
	return scalar <$f>;
}

# Returns the exit status, and standard output and error together.
sub command {
	my (@argv) = @_;
	my $pid = open my $out, '-|';
	die "fork: $!" unless defined $pid;
	if (!$pid) {
		delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)}; # of the make that runs the tests
		open STDERR, '>&', \*STDOUT;
		open STDIN, '<', '/dev/null';
		exec @argv or print "cannot run $argv[0]: $!\n";
		exit 127;
	}
	binmode $out;
	my $text = do { local $/; <$out> } // '';
	close $out;
	return ($? >> 8, $text);
}

sub veneer {
	return command("$build/veneer", @_);
}

# A section of veneer.conf.
sub guest {
	my ($name, %keys) = @_;
	return join '', "[guest $name]\n", map { my $k = $_; $k =~ tr/_/-/; "$k = $keys{$_}\n" } sort keys %keys;
}

# Runs a configuration, or does what --bundle, --iso or --print says. Images are in build/.
sub run_guests {
	my ($name, $conf, @options) = @_;
	my $path = "$build/test-$name.conf";
	my $runs = !grep { /^--(?:bundle|iso|print)$/ } @options;
	unshift @options, '--accel', 'tcg' if $runs || grep { $_ eq '--print' } @options;
	unshift @options, '--timeout', $limit if $runs;
	spew($path, $conf);
	my ($status, $text) = veneer('run', $path, @options);
	$text =~ s/\r//g;
	return ($status, $text);
}

# Runs a configuration that `veneer run` would refuse, to see what the hypervisor does: replaces values in the bundle
# of a valid one by others of the same length.
sub run_patched {
	my ($name, $conf, $change, @options) = @_;
	my $bundle = "$build/test-$name.cpio";
	my ($status, $command) = run_guests($name, $conf, @options, '--print', '--bundle', $bundle);
	my $text = slurp($bundle);
	$text =~ s/\Q$_\E/$change->{$_}/ or die "no $_ in $bundle" for keys %$change;
	spew($bundle, $text);
	($status, $text) = command('timeout', $limit, split ' ', $command);
	$text =~ s/\r//g;
	return ($status, $text);
}

# Options that type commands into a Linux guest's shell, each after the previous one has ended. The line that marks
# the end differs from the command that is echoed.
sub shell {
	my ($name, @commands) = @_;
	my $last = pop @commands;
	my $n = 0;
	return ('--expect', "$name=built-in shell",
		(map { $n++; ('--send', "$name=$_; echo end of \$(($n))\\n", '--expect', "$name=^end of $n") } @commands),
		'--send', "$name=$last\\n");
}

# Returns each screen that was printed, by the monitor's command `screen` or when the script waited for one, as an
# array of 25 rows.
sub text_screens {
	my ($text) = @_;
	my (@screens, @rows);
	while ($text =~ /screen (\d\d) \|(.{80})\|/g) {
		@rows = () if $1 == 0;
		push @rows, $2;
		push @screens, [@rows] if $1 == 24;
	}
	return @screens;
}

# Starts Linux with a task of its initramfs on bare (emulated) hardware. The returned function waits for the end and
# returns the console's text.
sub native_linux {
	my ($task) = @_;
	my $pid = open my $out, '-|';
	die "fork: $!" unless defined $pid;
	if (!$pid) {
		delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)}; # of the make that runs the tests
		open STDERR, '>&', \*STDOUT;
		open STDIN, '<', '/dev/null';
		exec 'timeout', $limit, qw(qemu-system-x86_64 -machine pc -accel tcg -cpu max -m 512 -smp 2 -display none
			-monitor none -nodefaults -serial stdio -no-reboot),
			'-kernel', "$build/linux/vmlinux", '-initrd', "$build/linux/tests.cpio.gz",
			'-append', "console=ttyS0 quiet no_timer_check task=$task panic=-1";
		exit 127;
	}
	return sub { local $/; my $text = <$out> // ''; $text =~ s/\r//g; return $text; };
}

# Starts QEMU with `-monitor stdio`. Returns its process ID, a function that sends commands to the monitor, one per
# line, and returns the answers (undef once QEMU has ended), and one that returns the machine's own time in seconds,
# from its ACPI timer.
sub monitored {
	my (@argv) = @_;
	my $pid = open2(my $from, my $to, @argv);
	my $answers = sub {
		my ($prompts) = @_;
		my $text = '';
		while ((() = $text =~ /\(qemu\) /g) < $prompts) {
			sysread $from, $text, 65536, length $text or return undef;
		}
		return $text;
	};
	my $ask = sub {
		my ($lines) = @_;
		local $SIG{PIPE} = 'IGNORE';
		syswrite $to, "$lines\n";
		return $answers->(1 + $lines =~ tr/\n//);
	};
	my ($timer, $ticks) = (0, 0); # the timer's 24 bits, and the total
	my $seconds = sub {
		my ($now) = map { hex } ($ask->('i /w 0x608') // return undef) =~ /= 0x(\w+)/;
		$ticks += ($now - $timer) & 0xffffff;
		$timer = $now;
		return $ticks / 3579545;
	};
	return ($answers->(1) ? $pid : undef, $ask, $seconds);
}

# Waits until that many seconds of a machine's own time have passed. Returns false if it has ended.
sub let_run {
	my ($clock, $seconds) = @_;
	my $now = $clock->();
	my $until = ($now // 0) + $seconds;
	$now = $clock->() while defined $now && $now < $until;
	return defined $now;
}

1;
