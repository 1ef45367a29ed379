# SPDX-License-Identifier: GPL-2.0-or-later
# Bit-vector terms: built with the obvious simplifications, shared, written as SMT-LIB. A term is an
# index into @term, which holds [op, width, arguments...]. Width 1 is Bool.
package Term;
use strict;
use warnings;
no warnings "recursion";
use Exporter 'import';
our @EXPORT = qw(@term TRUE FALSE const_ var const_value width add sub_ mul bitwise shift_ divide
	not_ and_ or_ implies given join_of conjuncts variables eq ult ule slt sle ite zext sext extract concat
	leaves congruence provenance smt_name smt_define);

our @term;
my (%cons, %leaves_memo, %congruence_memo, %provenance_memo, %max_memo, %implies_memo, %variables_memo,
	%not_memo, %depth_memo);

# The object that an address constant or variable belongs to; set by the executor.
our $object_of_constant = sub { undef };
our %object_of_variable;

sub make {
	my ($op, $w, @args) = @_;
	my $key = join ',', $op, $w, @args;
	return $cons{$key} //= push(@term, [$op, $w, @args]) - 1;
}

# Forgets all terms except TRUE and FALSE: terms of one proof mean nothing in another.
sub forget {
	$#term = 1;
	%cons = (join(',', @{$term[0]}) => 0, join(',', @{$term[1]}) => 1);
	(%leaves_memo, %congruence_memo, %provenance_memo, %max_memo, %implies_memo) = ();
	(%variables_memo, %not_memo, %depth_memo, %object_of_variable) = ();
}

sub mask { $_[0] == 64 ? ~0 : (1 << $_[0]) - 1 }
# Converts to an unsigned number; on a string & and | would have another meaning.
sub number { return 0 + sprintf '%u', $_[0] }
sub const_ { my ($w, $v) = @_; return make('const', $w, number($v & mask($w))) }
sub var { my ($w, $name) = @_; return make('var', $w, $name) }
use constant { FALSE => make('const', 1, 0), TRUE => make('const', 1, 1) };
sub const_value { my $t = $term[$_[0]]; return $t->[0] eq 'const' ? $t->[2] : undef }
sub width { $term[$_[0]][1] }
sub op { $term[$_[0]][0] }

sub in_order { my ($x, $y) = @_; return $x < $y ? ($x, $y) : ($y, $x) }

sub signed {
	my ($w, $v) = @_;
	use integer;
	return $w == 64 ? $v + 0 : ($v >> ($w - 1)) & 1 ? $v - (1 << $w) : $v + 0;
}
sub sum_of { use integer; my $r = $_[0] + $_[1]; no integer; return $r & ~0 }
sub product_of { use integer; my $r = $_[0] * $_[1]; no integer; return $r & ~0 }

# Applies an operation to both arms of an ite, if one of them becomes a constant.
sub into_arms {
	my ($t, $f) = @_;
	return undef unless op($t) eq 'ite';
	my (undef, undef, $c, $a, $b) = @{$term[$t]};
	return undef unless defined const_value($a) || defined const_value($b);
	return ite($c, $f->($a), $f->($b));
}

# Sums in normal form: a constant, and pairs of a term's index and its coefficient.
sub linear {
	my ($t) = @_;
	my $n = $term[$t];
	return ($n->[2]) if $n->[0] eq 'const';
	return @$n[2 .. $#$n] if $n->[0] eq 'sum';
	return (0, $t, 1);
}

sub from_linear {
	my ($w, $const, %coef) = @_;
	my $m = mask($w);
	$const &= $m;
	my @rest = map { ($_, $coef{$_} & $m) } sort { $a <=> $b } grep { $coef{$_} & $m } keys %coef;
	return const_($w, $const) unless @rest;
	return $rest[0] if !$const && @rest == 2 && $rest[1] == 1;
	return make('sum', $w, number($const), map { number($_) } @rest);
}

sub weighted {
	my ($w, $a, $ka, $b, $kb) = @_;
	my ($const, %coef) = (0);
	for ([$a, $ka], [$b, $kb]) {
		my ($t, $k) = @$_;
		my ($c, @rest) = linear($t);
		$const = sum_of($const, product_of($c, $k));
		while (my ($i, $n) = splice @rest, 0, 2) {
			$coef{$i} = sum_of($coef{$i} // 0, product_of($n, $k));
		}
	}
	return from_linear($w, $const, %coef);
}

sub add {
	my ($a, $b) = @_;
	($a, $b) = ($b, $a) if defined const_value($a);
	if (defined const_value($b) && const_value($b)) {
		my $r = into_arms($a, sub { add($_[0], $b) });
		return $r if defined $r;
	}
	return weighted(width($a), $a, 1, $b, 1);
}
sub sub_ { return add($_[0], mul($_[1], const_(width($_[1]), ~0))) }

sub mul {
	my ($a, $b) = @_;
	my $w = width($a);
	($a, $b) = ($b, $a) if defined const_value($a);
	my $k = const_value($b);
	for ([$a, $b], [$b, $a]) { # a choice of a few constants
		my ($x, $y) = @$_;
		next if defined $k || !leaves($x);
		my (undef, undef, $c, $one, $other) = @{$term[$x]};
		return ite($c, mul($one, $y), mul($other, $y));
	}
	return make('bvmul', $w, in_order($a, $b)) unless defined $k;
	my $r = into_arms($a, sub { mul($_[0], $b) });
	return $r // weighted($w, $a, $k, $a, 0);
}

my %fold = (
	bvand => sub { $_[0] & $_[1] }, bvor => sub { $_[0] | $_[1] }, bvxor => sub { $_[0] ^ $_[1] },
);

sub bitwise {
	my ($op, $a, $b) = @_;
	my $w = width($a);
	if ($w == 1) {
		return $op eq 'bvand' ? and_($a, $b) : $op eq 'bvor' ? or_($a, $b) : ite($a, not_($b), $b);
	}
	($a, $b) = ($b, $a) if defined const_value($a) || (!defined const_value($b) && $a > $b);
	my ($x, $y) = (const_value($a), const_value($b));
	if (defined $y) {
		return const_($w, $fold{$op}->($x, $y)) if defined $x;
		return $op eq 'bvand' ? $b : $a if !$y;
		return $op eq 'bvand' ? $a : $b if $y == mask($w) && $op ne 'bvxor';
		my $r = into_arms($a, sub { bitwise($op, $_[0], $b) });
		return $r if defined $r;
	}
	return $op eq 'bvxor' ? const_($w, 0) : $a if $a == $b;
	return make($op, $w, $a, $b);
}

sub shift_ {
	my ($op, $a, $b) = @_;
	my ($w, $x, $n) = (width($a), const_value($a), const_value($b));
	if (defined $n) {
		return $a unless $n;
		return make($op, $w, $a, $b) if $n >= $w;
		return mul($a, const_($w, 1 << $n)) if $op eq 'bvshl';
		return const_($w, $x >> $n) if $op eq 'bvlshr' && defined $x;
		my $r = into_arms($a, sub { shift_($op, $_[0], $b) });
		return $r if defined $r;
	}
	return make($op, $w, $a, $b);
}

sub divide {
	my ($op, $a, $b) = @_;
	my ($w, $x, $y) = (width($a), const_value($a), const_value($b));
	if (defined $y && $op eq 'bvurem' && $y && !($y & ($y - 1))) {
		return bitwise('bvand', $a, const_($w, $y - 1));
	}
	if (defined $y && $op eq 'bvudiv' && $y && !($y & ($y - 1))) {
		my $n = 0;
		$n++ while 1 << $n < $y;
		return shift_('bvlshr', $a, const_($w, $n));
	}
	return make($op, $w, $a, $b);
}

# Conditions: "not" is applied only to what is neither "and" nor "or". An "and" leans to the left,
# so that a path's condition is that of the path's beginning and one more.
sub not_ {
	my ($a) = @_;
	return $not_memo{$a} //= do {
		my ($op, undef, @args) = @{$term[$a]};
		$a == TRUE ? FALSE : $a == FALSE ? TRUE : $op eq 'not' ? $args[0]
			: $op eq 'and' ? or_(map { not_($_) } @args) : $op eq 'or' ? and_(map { not_($_) } @args)
			: make('not', 1, $a);
	};
}

sub and_ {
	my ($a, $b) = @_;
	return FALSE if $a == FALSE || $b == FALSE;
	return $a if $b == TRUE;
	return $b if $a == TRUE;
	return and_(and_($a, $term[$b][2]), $term[$b][3]) if op($b) eq 'and';
	return $a if implies($a, $b);
	return FALSE if implies($a, not_($b));
	return make('and', 1, $a, $b);
}

sub or_ {
	my ($a, $b) = @_;
	return TRUE if $a == TRUE || $b == TRUE;
	return $a if $b == FALSE || $a == $b;
	return $b if $a == FALSE;
	return TRUE if complementary($a, $b);
	return make('or', 1, $a, $b);
}

sub complementary {
	my ($a, $b) = @_;
	return 1 if op($a) eq 'not' && $term[$a][2] == $b || op($b) eq 'not' && $term[$b][2] == $a;
	my ($and, $or) = op($a) eq 'and' ? ($a, $b) : ($b, $a);
	return op($and) eq 'and' && op($or) eq 'or' && complementary($term[$and][2], $term[$or][2])
		&& complementary($term[$and][3], $term[$or][3]);
}

# Whether a condition is one of those that another consists of.
sub implies {
	my ($all, $one) = @_;
	return 1 if $one == TRUE || $all == $one;
	return 0 if $all == TRUE;
	return implies($all, $term[$one][2]) && implies($all, $term[$one][3]) if op($one) eq 'and';
	my ($t, $found, @seen) = ($all, 0);
	while (1) {
		my $memo = $implies_memo{$t}{$one};
		if (defined $memo) { $found = $memo; last }
		push @seen, $t;
		if ($t == $one) { $found = 1; last }
		last unless op($t) eq 'and';
		if ($term[$t][3] == $one) { $found = 1; last }
		$t = $term[$t][2];
	}
	$implies_memo{$_}{$one} = $found for @seen;
	return $found;
}

sub depth {
	my ($t) = @_;
	my @up;
	while (!defined $depth_memo{$t} && op($t) eq 'and') { push @up, $t; $t = $term[$t][2] }
	my $depth = $depth_memo{$t} //= $t == TRUE ? 0 : 1;
	$depth_memo{$_} = ++$depth for reverse @up;
	return $depth;
}

# Two paths: their common part, and the conditions of each after they part.
sub fork_of {
	my ($a, $b) = @_;
	my (@a, @b);
	my $up = sub { # moves up by one condition of the deeper path
		my ($t, $list) = @_;
		if (op($$t) eq 'and') { unshift @$list, $term[$$t][3]; $$t = $term[$$t][2] }
		else { unshift @$list, $$t; $$t = TRUE }
	};
	my ($da, $db) = (depth($a), depth($b));
	while ($a != $b) {
		if ($da >= $db) { $up->(\$a, \@a); $da-- } else { $up->(\$b, \@b); $db-- }
	}
	return ($a, \@a, \@b);
}

# Two paths that meet: the condition of the merged path, and the condition that it was the second one.
sub join_of {
	my ($a, $b) = @_;
	my ($common, $as, $bs) = fork_of($a, $b);
	my $all = sub { my $t = TRUE; $t = and_($t, $_) for @_; return $t };
	my @a = @$as or return ($common, FALSE);
	my @b = @$bs or return ($common, FALSE);
	return (and_($common, or_($all->(@a), $all->(@b))), $all->(@b)) if $a[0] != not_($b[0]);
	my $c = shift @b;
	shift @a;
	return (and_($common, ite($c, $all->(@b), $all->(@a))), $c);
}

# A term, simplified under the assumption that a condition holds.
sub given {
	my ($all, $t) = @_;
	while (op($t) eq 'ite') {
		my (undef, undef, $c, $a, $b) = @{$term[$t]};
		if (implies($all, $c)) { $t = $a } elsif (implies($all, not_($c))) { $t = $b } else { last }
	}
	return $t if width($t) != 1;
	return TRUE if implies($all, $t);
	return FALSE if implies($all, not_($t));
	if (op($t) eq 'and' || op($t) eq 'or') {
		my ($x, $y) = map { given($all, $_) } @{$term[$t]}[2, 3];
		return op($t) eq 'and' ? and_($x, $y) : or_($x, $y);
	}
	return $t;
}

# The conditions that a condition consists of.
sub conjuncts {
	my (@todo, %seen, @all) = @_;
	while (defined(my $t = pop @todo)) {
		next if $seen{$t}++ || $t == TRUE;
		my ($op, undef, @a) = @{$term[$t]};
		if ($op eq 'and') {
			push @todo, reverse @a;
		} else {
			push @all, $t;
		}
	}
	return @all;
}

sub subterms {
	my ($op, undef, @a) = @{$term[$_[0]]};
	return map { $a[$_] } grep { $_ % 2 } 1 .. $#a if $op eq 'sum';
	return $a[0] if $op =~ /^(extract|bit)$/;
	return $op eq 'const' || $op eq 'var' ? () : @a;
}

# The variables in a term.
sub variables {
	my ($t) = @_;
	return $variables_memo{$t} //= do {
		my @todo = $t;
		my %all;
		while (defined(my $x = pop @todo)) {
			next if $all{$x}++;
			push @todo, subterms($x);
		}
		[grep { op($_) eq 'var' } keys %all];
	};
}

# An upper bound of the value, quickly.
sub maximum {
	my ($t) = @_;
	return $max_memo{$t} //= do {
		my ($op, $w, @a) = @{$term[$t]};
		my $all = mask($w);
		if ($op eq 'const') { $a[0] }
		elsif ($op eq 'zext') { maximum($a[0]) }
		elsif ($op eq 'bvand') { my ($x, $y) = map { maximum($_) } @a; $x < $y ? $x : $y }
		elsif ($op eq 'ite') { my ($x, $y) = map { maximum($_) } @a[1, 2]; $x > $y ? $x : $y }
		elsif ($op eq 'bvlshr' && defined const_value($a[1])) { $all >> const_value($a[1]) }
		else { $all }
	};
}

sub eq {
	my ($a, $b) = @_;
	return TRUE if $a == $b;
	if (width($a) == 1) { return ite($a, $b, not_($b)) }
	($a, $b) = ($b, $a) if defined const_value($a);
	my ($x, $y) = (const_value($a), const_value($b));
	if (defined $y) {
		return FALSE if defined $x || $y > maximum($a);
		my $r = into_arms($a, sub { &eq($_[0], $b) });
		return $r if defined $r;
		return &eq($term[$a][2], const_(width($term[$a][2]), $y)) if op($a) eq 'zext';
	}
	return make('=', 1, in_order($a, $b));
}

sub compare {
	my ($op, $a, $b, $fold) = @_;
	my ($x, $y, $w) = (const_value($a), const_value($b), width($a));
	return $fold->($x, $y) ? TRUE : FALSE if defined $x && defined $y;
	my $r = defined $y ? into_arms($a, sub { compare($op, $_[0], $b, $fold) })
		: defined $x ? into_arms($b, sub { compare($op, $a, $_[0], $fold) }) : undef;
	return $r // make($op, 1, $a, $b);
}

sub ult {
	my ($a, $b) = @_;
	return FALSE if $a == $b || maximum($b) == 0;
	return TRUE if defined const_value($b) && maximum($a) < const_value($b);
	return FALSE if defined const_value($a) && maximum($b) <= const_value($a);
	return compare('bvult', $a, $b, sub { $_[0] < $_[1] });
}
sub ule { return not_(ult($_[1], $_[0])) }
sub slt {
	my ($a, $b) = @_;
	my $w = width($a);
	my $top = 1 << ($w - 1);
	return FALSE if $a == $b;
	return ult($a, $b) if maximum($a) < $top && maximum($b) < $top;
	return compare('bvslt', $a, $b, sub { ($_[0] ^ $top) < ($_[1] ^ $top) });
}
sub sle { return not_(slt($_[1], $_[0])) }

sub ite {
	my ($c, $a, $b) = @_;
	return $a if $c == TRUE || $a == $b;
	return $b if $c == FALSE;
	return ite($term[$c][2], $b, $a) if op($c) eq 'not';
	$a = $term[$a][3] if op($a) eq 'ite' && $term[$a][2] == $c;
	$b = $term[$b][4] if op($b) eq 'ite' && $term[$b][2] == $c;
	return $a if $a == $b;
	if (width($a) == 1) {
		return or_($c, $b) if $a == TRUE;
		return and_(not_($c), $b) if $a == FALSE;
		return or_(not_($c), $a) if $b == TRUE;
		return and_($c, $a) if $b == FALSE;
	}
	return make('ite', width($a), $c, $a, $b);
}

sub zext {
	my ($w, $a) = @_;
	my $from = width($a);
	return $a if $w == $from;
	return ite($a, const_($w, 1), const_($w, 0)) if $from == 1;
	return const_($w, const_value($a)) if defined const_value($a);
	return zext($w, $term[$a][2]) if op($a) eq 'zext';
	return into_arms($a, sub { zext($w, $_[0]) }) // make('zext', $w, $a);
}

sub sext {
	my ($w, $a) = @_;
	my $from = width($a);
	return $a if $w == $from;
	return ite($a, const_($w, ~0), const_($w, 0)) if $from == 1;
	return const_($w, signed($from, const_value($a))) if defined const_value($a);
	return zext($w, $a) if maximum($a) < 1 << ($from - 1);
	return into_arms($a, sub { sext($w, $_[0]) }) // make('sext', $w, $a);
}

sub extract { # $w bits, from bit $low up
	my ($w, $low, $a) = @_;
	my ($op, $from, @args) = @{$term[$a]};
	return $a if $w == $from;
	return make('bit', 1, $a, $low) if $w == 1 && $op ne 'const';
	return const_($w, $args[0] >> $low) if $op eq 'const';
	return extract($w, $low + $args[1], $args[0]) if $op eq 'extract';
	if ($op eq 'zext') {
		my $inner = width($args[0]);
		return const_($w, 0) if $low >= $inner;
		return extract($w, $low, $args[0]) if $low + $w <= $inner;
		return zext($w, $low ? extract($inner - $low, $low, $args[0]) : $args[0]);
	}
	if ($op eq 'concat') {
		my $lower = width($args[1]);
		return extract($w, $low, $args[1]) if $low + $w <= $lower;
		return extract($w, $low - $lower, $args[0]) if $low >= $lower;
	}
	return into_arms($a, sub { extract($w, $low, $_[0]) }) // make('extract', $w, $a, $low);
}

sub concat {
	my ($high, $low) = @_;
	my ($hw, $lw) = (width($high), width($low));
	my ($x, $y) = (const_value($high), const_value($low));
	return const_($hw + $lw, $x << $lw | $y) if defined $x && defined $y;
	return zext($hw + $lw, $low) if defined $x && !$x;
	if (op($high) eq 'extract' && $term[$high][3] == $lw && $term[$high][2] == $low) {
		return $low;
	}
	if (op($high) eq 'extract') {
		my ($of, $at) = @{$term[$high]}[2, 3];
		my ($lof, $lat) = op($low) eq 'extract' ? @{$term[$low]}[2, 3] : (-1, 0);
		return extract($hw + $lw, $lat, $of) if $lof == $of && $lat + $lw == $at;
	}
	return make('concat', $hw + $lw, $high, $low);
}

# The constants that a term chooses among, or undef.
sub leaves {
	my ($t) = @_;
	return $leaves_memo{$t} if exists $leaves_memo{$t};
	my ($op, undef, @a) = @{$term[$t]};
	my $r;
	if ($op eq 'const') {
		$r = [$a[0]];
	} elsif ($op eq 'ite') {
		my ($x, $y) = (leaves($a[1]), leaves($a[2]));
		my %all = map { $_ => 1 } $x && $y ? (@$x, @$y) : ();
		$r = [sort { $a <=> $b } keys %all] if $x && $y;
	}
	return $leaves_memo{$t} = $r;
}

sub gcd { my ($a, $b) = @_; ($a, $b) = ($b, $a % $b) while $b; return $a }

# A guess (m, r): the term is r modulo m. Whoever uses it must prove it.
sub congruence {
	my ($t) = @_;
	my $r = $congruence_memo{$t} //= do {
		my ($op, $w, @a) = @{$term[$t]};
		my ($m, $r) = (1, 0);
		if ($op eq 'const') {
			($m, $r) = (0, $a[0]);
		} elsif ($op eq 'zext' || $op eq 'sext') {
			($m, $r) = congruence($a[0]);
		} elsif ($op eq 'sum') {
			my ($const, @rest) = @a;
			($m, $r) = (0, $const);
			while (my ($i, $k) = splice @rest, 0, 2) {
				my ($mi, $ri) = congruence($i);
				$k = 0 - signed($w, $k) if signed($w, $k) < 0;
				$m = gcd($m, $k * ($mi == 0 ? $ri : 1)) if $mi <= 1;
				$m = gcd($m, $k * $mi) if $mi > 1;
			}
			$r = $m ? $const % $m : $const;
		} elsif ($op eq 'ite') {
			my ($ma, $ra) = congruence($a[1]);
			my ($mb, $rb) = congruence($a[2]);
			$m = gcd(gcd($ma, $mb), $ra > $rb ? $ra - $rb : $rb - $ra);
			$r = $m ? $ra % $m : $ra;
		}
		[$m, $r];
	};
	return @$r;
}

# The objects that an address may point into: only a hint, each access proves it.
sub provenance {
	my ($t) = @_;
	return $provenance_memo{$t} //= do {
		my ($op, $w, @a) = @{$term[$t]};
		my %all;
		if ($op eq 'const') {
			my $o = $w == 64 ? $object_of_constant->($a[0]) : undef;
			$all{$o} = 1 if defined $o;
		} elsif ($op eq 'var') {
			$all{$object_of_variable{$a[0]}} = 1 if exists $object_of_variable{$a[0]};
		} else {
			my @of;
			if ($op eq 'sum') {
				my ($const, @rest) = @a;
				my $o = $w == 64 ? $object_of_constant->($const) : undef;
				$all{$o} = 1 if defined $o;
				while (my ($i, $k) = splice @rest, 0, 2) { push @of, $i if $k == 1 }
			} else {
				@of = $op eq 'ite' ? @a[1, 2] : $op =~ /^(bvand|bvor|concat)$/ ? @a
					: $op =~ /^(extract|zext)$/ ? $a[0] : ();
			}
			$all{$_} = 1 for map { @{provenance($_)} } @of;
		}
		[sort { $a <=> $b } keys %all];
	};
}

sub smt_name {
	my ($t) = @_;
	my ($op, $w, @a) = @{$term[$t]};
	return $w == 1 ? ($a[0] ? 'true' : 'false') : "(_ bv$a[0] $w)" if $op eq 'const';
	return $op eq 'var' ? $a[0] : "t$t";
}

sub sort_name { my ($w) = @_; return $w == 1 ? 'Bool' : "(_ BitVec $w)" }

sub smt_body {
	my ($op, $w, @a) = @_;
	if ($op eq 'sum') {
		my ($const, @rest) = @a;
		my @parts = $const ? "(_ bv$const $w)" : ();
		while (my ($t, $k) = splice @rest, 0, 2) {
			my $n = smt_name($t);
			push @parts, $k == 1 ? $n : $k == mask($w) ? "(bvneg $n)" : "(bvmul (_ bv$k $w) $n)";
		}
		my $sum = shift @parts;
		$sum = "(bvadd $sum $_)" for @parts;
		return $sum;
	}
	my $n = smt_name($a[0]);
	return "((_ zero_extend @{[$w - width($a[0])]}) $n)" if $op eq 'zext';
	return "((_ sign_extend @{[$w - width($a[0])]}) $n)" if $op eq 'sext';
	return "((_ extract @{[$a[1] + $w - 1]} $a[1]) $n)" if $op eq 'extract';
	return "(= ((_ extract $a[1] $a[1]) $n) #b1)" if $op eq 'bit';
	return "($op " . join(' ', map { smt_name($_) } @a) . ')';
}

# The SMT-LIB definitions that the terms need.
sub smt_define {
	my (@todo, %seen) = @_;
	while (defined(my $t = pop @todo)) {
		next if $seen{$t}++;
		push @todo, subterms($t);
	}
	my $text = '';
	for my $t (sort { $a <=> $b } keys %seen) {
		my ($op, $w, @a) = @{$term[$t]};
		next if $op eq 'const';
		$text .= $op eq 'var' ? "(declare-fun $a[0] () @{[sort_name($w)]})\n"
			: "(define-fun t$t () @{[sort_name($w)]} " . smt_body($op, $w, @a) . ")\n";
	}
	return $text;
}

1;
