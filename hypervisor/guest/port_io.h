/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port instructions: IN, OUT, INS, OUTS. Without a board no port has a device. */
#pragma once

#include "guest/operand.h"

bool port_io_is(unsigned op); /* whether op is one of them */
/* Whether the I/O bitmap of a PV guest lets its ring 3 have the port. */
bool port_io_permitted(struct vcpu *v, const struct insn *i);
enum outcome port_io(struct vcpu *v, const struct insn *i);
