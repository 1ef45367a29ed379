// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest.h"

#include <stdarg.h>

unsigned failures;
uint64_t fault_error, fault_address, fault_rip, fault_cs;

extern uint64_t attempt_sp;
extern char trap_stack[], try_fault[];
int try_call(void (*fn)(void *), void *arg);
int try_call_user(void (*fn)(void *), void *arg);

static bool trying;

uint16_t kernel_cs(void)
{
	uint16_t cs;

	__asm__("movw %%cs, %0" : "=r"(cs));
	return cs;
}

uint16_t kernel_ss(void)
{
	uint16_t ss;

	__asm__("movw %%ss, %0" : "=r"(ss));
	return ss;
}

bool in_ring1(void)
{
	return (kernel_cs() & 3) == 1;
}

static void number(char **to, uint64_t v, unsigned base)
{
	char digits[24], *d = digits + sizeof(digits);

	do
		*--d = "0123456789abcdef"[v % base];
	while (v /= base);
	while (d < digits + sizeof(digits))
		*(*to)++ = *d++;
}

static void signed_number(char **to, int v)
{
	if (v < 0)
		*(*to)++ = '-';
	number(to, v < 0 ? -(uint64_t)v : (uint64_t)v, 10);
}

void say(const char *fmt, ...)
{
	char line[256], *to = line;
	va_list args;

	va_start(args, fmt);
	for (; *fmt && to < line + 200; fmt++) {
		if (*fmt != '%') {
			*to++ = *fmt;
			continue;
		}
		switch (*++fmt) {
		case 's':
			for (const char *s = va_arg(args, const char *); *s && to < line + 200; s++)
				*to++ = *s;
			break;
		case 'd': signed_number(&to, va_arg(args, int)); break;
		case 'u': number(&to, va_arg(args, unsigned), 10); break;
		case 'x': number(&to, va_arg(args, unsigned), 16); break;
		default: number(&to, (uint64_t)va_arg(args, void *), 16); break;
		}
	}
	va_end(args);
	veneer_console_write(line, (size_t)(to - line));
}

void check(bool good, const char *what, const char *file, int line)
{
	if (good)
		return;
	failures++;
	say("FAILED: %s (%s:%d)\n", what, file, line);
}

void check_is(int64_t got, int64_t want, const char *what, const char *file, int line)
{
	check(got == want, what, file, line);
	if (got != want)
		say("got %p, want %p\n", (void *)got, (void *)want);
}

static void back(struct veneer_frame *f, int vector)
{
	fault_rip = f->rip;
	fault_cs = f->cs;
	f->rip = (uint64_t)try_fault;
	f->rsp = attempt_sp;
	f->rax = (uint64_t)(int64_t)vector;
	f->cs = kernel_cs();
	f->ss = kernel_ss();
	f->rflags = 2;
}

static void exception(struct veneer_frame *f)
{
	if (!trying) {
		say("unexpected exception %d at %p\n", (unsigned)f->vector, (void *)f->rip);
		veneer_shutdown(98);
	}
	fault_error = f->error;
	fault_address = veneer_vcpu.cr2;
	back(f, (int)f->vector);
}

void user_returned(struct veneer_frame *f);
void user_returned(struct veneer_frame *f)
{
	back(f, -1);
}

static int attempt_by(int (*call)(void (*)(void *), void *), void (*fn)(void *), void *arg)
{
	trying = true;
	int vector = call(fn, arg);
	trying = false;
	return vector;
}

int attempt(void (*fn)(void *), void *arg)
{
	return attempt_by(try_call, fn, arg);
}

int attempt_user(void (*fn)(void *), void *arg)
{
	veneer_vcpu.kernel_sp = (uint64_t)trap_stack;
	return attempt_by(try_call_user, fn, arg);
}

/* Wild jumps mostly end up here. Zeros would be two MiB of `add %al, (%rax)`, all of which an
 * emulator translates again: seconds. */
static void no_code_at_the_bottom(void)
{
	volatile uint16_t *bottom = NULL;

	__asm__("" : "+r"(bottom)); /* address 0 is memory here */
	for (unsigned i = 0; i < 0x1000; i++)
		bottom[i] = 0x0b0f; /* UD2 */
}

void veneer_main(const struct veneer_start_info *info)
{
	no_code_at_the_bottom();
	for (unsigned i = 0; i < 32; i++)
		veneer_on_exception(i, exception);
	veneer_on_softint(0x81, user_returned);
	int exit_code = guest_main(info);
	say("%s\n", failures || exit_code ? "NOT WELL" : "well");
	veneer_shutdown(failures ? 1 : exit_code);
}

const char *text_after(const char *text, const char *name)
{
	for (; *text; text++) {
		unsigned i = 0;

		while (name[i] && text[i] == name[i])
			i++;
		if (!name[i])
			return text + i;
	}
	return NULL;
}

unsigned number_after(const char *text, const char *name)
{
	const char *digit = text_after(text, name);
	unsigned n = 0;

	for (; digit && *digit >= '0' && *digit <= '9'; digit++)
		n = n * 10 + (unsigned)(*digit - '0');
	return n;
}

unsigned rounds_or(const struct veneer_start_info *info, unsigned all)
{
	unsigned n = number_after(info->cmdline, "rounds=");

	return n ? n : all;
}
