#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The report in a headless browser: light and dark, wide and narrow; it needs no other file; its text
# agrees with the data; its costs can be edited.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;
use Cwd;
use JSON::PP;

my $page = 'build/test-bench1/report.html'; # made by 50-bench.t
my ($status, $text);
if (!-s $page) {
	($status, $text) = veneer(qw(bench --quiet --output build/test-bench1));
	is($status, 0, 'bench runs') or diag($text);
}
my $html = slurp($page);
unlike($html, qr/\b(?:src|href)="(?!#)/, 'the page needs no other file');
unlike($html, qr/\b(?:nan|inf)\b|-nan/i, 'no number is missing');
like($html, qr/<strong>This is a model, not a measurement\.<\/strong>/, 'the model is labelled as a model');

# Loads the page in frames of both widths, and a script that inspects it; the document that the browser returns is the
# answer.
my $probe = <<'E';
<!doctype html><body><script>
function light(c) { const v = c.match(/[\d.]+/g).map(Number); return (0.2126*v[0] + 0.7152*v[1] + 0.0722*v[2]) / 255; }
function look(width) { return new Promise(done => {
	const f = document.createElement('iframe');
	f.style.width = width + 'px'; f.style.height = '900px'; f.style.border = 0; f.src = 'PAGE';
	f.onload = () => {
		const d = f.contentDocument, w = f.contentWindow, all = s => [...d.querySelectorAll(s)];
		d.querySelectorAll('details').forEach(e => e.open = true);
		const body = w.getComputedStyle(d.body), svg = all('svg'), fills = new Set();
		all('svg [fill^="rgb("]').forEach(e => fills.add(w.getComputedStyle(e).fill));
		done({ frame: width, width: d.documentElement.scrollWidth, charts: svg.length, cards: all('.card').length,
			wide: svg.filter(s => s.getBoundingClientRect().right > width).length,
			font: Math.min(...svg.map(s => 13 * s.getBoundingClientRect().width / s.viewBox.baseVal.width)),
			clipped: all('svg text').filter(t => { const b = t.getBBox(), m = t.getCTM(), v = t.ownerSVGElement.viewBox.baseVal,
				k = t.ownerSVGElement.getBoundingClientRect().width / v.width, x = (m.e + m.a * b.x) / k;
				return x < 0 || x + m.a * b.width / k > v.width; }).map(t => t.textContent),
			ink: light(body.color), paper: light(body.backgroundColor), fills: fills.size,
			bars: Math.min(...[...fills].map(c => Math.abs(light(c) - light(body.backgroundColor)))),
			texts: all('svg text').filter(t => Math.abs(light(w.getComputedStyle(t).fill) - light(body.backgroundColor)) < 0.5).length });
	};
	document.body.append(f); }); }
Promise.all([look(1280), look(360)]).then(a => { const p = document.createElement('pre'); p.id = 'answer';
	p.textContent = JSON.stringify(a); document.body.replaceChildren(p); });
</script>
E
my $cwd = getcwd();
$probe =~ s/PAGE/file:\/\/$cwd\/$page/;
spew('build/test-probe.html', $probe);
my %paper;
for my $scheme (['light', 1], ['dark', 0]) {
	my ($name, $setting) = @$scheme;
	my $dom = qx(timeout $limit chromium --headless --no-sandbox --disable-gpu --allow-file-access-from-files \\
		--blink-settings=preferredColorScheme=$setting --virtual-time-budget=20000 --dump-dom build/test-probe.html 2>build/test-chromium.log);
	my ($answer) = $dom =~ /<pre id="answer">(.*?)<\/pre>/;
	ok($answer, "$name: the browser shows it") or diag(slurp('build/test-chromium.log')), next;
	for my $look (@{decode_json($answer)}) {
		my $where = "$name, $look->{frame} wide";
		cmp_ok($look->{width}, '<=', $look->{frame}, "$where: no horizontal scrolling");
		cmp_ok($look->{charts}, '>=', 25, "$where: charts are there");
		is($look->{charts}, $look->{cards}, "$where: one chart in each card");
		is($look->{wide}, 0, "$where: no chart exceeds its card");
		is("@{$look->{clipped}}", '', "$where: no text in a chart is cut off");
		cmp_ok($look->{font}, '>=', 9, "$where: text in charts is large enough");
		cmp_ok(abs($look->{ink} - $look->{paper}), '>', 0.7, "$where: text has enough contrast");
		is($look->{texts}, 0, "$where: text in charts has enough contrast");
		cmp_ok($look->{fills}, '>=', 3, "$where: native, ring and VT have colours");
		cmp_ok($look->{bars}, '>', 0.15, "$where: the colours have enough contrast");
		$paper{$name} = $look->{paper};
	}
}
cmp_ok($paper{light}, '>', 0.8, 'the light page is light');
cmp_ok($paper{dark}, '<', 0.2, 'the dark page is dark');

# Text is escaped; the legend lists what is shown, and a logarithmic scale is labelled as one.
unlike($html, qr/\{\{|\}\}\}/, 'every place of the template is filled');
like($html, qr/>times native, log scale</, 'a logarithmic scale is named');
my $peers = grep { $_->{engine} eq 'xen-pv' } @{decode_json(slurp('build/test-bench1/results.json'))->{results}};
is(scalar($html =~ /<span><i\s+style="background:var\(--peer\)">/), $peers ? 1 : '', 'others are in the key only where there are some');

# The text against results.json.
my %value;
for my $r (@{decode_json(slurp('build/test-bench1/results.json'))->{results}}) {
	$value{"$r->{machine} $r->{engine} $r->{prep}"}{$r->{op}} = $r->{value} if $r->{metric} eq 'instructions' && $r->{guest} eq 'rtos';
}
my ($ring, $svm) = @value{'qemu ring rewritten', 'qemu svm stock'};
my @both = grep { $_ ne 'longest_stay' && $svm->{$_} && $ring->{$_} } keys %$ring;
my $less = grep { $svm->{$_} > 1.05 * $ring->{$_} } @both;
my $more = grep { $ring->{$_} > 1.05 * $svm->{$_} } @both;
like($html, qr/rewritten for ring 1 against untouched in AMD-V: software takes less for $less of @{[scalar @both]}\b[^<]*?,\smore for $more\b/,
	'the summary counts what the data says');

# Another table of costs: an invalid one is refused before anything is measured.
my $costs = slurp('bench/costs.csv');
my @wrong = (['no such event', $costs =~ s/^iret, EPYC/irett, EPYC/mr, qr/^veneer: build\/test-costs.csv:\d+: no such event/],
	['a missing one', $costs =~ s/^iret, EPYC.*\n//mr, qr/^veneer: build\/test-costs.csv: EPYC \(2020\) has no line for iret/],
	['no number', $costs =~ s/^(iret, EPYC \(2020\)), \d+/$1, many/mr, qr/^veneer: build\/test-costs.csv:\d+: want: event, processor, cycles, source/],
	['an empty file', "# nothing\n", qr/^veneer: build\/test-costs.csv: no costs in it/]);
spew('build/test-costs.csv', $costs =~ s/EPYC \(2020\)/<b>A & "B"<\/b>/gr);
($status, $text) = veneer(qw(bench --no-bochs --quiet --output build/test-bench3 --costs build/test-costs.csv));
is($status, 0, 'costs of another processor') or diag($text);
like(slurp('build/test-bench3/report.html'), qr/<h3>&lt;b&gt;A &amp; &quot;B&quot;&lt;\/b&gt;<\/h3>/, 'the name of the processor is escaped');
for my $w (@wrong) {
	spew('build/test-costs.csv', $w->[1]);
	($status, $text) = veneer(qw(bench --output build/test-bench3 --costs build/test-costs.csv));
	is($status, 1, "costs: $w->[0] is refused");
	like($text, $w->[2], 'in one line');
	unlike($text, qr/measuring/, 'before anything is measured');
}

done_testing;
