/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arithmetic of instructions with a memory operand, with its flags. */
#pragma once

#include "pc/mmio_insn.h"

/* The result, cut to width bytes; sets *rflags as SDM 1, appendix A, says. What is undefined there
 * is zero. op: MMIO_ADD to MMIO_BTC, or MMIO_XADD. */
uint64_t mmio_arithmetic(unsigned op, uint64_t a, uint64_t b, unsigned width, uint64_t *rflags);
