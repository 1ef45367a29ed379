/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output on the terminal, and results.json. */
#pragma once

#include "results.h"

/* A table for each machine that was measured, and the budgets of design.md. */
void rtos_table(const struct results *r);
void linux_table(const struct results *r);

/* linux_rows may be NULL. 0, or -1 with a line on stderr. */
int results_json(const struct results *rtos, const struct results *linux_rows, const char *path);
