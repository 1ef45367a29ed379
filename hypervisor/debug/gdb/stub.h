/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the stub share. */
#pragma once

#include "debug/gdb/gdb.h"
#include "debug/gdb/packet.h"

#define GDB_STUBS	3 /* ports */
#define GDB_BREAKPOINTS 64
#define GDB_WATCHPOINTS 4 /* debug registers */

/* Why the guest has stopped, for gdb. */
enum stop { STOP_ASKED, STOP_STEP, STOP_BREAKPOINT, STOP_WATCHPOINT, STOP_CRASH };

/* Of a vCPU that has stopped: what only its own CPU could read. */
struct gdb_vcpu {
	uint64_t base[6]; /* segments: ES CS SS DS FS GS */
	uint16_t selector[6];
	uint32_t flags;
	bool held;  /* gdb has paused it */
	bool begun; /* else it has no registers yet */

	/* a single step; only touched on its own CPU while it runs */
	bool stepping;
	bool amid;     /* it is not through with its instruction */
	bool guest_tf; /* TF as the guest has it */
	bool sets_tf;  /* the instruction loads TF itself */
	bool pushes;   /* it pushes flags */
	bool traps;    /* it is an INT n that does not exit */
	uint64_t from; /* RIP before it */
	uint64_t dr6, legacy_dr6;
	bool owed; /* a frame has the debugger's TF, and a #DB will follow it */
};

struct breakpoint {
	uint64_t at;   /* as gdb named it */
	uint8_t *byte; /* of the guest's memory, or its stubs */
	uint8_t original;
	bool used;
};

struct watchpoint {
	uint64_t at, linear; /* as gdb named it; for the processor */
	uint8_t bytes;
	char kind; /* of the packet: 2 writes, 3 reads, 4 accesses */
	bool used;
};

/* A record of a rewritten image's section .veneer.original, see rewriter/output.c. */
struct site {
	uint32_t address, stub;
	uint8_t treatment, planted, length, op;
	uint8_t bytes[16];
};
_Static_assert(sizeof(struct site) == 28, "rewriter/output.c");

struct gdb {
	struct guest *guest;
	uint16_t port;
	struct timer timer;
	unsigned lively; /* how often it is still looked at soon */
	struct packet packet;
	bool waiting;	  /* the packet is ready, and the guest has still to stop */
	bool attached;	  /* gdb has spoken, and not detached */
	bool running;	  /* it was told to */
	unsigned crashed; /* the vCPU that has, + 1: the guest is to end, or to start again */
	bool code64;	  /* the target description that gdb was given */
	unsigned thread;  /* vCPU that registers and memory are asked of */
	uint32_t stopped; /* the vCPU that has stopped the others, + 1, why << 8, and the watchpoint
			     << 16; atomic */
	struct engine stepping; /* the guest's engine, for a vCPU that is stepped */
	struct gdb_vcpu vcpu[VCPUS_MAX];
	/* of a rewritten guest in ring 1, else none */
	const struct site *site;
	const struct veneer_original *original;
	unsigned sites, originals;
	struct watchpoint watchpoint[GDB_WATCHPOINTS];
	uint64_t dr7; /* for these */
	struct breakpoint breakpoint[GDB_BREAKPOINTS];
};

struct gdb *gdb_of(const struct guest *g);

static inline struct vcpu *gdb_thread(const struct gdb *s)
{
	return &s->guest->vcpu[s->thread];
}

static inline struct gdb_vcpu *gdb_vcpu(const struct vcpu *v)
{
	return &gdb_of(v->guest)->vcpu[v->id];
}

/* commands.c: answers the packet. */
void gdb_command(struct gdb *s);
void gdb_report_stop(struct gdb *s);

/* registers.c */
void gdb_gather(struct vcpu *v); /* on its own CPU, where it is loaded */
unsigned gdb_register(const struct gdb *s, unsigned n, uint8_t to[16]); /* bytes; 0: none */
bool gdb_set_register(const struct gdb *s, unsigned n, const char **hex);
unsigned gdb_general_registers(const struct gdb *s); /* how many the 'g' packet has */

/* description.c */
const char *gdb_description(const struct gdb *s, unsigned *bytes); /* target.xml */

/* memory.c: by the address that gdb names, through the tables of a stopped vCPU, whatever their
 * rights; how many bytes could be copied. */
gva_t gdb_linear(const struct vcpu *v, uint64_t at);
unsigned gdb_read(const struct gdb *s, uint64_t at, void *to, unsigned bytes);
unsigned gdb_write(struct gdb *s, uint64_t at, const void *from, unsigned bytes);
/* The byte of the guest's RAM there, or of a rewritten guest's stubs; NULL: none. */
uint8_t *gdb_byte(const struct vcpu *v, uint64_t at);
/* Writes one, and has what was translated from it dropped. */
void gdb_poke(const struct guest *g, uint8_t *to, uint8_t byte);

/* breakpoints.c */
uint8_t gdb_trap(const struct guest *g); /* the instruction that a breakpoint is */
bool gdb_insert(struct gdb *s, uint64_t at);
void gdb_remove(struct gdb *s, uint64_t at);
void gdb_remove_all(struct gdb *s);
bool gdb_has_breakpoint(const struct vcpu *v, uint64_t at); /* on its own CPU */

/* rewritten.c */
void gdb_find_rewritten(struct gdb *s); /* at boot */
void gdb_show_originals(const struct gdb *s, uint64_t at, uint8_t *bytes, unsigned n);
bool gdb_in_stub(const struct gdb *s, uint64_t at);
uint64_t gdb_shown(const struct gdb *s, uint64_t rip);	 /* RIP as gdb is to see it */
uint64_t gdb_place_of(const struct gdb *s, uint64_t at); /* of a breakpoint's byte; 0: none */

/* watchpoints.c */
bool gdb_can_watch(const struct gdb *s);
bool gdb_watch(struct gdb *s, char kind, uint64_t at, uint64_t bytes);
void gdb_unwatch(struct gdb *s, char kind, uint64_t at);
void gdb_unwatch_all(struct gdb *s);
int gdb_watch_hit(struct vcpu *v); /* at a #DB: which one, or -1; forgets it */

/* run.c */
void gdb_stop(struct vcpu *v, enum stop why, unsigned watchpoint);
bool gdb_is_stopped(const struct gdb *s); /* all vCPUs are paused, and what they have is gathered */
void gdb_resume(struct vcpu *v, bool step);
void gdb_use_steps(struct engine *e);
/* struct debugger */
bool gdb_paused(struct vcpu *v, bool paused);
bool gdb_trapped(struct vcpu *v, unsigned vector, uint64_t pc);
bool gdb_crashed(struct vcpu *v);
void gdb_end_crash(struct gdb *s); /* what would have followed */
