#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# clang-tidy as far as its static analyzer goes.
exec $^X, 't/15-tidy.t', 225_000 or die "t/15-tidy.t: $!";
