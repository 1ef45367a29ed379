// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/i8259.h"

#define SLAVE_IRQ 2

void pic_reset(struct pic *p)
{
	*p = (struct pic){ .chip = { { .base = 0x08, .lowest = 7, .imr = 0xff },
				     { .base = 0x70, .lowest = 7, .imr = 0xff } } };
}

/* Position of an IRQ in the order of priority: 0 is the highest. */
static unsigned rank(const struct pic_chip *c, unsigned irq)
{
	return (irq - c->lowest - 1) & 7;
}

static unsigned highest(const struct pic_chip *c, uint8_t bits)
{
	for (unsigned n = 1; bits && n <= 8; n++) {
		unsigned irq = (c->lowest + n) & 7;

		if (bits >> irq & 1)
			return irq;
	}
	return 8;
}

/* The request that may interrupt now, or 8. */
static unsigned requesting(const struct pic_chip *c, bool master)
{
	unsigned irq = highest(c, c->irr & ~c->imr);
	uint8_t in_service = c->isr;

	if (irq == 8)
		return 8;
	if (c->special_mask)
		in_service &= ~c->imr;
	if (master && c->special_nested && irq == SLAVE_IRQ)
		in_service &= ~(1 << SLAVE_IRQ);
	unsigned serving = highest(c, in_service);
	return serving == 8 || rank(c, irq) < rank(c, serving) ? irq : 8;
}

static void set_chip_line(struct pic_chip *c, unsigned irq, bool level)
{
	uint8_t bit = 1 << irq;

	if (level && ((c->elcr & bit) || !(c->lines & bit)))
		c->irr |= bit;
	else if (!level)
		c->irr &= ~bit;
	c->lines = level ? c->lines | bit : c->lines & ~bit;
}

static void update(struct pic *p)
{
	set_chip_line(&p->chip[0], SLAVE_IRQ, requesting(&p->chip[1], false) != 8);
	p->intr = requesting(&p->chip[0], true) != 8;
}

void pic_set_line(struct pic *p, unsigned irq, bool level)
{
	set_chip_line(&p->chip[irq >> 3], irq & 7, level);
	update(p);
}

static void end_of_interrupt(struct pic_chip *c, unsigned irq, bool rotate)
{
	c->isr &= ~(1 << irq);
	if (rotate)
		c->lowest = irq;
}

/* The acknowledge cycle of one chip. */
static unsigned serve(struct pic_chip *c, unsigned irq)
{
	if (irq == 8)
		return c->base + 7; /* spurious */
	if (!(c->elcr >> irq & 1))
		c->irr &= ~(1 << irq);
	c->isr |= 1 << irq;
	if (c->auto_eoi)
		end_of_interrupt(c, irq, c->rotate_aeoi);
	return c->base + irq;
}

unsigned pic_acknowledge(struct pic *p)
{
	unsigned irq = requesting(&p->chip[0], true);
	unsigned slave = requesting(&p->chip[1], false);
	unsigned vector = serve(&p->chip[0], irq);

	if (irq == SLAVE_IRQ) {
		p->chip[0].lines &= ~(1 << SLAVE_IRQ); /* a further request is a new edge */
		vector = serve(&p->chip[1], slave);
	}
	update(p);
	return vector;
}

uint64_t pic_read(void *device, struct bus_access a)
{
	struct pic *p = device;
	struct pic_chip *c = &p->chip[a.at >> 7 & 1];

	if (a.at == 0x4d0 || a.at == 0x4d1)
		return p->chip[a.at & 1].elcr;
	if (a.at & 1)
		return c->imr;
	if (c->poll) {
		unsigned irq = requesting(c, c == p->chip);

		c->poll = false;
		if (irq == 8)
			return 0;
		serve(c, irq);
		update(p);
		return 0x80 | irq;
	}
	return c->read_isr ? c->isr : c->irr;
}

static void write_icw1(struct pic_chip *c, uint8_t v)
{
	uint8_t elcr = c->elcr, lines = c->lines;

	*c = (struct pic_chip){ .init_step = 2, .lowest = 7, .icw4_wanted = v & 1 };
	c->elcr = elcr;
	c->lines = lines;
}

static void write_ocw2(struct pic_chip *c, uint8_t v)
{
	unsigned irq = v & 7;

	switch (v >> 5) {
	case 0:
	case 4: c->rotate_aeoi = v >> 7; break;
	case 1:
	case 5:
		irq = highest(c, c->special_mask ? c->isr & ~c->imr : c->isr);
		if (irq != 8)
			end_of_interrupt(c, irq, v >> 7);
		break;
	case 3:
	case 7: end_of_interrupt(c, irq, v >> 7); break;
	case 6: c->lowest = irq; break;
	default: break;
	}
}

static void write_ocw3(struct pic_chip *c, uint8_t v)
{
	c->poll = v & 4;
	if (v & 2)
		c->read_isr = v & 1;
	if (v & 0x40)
		c->special_mask = v & 0x20;
}

static void write_data(struct pic_chip *c, uint8_t v)
{
	switch (c->init_step) {
	case 0: c->imr = v; break;
	case 2:
		c->base = v & 0xf8;
		c->init_step = 3;
		break;
	case 3: c->init_step = c->icw4_wanted ? 4 : 0; break;
	default:
		c->auto_eoi = v & 2;
		c->special_nested = v & 0x10;
		c->init_step = 0;
	}
}

void pic_write(void *device, struct bus_access a, uint64_t value)
{
	struct pic *p = device;
	struct pic_chip *c = &p->chip[a.at >> 7 & 1];
	uint8_t v = (uint8_t)value;

	if (a.at == 0x4d0 || a.at == 0x4d1)
		p->chip[a.at & 1].elcr = v & (a.at & 1 ? 0xde : 0xf8);
	else if (a.at & 1)
		write_data(c, v);
	else if (v & 0x10)
		write_icw1(c, v);
	else if (v & 8)
		write_ocw3(c, v);
	else
		write_ocw2(c, v);
	update(p);
}

static void reset(void *device)
{
	pic_reset(device);
}

void pic_attach(struct pic *p, struct bus *b)
{
	static const struct bus_functions functions = { pic_read, pic_write, 1 };

	bus_add_ports(b, 0x20, 2, &functions, p);
	bus_add_ports(b, 0xa0, 2, &functions, p);
	bus_add_ports(b, 0x4d0, 2, &functions, p);
	bus_add_line(b, SLAVE_IRQ);
	bus_add_reset(b, reset, p);
}
