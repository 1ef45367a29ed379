/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disk of a guest before it is created: a file of the bundle, which the guest writes to. */
#pragma once

#include "guest/guest.h"

/* Why it cannot have it, or NULL. Guests before it are known. The text is overwritten by the next.
 */
const char *disk_refused(const struct guest *g);
