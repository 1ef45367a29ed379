/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot images: an ISO with GRUB, for machines with BIOS and with UEFI. */
#ifndef HOST_ISO_H
#define HOST_ISO_H

/* A line of GRUB's menu. With a bundle the kernel is Multiboot 2; with an initrd it is Linux's
 * bzImage; with neither, Multiboot 1. */
struct iso_entry {
	const char *title; /* without quotation marks */
	const char *kernel;
	const char *bundle, *initrd; /* or NULL */
	const char *cmdline;	     /* or NULL; of a kernel without a bundle */
};

#define ISO_ENTRIES_MAX 16

/* What GRUB says on the console and on the first serial line before it starts one of several
 * entries: this, and the title. */
#define ISO_BOOTING "veneer: booting "

/* Writes the ISO whole or not at all; installs what that needs (as root, from Debian's packages).
 * One entry is booted at once; of several, a menu lets choose, by 1, 2, ... a, b, ... too, on
 * console and serial line. 0, or -1 with a line on stderr. */
int iso_write(const struct iso_entry *entries, unsigned n, const char *path);

#endif
