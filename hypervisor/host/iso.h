/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot images: an ISO with GRUB, for machines with BIOS and with UEFI. */
#pragma once

/* A line of GRUB's menu. With a bundle the kernel is Multiboot 2; with an initrd it is Linux's
 * bzImage; with neither, Multiboot 1. */
struct iso_entry {
	const char *title; /* without quotation marks */
	const char *kernel;
	const char *bundle, *initrd; /* or NULL */
	const char *cmdline;	     /* or NULL; of a kernel without a bundle */
};

#define ISO_ENTRIES_MAX 16

/* GRUB prints this and the title, on the console and the first serial port, before it boots one of
 * several entries. */
#define ISO_BOOTING "veneer: booting "

/* Writes the ISO completely or not at all; installs missing packages (as root, from Debian). A
 * single entry boots at once; for several there is a menu, on console and serial port, with the
 * keys 1, 2, ... a, b, ... Returns 0, or -1 with a line on stderr. */
int iso_write(const struct iso_entry *entries, unsigned n, const char *path);
