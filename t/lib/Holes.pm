# SPDX-License-Identifier: GPL-2.0-or-later
# Fixed holes, which patches in t/fuzz/holes/ reopen, to show that the random attackers find them. The text above a
# patch says what it undoes, and then
#
#	Case:	where to look: a case as in Attack.pm, with the first seed
#	Seeds:	how many seeds to try, one after the other
#	Within:	the number of attempts, over all seeds, that must suffice
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
my $limit = 60; # seconds of processor time; a case takes 3 to 30

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

# Builds the hypervisor with that hole, from a copy of the sources and of what was built from them. Returns its
# folder, for VENEER_LIB.
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

# Tries seeds, one after the other, until one finds the hole. Returns the failure, the case as a word, and the number
# of attempts. Other failures, such as crashes of the emulator, are ignored.
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

# Runs the same case with the same limit on the hypervisor as it is. Returns undef, or the failure.
sub closed_as_it_is {
	my ($word) = @_;
	return run_case(case_of($word), name => 'closed', limit => $limit)->{failure};
}

1;
