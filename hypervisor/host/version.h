/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of Veneer as a whole; that of the guest interface is in abi/veneer.h. */
#pragma once

#define VENEER_VERSION "0.1-dev" /* "-dev": what CHANGELOG.md has as unreleased */
