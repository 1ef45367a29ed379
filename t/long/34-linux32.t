#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's kernel for 32-bit processors under svm.
exec $^X, 't/34-linux32.t', 'svm' or die "t/34-linux32.t: $!";
