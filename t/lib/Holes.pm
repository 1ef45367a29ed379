# SPDX-License-Identifier: GPL-2.0-or-later
# Holes that were closed, each to be opened again by a patch in t/fuzz/holes/, so that the random attackers can show
# that they find it. The text above a patch says what it undoes, and then
#
#	Case:	where to look: a case of Attack.pm's; its seed is the first
#	Seeds:	how many, one after the other
#	Within:	attempts, in all of them, that must suffice
#	Sees:	a regular expression that the failure matches
package Holes;
use strict;
use warnings;
use Exporter 'import';
use Attack qw(case_of word_of run_case);
use Veneer;
our @EXPORT_OK = qw(holes open_hole find_hole closed_as_it_is);

my $folder = 't/fuzz/holes';
my $build = 'build/holes';
my $limit = 60; # seconds of processor time: a case takes 3 to 30

sub read_hole {
	my ($path) = @_;
	my ($head) = split /^--- /m, slurp($path);
	my %hole = map { lc, $head =~ /^$_: (.*)$/m } qw(Case Seeds Within Sees);
	for (qw(case seeds within sees)) {
		die "$path: without its $_\n" unless defined $hole{$_};
	}
	($hole{name}) = $path =~ m{([^/]+)\.patch$};
	($hole{what}) = $head =~ /\A(.*?)\n\n/s;
	return { %hole, path => $path };
}

sub holes {
	return map { read_hole($_) } sort glob "$folder/*.patch";
}

# The hypervisor with that hole, from a copy of the sources and of what was built from them; its folder, as VENEER_LIB
# wants it.
sub open_hole {
	my ($hole) = @_;
	my $tree = "$build/$hole->{name}";
	my ($status, $text) = command('sh', '-ec', <<"END");
rm -rf $tree
mkdir -p $tree/build/hypervisor
cp -a Makefile hypervisor virtio $tree
for d in bench rewriter rtos-pv t pvops-linux; do ln -s ../../../\$d $tree/\$d; done
cp -a build/hypervisor build/virtio $tree/build
patch -d $tree -p1 --fuzz=0 < $hole->{path}
make --no-print-directory -C $tree build/veneer.elf
END
	die "$hole->{path} does not apply any more, or does not build:\n$text" if $status;
	return "$tree/build";
}

# Seeds, one after the other, until one finds it: the failure that was seen, the case's word, and all attempts. Other
# failures, as those of the emulator, are passed over.
sub find_hole {
	my ($hole, $library) = @_;
	my $case = case_of($hole->{case}) or die "$hole->{path}: not a case: $hole->{case}\n";
	my $attempts = 0;
	local $ENV{VENEER_LIB} = $library;
	for (1 .. $hole->{seeds}) {
		my $result = run_case($case, name => "hole-$hole->{name}", limit => $limit);
		$attempts += $result->{attempts};
		return ($result->{failure}, word_of($case), $attempts) if ($result->{failure} // '') =~ /$hole->{sees}/;
		$case->{seed}++;
	}
	return (undef, undef, $attempts);
}

# What the same case shows of the hypervisor as it is, with the same patience: undef, nothing.
sub closed_as_it_is {
	my ($word) = @_;
	return run_case(case_of($word), name => 'closed', limit => $limit)->{failure};
}

1;
