// SPDX-License-Identifier: GPL-2.0-or-later
#include "pc/ioapic.h"

#include "arch/speculation.h"
#include "lib/string.h"

#define WINDOW_INDEX 0x00
#define WINDOW_DATA  0x10
#define REG_ID	     0
#define REG_VERSION  1
#define REG_PRIORITY 2 /* of the ID */
#define REG_REDIRECT 0x10
#define VERSION	     (0x11 | (IOAPIC_PINS - 1) << 16)

void ioapic_reset(struct ioapic *io)
{
	memset(io, 0, sizeof(*io));
	io->id = IOAPIC_ID << 24;
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		io->redirect[i] = IOAPIC_MASKED;
}

/* A pin that is high, level-triggered and not in service; the local APIC gets it once. */
static uint32_t level_to_send(struct ioapic *io, unsigned pin)
{
	uint64_t *r = &io->redirect[pin];

	if (!(io->lines >> pin & 1) || (*r & (IOAPIC_MASKED | IOAPIC_REMOTE_IRR)) ||
	    !(*r & IOAPIC_LEVEL))
		return 0;
	*r |= IOAPIC_REMOTE_IRR;
	return 1u << pin;
}

uint32_t ioapic_read(const struct ioapic *io, unsigned offset)
{
	unsigned entry = (io->index - REG_REDIRECT) / 2;

	if (offset == WINDOW_INDEX)
		return io->index;
	if (offset != WINDOW_DATA)
		return 0;
	if (io->index == REG_VERSION)
		return VERSION;
	if (io->index == REG_ID || io->index == REG_PRIORITY)
		return io->id;
	if (io->index < REG_REDIRECT || entry >= IOAPIC_PINS)
		return 0;
	return (uint32_t)(io->redirect[index_nospec(entry, IOAPIC_PINS)] >>
			  (io->index & 1 ? 32 : 0));
}

static uint32_t write_redirect(struct ioapic *io, unsigned entry, bool high, uint32_t value)
{
	uint64_t *r = &io->redirect[entry];
	uint64_t kept = *r & IOAPIC_REMOTE_IRR;

	if (high)
		*r = (*r & 0xffffffff) | (uint64_t)(value & 0xff000000) << 32;
	else
		*r = (*r & ~0xffffffffull) | (value & 0x1afff) | kept;
	if (!(*r & IOAPIC_LEVEL))
		*r &= ~IOAPIC_REMOTE_IRR;
	return level_to_send(io, entry);
}

uint32_t ioapic_write(struct ioapic *io, unsigned offset, uint32_t value)
{
	unsigned entry = (io->index - REG_REDIRECT) / 2;

	if (offset == WINDOW_INDEX)
		io->index = value & 0xff;
	else if (offset == WINDOW_DATA && io->index == REG_ID)
		io->id = value & 0x0f000000;
	else if (offset == WINDOW_DATA && io->index >= REG_REDIRECT && entry < IOAPIC_PINS)
		return write_redirect(io, (unsigned)index_nospec(entry, IOAPIC_PINS), io->index & 1,
				      value);
	return 0;
}

uint32_t ioapic_set_line(struct ioapic *io, unsigned pin, bool high)
{
	bool rises = high && !(io->lines >> pin & 1);

	io->lines = (io->lines & ~(1u << pin)) | (uint32_t)high << pin;
	if (io->redirect[pin] & IOAPIC_LEVEL)
		return level_to_send(io, pin);
	return rises && !(io->redirect[pin] & IOAPIC_MASKED) ? 1u << pin : 0;
}

uint32_t ioapic_end_of_interrupt(struct ioapic *io, unsigned vector)
{
	uint32_t again = 0;

	for (unsigned i = 0; i < IOAPIC_PINS; i++) {
		uint64_t *r = &io->redirect[i];

		if (IOAPIC_VECTOR(*r) != vector || !(*r & IOAPIC_LEVEL))
			continue;
		*r &= ~IOAPIC_REMOTE_IRR;
		again |= level_to_send(io, i);
	}
	return again;
}
