#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel's x86 selftests under svm; t/71-selftests.t has ring.
use strict;
use warnings;
exec $^X, 't/71-selftests.t', 'svm' or die "t/71-selftests.t: $!\n";
