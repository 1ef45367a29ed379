// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "qemu.h"

static const char *const way_names[LINUX_WAYS] = { "native", "ring pv", "svm pv", "Xen pv" };
static const char *const way_preps[LINUX_WAYS] = { "native", "pv", "pv", "pv" };
static const char *const way_engines[LINUX_WAYS] = { "none", "ring", "svm", "xen-pv" };

#define GUEST_MEMORY "512"
#define TIMEOUT_MS   600000
/* without SMAP, which Xen's dom0 cannot have, and PKU, with which an emulator's signals crawl */
#define CPU "max,-smap,-pku"

static struct linux_row *row_of(struct linux_results *r, const char *op)
{
	for (unsigned i = 0; i < r->rows; i++)
		if (!strcmp(r->row[i].op, op))
			return &r->row[i];
	if (r->rows == LINUX_ROWS)
		return NULL;
	struct linux_row *row = &r->row[r->rows++];
	snprintf(row->op, sizeof(row->op), "%s", op);
	return row;
}

static void take(struct linux_results *r, enum linux_way w, const char *line)
{
	const char *s = strstr(line, "osbench ");
	unsigned long long tick;
	char op[24];
	double median;

	if (s && sscanf(s, "osbench %23s median %lf", op, &median) == 2) {
		struct linux_row *row = row_of(r, op);

		if (row && strcmp(op, "empty")) {
			row->measured[w] = true;
			row->value[w] = median;
		}
	} else if (s && sscanf(s, "osbench started at tick %llu", &tick) == 1) {
		r->boot[w] = (double)tick;
	} else if (s && !strncmp(s, "osbench ended", 13)) {
		r->ended[w] = true;
	}
	if ((s = strstr(line, "stats linux ")))
		snprintf(r->stats[w], sizeof(r->stats[w]), "%s", s + 12);
	if ((s = strstr(line, "overhead_kib=")))
		r->overhead_kib[w] = strtoul(s + 13, NULL, 10);
	if ((s = strstr(line, "memory hypervisor_kib=")))
		r->hypervisor_kib[w] = strtoul(s + 22, NULL, 10);
}

static int write_bundle(const char *path, enum linux_way w)
{
	char conf[256], directory[4096];
	struct bundle_source s = { .conf_path = "veneer.conf",
				   .directory = directory,
				   .conf = conf };

	s.conf_bytes = (size_t)snprintf(conf, sizeof(conf),
					"[guest linux]\nimage = vmlinux\nmodule = osbench.cpio.gz\n"
					"memory = " GUEST_MEMORY "M\ncmdline = console=hvc0 quiet\n"
					"engine = %s\n",
					way_engines[w]);
	snprintf(directory, sizeof(directory), "%s", library_path("linux/vmlinux"));
	*strrchr(directory, '/') = 0;
	return bundle_write(&s, path);
}

static int run(struct linux_results *r, enum linux_way w, const struct qemu *q, bool quiet)
{
	const char *argv[QEMU_ARGUMENTS], *line;
	struct machine m;
	bool ended = false;

	if (!quiet)
		fprintf(stderr, "veneer: measuring Linux, %s ...\n", way_names[w]);
	qemu_arguments(q, argv);
	long start = now_ms();
	if (machine_start(&m, (char *const *)argv, NULL))
		return -1;
	while ((line = machine_line(&m, TIMEOUT_MS, &ended)))
		take(r, w, line);
	if (!ended)
		machine_kill(&m);
	machine_finish(&m);
	r->wall_ms[w] = now_ms() - start;
	if (r->ended[w])
		return 0;
	fprintf(stderr, "veneer: Linux, %s: the measurement did not come to its end (%s)\n",
		way_names[w], ended ? "the machine stopped early" : "out of time");
	return -1;
}

static int run_veneer(struct linux_results *r, enum linux_way w, bool quiet)
{
	char bundle[] = "/tmp/veneer-bench-XXXXXX";
	int fd = mkstemp(bundle);

	if (fd < 0 || close(fd) || write_bundle(bundle, w))
		return -1;
	const struct qemu q = { .accel = "tcg",
				.cpu = CPU,
				.memory = "640",
				.cpus = "1",
				.icount = true,
				.kernel = library_path("veneer.elf"),
				.initrd = bundle };
	int err = run(r, w, &q, quiet);
	unlink(bundle);
	return err;
}

/* library_path has one buffer. */
static char *keep(const char *path)
{
	return strdup(path);
}

int linux_measure(struct linux_results *r, bool peers, bool quiet)
{
	char *kernel = keep(library_path("linux/vmlinux"));
	char *initrd = keep(library_path("linux/osbench.cpio.gz"));
	char *xen = keep(library_path("xen.elf")), modules[8192 + 64];
	struct qemu q = { .accel = "tcg",
			  .cpu = CPU,
			  .memory = GUEST_MEMORY,
			  .cpus = "1",
			  .icount = true,
			  .kernel = kernel,
			  .initrd = initrd,
			  .append = "console=ttyS0 quiet" };
	int err;

	if (access(kernel, R_OK) || access(initrd, R_OK)) {
		fprintf(stderr, "veneer: %s: not there: make -C pvops-linux builds it\n", kernel);
		return -1;
	}
	err = run(r, LINUX_NATIVE, &q, quiet) || run_veneer(r, LINUX_RING, quiet) ||
	      run_veneer(r, LINUX_SVM, quiet);
	if (!err && peers && access(xen, R_OK)) {
		fprintf(stderr, "veneer: %s: not there: make bench PEERS=1 installs it\n", xen);
		err = -1;
	} else if (!err && peers) {
		snprintf(modules, sizeof(modules), "%s console=hvc0 quiet,%s", kernel, initrd);
		q.memory = "768";
		q.kernel = xen;
		q.initrd = modules;
		q.append = "console=com1 com1=115200,8n1 dom0_mem=" GUEST_MEMORY
			   "M dom0_max_vcpus=1 noreboot";
		err = run(r, LINUX_XEN, &q, quiet);
	}
	free(kernel);
	free(initrd);
	free(xen);
	return err ? -1 : 0;
}

static double over(const struct linux_row *row, enum linux_way w)
{
	return row->value[w] - row->value[LINUX_NATIVE];
}

/* The budgets of design.md that concern Linux. */
static void print_budgets(const struct linux_results *r)
{
	double times = r->boot[LINUX_RING] / r->boot[LINUX_NATIVE];
	double kib = (double)(r->hypervisor_kib[LINUX_RING] + r->overhead_kib[LINUX_RING]);
	double most = 3 * 1024 + atof(GUEST_MEMORY) * 1024 * 0.004;

	printf("\nbudgets\n");
	for (unsigned i = 0; i < r->rows; i++) {
		const struct linux_row *row = &r->row[i];

		if (!row->measured[LINUX_NATIVE])
			continue;
		if (!strcmp(row->op, "syscall"))
			printf("  %-12s %10.1f over native, at most 60: %s\n", row->op,
			       over(row, LINUX_RING),
			       over(row, LINUX_RING) <= 60 ? "held" : "MISSED");
		if (!row->measured[LINUX_XEN])
			continue;
		double quarter = over(row, LINUX_XEN) / 4;
		printf("  %-12s %10.1f over native, at most a quarter of Xen's, %.1f: %s\n",
		       row->op, over(row, LINUX_RING), quarter,
		       over(row, LINUX_RING) <= quarter ? "held" : "MISSED");
	}
	printf("  %-12s %10.2f x native, at most 1.2: %s\n", "boot", times,
	       times <= 1.2 ? "held" : "MISSED");
	printf("  %-12s %10.0f KiB for hypervisor and shadows, at most %.0f: %s\n", "memory", kib,
	       most, kib <= most ? "held" : "MISSED");
}

void linux_table(const struct linux_results *r)
{
	printf("\nLinux " GUEST_MEMORY " MiB, osbench: instructions for one operation, and over "
	       "native\n\n%-12s %12s",
	       "operation", way_names[LINUX_NATIVE]);
	for (unsigned w = LINUX_RING; w < LINUX_WAYS; w++)
		printf(" %24s", way_names[w]);
	putchar('\n');
	for (unsigned i = 0; i < r->rows; i++) {
		const struct linux_row *row = &r->row[i];

		if (!row->measured[LINUX_NATIVE])
			continue;
		printf("%-12s %12.1f", row->op, row->value[LINUX_NATIVE]);
		for (unsigned w = LINUX_RING; w < LINUX_WAYS; w++)
			if (row->measured[w])
				printf(" %12.1f %+11.1f", row->value[w], over(row, w));
			else
				printf(" %24s", "-");
		putchar('\n');
	}
	printf("%-12s %12.0f", "boot", r->boot[LINUX_NATIVE]);
	for (unsigned w = LINUX_RING; w < LINUX_WAYS && r->ended[w]; w++)
		printf(" %12.0f %+11.0f", r->boot[w], r->boot[w] - r->boot[LINUX_NATIVE]);
	printf("\n%-12s %11.1fs", "wall time", (double)r->wall_ms[LINUX_NATIVE] / 1000);
	for (unsigned w = LINUX_RING; w < LINUX_WAYS && r->ended[w]; w++)
		printf(" %11.1fs %11s", (double)r->wall_ms[w] / 1000, "");
	for (unsigned w = LINUX_RING; w <= LINUX_SVM; w++)
		printf("\nevents of the whole run, %s: %s", way_names[w], r->stats[w]);
	putchar('\n');
	print_budgets(r);
}

static void json_entry(FILE *f, const char **comma, const char *op, enum linux_way w,
		       const char *metric, double value, double native)
{
	fprintf(f,
		"%s\n  {\"machine\": \"qemu\", \"guest\": \"linux\", \"prep\": \"%s\", \"engine\": "
		"\"%s\", \"op\": "
		"\"%s\", \"metric\": \"%s\", \"value\": %.10g, \"native\": %.10g}",
		*comma, way_preps[w], way_engines[w], op, metric, value, native);
	*comma = ",";
}

void linux_json(const struct linux_results *r, FILE *f, const char **comma)
{
	for (unsigned w = 0; w < LINUX_WAYS; w++) {
		if (!r->ended[w])
			continue;
		for (unsigned i = 0; i < r->rows; i++)
			if (r->row[i].measured[w])
				json_entry(f, comma, r->row[i].op, w, "instructions",
					   r->row[i].value[w], r->row[i].value[LINUX_NATIVE]);
		json_entry(f, comma, "boot", w, "instructions", r->boot[w], r->boot[LINUX_NATIVE]);
	}
	if (r->ended[LINUX_RING])
		json_entry(f, comma, "memory", LINUX_RING, "kib",
			   (double)(r->hypervisor_kib[LINUX_RING] + r->overhead_kib[LINUX_RING]),
			   0);
}

/* What each hypervisor adds to native, on a logarithmic scale. */
int linux_draw(const struct linux_results *r, const char *directory)
{
	FILE *g = popen("gnuplot 2>/dev/null", "w");

	if (!g)
		return 0;
	fprintf(g,
		"set terminal svg noenhanced size 1100,520 font 'sans-serif,12' background rgb "
		"'white'\n"
		"set output '%s/linux.svg'\n"
		"set title 'Linux: instructions added to native, for one operation'\n"
		"set style data histograms\nset style fill solid 0.9 noborder\nset logscale y\n"
		"set yrange [1:*]\nset grid y\nset xtics rotate by -35\nset key outside top "
		"horizontal\n$d << E\n",
		directory);
	for (unsigned i = 0; i < r->rows; i++) {
		const struct linux_row *row = &r->row[i];

		if (!row->measured[LINUX_NATIVE])
			continue;
		fprintf(g, "%s", row->op);
		for (unsigned w = LINUX_RING; w < LINUX_WAYS; w++)
			if (row->measured[w] && over(row, w) >= 1)
				fprintf(g, " %g", over(row, w));
			else
				fprintf(g, " NaN");
		fputc('\n', g);
	}
	fprintf(g, "E\nplot");
	for (unsigned w = LINUX_RING; w < LINUX_WAYS && r->ended[w]; w++)
		fprintf(g, "%s $d using %u:xtic(1) title '%s'", w > LINUX_RING ? "," : "", w + 1,
			way_names[w]);
	fprintf(g, "\n");
	if (!pclose(g))
		printf("drawn:   %s/linux.svg\n", directory);
	return 0;
}
