#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A third-party binary, grub-invaders: native in QEMU and rewritten under Veneer, the same keys must
# show the same screens. The game's clock is the 8254, and both run slowly enough (-icount) that every
# frame of the native game is seen. Each picture of the fleet under Veneer must equal one of them, and
# the ship must stop at the same walls. Time is the machines' own, derived from instruction counts:
# the ACPI timer of the native machine, and the run time of the rewritten guest.
use strict;
use warnings;
no warnings "qw";
use lib 't/lib';
use Test::More;
use File::Temp 'tempdir';
use Veneer;
use IPC::Open2;

my @icount = qw(-icount shift=5,sleep=on);

# --- native: QEMU's monitor reads the screen and sends the keys ---
my ($native, $pid);
$SIG{ALRM} = sub { kill 'KILL', grep { defined } $native, $pid; BAIL_OUT('a game hangs') };
alarm $limit;
($native, my ($monitor, $native_seconds)) = monitored(qw(qemu-system-x86_64 -accel tcg -m 32 -display none -serial null -S
	-kernel /boot/invaders.exec -monitor stdio), @icount);
ok($native, 'the native game starts') or BAIL_OUT('no native game');

my $dump = tempdir(CLEANUP => 1) . '/screen';

sub native_screen {
	$monitor->("pmemsave 0xb8000 4000 \"$dump\"");
	my @c = map { my $c = $_ & 0xff; $c >= 32 && $c < 127 ? chr $c : $c ? '#' : ' ' } unpack 'v2000', slurp($dump);
	return [map { join '', @c[$_ * 80 .. $_ * 80 + 79] } 0 .. 24];
}

# --- rewritten: the monitor on the console ---
spew('build/test-invaders.conf', guest('game', image => 'invaders.elf'));
my ($code, $printed) = veneer(qw(run build/test-invaders.conf --bundle),
	'build/test-invaders.cpio');
$pid = open2(my $out, my $in, qw(qemu-system-x86_64 -accel tcg -cpu max -m 64 -smp 1 -display none -nodefaults
	-monitor none -serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 -kernel build/veneer.elf
	-initrd build/test-invaders.cpio), @icount);

sub line_like {
	my ($pattern) = @_;
	while (my $line = <$out>) {
		return $1 if $line =~ $pattern;
	}
	return undef;
}

sub rewritten_screen {
	syswrite $in, "\001:screen game\r";
	return [map { my $row = sprintf '%02d', $_; line_like(qr/screen $row \|(.{80})\|/) // '' } 0 .. 24];
}

sub rewritten_seconds {
	syswrite $in, "\001:list\r";
	return (line_like(qr/ game .* ran (\d+) ms/) // return undef) / 1000;
}

line_like(qr/(boot entry)/);
pass('the rewritten game starts');

# Only one of the two runs at a time, so that it has the host to itself as far as possible.
sub only_native {
	kill 'STOP', $pid;
	$monitor->('cont');
}

sub only_rewritten {
	$monitor->('stop');
	kill 'CONT', $pid;
}

sub fleet { return join "\n", @{$_[0]}[0 .. 20] }
sub ship { return join "\n", map { s/[^\/\\_]/ /gr } @{$_[0]}[23 .. 24] }

# Returns the next picture of the fleet that differs from the last one. While the game draws, two pictures in a row
# are never the same.
sub pictures {
	my ($clock, $screen) = @_;
	my ($last, $shown) = ('', '');
	return sub {
		for (;;) {
			let_run($clock, 0.02) or BAIL_OUT('a game has ended');
			my $now = fleet($screen->());
			my $drawn = $now eq $last;
			$last = $now;
			return $shown = $now if $drawn && $now ne $shown;
		}
	};
}

# The fleet moves without any keys.
my $rewritten_fleet = pictures(\&rewritten_seconds, \&rewritten_screen);
my @fleets = ('') x 10;
for (1 .. 1000) {
	last if $fleets[0] =~ /$fleet/;
	shift @fleets;
	push @fleets, $rewritten_fleet->();
}
only_native();
my $native_fleet = pictures($native_seconds, \&native_screen);
my (%native_fleets, $known);
for (1 .. 1000) {
	$native_fleets{$native_fleet->()} = 1;
	$known = grep { $native_fleets{$_} } @fleets;
	last if $known >= 8;
}
my $aliens = () = $fleets[0] =~ /-\*-/g;
cmp_ok($aliens, '==', 40, 'the fleet is there');
cmp_ok($known, '>=', 8, 'of ' . @fleets . " pictures of it, $known are the native game's to the letter");

# Moves the ship to each wall: presses the key until the ship has moved and then stopped.
sub until_it_stands {
	my ($press, $clock, $screen) = @_;
	my $first = ship($screen->());
	my ($last, $same) = ($first, 0);
	for (1 .. 200) {
		$press->();
		let_run($clock, 0.1) or BAIL_OUT('a game has ended');
		my $now = ship($screen->());
		$same = $now eq $last && $now ne $first && $now =~ /_/ ? $same + 1 : 0;
		return $now if $same == 5;
		$last = $now;
	}
	return "it does not come to rest: $last";
}

for (['left', "\e[D"], ['right', "\e[C"]) {
	my ($name, $keys) = @$_;
	only_native();
	my $native_ship = until_it_stands(sub { $monitor->("sendkey $name 90") }, $native_seconds, \&native_screen);
	only_rewritten();
	my $rewritten_ship = until_it_stands(sub { syswrite $in, $keys }, \&rewritten_seconds, \&rewritten_screen);
	unlike($native_ship, qr/rest/, "native: the ship stands, gone $name");
	is($rewritten_ship, $native_ship, "rewritten: it stands at the same $name wall");
}

syswrite $in, "\001:stop game\r";
like(line_like(qr/(exit code of game: -?\d+)/) // '', qr/exit code of game: 0/, 'the run ends');
$monitor->('quit') if kill 0, $native;
kill 'KILL', $native;
waitpid $native, 0;
waitpid $pid, 0;
done_testing;
