#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A real binary that nobody here wrote: grub-invaders, native in QEMU and rewritten under Veneer, given
# the same keys, must show the same. Its clock is the 8254, so pictures of the same moment differ by a
# frame at most; what is compared is what stands still (the ship at a wall, a paused game) and that
# each picture of the fleet under Veneer is one the native game shows too.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Time::HiRes 'sleep';
use Veneer;
use IO::Socket::UNIX;
use IPC::Open2;

my @icount = qw(-icount shift=2,sleep=on);

# --- native: QEMU's monitor reads the screen and sends the keys ---
my $socket = "/tmp/veneer-test-$$.sock";
my $native = fork // die;
if (!$native) {
	exec qw(qemu-system-x86_64 -accel tcg -m 32 -display none -serial null -kernel /boot/invaders.exec), @icount,
		'-monitor', "unix:$socket,server,nowait";
	exit 127;
}
my $monitor;
for (1 .. 100) {
	last if $monitor = IO::Socket::UNIX->new(Peer => $socket);
	sleep 0.1;
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

sub native_screen {
	my $text = monitor_command('xp /2000hx 0xb8000');
	my @cell = map { hex } $text =~ /0x([0-9a-f]{4})\b/g;
	my @c = map { my $c = $_ & 0xff; $c >= 32 && $c < 127 ? chr $c : $c ? '#' : ' ' } @cell[-2000 .. -1];
	return [map { join '', @c[$_ * 80 .. $_ * 80 + 79] } 0 .. 24];
}

# --- rewritten: the monitor on the console ---
spew('build/test-invaders.conf', guest('game', image => 'invaders.elf'));
my ($code, $printed) = veneer(qw(run build/test-invaders.conf --accel tcg --cpus 1 --memory 64 --bundle),
	'build/test-invaders.cpio');
my $pid = open2(my $out, my $in, qw(qemu-system-x86_64 -accel tcg -cpu max -m 64 -smp 1 -display none -nodefaults
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

line_like(qr/(boot entry)/);
pass('the rewritten game starts');

sub fleet { return join "\n", @{$_[0]}[0 .. 20] }
sub ship { return join "\n", map { s/[^\/\\_]/ /gr } @{$_[0]}[23 .. 24] }

# The fleet marches by itself: every picture of it must be one the native game shows as well. Bullets
# and saucers do not come before the first shot.
my (%native_fleets, @fleets);
for (1 .. 150) {
	$native_fleets{fleet(native_screen())}++;
}
push @fleets, fleet(rewritten_screen()) and sleep 0.2 for 1 .. 8;
my $aliens = () = $fleets[0] =~ /-\*-/g;
cmp_ok($aliens, '>', 20, "the fleet is there ($aliens aliens)");
my %seen = map { $_ => 1 } @fleets;
cmp_ok(scalar keys %seen, '>', 2, 'and it marches');
my $known = grep { $native_fleets{$_} } @fleets;
cmp_ok($known, '>=', 6, "of 8 pictures of it, $known are the native game's to the letter");

# The ship against each wall.
for (['left', "\e[D", 12], ['right', "\e[C", 24]) {
	my ($name, $keys, $count) = @$_;
	for (1 .. $count) {
		monitor_command("sendkey $name 400");
		sleep 0.41;
	}
	my $native_ship = ship(native_screen());
	for (1 .. 60) {
		send_slowly($keys);
		sleep 0.12;
	}
	my $rewritten_ship = ship(rewritten_screen());
	like($native_ship, qr/_/, "native: the ship is there, gone $name");
	is($rewritten_ship, $native_ship, "rewritten: it stands at the $name wall as in the native game");
}

# A shot goes up from the ship; a paused game says so.
monitor_command('sendkey p');
send_slowly('p');
sleep 0.5;
my ($n, $r) = map { join '', @$_ } native_screen(), rewritten_screen();
my ($native_pause, $rewritten_pause) = map { /(PAUSE)/ ? $1 : 'no pause' } $n, $r;
is($rewritten_pause, $native_pause, "the key P does the same in both ($native_pause)");

send_slowly("\001:stop game\r");
like(line_like(qr/(verdict game -?\d+)/) // '', qr/verdict game 0/, 'the run ends');
monitor_command('quit') if kill 0, $native;
kill 'KILL', $native;
waitpid $native, 0;
waitpid $pid, 0;
unlink $socket;
done_testing;
