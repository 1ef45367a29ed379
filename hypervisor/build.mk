# SPDX-License-Identifier: GPL-2.0-or-later
# The freestanding image: build/veneer.elf

HV_CFLAGS := $(WARNINGS) -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel \
	-mno-red-zone -mgeneral-regs-only -fstack-protector-strong -mstack-protector-guard=global \
	-Wframe-larger-than=2048 -fno-asynchronous-unwind-tables \
	-fno-strict-aliasing -fcf-protection=none -fno-builtin -Ihypervisor -I. -MMD -MP
HV_DIRS := boot core emulate hvm mmu platform ring x86
HV_SOURCES := $(foreach d,$(HV_DIRS),$(wildcard hypervisor/$(d)/*.c hypervisor/$(d)/*.S)) \
	$(wildcard virtio/*.c)
HV_OBJECTS := $(patsubst %,$(BUILD)/%.o,$(basename $(HV_SOURCES)))

$(BUILD)/hypervisor/%.o: hypervisor/%.c | packages
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HV_CFLAGS) -c $< -o $@

$(BUILD)/virtio/%.o: virtio/%.c | packages
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HV_CFLAGS) -c $< -o $@

$(BUILD)/hypervisor/%.o: hypervisor/%.S | packages
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) $(HV_CFLAGS) -c $< -o $@

$(BUILD)/veneer.elf: $(HV_OBJECTS) hypervisor/veneer.lds
	$(call say,LD,$@)
	$(Q)ld -nostdlib -static -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
		-T hypervisor/veneer.lds -o $@ $(HV_OBJECTS)

-include $(HV_OBJECTS:.o=.d)
