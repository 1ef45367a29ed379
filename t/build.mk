# SPDX-License-Identifier: GPL-2.0-or-later
# Tests: small guests under t/guests, unit tests of the portable parts under t/unit, TAP scripts t/*.t.

T_GUESTS := $(filter-out support,$(basename $(notdir $(wildcard t/guests/*.c))))
T_GUEST_ELFS := $(patsubst %,$(BUILD)/t/%.elf,$(T_GUESTS))
T_SUPPORT := $(BUILD)/pv/t/guests/support.o $(patsubst %,$(BUILD)/pv/%.o,$(basename $(PVLIB_SOURCES)))

# support.c and support.S share a name: the assembly gets another
$(BUILD)/pv/t/guests/support_asm.o: t/guests/support.S | packages
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) $(RTOS_PV_CFLAGS) -c $< -o $@

$(BUILD)/t/%.elf: $(BUILD)/pv/t/guests/%.o $(BUILD)/pv/t/guests/support_asm.o $(T_SUPPORT) rtos-pv/port-pv/rtos.lds
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(RTOS_LD) -m elf_x86_64 -T rtos-pv/port-pv/rtos.lds -o $@ $(filter %.o,$^)

.PRECIOUS: $(BUILD)/pv/t/guests/%.o
