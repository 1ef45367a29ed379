# SPDX-License-Identifier: GPL-2.0-or-later
# The host command: build/veneer

HOST_CFLAGS := $(WARNINGS) -std=gnu11 -O2 -g -DVENEER_HOST -Ihypervisor -Ihypervisor/host -Irewriter -Ibench \
	-MMD -MP
HOST_SOURCES := $(wildcard hypervisor/host/*.c rewriter/*.c bench/*.c) hypervisor/lib/string.c \
	$(patsubst %,hypervisor/load/%.c,config elf image) \
	$(patsubst %,hypervisor/pc/image_%.c,bzimage disk flat rewritten room)
HOST_OBJECTS := $(patsubst %.c,$(BUILD)/host/%.o,$(HOST_SOURCES))

$(BUILD)/host/%.o: %.c | packages
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) -c $< -o $@

$(BUILD)/veneer: $(HOST_OBJECTS)
	$(call say,LD,$@)
	$(Q)$(HOSTCC) -o $@ $(HOST_OBJECTS) -lelf -lZydis -lpng -ljansson -lm

-include $(HOST_OBJECTS:.o=.d)

# What QEMU loads: counts for the comparison, and the longest stay
$(BUILD)/%.so: bench/plugin/%.c bench/plugin/qemu_plugin.h bench/events.h | packages
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(HOSTCC) $(WARNINGS) -std=gnu11 -O2 -I. -shared -fPIC -fvisibility=hidden -o $@ $<

# A GRUB ISO for BIOS and UEFI with the demonstration's guests (or CONF=file), for Bochs or a real machine.
CONF ?= $(BUILD)/demo.conf
$(BUILD)/veneer.iso: all $(CONF) | check-packages
	$(call say,ISO,$@)
	$(Q)$(BUILD)/veneer run $(CONF) --iso $@

iso: $(BUILD)/veneer.iso
