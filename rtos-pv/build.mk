# SPDX-License-Identifier: GPL-2.0-or-later
# The RTOS for both of its machines: build/rtos-pv.elf and build/rtos-pc.elf

RTOS_COMMON := $(WARNINGS) $(HERE) -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none -mgeneral-regs-only -fno-builtin \
	-Irtos-pv/include -Irtos-pv/kernel -MMD -MP
RTOS_PV_CFLAGS := $(RTOS_COMMON) -m64 -mno-red-zone -mcmodel=small -Ihypervisor -Irtos-pv/pvlib \
	-Irtos-pv/port-pv
RTOS_PC_CFLAGS := $(RTOS_COMMON) -m32 -march=i686 -Irtos-pv/port-pc

RTOS_SHARED := $(wildcard rtos-pv/kernel/*.c rtos-pv/app/*.c)
PVLIB_SOURCES := $(wildcard rtos-pv/pvlib/*.c rtos-pv/pvlib/*.S)
RTOS_PV_OBJECTS := $(patsubst %,$(BUILD)/pv/%.o,$(basename $(RTOS_SHARED) $(PVLIB_SOURCES) \
	$(wildcard rtos-pv/port-pv/*.c rtos-pv/port-pv/*.S)))
RTOS_PC_OBJECTS := $(patsubst %,$(BUILD)/pc/%.o,$(basename $(RTOS_SHARED) \
	$(wildcard rtos-pv/port-pc/*.c rtos-pv/port-pc/*.S)))

define rtos_rules
$(BUILD)/$(1)/%.o: %.c Makefile rtos-pv/build.mk | packages
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$$(Q)$$(CC) $(2) -c $$< -o $$@

$(BUILD)/$(1)/%.o: %.S Makefile rtos-pv/build.mk | packages
	@mkdir -p $$(@D)
	$$(call say,AS,$$@)
	$$(Q)$$(CC) $(2) -c $$< -o $$@
endef
$(eval $(call rtos_rules,pv,$(RTOS_PV_CFLAGS)))
$(eval $(call rtos_rules,pc,$(RTOS_PC_CFLAGS)))

RTOS_LD := ld -nostdlib -static -z noexecstack -z max-page-size=4096

$(BUILD)/rtos-pv.elf: $(RTOS_PV_OBJECTS) rtos-pv/port-pv/rtos.lds
	$(call say,LD,$@)
	$(Q)$(RTOS_LD) -m elf_x86_64 -T rtos-pv/port-pv/rtos.lds -o $@ $(RTOS_PV_OBJECTS)

$(BUILD)/rtos-pc.elf: $(RTOS_PC_OBJECTS) rtos-pv/port-pc/rtos.lds
	$(call say,LD,$@)
	$(Q)$(RTOS_LD) -m elf_i386 -T rtos-pv/port-pc/rtos.lds -o $@ $(RTOS_PC_OBJECTS)

-include $(RTOS_PV_OBJECTS:.o=.d) $(RTOS_PC_OBJECTS:.o=.d)
