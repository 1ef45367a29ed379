// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/engine.h"

#include "guest/guest.h"
#include "lib/string.h"

/* In the order of preference of engine = auto. */
static const struct engine *const engines[] = { &vmx_engine, &svm_engine, &ring_engine };

const struct engine *engine_choose(const struct guest *g, const char **why)
{
	enum engine_choice choice = g->config->engine;

	*why = NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(engines); i++) {
		const struct engine *e = engines[i];

		if (choice != ENGINE_AUTO && strcmp(e->name, engine_names[choice]))
			continue;
		*why = e->missing ? e->missing() : NULL;
		if (!*why && e->kernel_ring)
			*why = image_not_in_ring1(&g->image, g->vcpus);
		if (!*why)
			return e;
	}
	return NULL;
}
