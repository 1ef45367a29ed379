#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The proofs with larger bounds, and every mutant against every proof of its file.
$ENV{PROOF} = 'long';
exec $^X, 't/47-proof.t' or die "t/47-proof.t: $!";
