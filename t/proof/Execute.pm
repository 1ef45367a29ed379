# SPDX-License-Identifier: GPL-2.0-or-later
# Runs a function on all inputs at once. States that meet in a block are merged; each loop is run
# until no input is left in it. What must hold is collected, and passed to Z3 at the end.
#
# Memory consists of objects. A variable's bytes are terms ("cells", at constant offsets). Memory
# from any_memory() can have any size, and each read returns a new value, since others may write
# to it at any moment.
package Execute;
use strict;
use warnings;
use Term;
use Ir;

use constant { VARIABLES => 0x7e << 56, VARIABLE_BITS => 24 };
my $loop_limit = 2500; # iterations: at this limit the proof fails

sub new {
	my ($class, $ir, $solver) = @_;
	my $self = bless {
		ir => $ir, solver => $solver, objects => [undef], globals => {}, assumed => [], checks => [], possible => {},
		names => 0, inputs => [], where => [],
	}, $class;
	Term::forget();
	$Term::object_of_constant = sub {
		my ($v) = @_;
		return undef unless $v >> 56 == 0x7e;
		my $o = ($v & ~VARIABLES) >> VARIABLE_BITS;
		return $o && $self->{objects}[$o] ? $o : undef;
	};
	return $self;
}

sub fresh { my ($self, $w, $what) = @_; return var($w, ($what // 'v') . '_' . $self->{names}++) }

sub where {
	my ($self) = @_;
	my ($name, $line) = @{$self->{where}[-1] // ['', 0]};
	return "$name:" . ($line // '?');
}

# Records what must hold in a state.
sub check {
	my ($self, $state, $cond, $what) = @_;
	$self->{count}++;
	return if $state->{guard} == FALSE || given($state->{known}, given($state->{guard}, $cond)) == TRUE;
	push @{$self->{checks}}, [$state->{guard}, $state->{known}, $cond, "$what, in " . $self->where];
	$state->{known} = and_($state->{known}, $cond);
}

# Objects

sub new_variable {
	my ($self, $size, $name, %more) = @_;
	my $id = @{$self->{objects}};
	my $base = const_(64, VARIABLES | $id << VARIABLE_BITS);
	push @{$self->{objects}}, { id => $id, size => $size, base => $base, name => $name, init => {}, %more };
	die "$name is too large\n" if $size >= 1 << VARIABLE_BITS;
	return $id;
}

sub new_memory { # its number of bytes is a term
	my ($self, $state, $size, $align, $read_only) = @_;
	my $id = @{$self->{objects}};
	my $base = $self->fresh(64, "base");
	my $low = const_(64, $id << 56);
	die "too many memories\n" if $id > 0x70;
	$Term::object_of_variable{smt_name($base)} = $id;
	push @{$self->{assumed}}, eq(bitwise('bvand', $base, const_(64, $align - 1)), const_(64, 0)),
		ule($low, $base), ult($base, add($low, const_(64, 1 << 55)));
	$self->check($state, ule($size, const_(64, 1 << 55)), 'memory of a sane size');
	push @{$self->{objects}}, { id => $id, size => $size, base => $base, name => 'memory', any => 1,
		read_only => $read_only };
	return $base;
}

# Cells of an object in a state

sub cells_to_write {
	my ($state, $id) = @_;
	if (!$state->{mine}{$id}) {
		$state->{memory}{$id} = { %{$state->{memory}{$id} // {}} };
		$state->{mine}{$id} = 1;
	}
	return $state->{memory}{$id};
}

sub covering { # the cell that contains a byte
	my ($cells, $at) = @_;
	for my $start (reverse(($at > 7 ? $at - 7 : 0) .. $at)) {
		my $c = $cells->{$start} or next;
		return ($start, @$c) if $start + $c->[0] > $at;
	}
	return;
}

sub byte {
	my ($self, $cells, $object, $at) = @_;
	for my $from ($cells, $object->{init}) {
		my ($start, $size, $value) = covering($from, $at) or next;
		return extract(8, 8 * ($at - $start), $value);
	}
	return const_(8, 0) if $object->{zero};
	return var(8, "uninitialized_$object->{id}_$at");
}

sub read_cells {
	my ($self, $state, $id, $at, $size) = @_;
	my ($object, $cells) = ($self->{objects}[$id], $state->{memory}{$id} // {});
	my $c = $cells->{$at};
	return $c->[1] if $c && $c->[0] == $size;
	my $value;
	for my $i (0 .. $size - 1) {
		my $b = $self->byte($cells, $object, $at + $i);
		$value = defined $value ? concat($b, $value) : $b;
	}
	return $value;
}

sub write_cells {
	my ($self, $state, $id, $at, $size, $value) = @_;
	my $cells = cells_to_write($state, $id);
	my $c = $cells->{$at};
	if (!$c || $c->[0] != $size) {
		for my $edge ($at, $at + $size) { # cells that cross an edge are split into bytes
			my ($start, $n, $old) = covering($cells, $edge);
			next unless defined $start && $start < $edge;
			delete $cells->{$start};
			$cells->{$start + $_} = [1, extract(8, 8 * $_, $old)] for 0 .. $n - 1;
		}
		delete $cells->{$at + $_} for 0 .. $size - 1;
	}
	$cells->{$at} = [$size, $value];
}

# The targets of a pointer: [condition, object, offset]; that there are no others is checked.
sub resolve {
	my ($self, $state, $pointer, $size, $write) = @_;
	my ($inside, @found) = FALSE;
	for my $id (@{provenance($pointer)}) {
		my $o = $self->{objects}[$id];
		next if $o->{dead} || ($write && $o->{read_only});
		my $offset = sub_($pointer, $o->{base});
		my $limit = $o->{any} ? $o->{size} : const_(64, $o->{size});
		my $fits = and_(ule($size, $limit), ule($offset, sub_($limit, $size)));
		$inside = or_($inside, $fits);
		push @found, [$fits, $o, $offset] unless $fits == FALSE;
	}
	$self->check($state, $inside, ($write ? 'a write' : 'a read') . ' stays in its object')
		unless $self->{checked};
	return @found;
}

# The constant offsets that an access to a variable may have.
sub offsets {
	my ($self, $state, $object, $offset, $size) = @_;
	my $last = $object->{size} - $size;
	my $leaves = leaves($offset);
	my @all;
	if ($leaves) {
		@all = grep { $_ <= $last } @$leaves;
	} else {
		my ($m, $r) = congruence($offset);
		$m ||= 1;
		for (my $at = $r % $m; $at <= $last; $at += $m) { push @all, $at }
	}
	return @all if @all < 2 && defined const_value($offset);
	my $one_of = FALSE;
	$one_of = or_($one_of, eq($offset, const_(64, $_))) for @all;
	$self->check($state, or_($one_of, not_(ule($offset, const_(64, $last)))), 'an offset as expected');
	return @all;
}

sub load {
	my ($self, $state, $pointer, $size) = @_;
	my $value;
	for ($self->resolve($state, $pointer, const_(64, $size), 0)) {
		my ($cond, $o, $offset) = @$_;
		my $found;
		if ($o->{any}) {
			$found = $self->fresh(8 * $size, 'read');
		} else {
			for my $at ($self->offsets($state, $o, $offset, $size)) {
				my $v = $self->read_cells($state, $o->{id}, $at, $size);
				$found = defined $found ? ite(eq($offset, const_(64, $at)), $v, $found) : $v;
			}
		}
		$value = !defined $found ? $value : defined $value ? ite($cond, $found, $value) : $found;
	}
	return given($state->{guard}, $value // $self->fresh(8 * $size));
}

sub store {
	my ($self, $state, $pointer, $size, $value) = @_;
	my @found = $self->resolve($state, $pointer, const_(64, $size), 1);
	for (@found) {
		my ($cond, $o, $offset) = @$_;
		next if $o->{any};
		my @at = $self->offsets($state, $o, $offset, $size);
		for my $at (@at) {
			my $here = and_(@found > 1 ? $cond : TRUE, eq($offset, const_(64, $at)));
			$here = TRUE if @found == 1 && @at == 1;
			my $v = $here == TRUE ? $value : ite($here, $value, $self->read_cells($state, $o->{id}, $at, $size));
			$self->write_cells($state, $o->{id}, $at, $size, $v);
		}
	}
}

sub copy {
	my ($self, $state, $to, $from, $n) = @_;
	my $bytes = const_value($n);
	$self->resolve($state, $from, $n, 0);
	my @targets = $self->resolve($state, $to, $n, 1);
	return if !grep { !$_->[1]{any} } @targets; # others may write there anyway
	die 'copying into a variable a number of bytes that is not constant, in ' . $self->where . "\n"
		unless defined $bytes;
	local $self->{checked} = 1; # checked as a whole
	my @parts;
	my ($source) = @{provenance($from)};
	my $offset = defined $source ? const_value(sub_($from, $self->{objects}[$source]{base})) : undef;
	my $cells = defined $offset ? $state->{memory}{$source} // {} : {};
	for (my $at = 0; $at < $bytes;) {
		my $c = defined $offset ? $cells->{$offset + $at} : undef;
		my $size = $c && $at + $c->[0] <= $bytes ? $c->[0] : 1;
		if (!$c) {
			for my $try (8, 4, 2) {
				next if $at % $try || $at + $try > $bytes;
				next if defined $offset && grep { $cells->{$offset + $at + $_} } 1 .. $try - 1;
				$size = $try;
				last;
			}
		}
		push @parts, [$at, $size, $self->load($state, add($from, const_(64, $at)), $size)];
		$at += $size;
	}
	$self->store($state, add($to, const_(64, $_->[0])), @$_[1, 2]) for @parts;
}

sub fill {
	my ($self, $state, $to, $byte, $n) = @_;
	my $bytes = const_value($n) // die 'filling a number of bytes that is not constant, in ' . $self->where . "\n";
	my ($id) = @{provenance($to)};
	if (defined $id && $self->{objects}[$id]{any}) {
		$self->resolve($state, $to, $n, 1);
		return;
	}
	for (my $at = 0; $at < $bytes;) {
		my $size = $bytes - $at >= 8 ? 8 : 1;
		my $v = $byte;
		$v = concat($byte, $v) for 2 .. $size;
		$self->store($state, add($to, const_(64, $at)), $size, $v);
		$at += $size;
	}
}

# States

sub fork_state {
	my ($state, $guard) = @_;
	$state->{mine} = {};
	return { guard => $guard, known => $state->{known}, memory => { %{$state->{memory}} }, mine => {} };
}

sub merge {
	my ($self, $x, $y) = @_;
	return $y unless $x;
	return $x if $y->{guard} == FALSE;
	return $y if $x->{guard} == FALSE;
	my %ids = map { $_ => 1 } keys %{$x->{memory}}, keys %{$y->{memory}};
	my ($guard, $second) = join_of($x->{guard}, $y->{guard});
	my ($known) = Term::fork_of($x->{known}, $y->{known});
	my $r = { guard => $guard, known => $known, memory => { %{$x->{memory}} }, mine => {} };
	$x->{mine} = $y->{mine} = {};
	for my $id (keys %ids) {
		my ($cx, $cy) = ($x->{memory}{$id}, $y->{memory}{$id});
		next if $cx && $cy && $cx == $cy;
		my %todo = map { $_ => $cx->{$_}[0] } keys %{$cx // {}};
		for my $at (keys %{$cy // {}}) {
			my $n = $cy->{$at}[0];
			$todo{$at} = $n if ($todo{$at} // 0) < $n;
		}
		my $end = 0;
		for my $at (sort { $a <=> $b } keys %todo) {
			my $n = $todo{$at};
			next if $at + $n <= $end;
			($n, $at) = ($at + $n - $end, $end) if $at < $end;
			my ($vx, $vy) = map { $self->read_cells($_, $id, $at, $n) } $x, $y;
			$self->write_cells($r, $id, $at, $n, ite($second, $vy, $vx))
				unless $vx == $vy && $cx && ($cx->{$at} // [0])->[0] == $n;
			$end = $at + $n;
		}
	}
	return $r;
}

# Whether any input reaches this state. If Z3 does not know, this assumes so.
sub feasible {
	my ($self, $guard) = @_;
	my ($answer) = $self->{solver}->ask([conjuncts($guard), @{$self->{assumed}}]);
	return $answer ne 'unsat';
}

# Values

sub global {
	my ($self, $name) = @_;
	return $self->{objects}[$self->{globals}{$name}]{base} if $self->{globals}{$name};
	my $text = $self->{ir}{global}{$name} // die "no global $name\n";
	my $external = $text =~ /\bexternal\b/;
	$text =~ s/^.*?\b(global|constant) // or die "global $name: $text\n";
	my $constant = $1 eq 'constant';
	my $ir = $self->{ir};
	my $saved = [@$ir{'tokens', 'text'}];
	$ir->lex($text);
	my $type = $ir->type;
	my $id = $self->new_variable($ir->size_of($type), $name, zero => $constant, read_only => $constant);
	$self->{globals}{$name} = $id;
	my $value = $external ? ['undef'] : $ir->value;
	@$ir{'tokens', 'text'} = @$saved;
	# a static variable's initial value is not necessarily what a function finds in it
	$self->initialize($id, 0, $type, $value) if $constant;
	return $self->{objects}[$id]{base};
}

sub initialize {
	my ($self, $id, $at, $type, $value) = @_;
	my $ir = $self->{ir};
	my $init = $self->{objects}[$id]{init};
	$type = $ir->resolve_type($type);
	my $kind = $value->[0];
	return if $kind eq 'zero' || $kind eq 'undef';
	if ($kind eq 'string') {
		my @bytes = unpack 'C*', $value->[1];
		$init->{$at + $_} = [1, const_(8, $bytes[$_])] for 0 .. $#bytes;
	} elsif ($kind eq 'list') {
		my $n = 0;
		for (@$value[1 .. $#$value]) {
			my $offset = $type->[0] eq 'array' ? $n * $ir->size_of($type->[2]) : $ir->field_offset($type, $n);
			$self->initialize($id, $at + $offset, @$_);
			$n++;
		}
	} else {
		my $size = $ir->size_of($type);
		$init->{$at} = [$size, zext(8 * $size, $self->value({}, $type, $value))];
	}
}

sub value {
	my ($self, $env, $type, $v) = @_;
	my $ir = $self->{ir};
	my $kind = $v->[0];
	return $env->{$v->[1]} // die "no value %$v->[1]\n" if $kind eq 'local';
	$type = $ir->resolve_type($type);
	if ($type->[0] eq 'struct' && ($kind eq 'undef' || $kind eq 'zero')) {
		return [map { $self->value($env, $_, $v) } @$type[2 .. $#$type]];
	}
	my $w = $type->[0] eq 'ptr' || $type->[0] eq 'function' ? 64 : $type->[1];
	return const_($w, $v->[1] < 0 ? 0 + $v->[1] : $v->[1]) if $kind eq 'number';
	return const_($w, 0) if $kind eq 'zero';
	return $self->fresh($w) if $kind eq 'undef';
	return $self->global($v->[1]) if $kind eq 'global';
	return $self->evaluate($env, undef, $v->[1]) if $kind eq 'expression';
	die "value $kind\n";
}

sub load_typed {
	my ($self, $state, $type, $pointer) = @_;
	my $ir = $self->{ir};
	$type = $ir->resolve_type($type);
	if ($type->[0] eq 'struct') {
		return [map { $self->load_typed($state, $type->[$_ + 2], add($pointer, const_(64, $ir->field_offset($type, $_)))) }
			0 .. $#$type - 2];
	}
	my $v = $self->load($state, $pointer, $ir->size_of($type));
	return $type->[0] eq 'int' ? extract($type->[1], 0, $v) : $v;
}

sub store_typed {
	my ($self, $state, $type, $pointer, $value) = @_;
	my $ir = $self->{ir};
	$type = $ir->resolve_type($type);
	if ($type->[0] eq 'struct') {
		$self->store_typed($state, $type->[$_ + 2], add($pointer, const_(64, $ir->field_offset($type, $_))), $value->[$_])
			for 0 .. $#$type - 2;
		return;
	}
	my $size = $ir->size_of($type);
	$self->store($state, $pointer, $size, zext(8 * $size, $value));
}

my %binary = (
	add => \&add, sub => \&sub_, mul => \&mul,
	(map { my $op = "bv$_"; ($_ => sub { bitwise($op, @_) }) } qw(and or xor)),
	(map { my $op = "bv$_"; ($_ => sub { shift_($op, @_) }) } qw(shl lshr ashr)),
	(map { my $op = "bv$_"; ($_ => sub { divide($op, @_) }) } qw(udiv urem sdiv srem)),
);
my %compare = (
	eq => \&eq, ne => sub { not_(&eq) }, ult => \&ult, ule => \&ule, slt => \&slt, sle => \&sle,
	ugt => sub { ult(@_[1, 0]) }, uge => sub { ule(@_[1, 0]) }, sgt => sub { slt(@_[1, 0]) }, sge => sub { sle(@_[1, 0]) },
);

# Instructions without control flow.
sub evaluate {
	my ($self, $env, $state, $i) = @_;
	my ($ir, $op) = ($self->{ir}, $i->{op});
	my $get = sub { $self->value($env, @_) };
	if (my $f = $binary{$op}) {
		my ($a, $b) = ($get->($i->{type}, $i->{a}), $get->($i->{type}, $i->{b}));
		return $f->($a, $b) if $op =~ /^(add|sub|mul|and|or|xor)$/;
		$self->check($state, $op =~ /sh/ ? ult($b, const_(width($b), width($b))) : not_(eq($b, const_(width($b), 0))),
			$op =~ /sh/ ? 'a shift by less than the width' : 'a divisor that is not 0');
		return $f->($a, $b);
	}
	return $compare{$i->{how}}->($get->($i->{of}, $i->{a}), $get->($i->{of}, $i->{b})) if $op eq 'icmp';
	if ($op eq 'alloca') {
		my $id = $self->new_variable($ir->size_of($i->{of}), "$i->{name}");
		push @{$env->{' variables'}}, $id;
		return $self->{objects}[$id]{base};
	}
	return $self->load_typed($state, $i->{type}, $get->(['ptr'], $i->{pointer})) if $op eq 'load';
	if ($op eq 'store') {
		$self->store_typed($state, $i->{of}, $get->(['ptr'], $i->{pointer}), $get->($i->{of}, $i->{value}));
		return;
	}
	return $get->($i->{from}, $i->{value}) if $op eq 'bitcast' || $op eq 'freeze';
	if ($op =~ /^(zext|sext|trunc|ptrtoint|inttoptr)$/) {
		my $v = $get->($i->{from}, $i->{value});
		my $w = $i->{type}[0] eq 'ptr' ? 64 : $i->{type}[1];
		return $op eq 'sext' ? sext($w, $v) : $w < width($v) ? extract($w, 0, $v) : zext($w, $v);
	}
	return $self->element_address($env, $i) if $op eq 'getelementptr';
	if ($op eq 'select') {
		my ($c, $a, $b) = ($get->(['int', 1], $i->{cond}), $get->($i->{type}, $i->{a}), $get->($i->{type}, $i->{b}));
		return ite($c, $a, $b);
	}
	return $get->($i->{of}, $i->{value})->[$i->{at}] if $op eq 'extractvalue';
	if ($op eq 'insertvalue') {
		my @v = @{$get->($i->{type}, $i->{value})};
		$v[$i->{at}] = $get->($i->{of}, $i->{element});
		return \@v;
	}
	if ($op eq 'cmpxchg') {
		my $pointer = $get->(['ptr'], $i->{pointer});
		my $old = $self->load_typed($state, $i->{of}, $pointer);
		my $same = eq($old, $get->($i->{of}, $i->{old}));
		$self->store_typed($state, $i->{of}, $pointer, ite($same, $get->($i->{of}, $i->{new}), $old));
		return [$old, $same];
	}
	if ($op eq 'atomicrmw') {
		my $pointer = $get->(['ptr'], $i->{pointer});
		my $old = $self->load_typed($state, $i->{type}, $pointer);
		my $v = $get->($i->{type}, $i->{value});
		my $f = $i->{how} eq 'xchg' ? sub { $_[1] } : $binary{$i->{how}} // die "atomic $i->{how}\n";
		$self->store_typed($state, $i->{type}, $pointer, $f->($old, $v));
		return $old;
	}
	return if $op eq 'fence';
	die "$op is not known\n";
}

sub element_address {
	my ($self, $env, $i) = @_;
	my $ir = $self->{ir};
	my $at = $self->value($env, ['ptr'], $i->{pointer});
	my ($type, $first) = ($i->{base}, 1);
	for (@{$i->{index}}) {
		my $n = $self->value($env, @$_);
		my $t = $ir->resolve_type($type);
		if ($first || $t->[0] eq 'array') {
			$type = $first ? $type : $t->[2];
			$at = add($at, mul(sext(64, $n), const_(64, $ir->size_of($type))));
		} else {
			$n = const_value($n);
			$at = add($at, const_(64, $ir->field_offset($t, $n)));
			$type = $t->[$n + 2];
		}
		$first = 0;
	}
	return $at;
}

# Calls

sub with_overflow {
	my ($op, $a, $b) = @_;
	my ($sign, $what) = $op =~ /^([us])(add|sub|mul)$/ or die;
	my $w = width($a);
	my $r = $binary{$what}->($a, $b);
	if ($sign eq 'u') {
		return [$r, ult($r, $a)] if $what eq 'add';
		return [$r, ult($a, $b)] if $what eq 'sub';
	} elsif ($what ne 'mul') {
		my $zero = const_($w, 0);
		my ($na, $nb, $nr) = map { slt($_, $zero) } $a, $b, $r;
		my $differ = $what eq 'add' ? &eq($na, $nb) : not_(&eq($na, $nb));
		return [$r, and_($differ, not_(&eq($na, $nr)))];
	}
	($a, $b) = ($b, $a) if defined const_value($a);
	my $k = const_value($b);
	return [$r, FALSE] if defined $k && $k <= 1;
	if (defined $k && $k < 1 << ($w - 2)) { # if one factor is a constant, comparisons suffice
		my ($least, $most) = limits($sign, $w, $k);
		return [$r, ult(const_($w, $most), $a)] if $sign eq 'u';
		return [$r, or_(slt($a, const_($w, $least)), slt(const_($w, $most), $a))];
	}
	die "a product of $w bits\n" if $w > 32;
	my $extend = $sign eq 'u' ? \&zext : \&sext;
	my $wide = mul(map { $extend->(2 * $w, $_) } $a, $b);
	return [$r, not_(&eq($extend->(2 * $w, $r), $wide))];
}

# The least and the largest number of w bits whose product with k does not overflow w bits.
sub limits {
	my ($sign, $w, $k) = @_;
	use integer;
	my $half = ((1 << ($w - 2)) - 1) * 2 + 1; # the largest signed number
	return (-(($half / 2 + 1) / $k * 2 + (($half / 2 + 1) % $k * 2) / $k), $half / $k) if $sign eq 's';
	my ($q, $r) = ($half / $k * 2, $half % $k * 2 + 1); # twice that plus one
	return (0, $q + $r / $k);
}

my %builtin = (
	any_u8 => sub { $_[0]->input(8) }, any_u16 => sub { $_[0]->input(16) },
	any_u32 => sub { $_[0]->input(32) }, any_u64 => sub { $_[0]->input(64) },
	any_memory => sub { my ($self, $state, $size, $align) = @_;
		return $self->new_memory($state, $size, const_value($align), 0) },
	any_file => sub { my ($self, $state, $size) = @_; return $self->new_memory($state, $size, 1, 1) },
	assume => sub { my ($self, $state, $c) = @_; $state->{guard} = and_($state->{guard}, $c); return },
	prove => sub { my ($self, $state, $c) = @_; $self->check($state, $c, 'what it shall prove'); return },
	possible => sub { my ($self, $state, $c) = @_;
		push @{$self->{possible}{$self->where}}, and_($state->{guard}, $c); return },
	memcpy => sub { my ($self, $state, $to, $from, $n) = @_; $self->copy($state, $to, $from, $n); return $to },
	memset => sub { my ($self, $state, $to, $c, $n) = @_;
		$self->fill($state, $to, extract(8, 0, $c), $n); return $to },
	memcmp => sub { my ($self, $state, $a, $b, $n) = @_; # all bytes must be readable; the result is arbitrary
		$self->resolve($state, $_, $n, 0) for $a, $b;
		return $self->fresh(32) },
	# arch/speculation.h, in assembly: the index, or 0 if the processor speculates past a bounds check
	index_nospec => sub { my (undef, undef, $index, $size) = @_;
		return ite(ult($index, $size), $index, const_(64, 0)) },
	panic => sub { my ($self, $state) = @_; $self->check($state, FALSE, 'no panic'); $state->{guard} = FALSE; return },
);
$builtin{memmove} = $builtin{memcpy};

sub input {
	my ($self, $w) = @_;
	my $v = $self->fresh($w, 'input');
	push @{$self->{inputs}}, [$v, $self->where];
	return $v;
}

# The states after a call, each with the returned value.
sub call {
	my ($self, $state, $name, @args) = @_;
	my ($llvm) = $name =~ /^llvm\.(memcpy|memmove|memset)\./;
	if (my $f = $builtin{$llvm // $name}) {
		return [$state, $f->($self, $state, @args)];
	} elsif ($name =~ /^llvm\.(\w+)\.with\.overflow\./) {
		return [$state, with_overflow($1, @args)];
	} elsif ($name =~ /^llvm\.(u|s)(min|max)\./) {
		my $less = $1 eq 'u' ? ult(@args) : slt(@args);
		return [$state, $2 eq 'min' ? ite($less, @args) : ite($less, @args[1, 0])];
	}
	if ($self->{where}[0][0] ne "proof_$name") {
		($name) = ((grep { $self->{ir}{function}{$_} } "claim_$name", "taken_$name"), $name);
	}
	my $f = $self->{ir}->function($name) // die "$name has no body, called in " . $self->where . "\n";
	return $self->run($state, $f, @args);
}

sub run_call {
	my ($self, $state, $env, $i) = @_;
	die 'an indirect call or assembly in ' . $self->where . "\n" unless $i->{callee}[0] eq 'global';
	my @args;
	for (@{$i->{args}}) {
		my ($type, $v, $byval) = @$_;
		push @args, $self->value($env, $type, $v);
		next unless $byval;
		my $id = $self->new_variable($self->{ir}->size_of($byval), 'argument');
		push @{$env->{' variables'}}, $id;
		my $to = $self->{objects}[$id]{base};
		$self->copy($state, $to, $args[-1], const_(64, $self->{ir}->size_of($byval)));
		$args[-1] = $to;
	}
	return $self->call($state, $i->{callee}[1], @args);
}

# The targets of a branch: [block's label, condition].
sub branches {
	my ($self, $env, $guard, $i) = @_;
	if ($i->{op} eq 'br') {
		return [$i->{to}[0], TRUE] unless $i->{cond};
		my $c = given($guard, $self->value($env, ['int', 1], $i->{cond}));
		return ([$i->{to}[0], $c], [$i->{to}[1], not_($c)]);
	}
	my $v = $self->value($env, $i->{of}, $i->{value});
	my ($rest, %to) = TRUE;
	for (@{$i->{case} // []}) {
		my $c = eq($v, const_(width($v), $_->[0]));
		$to{$_->[1]} = or_($to{$_->[1]} // FALSE, $c);
		$rest = and_($rest, not_($c));
	}
	$to{$i->{default}} = or_($to{$i->{default}} // FALSE, $rest);
	return map { [$_, $to{$_}] } sort keys %to;
}

# Runs a function on one state. Returns the states after it, with its value in each: one state, unless the proof says
# SEPARATELY.
sub run {
	my ($self, $state, $f, @args) = @_;
	my $env = { ' variables' => [] };
	@$env{@{$f->{params}}} = @args;
	push @{$self->{where}}, [$f->{name}, undef];
	die "recursion in $f->{name}\n" if @{$self->{where}} > 30;
	my @ends = $self->run_from($f, $env, $state, 0, 0);
	pop @{$self->{where}};
	$self->{objects}[$_]{dead} = 1 for @{$env->{' variables'}};
	for my $end (@ends) {
		delete $end->[0]{memory}{$_} for @{$env->{' variables'}};
	}
	return @ends if $self->{ir}{global}{"separately_$f->{name}"};
	my ($after, $result) = ({ guard => FALSE, known => TRUE, memory => {}, mine => {} });
	for (@ends) {
		my ($s, $v) = @$_;
		die "several returns of a structure\n" if defined $result && ref $v;
		$result = ite((join_of($after->{guard}, $s->{guard}))[1], $v, $result) if defined $result && defined $v;
		$result //= $v;
		$after = $self->merge($after, $s);
	}
	return [$after, $result];
}

# Runs from an instruction of a block to the ends.
sub run_from {
	my ($self, $f, $env, $state, $n, $at) = @_;
	my $work = { f => $f, env => $env, waiting => {}, again => {}, turns => {}, ends => [] };
	$self->run_block($work, $state, $n, $at);
	while (1) {
		my ($n) = sort { $a <=> $b } keys %{$work->{waiting}};
		# a loop continues once nothing is pending inside it
		my ($head) = grep { !defined $n || $n > $f->{loop_end}{$_} } sort { $b <=> $a } keys %{$work->{again}};
		if (defined $head) {
			my $s = delete $work->{again}{$head};
			my $turns = ++$work->{turns}{$head};
			die "$f->{name} loops on\n" if $turns > $loop_limit;
			# Only asks Z3 at powers of two, which takes less time than in each iteration, and only if the
			# loop's condition depends on inputs, for then the guard changes.
			$work->{first_guard}{$head} = $s->{guard} if $turns == 1;
			next if $turns >= 8 && !($turns & ($turns - 1)) && $s->{guard} != $work->{first_guard}{$head}
				&& !$self->feasible($s->{guard});
			$work->{waiting}{$head} = $self->merge($work->{waiting}{$head}, $s);
			next;
		}
		last unless defined $n;
		$self->run_block($work, delete $work->{waiting}{$n}, $n, 0);
	}
	return @{$work->{ends}};
}

sub run_block {
	my ($self, $work, $s, $n, $at) = @_;
	my ($f, $env) = @$work{'f', 'env'};
	my $block = $f->{blocks}[$n];
	$env->{$_} = $s->{phi}{$_} for keys %{$s->{phi} // {}};
	delete $s->{phi};
	for (; $at < @{$block->{code}}; $at++) {
		return if $s->{guard} == FALSE;
		my $i = $block->{code}[$at];
		$self->{where}[-1][1] = $i->{line} if defined $i->{line};
		if ($i->{op} eq 'call') {
			my ($first, @more) = $self->run_call($s, $env, $i);
			for ($first, @more) {
				next unless @more;
				my $own = { %$env, $i->{name} // ' ' => $_->[1] };
				push @{$work->{ends}}, $self->run_from($f, $own, $_->[0], $n, $at + 1);
				$env->{' variables'} = $own->{' variables'};
			}
			return if @more || !$first;
			$s = $first->[0];
			$env->{$i->{name}} = $first->[1] if defined $i->{name};
		} elsif ($i->{op} eq 'ret') {
			push @{$work->{ends}}, [$s, $i->{value} ? $self->value($env, $i->{of}, $i->{value}) : undef];
		} elsif ($i->{op} eq 'unreachable') {
			$self->check($s, FALSE, 'no way to what cannot be reached');
		} elsif ($i->{op} eq 'br' || $i->{op} eq 'switch') {
			$self->leave_block($work, $s, $n, $i);
		} elsif ($i->{op} ne 'phi') {
			my $v = $self->evaluate($env, $s, $i);
			$env->{$i->{name}} = $v if defined $i->{name};
		}
	}
}

sub leave_block {
	my ($self, $work, $s, $n, $i) = @_;
	my ($f, $env) = @$work{'f', 'env'};
	my @to = map { [$f->{index}{$_->[0]}, given($s->{known}, $_->[1])] } $self->branches($env, $s->{guard}, $i);
	for (grep { $f->{blocks}[$_->[0]]{code}[0]{trap} } @to) {
		$self->check($s, not_($_->[1]), 'no undefined behaviour');
	}
	for (grep { !$f->{blocks}[$_->[0]]{code}[0]{trap} } @to) {
		my ($to, $cond) = @$_;
		my $guard = and_($s->{guard}, $cond);
		next if $guard == FALSE;
		my $next = fork_state($s, $guard);
		for (@{$f->{blocks}[$to]{code}}) {
			last if $_->{op} ne 'phi';
			$next->{phi}{$_->{name}} = $self->value($env, $_->{type}, $_->{from}{$f->{blocks}[$n]{label}});
		}
		if ($self->{ir}{global}{"separately_$f->{name}"} && $f->{blocks}[$to]{code}[-1]{op} eq 'ret') {
			$self->run_block($work, $next, $to, 0);
			next;
		}
		my $list = $to <= $n ? $work->{again} : $work->{waiting};
		delete $work->{turns}{$to} if $to > $n;
		if (my $other = $list->{$to}) {
			my (undef, $second) = join_of($other->{guard}, $guard);
			my %phi = map { $_ => ite($second, $next->{phi}{$_}, $other->{phi}{$_}) } keys %{$next->{phi} // {}};
			$list->{$to} = $self->merge($other, $next);
			$list->{$to}{phi} = \%phi if %phi;
		} else {
			$list->{$to} = $next;
		}
	}
}

1;
