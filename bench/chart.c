// SPDX-License-Identifier: GPL-2.0-or-later
#include "chart.h"

#include <stdlib.h>
#include <string.h>

#include "temporary.h"

/* Colours in gnuplot's output, and the page's colours that replace them. */
static const char *const colour[BAR_CLASSES] = { "0x010101", "0x020202", "0x030303", "0x040404" };

const char chart_style[] =
	"svg{width:100%;height:auto;max-width:560px;display:block}\n"
	"svg text{fill:var(--ink)}\n"
	"svg [stroke=\"black\"],svg [stroke=\"currentColor\"]{stroke:var(--line)}\n"
	"svg .gridline{stroke:var(--line)}\n"
	"svg [fill^=\"rgb(  1,\"]{fill:var(--native)}\n"
	"svg [fill^=\"rgb(  2,\"]{fill:var(--ring)}\n"
	"svg [fill^=\"rgb(  3,\"]{fill:var(--vt)}\n"
	"svg [fill^=\"rgb(  4,\"]{fill:var(--peer)}\n";

static double farthest(const struct bar *bars, unsigned n, double base, bool below)
{
	double x = base;

	for (unsigned i = 0; i < n; i++)
		if (bars[i].value > 0 && (below ? bars[i].value < x : bars[i].value > x))
			x = bars[i].value;
	return x;
}

static void write_number(FILE *f, double v)
{
	if (v >= 100000)
		fprintf(f, "%.0fk", v / 1000);
	else
		fprintf(f, v < 10 ? "%.2g" : "%.0f", v);
}

static void write_data(FILE *g, const struct bar *bars, unsigned n, double low)
{
	fprintf(g, "$d << E\n");
	for (unsigned i = 0; i < n; i++) {
		double v = bars[i].value;

		fprintf(g, "\"%s\" %g %s \"", bars[i].label, v < low ? low : v,
			colour[bars[i].class]);
		if (v >= 0)
			write_number(g, v);
		fprintf(g, "\" %g\n", v < low ? low : v);
	}
	fprintf(g, "E\n");
}

static void write_script(FILE *g, const char *svg, const struct bar *bars, unsigned n, double base,
			 const char *unit)
{
	double low = farthest(bars, n, base, true), high = farthest(bars, n, base, false);
	bool narrow = high / low < 10; /* a logarithmic scale would have one mark */
	double room = narrow ? (high - low) / 4 + 0.1 : 0;

	low = narrow ? low - room / 2 : low / 1.5;
	high = narrow ? high + room : high * (high / low > 1000 ? 8 : 2.5);
	fprintf(g,
		"set terminal svg noenhanced size 390,%u font 'sans-serif,13'\nset output '%s'\n"
		"unset key\nset border 2\n%s logscale x\nset xrange [%g:%g]\n"
		"set yrange [%g:-0.7]\nset ytics nomirror scale 0\nset xtics nomirror scale 0.4\n"
		"set lmargin 19\nset xlabel '%s%s' offset 0,0.3\nset grid x\nset format x "
		"'%%g'\n%s\n",
		n * 18 + 58, svg, narrow ? "unset" : "set", low, high, n - 0.3, unit,
		narrow ? "" : ", log scale", high / low > 10000 ? "set xtics 100" : "");
	write_data(g, bars, n, low);
	fprintf(g,
		"plot $d using (%g):0:(%g):2:($0-0.36):($0+0.36):3:ytic(1) with boxxyerror "
		"fillstyle solid noborder linecolor rgb variable, "
		"'' using ($2>%g?$2:%g):0:4 with labels left offset 0.5,0\n",
		base, base, base, base);
}

/* Copies gnuplot's file without the parts that an embedded SVG does not need. */
static int copy_svg(FILE *page, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[4096];
	bool inside = false, symbols = false;

	while (f && fgets(line, sizeof(line), f)) {
		char *at = inside ? line : strstr(line, "<svg");

		inside |= at != NULL;
		symbols |= at && strstr(at, "<defs>"); /* unused in our charts */
		if (at && !symbols)
			fputs(at, page);
		symbols &= !strstr(line, "</defs>");
	}
	if (f)
		fclose(f);
	return inside ? 0 : -1;
}

int chart_write(FILE *page, const struct bar *bars, unsigned n, double base, const char *unit)
{
	const char *path = temporary_file("chart");
	int err = -1;
	FILE *g = path ? popen("gnuplot", "w") : NULL;

	if (g) {
		write_script(g, path, bars, n, base, unit);
		err = pclose(g) ? -1 : copy_svg(page, path);
	}
	temporary_remove(path);
	return err;
}
