#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A real binary that nobody here wrote: grub-invaders, native in QEMU and rewritten under Veneer, given
# the same keys, must show the same. The game's clock is the 8254, and both run slowly enough
# (-icount) that every frame of the native game is seen: each picture of the fleet under Veneer must be
# one of them to the letter, and the ship must stop at the same walls. Time is
# the machines' own, which goes by instructions: the native one's ACPI timer, and how long the rewritten
# guest has run.
use strict;
use warnings;
no warnings "qw";
use lib 't/lib';
use Test::More;
use POSIX 'WNOHANG';
use Time::HiRes qw(sleep time);
use File::Temp 'tempdir';
use Veneer;
use IO::Socket::UNIX;
use IPC::Open2;

my @icount = qw(-icount shift=3,sleep=on);

# --- native: QEMU's monitor reads the screen and sends the keys ---
my $directory = tempdir(CLEANUP => 1);
my $socket = "$directory/monitor";
my $native = fork // die;
if (!$native) {
	exec qw(qemu-system-x86_64 -accel tcg -m 32 -display none -serial null -S -kernel /boot/invaders.exec), @icount,
		'-monitor', "unix:$socket,server,nowait";
	exit 127;
}
my ($monitor, $pid);
$SIG{ALRM} = sub { kill 'KILL', $native, $pid // (); BAIL_OUT('a game hangs') };
alarm $limit;
until ($monitor = IO::Socket::UNIX->new(Peer => $socket)) {
	last if waitpid $native, WNOHANG;
	sleep 0.05;
}
ok($monitor, 'the native game starts') or BAIL_OUT('no native game');

sub until_prompt {
	my $text = '';
	while ($text !~ /\(qemu\) $/) {
		sysread($monitor, $text, 65536, length $text) or last;
	}
	return $text;
}
until_prompt();

sub monitor_command {
	my ($line) = @_;
	syswrite $monitor, "$line\n";
	return until_prompt();
}

my $dump = "$directory/screen";

sub native_screen {
	monitor_command("pmemsave 0xb8000 4000 \"$dump\"");
	my @c = map { my $c = $_ & 0xff; $c >= 32 && $c < 127 ? chr $c : $c ? '#' : ' ' } unpack 'v2000', slurp($dump);
	return [map { join '', @c[$_ * 80 .. $_ * 80 + 79] } 0 .. 24];
}

my ($timer, $ticks) = (0, 0); # 24 bits of it, and all

sub native_seconds {
	my ($now) = map { hex } monitor_command('i /w 0x608') =~ /= 0x(\w+)/;
	$ticks += ($now - $timer) & 0xffffff;
	$timer = $now;
	return $ticks / 3579545;
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

sub send_slowly {
	my ($text) = @_;
	for (split //, $text) {
		syswrite $in, $_;
		sleep 0.002;
	}
}

sub rewritten_screen {
	send_slowly("\001:screen game\r");
	return [map { my $row = sprintf '%02d', $_; line_like(qr/screen $row \|(.{80})\|/) // '' } 0 .. 24];
}

sub rewritten_seconds {
	send_slowly("\001:list\r");
	return line_like(qr/ game .* ran (\d+) ms/) / 1000;
}

line_like(qr/(boot entry)/);
pass('the rewritten game starts');

# One of the two runs at a time, so that each has the host to itself as far as that can be.
sub only_native {
	kill 'STOP', $pid;
	monitor_command('cont');
}

sub only_rewritten {
	monitor_command('stop');
	kill 'CONT', $pid;
}

sub fleet { return join "\n", @{$_[0]}[0 .. 20] }
sub ship { return join "\n", map { s/[^\/\\_]/ /gr } @{$_[0]}[23 .. 24] }

# Pictures until the fleet has been seen to move so often.
sub marched {
	my ($screen, $times) = @_;
	my $last = $screen->();
	my @pictures = ($last);
	while ($times) {
		my $begun = time;
		my $now = $screen->();
		sleep 0.05 + time - $begun; # half of the time is the game's
		next if fleet($now) eq fleet($last);
		push @pictures, $now;
		$last = $now;
		$times--;
	}
	return @pictures;
}

# The fleet marches by itself.
my @fleets = map { fleet($_) } marched(\&rewritten_screen, 20);
only_native();
my (%native_fleets, $known);
for (1 .. 1000) {
	$native_fleets{fleet($_)} = 1 for marched(\&native_screen, 1);
	$known = grep { $native_fleets{$_} } @fleets;
	last if $known >= 8;
}
my $aliens = () = $fleets[0] =~ /-\*-/g;
cmp_ok($aliens, '>', 20, "the fleet is there ($aliens aliens)");
cmp_ok($known, '>=', 8, 'of ' . @fleets . " pictures of it, $known are the native game's to the letter (some are taken while it draws)");

# The ship against each wall: the key is held until it has moved and moves no more.
sub until_it_stands {
	my ($press, $clock, $screen) = @_;
	my $first = ship($screen->());
	my ($last, $same) = ($first, 0);
	for (1 .. 200) {
		my $until = $clock->() + 0.1;
		$press->();
		sleep 0.05 while $clock->() < $until;
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
	my $native_ship = until_it_stands(sub { monitor_command("sendkey $name 90") }, \&native_seconds, \&native_screen);
	only_rewritten();
	my $rewritten_ship = until_it_stands(sub { send_slowly($keys) }, \&rewritten_seconds, \&rewritten_screen);
	unlike($native_ship, qr/rest/, "native: the ship stands, gone $name");
	is($rewritten_ship, $native_ship, "rewritten: it stands at the same $name wall");
}

send_slowly("\001:stop game\r");
like(line_like(qr/(exit code of game: -?\d+)/) // '', qr/exit code of game: 0/, 'the run ends');
monitor_command('quit') if kill 0, $native;
kill 'KILL', $native;
waitpid $native, 0;
waitpid $pid, 0;
done_testing;
