#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A hypervisor that checks its locks: their order is that of debug/locks.h, none is taken twice, and none is held at
# the entry to a guest. unit/test_locks.c shows that the check finds what is wrong.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my ($status, $text) = command('make', 'DEBUG_LOCKS=1', 'build/locks/veneer.elf');
is($status, 0, 'it builds, in a folder of its own') or BAIL_OUT($text);
my ($dump, $release) = map { (command('nm', $_))[1] } 'build/locks/veneer.elf', 'build/veneer.elf';
like($dump, qr/ T locks_take$/m, 'it has the check');
unlike($release, qr/ locks_/, 'which the one that is built for use has nothing of');

# The RTOS, a paravirtual guest with vCPUs on both cores, which flush and restart each other, a
# PC. The operator looks over the guests' shadows, which takes two locks.
$ENV{VENEER_LIB} = 'build/locks';
my %more = (cpus => '0-1');
($status, $text) = run_guests('locks', guest('rtos', image => 'rtos-pv.elf', cmdline => 'spin') .
	guest('smp', image => 't/smp.elf', vcpus => 4, %more) . guest('remains', image => 't/remains.elf', vcpus => 2, %more) .
	guest('pc', image => 'rtos-rewritten.elf', cmdline => 'spin', cpus => 1) . guest('game', image => 'invaders.elf', cpus => 0),
	'--cpus', 2, '--expect-screen', 'game=-[*]-', '--send', 'game=\a:check rtos\r\a:check smp\r\a:check game\r\a:stop game\r');
unlike($text, qr/PANIC|veneer: panic|lock \w+ /i, 'and no lock was wrong') or diag($text);
like($text, qr/^veneer: $_: (?:powered off|exit by port 0xf4), verdict 0/m, "$_ came to its end") for qw(rtos smp remains pc);


like($text, qr/^veneer: check $_: /m, "the shadows of $_ were looked over") for qw(rtos smp game);

done_testing;
