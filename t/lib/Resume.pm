# SPDX-License-Identifier: GPL-2.0-or-later
# Long tests that were interrupted continue where they were: what an item returned is kept in build/resume/, for the same
# hypervisor and the same tests.
package Resume;
use strict;
use warnings;
use Digest::SHA;
use Exporter 'import';
use File::Find;
use File::Path 'make_path';
use JSON::PP;
use Veneer;
our @EXPORT_OK = qw(once);

my $folder;

# Of everything that a result depends on: the hypervisor's image, the host command and all of t/.
sub digest {
	my @files = grep { -e } 'build/veneer.elf', 'build/veneer';
	find({ no_chdir => 1, wanted => sub { push @files, $_ if -f } }, 't');
	my $sha = Digest::SHA->new(256);
	for (sort @files) {
		$sha->add("$_\0");
		$sha->addfile($_);
	}
	return substr $sha->hexdigest, 0, 16;
}

# Returns what the item returns: scalars. If $good says of them that they are right, the next run takes them as they are.
sub once {
	my ($name, $item, $good) = @_;
	$folder //= 'build/resume/' . digest();
	my $file = "$folder/" . $name =~ s/[^\w.-]/_/gr;
	return @{decode_json(slurp($file))} if -e $file;
	my @result = $item->();
	return @result unless $good->(@result);
	make_path($folder);
	spew("$file.new", encode_json(\@result));
	rename "$file.new", $file or die "$file: $!\n";
	return @result;
}

1;
