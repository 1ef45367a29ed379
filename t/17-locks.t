#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests of all kinds, under ring, svm and vmx, on a hypervisor that checks its locks: they are taken in the order of
# debug/locks.h, none twice, and none is held at guest entry. The same guests run on the release build first, so that
# a failure that has nothing to do with locks shows there too. unit/test_locks.c shows that violations are found.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Veneer;

my ($status, $text) = command('make', 'DEBUG_LOCKS=1', 'build/locks/veneer.elf');
is($status, 0, 'build/locks/veneer.elf builds') or diag($text), done_testing, exit 1;
my ($debug, $release) = map { (command('nm', $_))[1] } 'build/locks/veneer.elf', 'build/veneer.elf';
like($debug, qr/ T locks_take$/m, 'it has the checker');
unlike($release, qr/ locks_/, 'the release build has not');

# PV guests with several vCPUs that flush and restart each other, virtio, PCs, and a game that the operator stops; the
# second group is for Bochs. The monitor checks tables, which takes two locks.
my @guests = (
	[rtos => 'rtos-pv.elf', cmdline => 'spin'],
	[smp => 't/smp.elf', vcpus => 4, cpus => '0-1'], ['svm-smp' => 't/smp.elf', vcpus => 4, cpus => '0-1', engine => 'svm'],
	[remains => 't/remains.elf', vcpus => 2, cpus => '0-1'], [rings => 't/rings.elf'],
	[pc => 'rtos-rewritten.elf', cmdline => 'spin', cpus => 1], ['svm-pc' => 'rtos-pc.elf', cmdline => 'spin', cpus => 1, engine => 'svm'],
	[game => 'invaders.elf', cpus => 0],
);
my @checks = qw(rtos smp game);
my @vmx_guests = (
	['vmx-smp' => 't/smp.elf', vcpus => 4, cpus => '0-1', engine => 'vmx'], ['vmx-rings' => 't/rings.elf', engine => 'vmx'],
	['vmx-pc' => 'rtos-pc.elf', cmdline => 'spin', cpus => 1, engine => 'vmx'], [smp => 't/smp.elf', vcpus => 4, cpus => '0-1'],
);
my @vmx_checks = qw(vmx-smp vmx-pc); # these have tables from the beginning

sub sections { return join '', map { my ($name, $image, @more) = @$_; guest($name, image => $image, @more) } @_ }
sub keys_for { return join '', map { "\\a:check $_\\r" } @_ }

sub check_run {
	my ($how, $lib, $text, $status, $guests, $checks) = @_;
	unlike($text, qr/panic|\block \w+(?:,| is) /i, "$how: no panic") or diag($text);
	is($text =~ /^veneer: Veneer, .*, lock order checked$/m ? 'build/locks' : 'build', $lib, "$how: the first line says whether locks are checked");
	is($status, 0, "$how: the run ends well") or diag($text);
	like($text, qr/^veneer: exit code of $_->[0]: 0$/m, "$how: exit code of $_->[0]") for @$guests;
	like($text, qr/^veneer: check $_: good/m, "$how: check of $_") for @$checks;
	return;
}

for (['release build', 'build'], ['with the checker', 'build/locks']) {
	my ($how, $lib) = @$_;
	local $ENV{VENEER_LIB} = $lib;
	($status, $text) = run_guests('locks', sections(@guests), '--cpus', 2, '--expect-screen', 'game=-[*]-',
		'--send', 'game=' . keys_for(@checks) . '\\a:stop game\\r');
	check_run($how, $lib, $text, $status, \@guests, \@checks);
	($status, $text) = run_guests('locks-vmx', sections(@vmx_guests), '--cpus', 2, '--expect', 'veneer=boot entry_ticks',
		'--send', 'vmx-pc=' . keys_for(@vmx_checks));
	check_run("$how, in Bochs", $lib, $text, $status, \@vmx_guests, \@vmx_checks);
}

done_testing;
