# SPDX-License-Identifier: GPL-2.0-or-later
# What the TAP scripts share: running the host command and commands in general.
package Veneer;
use strict;
use warnings;
use Exporter 'import';
use IPC::Open2;
our @EXPORT = qw(veneer run_guests run_patched native_linux monitored let_run command slurp spew guest text_screens shell $limit $fleet $touching $gone_left);

my $build = 'build';

# Seconds after which a run is taken to hang. Nothing else is judged by the clock on the wall: tests wait
# for what they can see, so a machine that is twenty times slower passes all the same.
our $limit = $ENV{VENEER_TEST_LIMIT} // 3600;

# grub-invaders' screen: all forty aliens, none beside another, which the fleet shows whenever its rows
# spread; two that touch, which they do as they march; and the ship, which begins in the middle.
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

# Standard output and error together, and the exit status.
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

# Runs a configuration, or makes what --bundle, --iso or --print says; images are looked for in build/.
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

# The same, as the hypervisor meets a configuration that `veneer run` would refuse: from a bundle of a right one, in
# which each value becomes another of the same length.
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

# Types commands to a Linux guest's shell, each when the one before has ended. Its end is a line that the
# echo of the command is not.
sub shell {
	my ($name, @commands) = @_;
	my $last = pop @commands;
	my $n = 0;
	return ('--expect', "$name=built-in shell",
		(map { $n++; ('--send', "$name=$_; echo end of \$(($n))\\n", '--expect', "$name=^end of $n") } @commands),
		'--send', "$name=$last\\n");
}

# What the monitor's command `screen` printed, or the script that waited for a screen, each time an array of 25 rows.
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

# Linux on bare (emulated) hardware, with a task of its initramfs, while something else runs: the
# return value, when called, waits for the console's text.
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

# QEMU with `-monitor stdio`: its process; a function that gives the monitor commands, one a line, and returns the answers,
# undef once QEMU has ended; one that returns the seconds of the machine's own time, by its ACPI timer.
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
	my ($timer, $ticks) = (0, 0); # 24 bits of it, and all
	my $seconds = sub {
		my ($now) = map { hex } ($ask->('i /w 0x608') // return undef) =~ /= 0x(\w+)/;
		$ticks += ($now - $timer) & 0xffffff;
		$timer = $now;
		return $ticks / 3579545;
	};
	return ($answers->(1) ? $pid : undef, $ask, $seconds);
}

# Until so many seconds of a machine's own have gone by; false if it has ended.
sub let_run {
	my ($clock, $seconds) = @_;
	my $now = $clock->();
	my $until = ($now // 0) + $seconds;
	$now = $clock->() while defined $now && $now < $until;
	return defined $now;
}

1;
