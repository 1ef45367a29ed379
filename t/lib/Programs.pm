# SPDX-License-Identifier: GPL-2.0-or-later
# The random programs of t/programs/: running a range of seeds natively or under an engine, and comparing.
package Programs;
use strict;
use warnings;
use Exporter 'import';
use Veneer;
our @EXPORT_OK = qw(run_programs first_difference explain program_holes %reference);

# The ways to run programs, each with the one that says what is right. Tame programs are those that QEMU runs under svm as
# it does natively.
our %reference = (native => 'native', tame => 'tame', translated => 'native', svm => 'tame');
my %keys = (translated => {}, svm => { engine => 'svm' });
my $image = 't/programs.elf';

sub boot {
	my ($engine, $cmdline) = @_;
	$cmdline .= ' tame' if $reference{$engine} eq 'tame';
	my ($status, $text);
	if ($engine eq $reference{$engine}) {
		($status, $text) = command('timeout', $limit, qw(qemu-system-x86_64 -accel tcg -cpu max -m 16 -display none -nodefaults
			-serial stdio -no-reboot -device), 'isa-debug-exit,iobase=0xf4,iosize=1', '-kernel', "build/$image", '-append', $cmdline);
		$text =~ s/\r//g;
	} else {
		my $name = "programs-$engine-$$";
		($status, $text) = run_guests($name, guest('p', image => $image, memory => '16M', cmdline => $cmdline, %{$keys{$engine}}), '--cpus', 1);
		unlink "build/test-$name.conf";
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
		my $hit = $text =~ /CRASH: .*\bff0[0-7][0-9a-f]{4}\b/; # its stack was there, by chance
		push @lines, "program $seed: " . ($hit ? 'in the patch window' : 'ends its machine');
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

# Compares lists of lines. Returns the first seed whose lines differ, or undef, and how many do.
sub first_difference {
	my ($one, $other) = @_;
	my @different = grep { $one->[$_] ne ($other->[$_] // '') && ($other->[$_] // '') !~ /in the patch window$/ } 0 .. $#$one;
	return (undef, 0) unless @different;
	return (($one->[$different[0]] =~ /^program (\d+)/)[0], scalar @different);
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

# The first difference of a program from what is right, and the code around it.
sub explain {
	my ($seed, $engine) = @_;
	my $native = $reference{$engine};
	my ($code, @right) = shown($native, $seed);
	my (undef, @wrong) = shown($engine, $seed);
	my $i = 0;
	$i++ while $i < @right && $right[$i] eq ($wrong[$i] // '');
	my $out = "program $seed" . ($code =~ /^paging/m ? ", with paging\n" : "\n");
	$out .= "before it: $right[$i - 1]\n" if $i;
	return "${out}nothing differs in a run of its own\n" if $i == @right;
	$out .= "$native: $right[$i]\n$engine: " . (($wrong[$i] // '') =~ /^event/ ? besides($wrong[$i], $right[$i]) : $wrong[$i] // 'nothing more') . "\n";
	my @eips = join("\n", grep { defined } @right[($i || 1) - 1, $i], $wrong[$i]) =~ / eip (\w+)/g;
	return $out . disassembly($code, map { hex($_) & 0xffff } @eips);
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
