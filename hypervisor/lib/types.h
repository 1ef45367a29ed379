/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Basic types. Addresses carry their kind, so that the compiler catches a mix-up. */
#pragma once

#include <asm/errno.h> /* errors are negative ones of these */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
	uint64_t v;
} gpa_t; /* guest-physical */
typedef struct {
	uint64_t v;
} gva_t; /* guest-virtual (linear) */
typedef struct {
	uint64_t v;
} mpa_t; /* machine-physical */

/* Opaque to most of the hypervisor: kernel/cpu.h, guest/guest.h. */
struct cpu;
struct guest;
struct vcpu;

#define GPA(x)	   ((gpa_t){ (x) })
#define GVA(x)	   ((gva_t){ (x) })
#define MPA(x)	   ((mpa_t){ (x) })

#define PAGE_SIZE  4096ull
#define PAGE_SHIFT 12
#define PAGE_MASK  (~(PAGE_SIZE - 1))
#define LARGE_SIZE (2ull << 20)

#define KIB(n)	   ((uint64_t)(n) << 10)
#define MIB(n)	   ((uint64_t)(n) << 20)

/* For functions on the path of every exit or page fault, in which -fstack-protector-strong would
 * cost five instructions only because the address of a local is taken. Never for a function with a
 * buffer. */
#define HOT_FRAME		     __attribute__((no_stack_protector))

#define UNUSED			     __attribute__((unused)) /* a parameter */

#define ARRAY_SIZE(a)		     (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)		     (((x) + (a)-1) & ~((uint64_t)(a)-1))
#define ALIGN_DOWN(x, a)	     ((x) & ~((uint64_t)(a)-1))
#define MIN(a, b)		     ((a) < (b) ? (a) : (b))
#define MAX(a, b)		     ((a) > (b) ? (a) : (b))
#define container_of(p, type, field) ((type *)((char *)(p)-offsetof(type, field)))
