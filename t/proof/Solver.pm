# SPDX-License-Identifier: GPL-2.0-or-later
# One Z3 process for many independent queries.
package Solver;
use strict;
use warnings;
use IO::Handle;
use IPC::Open2;
use Time::HiRes 'time';
use Term;

# Z3's default for bit-vectors takes ten times as long for these queries.
my $tactic = '(then simplify propagate-values solve-eqs simplify bit-blast sat)';

sub new {
	my ($class, $seconds) = @_;
	my $self = bless { answers => {}, asked => 0, seconds => $seconds }, $class;
	$SIG{PIPE} = 'IGNORE';
	$self->start;
	return $self;
}

sub start {
	my ($self) = @_;
	$self->{pid} = open2($self->{out}, $self->{in}, 'z3', '-in', '-t:' . 1000 * $self->{seconds});
	$self->{in}->autoflush(1);
}

sub stop {
	my ($self) = @_;
	local $?;
	close $self->{in};
	close $self->{out};
	waitpid $self->{pid}, 0;
}

# Returns Z3's answer, or undef if it crashed.
sub tell {
	my ($self, $text) = @_;
	my ($answer, $line) = '';
	print {$self->{in}} $text, "(echo \"done\")\n";
	$answer .= $line while defined($line = readline $self->{out}) && $line !~ /^done/;
	return defined $line ? $answer : undef;
}

# Whether conditions can hold at once: sat, unsat, or why that is not known; if sat, with the values of terms. The
# iterations of a loop ask the same except for names; such a query is answered once.
sub ask {
	my ($self, $conditions, @terms) = @_;
	my @names = map { smt_name($_) } grep { !defined const_value($_) } @terms;
	my $question = smt_define(@$conditions, @terms) . join '', map { '(assert ' . smt_name($_) . ")\n" } @$conditions;
	my %short;
	my $key = $question =~ s/\b([a-z]+_[0-9_]+|t[0-9]+)\b/$short{$1} \/\/= keys %short/ger;
	return $self->{answers}{$key} if $self->{answers}{$key} && !@names;
	my $begin = time;
	my $text = "(reset)\n$question(check-sat-using $tactic)\n" . (@names ? "(get-value (@names))\n" : '');
	my $answer = $self->tell($text);
	if (!defined $answer) { # Z3 4.8.12 crashes once in thousands of queries
		$self->stop;
		$self->start;
		$answer = $self->tell($text) // die "Z3 has gone twice\n";
	}
	$self->{asked}++;
	my %value;
	$value{$1} = $2 while $answer =~ /\((\w+) (true|false|#[xb]\w+)\)/g;
	s/^#/0/ for values %value;
	my ($word) = $answer =~ /^(sat|unsat)\n/;
	$word //= 'Z3 does not know: ' . substr $answer, 0, 80;
	printf STDERR "%.1f s, %d conditions, %s\n", time - $begin, scalar @$conditions, $word if $ENV{TRACE};
	$self->{answers}{$key} = $word;
	return ($word, \%value);
}

sub DESTROY { $_[0]->stop }

1;
