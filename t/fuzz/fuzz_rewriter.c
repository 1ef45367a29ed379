// SPDX-License-Identifier: GPL-2.0-or-later
/* libFuzzer target: arbitrary bytes as the rewriter's input, through analysis and treatment. `make
 * fuzz`. */
#include <stdlib.h>
#include <string.h>

#include "rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image im = { .path = "fuzz" };
	struct rewrite r = { 0 };
	char why[200];
	uint8_t *copy = malloc(size + 1);

	memcpy(copy, data, size);
	if (!image_parse(&im, copy, size, why, sizeof(why)))
		rewrite_image(&r, &im, NULL, 0, why, sizeof(why));
	rewrite_free(&r);
	image_free(&im);
	return 0;
}
