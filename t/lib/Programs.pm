# SPDX-License-Identifier: GPL-2.0-or-later
# The random programs of t/programs/: running a range of seeds natively or under an engine, and comparing.
package Programs;
use strict;
use warnings;
use Exporter 'import';
use Veneer;
our @EXPORT_OK = qw(run_programs first_difference explain program_holes @engines);

our @engines = qw(native translated svm);
my $image = 't/programs.elf';
my %keys = (translated => {}, svm => { engine => 'svm' });

sub boot {
	my ($engine, $cmdline) = @_;
	my ($status, $text);
	if ($engine eq 'native') {
		($status, $text) = command('timeout', $limit, qw(qemu-system-x86_64 -accel tcg -cpu max -m 16 -display none -nodefaults
			-serial stdio -no-reboot -device), 'isa-debug-exit,iobase=0xf4,iosize=1', '-kernel', "build/$image", '-append', $cmdline);
		$text =~ s/\r//g;
	} else {
		($status, $text) = run_guests("programs-$engine-$$", guest('p', image => $image, memory => '16M', cmdline => $cmdline, %{$keys{$engine}}),
			'--cpus', 1);
		unlink "build/test-programs-$engine-$$.conf";
		$text =~ s/^p: //mg;
	}
	return $text;
}

# Returns a line for each seed. A program may end its machine; the next one then begins another.
sub run_programs {
	my ($engine, $first, $count) = @_;
	my ($seed, @lines) = ($first);
	while ($seed < $first + $count) {
		my $text = boot($engine, "first=$seed count=" . ($first + $count - $seed));
		for ($text =~ /^(program \d+: .*)\n/mg) {
			die "$engine: want program $seed, got: $_\n" unless /^program $seed: /;
			push @lines, $_;
			$seed++;
		}
		last if $text =~ /^all done$/m;
		die "$engine: the machine does not start:\n$text" if $seed == $first && $text !~ /^programs from $first$/m;
		push @lines, "program $seed: ends its machine";
		$seed++;
	}
	return @lines;
}

# Patches that break the translation on purpose, in the form that Holes::open_hole takes, each with the number of seeds
# from 1 on among which one must notice.
sub program_holes {
	return map {
		my ($head) = split /^--- /m, slurp($_);
		my ($seeds) = $head =~ /^Seeds: (\d+)$/m or die "$_: without its Seeds\n";
		{ path => $_, name => s{.*/|\.patch$}{}gr, seeds => $seeds };
	} sort glob 't/programs/holes/*.patch';
}

# Compares lists of lines. Returns the first seed whose lines differ, or undef.
sub first_difference {
	my ($one, @others) = @_;
	for my $i (0 .. $#$one) {
		return $one->[$i] =~ /^program (\d+)/ && $1 if grep { ($_->[$i] // '') ne $one->[$i] } @others;
	}
	return undef;
}

# What an engine shows of a program: its code, and its events.
sub shown {
	my ($engine, $seed) = @_;
	my $text = boot($engine, "first=$seed count=1 show");
	return ($text, grep { /^(?:event|program $seed:|veneer: p: CRASH)/ } split /\n/, $text);
}

# The words of an event that another one does not have, with their names.
sub besides {
	my ($event, $other) = @_;
	my @pairs = map { [/([a-z]\w*) ([0-9a-f]+)\b/g] } $event, $other // '';
	my %of = @{$pairs[1]};
	my ($out, @words) = ('', @{$pairs[0]});
	while (my ($name, $value) = splice @words, 0, 2) {
		$out .= " $name $value" if ($of{$name} // '') ne $value;
	}
	return $out;
}

# The first difference of a program, and the code before it.
sub explain {
	my ($seed, @which) = @_;
	my (%code, %events, $i);
	($code{$_}, @{$events{$_}}) = shown($_, $seed) for @which;
	my $first = $events{$which[0]};
	for ($i = 0; $i < @$first; $i++) {
		my $at = $i;
		last if grep { ($events{$_}[$at] // '') ne $first->[$at] } @which;
	}
	my $out = "program $seed" . ($code{$which[0]} =~ /^paging/m ? ", with paging\n" : "\n");
	$out .= "before it: $first->[$i - 1]\n" if $i;
	$out .= "$which[0]: " . ($first->[$i] // 'nothing more') . "\n";
	for (@which[1 .. $#which]) {
		my $event = $events{$_}[$i];
		$out .= "$_:" . (($event // '') eq ($first->[$i] // '') ? " the same\n" : defined $event && $event =~ /^event/ ? besides($event, $first->[$i]) . "\n" : ' ' . ($event // 'nothing more') . "\n");
	}
	my @eips = map { hex($_) & 0xffff } join("\n", grep { defined } map { @{$events{$_}}[($i ? $i - 1 : 0) .. $i] } @which) =~ / eip (\w+)/g;
	return $out . disassembly($code{$which[0]}, @eips);
}

# Of the slots around some addresses.
sub disassembly {
	my ($text, @around) = @_;
	my ($path, $out) = ("build/test-programs-$$.bin", '');
	my ($from, $to) = (sort { $a <=> $b } @around)[0, -1];
	for ($text =~ /^slot (\w+ \w+)$/mg) {
		my ($at, $code) = split;
		my $end = (hex($at) & 0xffff) + length($code) / 2;
		next if @around && ($end < $from || (hex($at) & 0xffff) > $to);
		spew($path, pack 'H*', $code);
		my ($status, $lines) = command(qw(objdump -D -b binary -m i386), "--adjust-vma=0x$at", $path);
		$lines =~ s/\A.*?<\.data>:\n//s;
		$out .= "slot $at\n$lines";
	}
	unlink $path;
	return $out;
}

1;
