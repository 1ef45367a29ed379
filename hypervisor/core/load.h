/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading a guest's image: ELF64 with our note (PV), ELF32 with or without a Multiboot header. */
#ifndef VENEER_LOAD_H
#define VENEER_LOAD_H

struct guest;

/* Looks at g->image: which preparation it is. 0, or -EINVAL with the reason. */
int load_identify(struct guest *g, const char **why);

/* Takes memory for the patch window of a rewritten image and fills it. Once. */
int load_window(struct guest *g);

/* Puts the image into the guest's (zeroed) memory and the vCPU at its entry. */
int load_image(struct guest *g, const char **why);

#endif
