# SPDX-License-Identifier: GPL-2.0-or-later
# Reads the output of clang -S -emit-llvm -O0: types, globals, functions, instructions.
package Ir;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT = qw(size_of align_of field_offset resolve_type);

# A type: [int, bits], [ptr], [array, n, type], [struct, packed, types...], [named, name], [void]
# A value: [local, name], [global, name], [number, text], [zero], [undef], [string, bytes],
# [list, [type, value]...], [expression, instruction]

my $token = qr/\s*(c"(?:[^"\\]|\\.)*"|[%@](?:"[^"]*"|[-\w.\$]+)|\.\.\.|-?\w[\w.]*|[-!#\$]\w*|<\{|\}>|.)/;

sub new {
	my ($class, $path) = @_;
	my $self = bless { function => {}, global => {}, type => {}, line => {} }, $class;
	open my $f, '<', $path or die "$path: $!";
	my $current;
	while (my $line = <$f>) {
		chomp $line;
		if ($current) {
			if ($line eq '}') { undef $current; next }
			push @{$current->{text}}, $line;
		} elsif ($line =~ /^define .*?@([-\w.\$"]+)\(/) {
			$current = $self->{function}{$1} = { name => $1, head => $line, text => [] };
		} elsif ($line =~ /^%("[^"]*"|[-\w.]+) = type (.*)/) {
			$self->{type}{$1} = $2;
		} elsif ($line =~ /^@([-\w.\$]+|"[^"]*") = (.*)/) {
			$self->{global}{$1} = $2;
		} elsif ($line =~ /^(!\d+) = (?:distinct )?!DILocation\(line: (\d+)/) {
			$self->{line}{$1} = $2;
		}
	}
	return $self;
}

sub lex { my ($self, $text) = @_; $self->{tokens} = [$text =~ /$token/g]; $self->{text} = $text }
sub peek { $_[0]{tokens}[0] // '' }
sub next_token { my $t = shift @{$_[0]{tokens}}; return $t // die "end of line in: $_[0]{text}\n" }
sub take { my ($self, $want) = @_; my $t = $self->peek; return $t eq $want ? $self->next_token : undef }
sub want {
	my ($self, $want) = @_;
	my $t = $self->next_token;
	die "want $want, got $t in: $self->{text}\n" unless $t eq $want;
}

sub type {
	my ($self) = @_;
	my $t = $self->next_token;
	my $type;
	if ($t =~ /^i(\d+)$/) {
		$type = ['int', $1];
	} elsif ($t eq 'void') {
		$type = ['void'];
	} elsif ($t =~ /^%(.*)/) {
		$type = ['named', $1];
	} elsif ($t eq '[') {
		my $n = $self->next_token;
		$self->want('x');
		$type = ['array', $n, $self->type];
		$self->want(']');
	} elsif ($t eq '{' || $t eq '<{') {
		my ($end, @of) = $t eq '{' ? '}' : '}>';
		until ($self->take($end)) { push @of, $self->type; $self->take(',') }
		$type = ['struct', $t eq '<{', @of];
	} else {
		die "type $t in: $self->{text}\n";
	}
	while (1) {
		if ($self->take('*')) {
			$type = ['ptr'];
		} elsif ($self->peek eq '(' && $type->[0] =~ /^(int|void|ptr|named|struct)$/) {
			my $depth = 0; # a function type
			do {
				my $p = $self->next_token;
				$depth += $p eq '(' ? 1 : $p eq ')' ? -1 : 0;
			} while $depth;
			$type = ['function', $type];
		} else {
			last;
		}
	}
	return $type;
}

my %attribute = map { $_ => 1 } qw(noundef zeroext signext nonnull noalias nocapture readonly returned
	immarg inreg dso_local local_unnamed_addr unnamed_addr tail musttail notail fastcc);

# The attributes of a parameter, and the type of a byval one.
sub attributes {
	my ($self) = @_;
	my $byval;
	while (1) {
		my $t = $self->peek;
		if ($attribute{$t}) {
			$self->next_token;
		} elsif ($t eq 'align' || $t =~ /^dereferenceable/) {
			$self->next_token;
			if ($self->take('(')) { $self->next_token; $self->want(')') } else { $self->next_token }
		} elsif ($t eq 'sret' || $t eq 'byval') {
			$self->next_token;
			$self->want('(');
			my $type = $self->type;
			$self->want(')');
			$byval = $type if $t eq 'byval';
		} else {
			return $byval;
		}
	}
}

sub string_bytes {
	my ($t) = @_;
	$t =~ s/^c"//;
	$t =~ s/"$//;
	$t =~ s/\\([0-9A-Fa-f]{2})/chr hex $1/ge;
	return $t;
}

sub value {
	my ($self) = @_;
	my $t = $self->next_token;
	return ['local', $1] if $t =~ /^%(.*)/;
	return ['global', $1] if $t =~ /^@(.*)/;
	return ['number', $t] if $t =~ /^-?\d+$/;
	return ['number', 1] if $t eq 'true';
	return ['number', 0] if $t eq 'false' || $t eq 'null';
	return ['zero'] if $t eq 'zeroinitializer';
	return ['undef'] if $t eq 'undef' || $t eq 'poison';
	return ['string', string_bytes($t)] if $t =~ /^c"/;
	my %end = ('[' => ']', '{' => '}', '<{' => '}>');
	if (my $end = $end{$t}) {
		my @list;
		until ($self->take($end)) { push @list, [$self->typed]; $self->take(',') }
		return ['list', @list];
	}
	unshift @{$self->{tokens}}, $t;
	return ['expression', $self->constant_expression];
}

sub typed { my ($self) = @_; my $type = $self->type; $self->attributes; return ($type, $self->value) }

sub constant_expression {
	my ($self) = @_;
	my $op = $self->next_token;
	if ($op eq 'getelementptr') {
		$self->take('inbounds');
		$self->want('(');
		my $i = $self->gep_rest;
		$self->want(')');
		return $i;
	}
	die "constant expression $op in: $self->{text}\n" unless $op =~ /^(bitcast|ptrtoint|inttoptr|trunc)$/;
	$self->want('(');
	my ($type, $value) = $self->typed;
	$self->want('to');
	my $i = { op => $op, from => $type, value => $value, type => $self->type };
	$self->want(')');
	return $i;
}

sub gep_rest {
	my ($self) = @_;
	my $i = { op => 'getelementptr', base => $self->type, index => [] };
	$self->want(',');
	(undef, $i->{pointer}) = $self->typed;
	while ($self->take(',')) {
		$self->take('inrange');
		push @{$i->{index}}, [$self->typed];
	}
	return $i;
}

sub label { my ($self) = @_; $self->want('label'); my $l = $self->next_token; $l =~ s/^%//; return $l }

my %parse = (
	alloca => sub { my ($s, $i) = @_; $i->{of} = $s->type; $i->{type} = ['ptr'];
		die "variable-length array\n" if $s->take(',') && $s->peek ne 'align' },
	load => sub { my ($s, $i) = @_; 1 while $s->take('atomic') || $s->take('volatile'); $i->{type} = $s->type;
		$s->want(','); (undef, $i->{pointer}) = $s->typed },
	store => sub { my ($s, $i) = @_; 1 while $s->take('atomic') || $s->take('volatile');
		@$i{'of', 'value'} = $s->typed; $s->want(','); (undef, $i->{pointer}) = $s->typed },
	getelementptr => sub { my ($s, $i) = @_; $s->take('inbounds'); %$i = (%$i, %{$s->gep_rest}); $i->{type} = ['ptr'] },
	icmp => sub { my ($s, $i) = @_; $i->{how} = $s->next_token; @$i{'of', 'a'} = $s->typed; $s->want(',');
		$i->{b} = $s->value; $i->{type} = ['int', 1] },
	select => sub { my ($s, $i) = @_; (undef, $i->{cond}) = $s->typed; $s->want(','); @$i{'type', 'a'} = $s->typed;
		$s->want(','); (undef, $i->{b}) = $s->typed },
	br => sub { my ($s, $i) = @_; if ($s->peek eq 'label') { $i->{to} = [$s->label]; return }
		(undef, $i->{cond}) = $s->typed; $s->want(','); push @{$i->{to}}, $s->label; $s->want(',');
		push @{$i->{to}}, $s->label },
	switch => sub { my ($s, $i) = @_; @$i{'of', 'value'} = $s->typed; $s->want(','); $i->{default} = $s->label;
		$s->want('['); until ($s->take(']')) { my (undef, $v) = $s->typed; $s->want(',');
			push @{$i->{case}}, [$v->[1], $s->label] } },
	ret => sub { my ($s, $i) = @_; $i->{of} = $s->type; $i->{value} = $s->value if $i->{of}[0] ne 'void' },
	unreachable => sub { },
	phi => sub { my ($s, $i) = @_; $i->{type} = $s->type; do { $s->want('['); my $v = $s->value; $s->want(',');
		my $l = $s->next_token; $l =~ s/^%//; $s->want(']'); $i->{from}{$l} = $v } while $s->take(',') },
	call => sub { my ($s, $i) = @_; $s->attributes; $i->{type} = $s->type;
		$i->{type} = $i->{type}[1] if $i->{type}[0] eq 'function';
		$i->{callee} = $s->value; $s->want('('); $i->{args} = [];
		until ($s->take(')')) { my $type = $s->type; my $byval = $s->attributes;
			push @{$i->{args}}, [$type, $s->value, $byval]; $s->take(',') } },
	extractvalue => sub { my ($s, $i) = @_; @$i{'of', 'value'} = $s->typed; $s->want(','); $i->{at} = $s->next_token;
		die "nested\n" if $s->peek eq ','; },
	insertvalue => sub { my ($s, $i) = @_; @$i{'type', 'value'} = $s->typed; $s->want(','); @$i{'of', 'element'} = $s->typed;
		$s->want(','); $i->{at} = $s->next_token },
	cmpxchg => sub { my ($s, $i) = @_; 1 while $s->take('weak') || $s->take('volatile'); (undef, $i->{pointer}) = $s->typed;
		$s->want(','); @$i{'of', 'old'} = $s->typed; $s->want(','); (undef, $i->{new}) = $s->typed },
	atomicrmw => sub { my ($s, $i) = @_; $s->take('volatile'); $i->{how} = $s->next_token; (undef, $i->{pointer}) = $s->typed;
		$s->want(','); @$i{'type', 'value'} = $s->typed },
	fence => sub { },
);
for my $op (qw(add sub mul and or xor shl lshr ashr udiv urem sdiv srem)) {
	$parse{$op} = sub { my ($s, $i) = @_; 1 while $s->take('nuw') || $s->take('nsw') || $s->take('exact');
		@$i{'type', 'a'} = $s->typed; $s->want(','); $i->{b} = $s->value };
}
for my $op (qw(zext sext trunc bitcast ptrtoint inttoptr freeze)) {
	$parse{$op} = sub { my ($s, $i) = @_; @$i{'from', 'value'} = $s->typed;
		$i->{type} = $s->take('to') ? $s->type : $i->{from} };
}

sub instruction {
	my ($self, $text) = @_;
	my $i = {};
	$text =~ s/^\s+//;
	$text =~ s/(?:, ![\w.]+ !\d+)+$// and $& =~ /!dbg (!\d+)/ and $i->{line} = $self->{line}{$1};
	$text =~ s/^%([-\w.]+|"[^"]*") = // and $i->{name} = $1;
	$self->lex($text);
	1 while $self->take('tail') || $self->take('notail');
	$i->{op} = $self->next_token;
	my $parse = $parse{$i->{op}} or die "no such instruction here: $text\n";
	$parse->($self, $i);
	$i->{trap} = 1 if $i->{op} eq 'call' && $i->{callee}[1] eq 'llvm.ubsantrap';
	return $i;
}

# A function's parameters and blocks, parsed when it is first called.
sub function {
	my ($self, $name) = @_;
	my $f = $self->{function}{$name} or return undef;
	return $f if $f->{blocks};
	my ($params) = $f->{head} =~ /@[-\w.\$"]+(\(.*)/;
	$self->lex($params);
	$self->want('(');
	my $count = 0;
	until ($self->take(')')) {
		die "$name takes any number of arguments\n" if $self->peek eq '...';
		$self->type;
		$self->attributes;
		my $p = $self->peek =~ /^%/ ? $self->next_token : '%' . $count;
		$p =~ s/^%//;
		push @{$f->{params}}, $p;
		$count++;
		$self->take(',');
	}
	$f->{params} //= [];
	my $block = { label => $count };
	$f->{blocks} = [$block];
	my @text = @{delete $f->{text}};
	while (defined(my $line = shift @text)) {
		next if $line =~ /^\s*(;.*)?$/;
		if ($line =~ /^([-\w.]+|"[^"]*"):/) {
			if (@{$block->{code} // []}) {
				$block = {};
				push @{$f->{blocks}}, $block;
			}
			$block->{label} = $1;
			next;
		}
		if ($line =~ /^\s*switch /) { $line .= ' ' . shift @text until $line =~ /\]/ }
		push @{$block->{code}}, $self->instruction($line);
	}
	my $n = 0;
	$f->{index} = { map { $_->{label} => $n++ } @{$f->{blocks}} };
	$self->find_loops($f);
	return $f;
}

sub successors {
	my ($block) = @_;
	my $last = $block->{code}[-1];
	return @{$last->{to}} if $last->{op} eq 'br';
	return ($last->{default}, map { $_->[1] } @{$last->{case} // []}) if $last->{op} eq 'switch';
	return ();
}

sub operands { # names of the local values in an instruction
	my ($x) = @_;
	return map { operands($_) } values %$x if ref $x eq 'HASH';
	return () unless ref $x eq 'ARRAY';
	return $x->[1] if @$x == 2 && defined $x->[0] && $x->[0] eq 'local';
	return map { operands($_) } @$x;
}

# A loop extends from its head to the last block that jumps back there, in the order of the text. No
# value may leave it except through memory: so a block only uses values of its own state.
sub find_loops {
	my ($self, $f) = @_;
	my (%end, %defined_in);
	for my $n (0 .. $#{$f->{blocks}}) {
		my $b = $f->{blocks}[$n];
		$defined_in{$_->{name}} = $n for grep { defined $_->{name} && $_->{op} ne 'alloca' } @{$b->{code}};
		for my $to (map { $f->{index}{$_} } successors($b)) {
			$end{$to} = $n if $to <= $n && $n >= ($end{$to} // 0);
		}
	}
	$f->{loop_end} = \%end;
	for my $n (0 .. $#{$f->{blocks}}) {
		for my $v (map { operands($_) } @{$f->{blocks}[$n]{code}}) {
			my $d = $defined_in{$v} // next;
			for my $head (keys %end) {
				die "$f->{name}: %$v leaves a loop\n"
					if $d >= $head && $d <= $end{$head} && ($n < $head || $n > $end{$head});
			}
		}
	}
}

sub resolve_type {
	my ($self, $type) = @_;
	while ($type->[0] eq 'named') {
		my $text = $self->{type}{$type->[1]} // die "no type $type->[1]\n";
		$type = $self->{parsed_type}{$type->[1]} //= do {
			my $saved = [@$self{'tokens', 'text'}];
			$self->lex($text);
			my $t = $self->type;
			@$self{'tokens', 'text'} = @$saved;
			$t;
		};
	}
	return $type;
}

sub size_of {
	my ($self, $type) = @_;
	$type = $self->resolve_type($type);
	my $kind = $type->[0];
	return $type->[1] <= 8 ? 1 : $type->[1] <= 16 ? 2 : $type->[1] <= 32 ? 4 : $type->[1] / 8 if $kind eq 'int';
	return 8 if $kind eq 'ptr';
	return $type->[1] * $self->size_of($type->[2]) if $kind eq 'array';
	die "size of $kind\n" unless $kind eq 'struct';
	return $self->field_offset($type, $#$type - 1);
}

sub align_of {
	my ($self, $type) = @_;
	$type = $self->resolve_type($type);
	return $self->align_of($type->[2]) if $type->[0] eq 'array';
	return $self->size_of($type) if $type->[0] ne 'struct';
	my $align = 1;
	for (@$type[2 .. $#$type]) { my $a = $type->[1] ? 1 : $self->align_of($_); $align = $a if $a > $align }
	return $align;
}

# The offset of a struct's field; for one past the last, the struct's size.
sub field_offset {
	my ($self, $type, $n) = @_;
	my $key = "$type";
	return $self->{offsets}{$key}[$n] if $self->{offsets}{$key};
	my ($at, @offsets) = 0;
	for my $field (@$type[2 .. $#$type]) {
		my $align = $type->[1] ? 1 : $self->align_of($field);
		$at = ($at + $align - 1) & ~($align - 1);
		push @offsets, $at;
		$at += $self->size_of($field);
	}
	my $align = $self->align_of($type);
	push @offsets, ($at + $align - 1) & ~($align - 1);
	$self->{keep}{$key} = $type; # else its address could be reused for another type
	$self->{offsets}{$key} = \@offsets;
	return $offsets[$n];
}

1;
