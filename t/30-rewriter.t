#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# veneer rewrite and inspect: how a kernel's sensitive instructions are treated, with and without
# symbols, and what happens to unsuitable files.
use strict;
use warnings;
no warnings "qw";
use lib 't/lib';
use Test::More;
use Veneer;
use JSON::PP;

my ($status, $text);
my $out = 'build/test-rewritten.elf';

sub share_inline {
	my ($report) = @_;
	my ($inline, $all) = (0, 0);
	for (qw(cli sti pushf popf)) {
		my $row = $report->{instructions}{$_} or next;
		$inline += $row->{inline};
		$all += $row->{inline} + $row->{trap} + $row->{refused};
	}
	return ($inline, $all);
}

# The members of an object, each once.
sub members {
	my %seen = map { $_ => 1 } map { keys %$_ } @_;
	return join ' ', sort keys %seen;
}

# All have the members that the man page lists, whatever the file.
sub same_shape {
	my ($how, @all) = @_;
	my ($section) = slurp('hypervisor/host/veneer.1') =~ /^\.SS JSON\n(.*?)^\.S[SH] /ms;
	my @listed = map { /[a-z_]+/g } ($section // '') =~ /^\.BR? (.*)$/mg;
	for (@all) {
		is($_->{version}, 1, "$how: version of the JSON");
		is(members($_, @{$_->{sites}}), join(' ', sort @listed), "$how: its members are those of the man page");
		is(join(' | ', members($_), members($_->{sites}[0])), join(' | ', members($all[0]), members($all[0]{sites}[0])), "$how: at the same places");
	}
}

for (['with symbols', 'build/rtos-pc.elf'], ['stripped', 'build/t/stripped.elf']) {
	my ($how, $image) = @$_;
	my $before = slurp($image);
	($status, $text) = veneer('rewrite', $image, '-o', $out, '--report', 'build/test-report.json');
	is($status, 0, "$how: is rewritten") or diag($text);
	is(slurp($image), $before, "$how: the original is not changed");
	my $report = decode_json(slurp('build/test-report.json'));
	my ($inline, $all) = share_inline($report);
	cmp_ok($inline, '>=', 0.95 * $all, "$how: $inline of $all CLI, STI, PUSHF, POPF are inline");
	is($report->{refused}, 0, "$how: nothing is refused");
	is($report->{multiboot}, JSON::PP::true, "$how: it has a Multiboot header");
	($status, $text) = command('readelf', '-lSW', $out);
	is($status, 0, "$how: readelf reads it");
	like($text, qr/\.veneer\.stubs\s+PROGBITS\s+ff002000/, "$how: stubs are a section");
	unlike($text, qr/warning|error/i, "$how: and finds nothing wrong");
	($status, $text) = command('objdump', '-d', '-j', '.veneer.stubs', $out);
	like($text, qr/movl\s+\$0x200,0xff000000/, "$how: objdump shows them");
	($status, $text) = veneer('inspect', $out);
	like($text, qr/^inline +[0-9a-f]{8}  cli\n +ff00[0-9a-f]{4}  movl/m, "$how: inspect shows before and after");
	($status, $text) = veneer('inspect', $out, '--json');
	my ($after, $before_json) = map { decode_json((veneer('inspect', $_, '--json'))[1]) } $out, $image;
	same_shape($how, $report, $before_json, $after);
	is_deeply($before_json, $report, "$how: inspect before shows what the report does");
	is(join(' ', map { $_->{rewritten} ? 1 : 0 } $before_json, $after), '0 1', "$how: and says that it is not rewritten, or is");
	is_deeply([map { $after->{$_} } qw(version symbols multiboot refused stub_bytes instructions)], [map { $report->{$_} } qw(version symbols multiboot refused stub_bytes instructions)],
		"$how: after, it shows the same of what is known");
	is(join("\n", map { join ' ', @$_{qw(address instruction treatment planted stub)} } @{$after->{sites}}),
		join("\n", map { join ' ', @$_{qw(address instruction treatment planted stub)} } @{$report->{sites}}), "$how: and of every site");
	is(join(' ', grep { defined $after->{$_} } qw(displaced unreached_bytes undecodable conflicts tactics)) . join(' ', map { grep { defined } @$_{qw(tactic found why)} } @{$after->{sites}}),
		'', "$how: the rest is null");
	spew('build/test-rw.conf', '');
	($status, $text) = run_guests('rw', guest('rtos', image => 'test-rewritten.elf', cmdline => 'test'), '--cpus', 1, '--icount');
	is($status, 0, "$how: runs its tests") or diag($text);
}

# File names with arbitrary bytes become valid JSON strings.
{
	my $name = "build/test-\"\\\x01\xc3\xbc\xfc.elf"; # UTF-8 for one letter, Latin-1 for the same
	spew($name, slurp('build/t/stripped.elf'));
	($status, $text) = veneer('inspect', $name, '--json');
	is(decode_json($text)->{image}, "build/test-\"\\\x01\xfc\x{fffd}.elf", 'quotes, controls and UTF-8 are escaped, what is not UTF-8 is replaced');
	unlink $name;
}

# Unreached code causes a warning: here the kernel's first instruction is an endless loop.
{
	my $kernel = slurp('build/t/stripped.elf');
	my ($entry) = unpack 'x24L<', $kernel;
	my ($offset, $address) = unpack 'x52x4L<L<', $kernel; # the first segment's
	substr $kernel, $entry - $address + $offset, 2, "\xeb\xfe"; # jmp .
	spew('build/test-unreached.elf', $kernel);
	($status, $text) = veneer('rewrite', 'build/test-unreached.elf', '-o', $out, '--quiet');
	is($status, 0, 'a kernel whose code is not found');
	my $found = qr/\Aveneer: build\/test-unreached\.elf: only 2 of \d+ bytes were recognized as code: the file has no symbols, so only its entry point leads to code/;
	like($text, qr/$found; sensitive instructions elsewhere were not replaced: run it, keep the console with --log, and rewrite it again with --profile; or run the original, which is translated as it runs\n\z/, 'is warned of');
	($status, $text) = veneer('inspect', 'build/test-unreached.elf');
	like($text, qr/$found; sensitive instructions elsewhere are not listed\n/, 'also by inspect');
	($status, $text) = command('sh', '-c', 'build/veneer inspect build/test-unreached.elf --json 2> /dev/null');
	is(scalar @{decode_json($text)->{sites}}, 0, 'and on standard error, so that the JSON is whole');
	substr $kernel, $entry - $address + $offset, 2, "\x0f\x04";
	spew('build/test-unreached.elf', $kernel);
	($status, $text) = veneer('inspect', 'build/test-unreached.elf');
	like($text, qr/\Aveneer: build\/test-unreached\.elf: no code was found in \d+ bytes: there is no valid instruction at its entry point; /, 'inspect of one whose entry point is no code');
	($status, $text) = veneer('rewrite', 'build/t/stripped.elf', '-o', $out, '--quiet');
	is("$status $text", '0 ', 'reached code is not warned of');
}
for ('rewrite', 'inspect') {
	($status, $text) = veneer($_, '/tmp', $_ eq 'rewrite' ? ('-o', $out) : ());
	is("$status $text", "1 veneer: /tmp: is a folder: want the name of a file\n", "$_ of a folder");
}

# With a profile, addresses that trapped are taken to be code.
($status, $text) = veneer('inspect', 'build/t/stripped.elf', '--json');
my $sites = decode_json($text)->{sites};
spew('build/test-profile.log', "noise\nveneer: profile rtos $sites->[0]{address} 12\n");
($status, $text) = veneer('rewrite', 'build/t/stripped.elf', '-o', $out, '--profile', 'build/test-profile.log');
is($status, 0, 'a profile is accepted');
spew('build/test-profile.log', "noise\n");
($status, $text) = veneer('rewrite', 'build/t/stripped.elf', '-o', $out, '--profile', 'build/test-profile.log');
is($status, 1, 'a profile without addresses is refused');

# --- refusals ---
sub refused {
	my ($what, $want, $pattern, @arguments) = @_;
	unlink $out;
	($status, $text) = veneer('rewrite', @arguments);
	is($status, $want, "$what: exit status");
	like($text, $pattern, "$what: is said");
	ok(!-e $out, "$what: leaves no file");
}

my $elf = slurp('build/rtos-pc.elf');
refused('no such file', 1, qr/^veneer: nowhere.elf: No such file/, 'nowhere.elf', '-o', $out);
refused('no arguments', 2, qr/^veneer rewrite: want one kernel$/m);
refused('no output', 2, qr/^veneer rewrite: want -o OUT$/m, 'build/rtos-pc.elf');
refused('a text', 1, qr/not an ELF file/, 'README.md', '-o', $out);
refused('a 64-bit image', 1, qr/not for 32-bit x86/, 'build/rtos-pv.elf', '-o', $out);
refused('an object file', 1, qr/not an executable/, 'build/pc/rtos-pv/port-pc/boot.o', '-o', $out);
refused('a bzImage', 1, qr/^veneer: \S+: a bzImage, whose kernel is compressed: /, 'build/i386/memtest86+ia32.bin', '-o', $out);
command('sh', '-c', 'rm -f build/test-bad.a && ar rc build/test-bad.a build/pc/rtos-pv/port-pc/boot.o');
refused('an archive', 1, qr/: an archive: link it/, 'build/test-bad.a', '-o', $out);
command('sh', '-c', 'gzip -c build/rtos-pc.elf >build/test-bad.elf');
refused('a compressed kernel', 1, qr/: compressed: want the file that gunzip makes of it$/m, 'build/test-bad.elf', '-o', $out);
spew('build/test-bad.elf', pack('v2 V7', 0x107, 100, 4096, 0, 0, 0, 0, 0, 0) . "\0" x 4096);
refused('an a.out file', 1, qr/: an a\.out file: want an ELF file/, 'build/test-bad.elf', '-o', $out);
refused('GNU Mach, whose entry leads to data', 1,
	qr/^veneer: \S+: 0x[0-9a-f]+ \(\.text\):( [0-9a-f]{2}){8}: not an instruction; 0x[0-9a-f]+ \(\.text\) leads there\n\S+ \S+ not rewritten: run the original, /, 'build/i386/gnumach', '-o', $out);
refused('an instruction that cannot be', 1, qr/: 0x[0-9a-f]+ \(system_enter, \.text\): 0f 34: sysenter: /, 'build/t/pc-long.elf', '-o', $out);
refused('a directory that is not there', 1, qr/cannot be written/, 'build/rtos-pc.elf', '-o', 'nowhere/x.elf');
spew('build/test-bad.elf', substr $elf, 0, 4096);
refused('a truncated file', 1, qr/truncated|outside the file/, 'build/test-bad.elf', '-o', $out);
spew('build/test-bad.elf', '');
refused('an empty file', 1, qr/not an ELF file/, 'build/test-bad.elf', '-o', $out);
refused('a device', 1, qr/^veneer: \/dev\/null: not a regular file$/m, '/dev/null', '-o', $out);
refused('standard input', 2, qr/^veneer: IN "-": not standard input or output: want the name of a file, \.\/- for one named -$/m, '-', '-o', $out);
refused('standard output', 2, qr/^veneer: --output "-": not standard input or output: /m, 'build/rtos-pc.elf', '-o', '-');
refused('an empty name', 2, qr/^veneer: --report "": an empty name: want the name of a file$/m, 'build/rtos-pc.elf', '-o', $out, '--report', '');
ok(!-e '-', 'no file of that name is made');
spew('build/test-profile.log', "veneer: profile rtos 0x100000 12\n");
($status, $text) = veneer('rewrite', 'build/rtos-pc.elf', '-o', 'build/test-profile.log', '--profile', 'build/test-profile.log');
is($status, 1, 'an output over the profile is refused');
is(slurp('build/test-profile.log'), "veneer: profile rtos 0x100000 12\n", 'the profile is left as it was');
veneer('rewrite', 'build/rtos-pc.elf', '-o', 'build/test-once.elf', '--quiet');
refused('a rewritten one', 1, qr/is rewritten already/, 'build/test-once.elf', '-o', $out);
($status, $text) = veneer('rewrite', 'build/test-once.elf', '-o', 'build/test-once.elf');
like($text, qr/is the input file/, 'the input is not overwritten');
for (['build/test-once.elf', $out], ['build/./test-again.elf', 'build/test-again.elf']) {
	my ($report, $to) = @$_;
	($status, $text) = veneer('rewrite', 'build/test-once.elf', '-o', $to, '--report', $report);
	is($status, 1, "a report to $report is refused");
	like($text, qr/\Q$report\E: is the input, the output or the profile/, 'the refusal is one line');
}
($status, $text) = veneer('rewrite', 'build/rtos-pc.elf', '-o', $out, '--report', '/dev/full', '--quiet');
is($status, 1, 'a full disk is noticed');
refused('a device', 1, qr/not a file that can be replaced/, 'build/rtos-pc.elf', '-o', '/dev/full');
refused('a folder as output', 1, qr/^veneer: build: cannot be written: is a folder: want the name of a file$/m, 'build/rtos-pc.elf', '-o', 'build');
($status, $text) = command('sh', '-c', 'build/veneer inspect build/rtos-pc.elf --json > /dev/full');
is("$status $text", "1 veneer: standard output: No space left on device\n", 'no room for what inspect --json prints');
ok(-c '/dev/full', '/dev/full is still a device');

# An instruction that cannot run in ring 1 is listed and refused; --force continues.
spew('build/test-sysexit.s', ".globl _start\n_start: cli\nsysexit\n");
command(qw(gcc -m32 -nostdlib -static -Wl,-Ttext=0x100000 -x assembler build/test-sysexit.s -o build/test-sysexit.elf));
refused('SYSEXIT', 1, qr/0x100001\b.*: sysexit: the ring engine cannot offer.*--force/s, 'build/test-sysexit.elf', '-o', $out);
($status, $text) = veneer('rewrite', 'build/test-sysexit.elf', '-o', $out, '--force');
is($status, 0, '--force goes on');
ok(-e $out, '--force writes the file');

# Random bytes in the headers and elsewhere: an error or an output, never a crash.
my ($bad, %codes) = (0);
srand 1;
for my $round (1 .. 120) {
	my $copy = $elf;
	substr($copy, int rand($round % 2 ? 300 : length $copy), 1) = chr int rand 256 for 1 .. 4;
	spew('build/test-bad.elf', $copy);
	($status, $text) = veneer('rewrite', 'build/test-bad.elf', '-o', $out, '--quiet');
	$codes{$status}++;
	$bad++ if $status != 0 && $status != 1;
}
is($bad, 0, "a hundred and twenty broken files ($codes{0} rewritten, " . ($codes{1} // 0) . ' refused)');

done_testing;
