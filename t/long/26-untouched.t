#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Third-party programs in virtual machines under vmx.
exec $^X, 't/26-untouched.t', 'vmx' or die "t/26-untouched.t: $!";
