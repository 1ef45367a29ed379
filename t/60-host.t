#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The host command's user interface: help, invalid arguments, missing files, time-outs, screenshots,
# installation.
use strict;
use warnings;
use lib 't/lib';
use POSIX qw(getcwd mkfifo setpgid);
use Test::More;
use Veneer;

my ($status, $text) = veneer();
is($status, 2, 'no command: usage');
($status, $text) = veneer('--help');
is($status, 0, '--help');
for my $command (qw(rewrite inspect run check bench)) {
	like($text, qr/^  $command /m, "help lists $command");
	my ($code, $help) = veneer($command, '--help');
	is($code, 0, "$command --help");
	like($help, qr/^usage: veneer $command/, "$command --help says how");
	($code, $help) = veneer($command, '--nonsense');
	is($code, 2, "$command --nonsense is refused");
	like(slurp('hypervisor/host/veneer.1'), qr/\b$command\b/, "the man page has $command");
}
($status, $text) = veneer('nonsense');
is($status, 2, 'a wrong command');
like($text, qr/no command "nonsense"/, 'the message names it');

my ($version) = slurp('hypervisor/host/version.h') =~ /VENEER_VERSION "(.*?)"/;
my ($newest) = slurp('CHANGELOG.md') =~ /^## \[?v?([^\s\]]+)/m;
($status, $text) = veneer('--version');
is("$status $text", "0 veneer $version, guest interface 1.3\n", '--version');
ok($newest eq 'Unreleased' ? $version =~ /-dev$/ : $version eq $newest, '--version agrees with CHANGELOG.md') or diag("$version, $newest");

# --- values of options: one line names the invalid one, and what is allowed ---
sub refused {
	my ($what, $line, @words) = @_;
	my ($code, $said) = veneer(@words);
	is($code, 2, "$what: refused");
	is($said, "$line\n", 'the message is one line');
}
spew('build/test-options.conf', guest('a', image => 'rtos-pv.elf', cmdline => 'spin'));
my @options_run = ('run', 'build/test-options.conf');
for (['--timeout', [qw(abc -1 1s), ''], 'a whole number from 0 to 2000000'], ['--cpus', [qw(0 two 2x 256)], 'a whole number from 1 to 255'],
	['--memory', [qw(16M 0 4 99999999999999999999)], 'a whole number from 16 to 1048576'],
	['--accel', [qw(foo TCG), ''], 'tcg, kvm, bochs or auto'], ['--engine', [qw(best rin ringer)], 'auto, ring, vmx or svm']) {
	my ($option, $values, $want) = @$_;
	refused("$option $_", "veneer: $option $_: want $want", @options_run, $option, $_) for @$values;
}
refused("$_ with an argument", "veneer: $_ takes no argument: see veneer COMMAND --help", $_, 'run') for qw(--help -h help);
refused('--version with an argument', 'veneer: --version takes no argument: see veneer --help', qw(--version run));
refused('--worse much', 'veneer: --worse much: want a number', qw(bench --worse much));
refused('--icount with KVM', 'veneer: --icount: KVM does not count instructions: want --accel tcg', @options_run, qw(--icount --accel kvm --print));
for (['run', [], 'want a configuration'], ['run', ['a', 'b'], 'want one configuration'], ['rewrite', [], 'want one kernel'],
	['rewrite', ['a'], 'want -o OUT'], ['inspect', [], 'want one kernel'], ['bench', ['a'], 'unexpected argument'],
	['bench', ['--worse', 3], '--worse is for --compare'],
	['run', ['--nonsense'], q(unrecognized option '--nonsense')]) {
	my ($command, $words, $want) = @$_;
	refused("$command @$words", "veneer $command: $want\nsee veneer $command --help", $command, @$words);
}

($status, $text) = veneer('run', 'nowhere.conf');
is($status, 2, 'no configuration');
like($text, qr/^veneer: nowhere.conf: No such file/m, 'the message is right');
($status, $text) = run_guests('missing', guest('a', image => 'nowhere.elf'));
is($status, 2, 'an image that is not there');
like($text, qr/nowhere.elf: No such file/, 'the message is right');
($status, $text) = run_guests('noise', "this is not a configuration\n");
like($text, qr/test-noise.conf:1: .*want KEY = VALUE/, 'a wrong line is named');
is($status, 2, 'nothing is started');
($status, $text) = run_guests('header', "[guest a b]\nimage = rtos-pv.elf\n");
is("$status $text", "2 veneer: build/test-header.conf:1: guest name \"a b\": want 1 to 23 letters, digits, - or _\n", 'a wrong header: one line');
($status, $text) = run_guests('twice', guest('a', image => 'rtos-pv.elf') . "cpus = 1\nimage = rtos-pc.elf\n");
is("$status $text", "2 veneer: build/test-twice.conf:4: image: already given in line 2\n", 'a duplicate key: one line');
for (["rsb, foo\n", 2, 'want auto, off, or a list of retpoline, rsb, ibpb, ibpb-exit, verw, l1d-flush, ssbd, spec-ctrl'], ["rsb\nmitigations = off\n", 3, 'already given in line 2']) {
	my ($value, $line, $why) = @$_;
	($status, $text) = run_guests('machine', "[machine]\nmitigations = $value" . guest('a', image => 'rtos-pv.elf', cmdline => 'spin'));
	is("$status $text", "2 veneer: build/test-machine.conf:$line: mitigations: $why\n", 'a wrong line of [machine] starts nothing');
}
($status, $text) = run_guests('cpus', guest('a', image => 'rtos-pv.elf', cpus => 16));
is("$status $text", "2 veneer: build/test-cpus.conf:2: cpus: want cores 0 to 15, as 1 or 0,2-3\n", 'a core that this machine does not have');
($status, $text) = veneer(qw(run build/rtos-pv.elf));
is("$status $text", "2 veneer: build/rtos-pv.elf: not a configuration file: it has NUL bytes (binary, or UTF-16)\n", 'a kernel in place of a configuration');
($status, $text) = run_guests('folder', guest('a', image => '.'));
is($text, "veneer: build/test-folder.conf:2: guest \"a\": build/.: is a folder: want the name of a file\n", 'nor is a folder an image');

($status, $text) = run_guests('no-kernel', guest('a', image => 'test-no-kernel.conf'));
is("$status $text", "2 veneer: build/test-no-kernel.conf:2: guest \"a\": build/test-no-kernel.conf: not an ELF file, a bzImage or a Multiboot kernel: a flat binary wants load = in the configuration\n", 'nor is a text a kernel');

# A wrong line in a configuration with a valid guest: reported once, and nothing is started or made.
my $half = guest('a', image => 'rtos-pv.elf', cmdline => 'spin') . guest('b', image => 'rtos-pv.elf', memroy => '4M');
my $wrong = "veneer: build/test-half.conf:6: memroy: unknown key\n";
unlink 'build/test-half.out';
for ([], ['--quiet'], ['--print'], ['--bundle', 'build/test-half.out'], ['--iso', 'build/test-half.out']) {
	($status, $text) = run_guests('half', $half, @$_);
	is("$status $text", "2 $wrong", "a wrong line, @$_: refused");
}
ok(!-e 'build/test-half.out', 'nothing is written');
($status, $text) = run_guests('half', guest('a', image => 'rtos-pv.elf') . guest('b', image => 'nowhere.elf'), '--bundle', 'build/test-half.out');
ok($status == 2 && !-e 'build/test-half.out', 'no partial bundle is written if an image is missing');

# check: reports errors in a configuration and its files, and starts nothing.
sub check {
	my ($what, $conf, $want) = @_;
	spew('build/test-check.conf', $conf);
	my ($code, $said) = veneer(qw(check build/test-check.conf));
	is("$code $said", $want, "check: $what");
}
check('all is right', guest('a', image => 'rtos-pv.elf', cmdline => 'spin'), '0 ');
check('shares of a core that add up to 100 %', join('', map { guest($_, image => 'rtos-pv.elf', share => 50) } 'a', 'b') .
	guest('c', image => 'rtos-pv.elf', share => 60, cpus => '0-1'), '0 ');
check('and to more', join('', map { guest($_, image => 'rtos-pv.elf', share => 60, cpus => 1) } 'a', 'b'),
	qq(0 veneer: build/test-check.conf:5: guest "b": with it the shares of core 1 add up to 120 %: none is guaranteed\n));
check('also of one guest', guest('a', image => 'rtos-pv.elf', share => 60, vcpus => 2),
	qq(0 veneer: build/test-check.conf:1: guest "a": with it the shares of core 0 add up to 120 %: none is guaranteed\n));
check('a wrong line', $half, '2 ' . $wrong =~ s/half/check/r);
check('a long line', guest('a', image => 'rtos-pv.elf', cmdline => 'x' x 400), "2 veneer: build/test-check.conf:2: line too long, at most 399 bytes\n");
check('a size in words', guest('a', image => 'rtos-pv.elf', memory => '4MB'),
	"2 veneer: build/test-check.conf:3: memory: not a size, want a whole number of bytes, or one with K, M or G behind it\n");
check('quotes', guest('a', image => '"rtos-pv.elf"'), "2 veneer: build/test-check.conf:2: image: remove the quotes, they are not needed\n");
check('a core twice', guest('a', image => 'rtos-pv.elf', cpus => '0,0'), "2 veneer: build/test-check.conf:2: cpus: names a core twice\n");
check('a byte order mark', "\xef\xbb\xbf" . guest('a', image => 'rtos-pv.elf'), "2 veneer: build/test-check.conf: begins with a byte order mark: save it without one\n");
for (['test-sparse', 200 << 30], ['test-sparse-module', 20 << 20]) {
	open my $f, '>', "build/$_->[0]" or die;
	truncate $f, $_->[1];
}
check('files', guest('a', image => '.') . guest('b', image => 'nowhere') . guest('c', image => '/dev/zero') . guest('d', image => 'test-sparse') .
	guest('e', image => 'rtos-pv.elf', module => 'test-sparse-module'),
	join('', '2 ', map { "veneer: build/test-check.conf:$_\n" } '2: guest "a": build/.: is a folder: want the name of a file', '4: guest "b": build/nowhere: No such file or directory',
		'6: guest "c": /dev/zero: not a regular file', '8: guest "d": build/test-sparse: File too large',
		'11: guest "e": build/test-sparse-module: larger than the guest\'s memory'));
unlink 'build/test-sparse', 'build/test-sparse-module';
refused('a folder as configuration', 'veneer: build: is a folder: want the name of a file', qw(check build));
# Images that the hypervisor would refuse are reported in its own words; run does the same, and starts nothing.
spew('build/test-image-64.elf', slurp('build/rtos-pv.elf') =~ s/Veneer\0/Weneer\0/gr);
spew('build/test-image-cut.elf', substr slurp('build/rtos-pc.elf'), 0, 4096);
my $large = slurp('build/rtos-pc.elf');
substr($large, unpack('L<', substr $large, 28, 4) + 20, 4) = pack 'L<', 3 << 20; # the first segment's size in memory
spew('build/test-image-large.elf', $large);
spew('build/test-image-low', pack 'x497 C x12 S< x2 a4 S< x9 C x2 L< x4000', 1, 0xaa55, 'HdrS', 0x206, 1, 0x10000); # a bzImage
for (['no kernel', 'test-check.conf', 'not an ELF file, a bzImage or a Multiboot kernel: a flat binary wants load = in the configuration'], ['cut off', 'test-image-cut.elf', 'a segment outside the file'],
	['64 bits, and not paravirtual', 'test-image-64.elf', 'a 64-bit image without a Veneer note: 64-bit guests must be paravirtual, or a bzImage'],
	['a segment above its memory', 'test-image-large.elf', q(a segment does not fit into the guest's memory: raise memory = in the configuration), memory => '2M'],
	['a module above it', 'rtos-pc.elf', q(the module does not fit into the guest's memory: raise memory = in the configuration), memory => '2M', module => 'test-module'],
	['a load address', 'test-image-low', q(the kernel's load address is below 1 MiB), engine => 'svm'],
	['another kind', 'rtos-rewritten.elf', 'the image is rewritten, not stock: change or remove prepare = stock', prepare => 'stock'],
	['several vCPUs of a PC', 'rtos-pc.elf', 'only a paravirtual guest can have several vCPUs in ring 1: set vcpus = 1', vcpus => 2],
	['more memory than a PC has', 'rtos-pc.elf', 'a PC has at most 4076 MiB: lower memory = in the configuration', memory => '4G']) {
	my ($what, $image, $why, @keys) = @$_;
	my $conf = guest('a', image => 'rtos-pv.elf') . guest('b', image => $image, @keys);
	my $file = $why =~ /^the module/ ? 'test-module' : $image;
	my ($number) = grep { (split /\n/, $conf)[$_ - 1] =~ /^(?:image|module) = \Q$file\E$/ } 1 .. $conf =~ tr/\n//;
	my $line = qq(2 veneer: build/test-check.conf:$number: guest "b": build/$file: $why\n);
	spew('build/test-module', 'x' x (2 << 20));
	check($what, $conf, $line);
	($status, $text) = run_guests('check', $conf);
	is("$status $text", $line, "run: $what");
}
# A broken note of the rewriter: which part of it. A number is that of a word in struct veneer_rewrite_note.
my $rewritten = slurp('build/rtos-rewritten.elf');
my $note = index($rewritten, pack 'L<3 a8', 7, 44, 2, 'Veneer') + 20;
my %part = (1 => 'its patch window is invalid', 2 => 'its patch window is invalid', 5 => 'its site table is outside the patch window',
	6 => 'its site table is outside the patch window', 7 => 'its IRET windows are outside the patch window', 8 => 'its IRET windows are outside the patch window',
	9 => 'its original bytes are outside the patch window', 10 => 'its original bytes are outside the patch window');
for my $word (sort keys %part) {
	for my $value (1, 0x7fffffff) {
		next if $value == 1 && $word =~ /^(?:6|8|10)$/; # a count of 1 is valid
		my $broken = $rewritten;
		substr $broken, $note + 4 * $word, 4, pack 'L<', $value;
		spew('build/test-image-note.elf', $broken);
		check("a note whose word $word is $value", guest('a', image => 'test-image-note.elf'), qq(2 veneer: build/test-check.conf:2: guest "a": build/test-image-note.elf: the note of veneer rewrite is broken: $part{$word}: rewrite it again\n));
	}
}
# All that is wrong is said at once: lines, and files. A value that is wrong is no reason to complain of a file.
my $bad_image = join '', guest('a', image => 'nowhere', memroy => '4M'), guest('b', image => 'test-image-cut.elf', module => 'nowhere'), guest('c', image => 'test-image-64.elf');
my @bad_lines = map { "veneer: build/test-check.conf:$_\n" } '3: memroy: unknown key', '2: guest "a": build/nowhere: No such file or directory', '5: guest "b": build/test-image-cut.elf: a segment outside the file',
	'6: guest "b": build/nowhere: No such file or directory', '8: guest "c": build/test-image-64.elf: a 64-bit image without a Veneer note: 64-bit guests must be paravirtual, or a bzImage';
check('a line and files', $bad_image, join '', '2 ', @bad_lines);
is((run_guests('check', $bad_image))[1], join('', @bad_lines), 'run: a line and files');
is((run_guests('check', $bad_image =~ s/memroy.*\n//r))[1], join('', map { s/:(\d+):/':' . ($1 > 3 ? $1 - 1 : $1) . ':'/er } @bad_lines[1 .. 4]), 'run: files');
check('wrong values', guest('a', image => 'rtos-pc.elf', memory => '4MB', vcpus => 2, engine => 'svn', module => '"nowhere"', prepare => 'pv') . guest('b', image => 'x' x 64),
	join '', '2 ', map { "veneer: build/test-check.conf:$_\n" } '2: engine: want ring, vmx, svm or auto', '4: memory: not a size, want a whole number of bytes, or one with K, M or G behind it',
	'5: module: remove the quotes, they are not needed', '9: image: name too long');
my $several = guest('a', image => 'rtos-pc.elf', vcpus => 2) . guest('b', image => 'rtos-pv.elf', memroy => '4M');
is((run_guests('check', $several, '--engine', $_->[0]))[1], "veneer: build/test-check.conf:6: memroy: unknown key\n$_->[1]", "run: --engine $_->[0] beside a wrong line")
	for ['svm', ''], ['ring', qq(veneer: build/test-check.conf:2: guest "a": build/rtos-pc.elf: only a paravirtual guest can have several vCPUs in ring 1: set vcpus = 1\n)];
refused('check of nothing', "veneer check: want a configuration\nsee veneer check --help", 'check');

# A FIFO is not opened, since that would wait for the other end. Here the writer waits in vain.
use POSIX qw(mkfifo O_RDWR O_NONBLOCK);
unlink 'build/test-fifo';
mkfifo('build/test-fifo', 0600) or die "build/test-fifo: $!";
my $writer = fork // die "fork: $!";
if (!$writer) {
	while (1) { open my $f, '>', 'build/test-fifo' or die } # a reader that opens it gets nothing
}
spew('build/test-fifo.conf', guest('a', image => 'test-fifo'));
spew('build/test-fifo-module.conf', guest('a', image => 'rtos-pv.elf', module => 'test-fifo'));
for (['as configuration', 2, 'build/test-fifo', qw(check build/test-fifo)], ['as the configuration of run', 2, 'build/test-fifo', qw(run build/test-fifo)],
	['as image', 2, 'build/test-fifo.conf:2: guest "a": build/test-fifo', qw(check build/test-fifo.conf)],
	['as module', 2, 'build/test-fifo-module.conf:3: guest "a": build/test-fifo', qw(run build/test-fifo-module.conf)],
	['as kernel to rewrite', 1, 'build/test-fifo', qw(rewrite build/test-fifo -o build/test-fifo.elf)], ['as profile', 1, 'build/test-fifo', qw(rewrite build/rtos-pc.elf -o build/test-fifo.elf --profile build/test-fifo)],
	['as kernel to inspect', 1, 'build/test-fifo', qw(inspect build/test-fifo)], ['as costs', 1, 'build/test-fifo', qw(bench --no-bochs --output build/test-bench-none --costs build/test-fifo)],
	['as older results', 1, 'build/test-fifo', qw(bench --no-bochs --output build/test-bench-none --compare build/test-fifo)],
	['as log of a machine', 1, 'build/test-fifo', qw(bench --no-bochs --output build/test-bench-none --log build/test-fifo)]) {
	my ($what, $want, $where, @words) = @$_;
	($status, $text) = veneer(@words);
	is("$status $text", "$want veneer: $where: not a regular file\n", "a FIFO $what");
}
kill 'TERM', $writer;
waitpid $writer, 0;
for my $option (qw(--log --stay --iso --bundle)) {
	($status, $text) = command('timeout', $limit, 'build/veneer', @options_run, $option, 'build/test-fifo');
	is($status, 2, "$option into a FIFO that nobody reads: exit status");
	like($text, qr/\Aveneer: (?:$option )?build\/test-fifo: (?:nothing reads this FIFO or socket|not a file that can be replaced): want another name\n\z/, 'the message is right');
	ok(-p 'build/test-fifo', 'the FIFO is still a FIFO');
}
sysopen my $read, 'build/test-fifo', O_RDWR | O_NONBLOCK or die "build/test-fifo: $!";
($status, $text) = veneer(@options_run, qw(--accel tcg --quiet --log build/test-fifo));
is("$status $text", '0 ', 'a log into a FIFO with a reader') or diag($text);
sysread $read, $text, 1 << 16;
like($text, qr/^veneer: all done, all well/m, 'the log arrives');
close $read;
($status, $text) = command('sh', '-c', "build/veneer @options_run --accel tcg --quiet --log $_") for '/dev/null', '/dev/stderr';
like($text, qr/^veneer: all done, all well/m, 'a log to /dev/stderr');
is((command('sh', '-c', "build/veneer @options_run --accel tcg --quiet --log /dev/null"))[0], 0, 'a log to /dev/null');

# With --bundle, --iso and --print nothing is started, so options of a run would have no effect, and are refused.
my %idle = ('--timeout' => $limit, '--log' => 'build/test-idle', '--send' => 'a=x', '--expect' => 'a=x', '--expect-screen' => 'a=x',
	'--screen' => 'a=build/test-idle', '--quiet' => undef);
my %command = ('--cpus' => 2, '--memory' => 64, '--accel' => 'tcg', '--icount' => undef, '--stay' => 'build/test-idle');
unlink 'build/test-idle.out';
for my $option (sort(keys %idle, keys %command)) {
	my @option = ($option, grep { defined } $idle{$option} // $command{$option});
	for (['--bundle', 'build/test-idle.out'], ['--iso', 'build/test-idle.out'], exists $idle{$option} ? ['--print'] : ()) {
		refused("$option with $_->[0]", "veneer run: $option has no effect: --bundle, --iso and --print start nothing\nsee veneer run --help",
			@options_run, @option, @$_);
	}
	next if exists $idle{$option};
	($status, $text) = veneer(@options_run, '--accel', 'tcg', @option, '--print');
	is($status, 0, "$option with --print is not") or diag($text);
}
ok(!-e 'build/test-idle.out', 'nothing is written');
refused('--quiet with bench --iso', "veneer bench: --quiet has no effect: --iso writes the image and measures nothing\nsee veneer bench --help", qw(bench --quiet --iso build/test-idle.out));

# A run that is refused does not empty an existing log.
spew('build/test-kept.log', "before\n");
($status, $text) = veneer(@options_run, qw(--accel bochs --cpus 13 --log build/test-kept.log));
is("$status " . slurp('build/test-kept.log'), "2 before\n", 'a run that is refused leaves the old log');
refused('a comparison with what is written', 'veneer: --compare build/results.json: is written by this run: want a copy of it, or another --output',
	qw(bench --output build --compare build/results.json));
# With standard output closed, no file is opened in its place.
($status, $text) = command('sh', '-c', "build/veneer @options_run --accel tcg --quiet --log build/test-closed.log >&- 2>&- <&-");
is($status, 0, 'standard output closed, with nothing to print: exit status');
# (The TSC, if other load on this machine disturbs its measurement.)
like(slurp('build/test-closed.log'), qr/\A(?:veneer: TSC: [^\n]*\n)?veneer: Veneer, .*^veneer: all done, all well\n\z/ms, 'the log is the console alone');
($status, $text) = command('sh', '-c', 'build/veneer --version >&-');
is("$status $text", "1 veneer: standard output: Bad file descriptor\n", 'a closed standard output is an error if something is to be printed');

# "" and "-" are not accepted as file names.
for (['check'], ['run'], ['inspect']) {
	my ($command) = @$_;
	my $word = $command eq 'inspect' ? 'IN' : 'CONF';
	refused("$command of -", "veneer: $word \"-\": not standard input or output: want the name of a file, ./- for one named -", $command, '-');
	refused("$command of nothing", "veneer: $word \"\": an empty name: want the name of a file", $command, '');
}
for ((map { [$_, @options_run] } qw(--log --stay --bundle --iso)), map { [$_, 'bench'] } qw(--iso --log --compare --costs)) {
	my ($option, @words) = @$_;
	refused("$option -", "veneer: $option \"-\": not standard input or output: want the name of a file, ./- for one named -", @words, $option, '-');
	refused("$option of nothing", "veneer: $option \"\": an empty name: want the name of a file", @words, $option, '');
}
refused('--output -', 'veneer: --output "-": want the name of a folder, ./- for one named -', qw(bench --output -));
refused('--output of nothing', 'veneer: --output "": an empty name: want the name of a folder', qw(bench --output), '');
refused('--screen into -', 'veneer: --screen a=-: not standard input or output: want the name of a file, ./- for one named -', @options_run, qw(--screen a=-));

# Several of these options at once: all are carried out.
unlink 'build/test-both.cpio', 'build/test-both.iso';
($status, $text) = run_guests('both', guest('a', image => 'rtos-pv.elf'), qw(--bundle build/test-both.cpio --iso build/test-both.iso --print));
is($status, 0, '--bundle, --iso and --print at once') or diag($text);
like($text, qr/\Aqemu.* -initrd build\/test-both\.cpio$/m, 'the command is shown');
ok(-s "build/test-both.$_", "the $_ is written") for qw(cpio iso);
($status, $text) = run_guests('both', guest('a', image => 'rtos-pv.elf'), qw(--iso build/test-both.iso --print));
like($text, qr/\Aqemu.* -initrd BUNDLE$/m, '--iso and --print');

# What this host or this build cannot do is refused, in a line that says what to change.
spew('build/test-vmx.conf', guest('a', image => 'rtos-pv.elf', engine => 'vmx'));
SKIP: {
	skip 'this processor has VT-x', 6 if slurp('/proc/cpuinfo') =~ /^flags.* vmx /m;
	refused('--stay under vmx', 'veneer: --stay: QEMU\'s plugins count, and only in tcg: and a guest wants vmx, which runs in Bochs here',
		qw(run build/test-vmx.conf --accel tcg --stay build/test-stay.json));
	refused('--print under vmx', 'veneer: --print: Bochs is started with a file of settings: and a guest wants vmx, which runs in Bochs here',
		qw(run build/test-vmx.conf --accel tcg --print));
	refused('--print of Bochs', 'veneer: --print: Bochs is started with a file of settings: want --accel tcg', @options_run, qw(--accel bochs --print));
}
spew('build/test-huge.conf', guest('small', image => 'rtos-pv.elf') . guest('huge', image => 'rtos-pv.elf', memory => '8G'));
for (['by a guest', qr/\Aveneer: build\/test-huge\.conf:3: guest "huge" has memory = 8192M, the most: this host does not have \d+ MiB for the machine: use less\n\z/, ''],
	['by an option', qr/\Aveneer: --memory 9000: this host does not have 9000 MiB for the machine: use less\n\z/, '--memory 9000']) {
	my ($what, $why, $options) = @$_;
	($status, $text) = command('bash', '-c', "ulimit -v 4000000; exec build/veneer run build/test-huge.conf --accel tcg $options");
	is($status, 2, "more memory than the host has, $what: exit status");
	like($text, $why, 'the message is right');
}
{
	local $ENV{VENEER_LIB} = '/nowhere';
	refused('no hypervisor', 'veneer: /nowhere/veneer.elf: No such file or directory: build it, or say with VENEER_LIB in which folder it is', @options_run);
	$ENV{VENEER_LIB} = '';
	is((veneer(@options_run, qw(--accel tcg --print)))[0], 0, 'an empty VENEER_LIB counts as unset');
}
{
	local $ENV{PATH} = '/nowhere';
	($status, $text) = veneer(@options_run, qw(--iso build/test-path.iso));
	is($status, 2, 'an ISO without programs: exit status');
	like($text, qr/\Aveneer: missing for a boot image: grub-common \(grub-mkrescue\) xorriso \(xorriso\) mtools \(mformat\) .*: install these packages\n\z/, 'the message names the missing packages');
	for (['QEMU', 'qemu-system-x86 \(qemu-system-x86_64\): install this package', @options_run, qw(--accel tcg)],
		['Bochs', 'bochs \(bochs\): install this package', @options_run, qw(--accel bochs)],
		['QEMU', 'qemu-system-x86 \(qemu-system-x86_64\): install this package', qw(bench --output build/test-bench-none)]) {
		my ($what, $why, @words) = @$_;
		($status, $text) = veneer(@words);
		is($status, 1, "$words[0] without $what: exit status");
		like($text, qr/\Aveneer: missing for $what: $why\n\z/, 'the package is named, and nothing installed');
	}
}

my $tmp = 'build/test-tmp';
my ($fifo, $tools) = map { getcwd() . "/build/test-$_" } qw(fifo tools); # the commands run in other folders
mkdir $_ for $tmp, $tools;
# TMPDIR with characters that are special in Bochs's settings, in QEMU's options, or to mtools.
{
	local $ENV{TMPDIR} = 'build/test a,"b$HOME';
	mkdir $ENV{TMPDIR};
	($status, $text) = veneer(@options_run, qw(--accel bochs));
	is($status, 0, 'Bochs with such a TMPDIR') or diag($text);
	($status, $text) = veneer(@options_run, qw(--iso build/test-tmpdir.iso));
	is($status, 0, '--iso with such a TMPDIR') or diag($text);
	($status, $text) = veneer(@options_run, qw(--accel tcg --stay build/test-tmpdir.json));
	is($status, 0, '--stay with such a TMPDIR') or diag($text);
	like($text, qr/^longest stay \d+ instructions/m, '--stay with such a TMPDIR has counts');
	spew("$tools/grub-mkrescue", "#!/bin/sh\necho grub-mkrescue: error: no such luck >&2\necho xorriso : NOTE : more >&2\nexit 1\n");
	chmod 0755, "$tools/grub-mkrescue";
	local $ENV{PATH} = "$tools:$ENV{PATH}";
	($status, $text) = veneer(@options_run, qw(--iso build/test-tmpdir.iso));
	is($text, "veneer: build/test-tmpdir.iso: grub-mkrescue: error: no such luck\n", 'the message says why there is no ISO');
	is($status, 2, 'nothing is started');
	unlink "$tools/grub-mkrescue";
	$ENV{TMPDIR} = '/nowhere';
	refused("TMPDIR=/nowhere with @$_", 'veneer: no temporary file in TMPDIR /nowhere: No such file or directory', @options_run, @$_)
		for [qw(--accel tcg)], [qw(--iso build/test-tmpdir.iso)];
}

# The command that --print shows can be run if the bundle is kept.
($status, $text) = run_guests('print', guest('a', image => 'rtos-pv.elf', cmdline => 'spin'));
my (undef, $printed) = veneer(qw(run build/test-print.conf --accel tcg --print));
like($printed, qr/ -initrd BUNDLE$/m, '--print names no file that is gone');
(undef, $printed) = veneer(qw(run build/test-print.conf --accel tcg --print --bundle build/test-print.cpio));
($status, $text) = command('timeout', $limit, split ' ', $printed);
like($text, qr/all done, all well/, '--print --bundle: it runs');
(undef, $printed) = veneer(qw(run build/test-print.conf --accel tcg --print --bundle), "build/test print's.cpio");
($status, $text) = command('sh', '-c', "timeout $limit $printed");
like($text, qr/all done, all well/, 'also from a shell, whatever the name');

($status, $text) = run_guests('log', guest('a', image => 'rtos-pv.elf', cmdline => 'spin'), '--log', '/nowhere/log');
is($status, 2, 'a log that cannot be written');
($status, $text) = run_guests('endless', guest('a', image => 'invaders.elf'), '--timeout', 2);
is($status, 3, 'a time-out has its own exit status');
like($text, qr/stopped after 2 s/, 'the message says so');


# --- files that cannot be written: detected before the start where possible, and never a success ---
for (['--stay', '/nowhere/stay', '/nowhere: No such file or directory: want a folder where you may write'],
	['--stay', 'build', 'is a folder: want the name of a file'], ['--stay', '/dev/full', 'not a file that can be replaced: want another name'],
	['--stay', 'build/veneer/stay', 'build/veneer: Not a directory: want a folder where you may write'],
	['--iso', '/nowhere/test.iso', '/nowhere: No such file or directory: want a folder where you may write']) {
	my ($option, $path, $why) = @$_;
	refused("$option $path", "veneer: $option $path: $why", @options_run, $option, $path);
}
($status, $text) = command('sh', '-c', 'echo before > build/test-out; build/veneer run build/test-options.conf --accel tcg --stay /dev/stdout >> build/test-out');
is("$status $text", "2 veneer: --stay /dev/stdout: what is printed goes there: want another name\n", '--stay into standard output is refused');
is(slurp('build/test-out'), "before\n", 'the file is left as it was');
# If the plugin's counts are lost, no figure is printed.
mkdir 'build/test-emulator';
spew('build/test-emulator/qemu-system-x86_64', "#!/bin/sh\necho 'veneer: boot entry_ticks=1'; echo 'veneer: all done, all well'; exit 1\n");
chmod 0755, 'build/test-emulator/qemu-system-x86_64';
{
	local $ENV{PATH} = "build/test-emulator:$ENV{PATH}";
	($status, $text) = veneer(@options_run, qw(--accel tcg --stay build/test-stay.json));
	is($status, 1, 'no counts of the longest stay: exit status');
	like($text, qr/^veneer: --stay: the emulator ended without the plugin's counts, or had no room for them in /m, 'the message is right');
	unlike($text, qr/no guest was entered/, 'nothing else is printed');
}
($status, $text) = command('bash', '-c', 'trap "" XFSZ; ulimit -f 8; exec build/veneer run build/test-options.conf --accel tcg');
is($status, 1, 'no room for the bundle: not the fault of the command line') or diag($text);
like($text, qr/^veneer: \S*veneer-bundle-\w+: File too large\n\z/, 'the message says that there is no room');
for (['the log', 'veneer: /dev/full: No space left on device', '--log /dev/full'], ['standard output', 'veneer: standard output: No space left on device', '> /dev/full']) {
	my ($what, $want, $how) = @$_;
	($status, $text) = command('sh', '-c', "build/veneer run build/test-options.conf --accel tcg $how");
	is($status, 1, "$what is full: exit status");
	like($text, qr/^\Q$want\E$/m, 'the message is right');
}
($status, $text) = command('sh', '-c', 'build/veneer --help > /dev/full');
is("$status $text", "1 veneer: standard output: No space left on device\n", 'a full disk is noticed by help');
($status, $text) = command('bash', '-c', "build/veneer run build/test-endless.conf --accel tcg --timeout $limit | head -n 1; exit \${PIPESTATUS[0]}");
is($status, 1, 'a reader that goes away ends the run');

# --- signals: nothing is left behind, whatever step is in progress ---
unlink $fifo;
mkfifo($fifo, 0600) or die "$fifo: $!";
# Fake tools that report that they are running; one never ends, while grub-mkrescue waits for it with its files.
my %tool = ('qemu-system-x86_64' => ['*-kernel*', 'PATH=${PATH#*:} exec qemu-system-x86_64 "$@"'],
	xorriso => ['*-o\ *', "exec tail -f $tools/xorriso"]);
for (keys %tool) {
	my ($at, $then) = @{$tool{$_}};
	spew("$tools/$_", "#!/bin/sh\ncase \$* in $at) echo $_ is under way > $fifo; $then ;; esac\nPATH=\${PATH#*:} exec $_ \"\$\@\"\n");
	chmod 0755, "$tools/$_";
}
sub ended_by {
	my ($signal, $what, $seen, $files, @words) = @_;
	my $pid = fork // die;
	if (!$pid) {
		setpgid(0, 0);
		$SIG{$_} = 'DEFAULT' for qw(INT QUIT HUP);
		$ENV{TMPDIR} = $tmp;
		$ENV{PATH} = "$tools:$ENV{PATH}" if $seen eq 'under way';
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $fifo;
		open STDERR, '>&', \*STDOUT;
		exec 'build/veneer', @words or exit 127;
	}
	open my $from, '<', $fifo or die "$fifo: $!";
	my $said = '';
	while (my $line = <$from>) {
		$said .= $line;
		last if $line =~ /$seen/;
	}
	isnt(join(' ', glob "$tmp/$files"), '', "$what is under way") or diag($said);
	kill $signal, $signal eq 'INT' ? -$pid : $pid; # like a terminal
	$said = do { local $/; <$from> } // '';
	waitpid $pid, 0;
	unlike($said, qr/terminating on signal/, "$what does not report it");
	is($? & 127, {INT => 2, TERM => 15, HUP => 1}->{$signal}, "SIG$signal ends it");
	is(join(' ', glob "$tmp/*"), '', 'nothing is left');
}
ended_by($_, 'QEMU', 'entry_ticks', 'veneer-bundle-*', qw(run build/test-endless.conf --accel tcg)) for qw(INT TERM HUP);
ended_by('TERM', 'Bochs', 'entry_ticks', 'veneer-bochs-*/*', qw(run build/test-endless.conf --accel bochs));
ended_by('TERM', 'what makes an ISO', 'under way', 'veneer-iso-*/grub*', qw(run build/test-endless.conf --iso build/test-ended.iso));
ended_by('INT', 'the bench', 'under way', 'veneer-events-*', qw(bench --no-bochs --output build/test-bench-ended));
is(join(' ', glob 'build/test-ended.iso*'), '', 'no temporary file is left beside the ISO');
ok((command('ps', '-eo', 'args'))[1] !~ /^(?:qemu.*$tmp|tail.*$tools)/m, 'no emulator or tool goes on');

unlink 'build/test.png';
($status, $text) = run_guests('picture', guest('game', image => 'invaders.elf'), '--expect-screen', 'game=-[*]-',
	'--screen', 'game=build/test.png', '--log', 'build/test.log');
is($status, 0, 'a picture is taken');
like(slurp('build/test.png'), qr/^\x89PNG/, 'it is a PNG');
like(slurp('build/test.log'), qr/^veneer: all done, all well/m, 'the log is kept');

# --- the exit code: from the hypervisor's output and the emulator's exit status, never from a guest's output ---
my $spin = guest('a', image => 'rtos-pv.elf', cmdline => 'spin');
my $game = guest('game', image => 'invaders.elf', cpus => 1);

sub on_terminal {
	my ($conf, @options) = @_;
	spew('build/test-terminal.conf', $conf);
	my ($code, $output) = command('timeout', $limit, 'script', '-qec', "build/veneer run build/test-terminal.conf @options", '/dev/null');
	# script(1) types the end of the input, which the terminal echoes until it is raw
	return ($code, $output =~ s/\r\n/\n/gr =~ s/\^[\@D]\x08*//gr);
}
sub in_script {
	my ($conf, @options) = @_;
	return run_guests('exit-code', $conf, @options);
}

($status, $text) = on_terminal($spin, qw(--accel tcg));
is($status, 0, 'on a terminal: all well') or diag($text);
like($text, qr/^veneer: Ctrl-A q ends the run, Ctrl-A h lists commands; Ctrl-C goes to the guest$/m, 'on a terminal: says how to end the run');
unlike((in_script($spin, qw(--accel tcg)))[1], qr/Ctrl-A q/, 'in a script: does not say how to end the run');
($status, $text) = on_terminal($game, qw(--accel tcg --timeout 3));
is($status, 3, 'on a terminal: --timeout holds');
like($text, qr/^veneer: stopped after 3 s/m, 'the message says so');
($status, $text) = on_terminal($spin, qw(--accel tcg --quiet));
is("$status $text", '0 ', 'on a terminal: --quiet shows nothing');
for my $engine (qw(ring svm vmx)) { # vmx runs in Bochs, which has no exit status for this
	my $forge = guest('attacker', image => 't/forge.elf', engine => $engine) .
		guest('neighbour', image => 'rtos-pv.elf', cmdline => 'spin');
	for (['on a terminal', \&on_terminal], ['in a script', \&in_script]) {
		my ($where, $run) = @$_;
		($status, $text) = $run->($forge, qw(--accel tcg --cpus 1));
		is($status, 1, "$engine, $where: a forged exit code is not taken");
		like($text, qr/^veneer: exit code of attacker: 7$/m, 'the true one is there');
		is(join(', ', $text =~ /^veneer: (?:all done|exit code of attacker:) *.*$/mg), 'veneer: exit code of attacker: 7, veneer: all done, not all well', 'alone');
		is(scalar(() = $text =~ /^neighbour: /mg), 1, 'the neighbour said nothing but its own');
		unlike($text, qr/[^\n\t -~]/, 'nothing moves the cursor');
		like($text, qr/^attacker: y{239}\nattacker: yveneer: all done, all well$/m, 'a long line is cut behind 239 characters');
		like($text, qr/^attacker: \?\?\?veneer: all done, all well$/m, 'each byte of UTF-8 is a question mark');
	}
}

# A screen that shows an exit code does not end the guest.
($status, $text) = in_script(guest('attacker', image => 't/pc-screen.elf'), qw(--accel tcg --cpus 1 --expect-screen), 'attacker=halted, exit code 0',
	'--send', 'attacker=x', '--expect-screen', 'attacker=READY', '--send', 'attacker=x');
is($status, 0, 'an exit code on a guest\'s screen is not taken') or diag($text);

# A fake emulator that prints that all is well.
mkdir 'build/test-emulator';
for (['killed', 0, 1], ['failing', 3, 1], ['done', 1, 0]) {
	my ($what, $exit, $want) = @$_;
	spew('build/test-emulator/qemu-system-x86_64', "#!/bin/sh\necho 'veneer: boot entry_ticks=1'; echo 'veneer: all done, all well'; exit $exit\n");
	chmod 0755, 'build/test-emulator/qemu-system-x86_64';
	local $ENV{PATH} = "build/test-emulator:$ENV{PATH}";
	for (['a terminal', \&on_terminal], ['a script', \&in_script]) {
		($status, $text) = $_->[1]->($spin, qw(--accel tcg));
		is($status, $want, "$_->[0]: all well, and an emulator $what: exit status");
		$want ? like($text, qr/^veneer: the console says "all well", but the emulator's exit status is $exit$/m, 'is said') :
			unlike($text, qr/exit status/, 'without a word');
	}
}

# A step that is over by an unfinished line, before one about the same guest. This emulator waits until what it has
# printed is read.
spew('build/test-emulator/qemu-system-x86_64', <<'END');
#!/usr/bin/perl
use constant FIONREAD => 0x541b;
$| = 1;
print "veneer: a: x.elf, 16 MiB, core 0, engine ring, pv\nveneer: boot entry_ticks=1\nveneer: a: powered off, exit code 0\nveneer: a: reset";
my $left;
do {
	ioctl STDOUT, FIONREAD, $left = pack 'L', 0 or die $!;
} while unpack 'L', $left;
print "\na: again\nveneer: all done, all well\n";
exit 1;
END
chmod 0755, 'build/test-emulator/qemu-system-x86_64';
{
	local $ENV{PATH} = "build/test-emulator:$ENV{PATH}";
	($status, $text) = in_script(guest('a', image => 'rtos-pv.elf'), qw(--accel tcg --expect veneer=reset --expect a=again));
	is($status, 0, 'a reset whose line is unfinished still begins the guest again') or diag($text);
}

# At the time limit, a guest that has printed nothing is named, with what is known of it. This emulator never ends.
my @silent = qw(talks asks quiet over again late pc);
spew('build/test-emulator/qemu-system-x86_64', "#!/bin/sh\nexec tail -n +1 -f build/test-emulator/console\n");
chmod 0755, 'build/test-emulator/qemu-system-x86_64';
spew('build/test-emulator/console', join '', (map { "veneer: $_: x.elf, 16 MiB, core 0, engine ring, " . ($_ eq 'pc' ? "stock\n" : "pv\n") } grep { $_ ne 'late' } @silent),
	map { "$_\n" } 'veneer: late: 1024 MiB of memory wanted, 9 MiB free', 'veneer: boot entry_ticks=1', 'talks: quiet: hello', 'veneer: over: powered off, exit code 0',
	'veneer: again: CRASH: a triple fault', 'veneer: again: restart 7', 'veneer: pc: screen 00 |over: hello|');
{
	local $ENV{PATH} = "build/test-emulator:$ENV{PATH}";
	open my $console, '>>', 'build/test-emulator/console' or die;
	print $console 'asks: $ ';
	close $console;
	my $conf = join '', map { guest($_, image => 'rtos-pv.elf') } @silent;
	for (['a terminal', \&on_terminal], ['a script', \&in_script], ['a script, quiet', \&in_script, '--quiet']) {
		my ($where, $run, @options) = @$_;
		($status, $text) = $run->($conf, qw(--accel tcg --timeout 10), @options);
		is($status, 3, "$where, silent guests: exit status");
		is(join('', $text =~ /^veneer: (guest .*\n)/mg), join('', map { "guest $_\n" } '"quiet" printed nothing on the console: it was started and has not ended',
			'"over" printed nothing on the console: it has ended, the last event is: powered off, exit code 0',
			'"again" printed nothing on the console: it was started and has not ended, the last event is: restart 7',
			'"late" printed nothing on the console: it was not started, the last event is: 1024 MiB of memory wanted, 9 MiB free',
			'"pc" printed nothing on the console: it was started and has not ended (it may have a screen, see --expect-screen)'), 'are named');
	}
}

# Bochs, which ends before it has opened the serial line, or cannot be what is wanted.
spew('build/test-emulator/bochs', "#!/bin/sh\nexit 1\n");
chmod 0755, 'build/test-emulator/bochs';
{
	local $ENV{PATH} = POSIX::getcwd() . "/build/test-emulator:$ENV{PATH}";
	($status, $text) = $_->($spin, qw(--accel bochs)), is($status, 1, 'Bochs ends at once: exit status'),
		like($text, qr/^veneer: the hypervisor did not start\n\z/m, 'is noticed') for \&in_script, \&on_terminal;
}
($status, $text) = run_guests('bochs', $spin, '--accel', 'bochs', @$_), is($status, 2, "Bochs with @$_"),
	like($text, qr/\Aveneer: .* are wanted, Bochs has at most 12 and 2048\n\z/, 'is refused in a line') for [qw(--cpus 13)], [qw(--memory 2049)];

# --- steps that cannot be done ---
my @ended = ('--expect', 'veneer=a: powered off');
for (
	['a line that never comes', $spin, 1, qr/--expect a=no such words: the guest has ended without it/, '--expect', 'a=no such words'],
	['one that an ended guest never said', $spin . $game, 1, qr/--expect a=no such words: the guest has ended without it/, @ended, '--expect', 'a=no such words'],
	['a word of the hypervisor', $spin, 1, qr/--expect veneer=no such words: not done when the machine went down/, '--expect', 'veneer=no such words'],
	['a line that was there before', $spin, 1, qr/--expect a=checksum: the guest has ended without it/, '--expect', 'a=checksum', '--expect', 'a=checksum'],
	['a screen that never comes', $game, 3, qr/--expect-screen game=no such words: not done in time/, '--timeout', 5, '--expect-screen', 'game=no such words'],
	['the screen of one that has none', $game . guest('a', image => 'rtos-pv.elf', cmdline => 'listen'), 1,
		qr/--expect-screen a=x: the guest has no text screen/, '--expect-screen', 'a=x'],
	['a picture of it', $game . guest('a', image => 'rtos-pv.elf', cmdline => 'listen'), 1,
		qr/--screen a=build\/test-none.png: the guest has no text screen/, '--screen', 'a=build/test-none.png'],
	['a picture that cannot be written', $game, 2, qr/--screen game=\/nowhere\/test.png: \/nowhere: No such file or directory: want a folder where you may write$/,
		'--expect-screen', 'game=no such words', '--screen', 'game=/nowhere/test.png'],
	['a picture that is a folder', $game, 2, qr/--screen game=build: is a folder: want the name of a file$/, '--screen', 'game=build'],
	['a log over the configuration', $spin, 2, qr/--log build\/test-steps.conf: is read for this run: want another name$/, '--log', 'build/test-steps.conf'],
	['a picture over an image', $game, 2, qr/--screen build\/invaders.elf: is read for this run: want another name$/, '--screen', 'game=build/invaders.elf'],
	['one file for two options', $spin, 2, qr/--stay build\/\.\/test-one: is written twice: want another name$/, '--log', 'build/test-one', '--stay', 'build/./test-one'],
	['keys for nobody', $game, 2, qr/--send nobody=x: the configuration has no such guest/, '--send', 'nobody=x'],
	['keys for the hypervisor', $game, 2, qr/--send veneer=x: the configuration has no such guest/, '--send', 'veneer=x'],
	['a line of nobody', $game, 2, qr/--expect nobody=x: the configuration has no such guest/, '--expect', 'nobody=x'],
	['a line of one that never started', $game . guest('far', image => 'rtos-pv.elf', cpus => 9), 1, qr/--expect far=x: the guest was not started/, '--cpus', 2, '--expect', 'far=x'],
	['keys for one that has ended', $spin . $game, 1, qr/--send a=x: the guest has ended/, @ended, '--send', 'a=x'],
	['keys for one that never started', $game . guest('far', image => 'rtos-pv.elf', cpus => 9), 1, qr/--send far=x: the guest was not started/, '--cpus', 2, '--send', 'far=x'],
	['keys when the machine is down', $spin, 1, qr/--send a=x: not done when the machine went down/, '--expect', 'veneer=all done', '--send', 'a=x'],
	['a wrong expression', $spin, 2, qr/--expect a=\(: .*[Pp]arenthes[ie]s|--expect a=\(: Unmatched/, '--expect', 'a=('],
	['a wrong key', $spin, 2, qr/--send a=\\w: keys: want /, '--send', 'a=\\w'],
	['no guest', $spin, 2, qr/--send x: want the name of a guest/, '--send', 'x'],
	['too many', $spin, 2, qr/--send a=x: too many steps/, ('--send', 'a=x') x 65],
) {
	my ($what, $conf, $want, $said, @options) = @$_;
	($status, $text) = run_guests('steps', $conf, @options);
	is($status, $want, "$what: exit status") or diag($text);
	is(scalar(() = $text =~ /^veneer: (?=-)$said/mg), 1, 'the message is one line') or diag($text);
}
ok(!-e 'build/test-none.png', 'no picture of nothing');
# A core that the machine does not have: run says where that stands.
my $far = $spin . guest('far', image => 'rtos-pv.elf', cpus => '1-2', optional => 'yes');
for (['--cpus 1', 1, qr/^veneer: build\/test-far\.conf:4: guest "far": none of its cores is there, the machine has 1, see --cpus: it will not be started$/m],
	['--cpus 1 --quiet', 1, qr/\A\z/], ['--cpus 2', 0], ['--cpus 20', 0], ['', 0]) {
	my ($options, $missing, $said) = @$_;
	($status, $text) = run_guests('far', $far, '--timeout', $limit, split ' ', $options);
	is($status, 0, "cores that are there with \"$options\": exit status") or diag($text);
	$missing ? like($text, $said, 'what is missing is said') : unlike($text, qr/none of its cores/, 'nothing is missing');
}
($status, $text) = run_guests('steps', $spin . $game, '--expect', 'a=checksum', @ended, '--expect-screen', 'game=-[*]-',
	'--send', 'game= \\a:stop game\\r', '--expect', 'veneer=all done, all well');
is($status, 0, 'steps that succeed') or diag($text);
{
	local $ENV{PATH} = '/nowhere';
	($status, $text) = run_guests('steps', $spin, '--send', 'a=x');
	is($status, 1, 'no emulator: exit status');
	like($text, qr/\Aveneer: missing for QEMU: qemu-system-x86 \(qemu-system-x86_64\): install this package\n\z/, 'the message is one line');
}

# A temporary name beside the ISO that can be guessed may be a link that somebody else made.
spew('build/test-victim', "precious\n");
unlink 'build/test-link.iso', 'build/test-link.iso.new';
symlink 'test-victim', 'build/test-link.iso.new';
($status, $text) = run_guests('link', $spin, '--iso', 'build/test-link.iso');
is($status, 0, 'an ISO') or diag($text);
is(slurp('build/test-victim'), "precious\n", 'the ISO is not written through a planted link');
ok(-s 'build/test-link.iso' && !-l 'build/test-link.iso', 'and is there');
is(join(' ', glob 'build/test-link.iso.*'), 'build/test-link.iso.new', 'alone');

($status, $text) = run_guests('engine-ring', "# a comment first\n" . guest('a', image => 'rtos-pv.elf', cmdline => 'spin') .
	guest('b', image => 'rtos-pv.elf', cmdline => 'spin', cpus => 1), '--engine', 'ring');
is($status, 0, '--engine ring goes into every section') or diag($text);
($status, $text) = run_guests('engine-wrong', guest('a', image => 'rtos-pv.elf', engine => 'rnig') . guest('b', image => 'rtos-pv.elf', cmdline => 'spin', engine => 'svm') . "cpus = 1 # here\n", '--engine', 'ring');
is("$status $text", "2 veneer: build/test-engine-wrong.conf:2: engine: want ring, vmx, svm or auto\n", 'a wrong engine in the file is still reported');
($status, $text) = run_guests('engine-machine', "[machine]\nmitigations = off\n" . guest('a', image => 'rtos-pv.elf', cmdline => 'spin', engine => 'svm') .
	"\t[guest b]\nimage = rtos-pv.elf\ncmdline = spin\nengine = svm\n", '--engine', 'ring');
is($status, 0, '--engine ring does not go into [machine]') or diag($text);
is(scalar(() = $text =~ /^veneer: [ab]: .* engine ring, pv$/mg), 2, '--engine ring goes into indented sections');
($status, $text) = run_guests('engine', guest('a', image => 'rtos-pv.elf', cmdline => 'spin'), '--engine', 'best');
is("$status $text", "2 veneer: --engine best: want auto, ring, vmx or svm\n", 'an engine that does not exist is refused');

($status, $text) = command('sh', '-c', q(rm -rf 'build/test root' && make -s install DESTDIR='build/test root' PREFIX=/usr));
is($status, 0, 'make install') or diag($text);
($status, $text) = command('build/test root/usr/bin/veneer', qw(run build/test-slices-installed.conf));
ok(-e "build/test root/usr/$_", "installs $_") for qw(bin/veneer lib/veneer/veneer.elf share/man/man1/veneer.1 include/veneer/veneer.h);
spew('build/test-installed.conf', guest('a', image => 'rtos-pv.elf', cmdline => 'spin'));
($status, $text) = command('build/test root/usr/bin/veneer', qw(run build/test-installed.conf --accel tcg));
is($status, 0, 'what is installed runs') or diag($text);
spew('build/test root/usr/lib/veneer/another', '');
for (['what it installed, and nothing else', 'build/test root/usr/lib/veneer/another'], ['its folders, once they are empty', ''], ['nothing, where nothing is', '']) {
	my ($what, $left) = @$_;
	($status, $text) = command('make', '-s', 'uninstall', 'DESTDIR=build/test root', 'PREFIX=/usr');
	is("$status $text", '0 ', "make uninstall: exit status");
	is((command('find', 'build/test root', '-type', 'f'))[1], $left ? "$left\n" : '', "removes $what");
	unlink $left;
}
is((command('find', 'build/test root', '-name', 'veneer'))[1], '', 'no folder is left');
# make test: a wrong word is said before anything is built.
for (['T=nosuch', 'T=nosuch: there is no guest t/guests/nosuch.c'], ['T=pc-nosuch', 'T=pc-nosuch: there is no guest t/guests-pc/nosuch.c'],
	['T=', 'want the name of a guest: make test T=hypercalls'], ['T=doors ENGINE=foo', 'ENGINE=foo: want ring or svm or vmx']) {
	my ($words, $why) = @$_;
	($status, $text) = command('make', 'test', "BUILD=build/test-no-build", split ' ', $words);
	is($status, 2, "make test $words");
	like($text, qr/\Aveneer: \Q$why\E\nmake: [^\n]*\n\z/, 'make test says what is wrong');
}
# make fuzz, too, and in one line. (-n, so that one that is not refused does not run for hours.)
for my $goal ('fuzz', 'check-long') {
	for ((map { [FUZZ_HOURS => $_, 'a number of hours above 0, such as 8 or 0.5'] } 'abc', '0', '.', '-1', '1.5.2', '1 2', q(it's), '1;2'),
		[FUZZ_SECONDS => '1.5', 'a whole number from 1 to 99999']) {
		my ($variable, $value, $want) = @$_;
		($status, $text) = command('make', '-n', $goal, 'BUILD=build/test-no-build', "$variable=$value");
		is($status, 2, "make $goal $variable=$value");
		like($text, qr/\A[\w.\/:]+ \*\*\* fuzz: \Q$variable=$value: want $want\E\.  Stop\.\n\z/, 'says what is wrong');
	}
}
is((command('make', '-n', 'fuzz', "FUZZ_HOURS=$_"))[0], 0, "make fuzz FUZZ_HOURS=$_") for '8', '0.5', '';
ok(!-e 'build/test-no-build', 'and builds nothing');
# t/coverage, after a test that fails: no totals, which would be too low.
command(qw(mkdir -p build/test-coverage));
spew("build/test-coverage/$_", '') for qw(veneer.elf blocks.so);
spew('build/test-coverage/fails.t', "print qq(1..1\\nnot ok 1\\n);\n");
for (['a unit test', '/bin/false'], ['a test', '/bin/true']) {
	my ($what, $unit) = @$_;
	($status, $text) = command('t/coverage', 'build/test-coverage', '--', $unit, '--', 'build/test-coverage/fails.t');
	is($status, 1, "coverage, $what fails: exit status");
	like($text, qr/^coverage: a test failed: no totals$/m, 'the message is right');
	unlike($text, qr/^(?:unit tests|hypervisor in QEMU|never run): /m, 'no totals are printed');
}
# The man page has every key of a configuration, every option, every command of the monitor, and every name.
my $man = slurp('hypervisor/host/veneer.1') =~ s/\\-/-/gr;
my $config = slurp('hypervisor/load/config.c');
my %listed = (
	key => [$config =~ /(?:^\t\{|\(key,) "([\w-]+)"[,)]/mg], name => [map { /"([\w-]+)"/g } $config =~ /_names\[\] = \{(.*?)\}/gs],
	option => [map { "--$_" } map { slurp($_) =~ /\{ "([\w-]+)", (?:no|required)_argument/g } qw(hypervisor/host/run.c bench/bench.c rewriter/command.c)],
	command => [slurp('hypervisor/console/monitor.c') =~ /^\t\{ '.', "(\w+)"/mg]);
for my $kind (sort keys %listed) {
	my @missing = grep { my $w = $_; $w ne 'detect' && $w ne '--help' && ($kind eq 'key' ? $man !~ /^\.BI? "?$w = /m : $man !~ /(?<![\w-])\Q$w\E(?![\w-])/) } @{$listed{$kind}};
	cmp_ok(scalar @{$listed{$kind}}, '>', 9, "there are ${kind}s");
	is("@missing", '', "the man page has every $kind");
}
# The bench's options are in both synopses, too.
my ($synopsis) = $man =~ /^\.SH SYNOPSIS(.*?)^\.SH/ms;
my ($usage) = (veneer(qw(bench --help)))[1] =~ /(.*?)\n\n/s;
for (['the man page', $synopsis], ['its --help', $usage]) {
	my ($where, $words) = @$_;
	my @missing = grep { $_ ne '--help' && $words !~ /(?<![\w-])\Q$_\E(?![\w-])/ } map { "--$_" } slurp('bench/bench.c') =~ /\{ "([\w-]+)", (?:no|required)_argument/g;
	is("@missing", '', "the synopsis of bench in $where has every option");
}
# Column titles that are not self-explanatory are explained.
my ($title) = slurp('bench/rtos.c') =~ /\{ "([^"]+)", "ring", WAY_MEASURES/;
like($_->[1] =~ s/\s+/ /gr, qr/The column (?:"|\\\(lq)\Q$title\E(?:"|\\\(rq) is the paravirtual RTOS under ring with/, "$_->[0] explains the column $title")
	for ['the man page', $man], ['bench --help', (veneer(qw(bench --help)))[1]];
# The text in veneer.h: under a heading, each line either begins an item or is indented as far as the item's text.
my ($interface) = slurp('hypervisor/abi/veneer.h') =~ /\n( \* How a PV guest finds itself.*?) \*\/\n/s;
is(join("\n", grep { !/^ \* (?:  - |    )\S|^ \*$|^ \* [A-Z][\w ]+$/ } split /\n/, $interface), '', 'veneer.h: the text is indented');
($status, $text) = command('man', '--warnings', '-l', 'hypervisor/host/veneer.1') if -x '/usr/bin/man';
unlike($text, qr/warning/, 'the man page is well formed') if -x '/usr/bin/man';

done_testing;
