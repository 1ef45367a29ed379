# SPDX-License-Identifier: GPL-2.0-or-later
# The freestanding image: build/veneer.elf

HV_CFLAGS := $(WARNINGS) $(HERE) -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel \
	-mno-red-zone -mgeneral-regs-only -fstack-protector-strong -mstack-protector-guard=global \
	-Wframe-larger-than=2048 -fno-asynchronous-unwind-tables \
	-fno-strict-aliasing -fcf-protection=none -fno-builtin -mindirect-branch=thunk-extern \
	-mindirect-branch-register -Ihypervisor -I. -MMD -MP $(if $(DEBUG_LOCKS),-DDEBUG_LOCKS)
HV_DIRS := arch boot console $(if $(DEBUG_LOCKS),debug) debug/gdb engine/hvm engine/ring engine/ring/emulate engine/ring/shadow \
	guest insn kernel lib load pc translate
HV_SOURCES := $(foreach d,$(HV_DIRS),$(wildcard hypervisor/$(d)/*.c hypervisor/$(d)/*.S)) \
	$(wildcard virtio/*.c)
HV_OBJECTS := $(patsubst %,$(BUILD)/%.o,$(basename $(HV_SOURCES)))

$(BUILD)/hypervisor/%.o: hypervisor/%.c hypervisor/build.mk | packages
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HV_CFLAGS) -c $< -o $@

$(BUILD)/virtio/%.o: virtio/%.c hypervisor/build.mk | packages
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HV_CFLAGS) -c $< -o $@

$(BUILD)/hypervisor/%.o: hypervisor/%.S hypervisor/build.mk | packages
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) $(HV_CFLAGS) -c $< -o $@

HV_LD := ld -nostdlib -static -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
	-T hypervisor/veneer.lds

# The image has a list of its own calls and jumps to arch/thunks.S. It lies behind all code, so that
# code linked without it stands at the same addresses.
$(BUILD)/hypervisor/indirect_sites.S: $(HV_OBJECTS) hypervisor/veneer.lds
	$(Q)$(HV_LD) -o $@.elf $(HV_OBJECTS)
	$(Q)objdump -d $@.elf | awk 'BEGIN { print "\t.section .indirect.sites, \"a\"" } \
		/(call|jmp) .*<[a-z0-9_]*_indirect_thunk_r[a-z0-9]*>$$/ { sub(":", "", $$1); print "\t.quad 0x" $$1 }' > $@

$(BUILD)/hypervisor/indirect_sites.o: $(BUILD)/hypervisor/indirect_sites.S
	$(Q)$(CC) -c $< -o $@

$(BUILD)/veneer.elf: $(HV_OBJECTS) $(BUILD)/hypervisor/indirect_sites.o hypervisor/veneer.lds
	$(call say,LD,$@)
	$(Q)$(HV_LD) -o $@ $(HV_OBJECTS) $(BUILD)/hypervisor/indirect_sites.o

-include $(HV_OBJECTS:.o=.d)
