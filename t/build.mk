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
-include $(wildcard $(BUILD)/pv/t/guests/*.d $(BUILD)/pc/t/guests-pc/*.d)

# Unit tests: the portable parts on the host, under the address and undefined-behaviour sanitizers.
UNIT_CFLAGS := $(WARNINGS) -std=gnu11 -O1 -g -DVENEER_HOST -fsanitize=address,undefined \
	-fno-sanitize-recover=all -Ihypervisor -I. -Irewriter -It/unit -Wno-unused-function $(UNIT_COVERAGE)
UNIT_TESTS := $(patsubst t/unit/%.c,$(BUILD)/t/unit/%,$(wildcard t/unit/test_*.c))
UNIT_COMMON := hypervisor/lib/string.c
MMU_SOURCES := $(patsubst %,hypervisor/%.c,$(addprefix guest/,walk copy) \
	$(addprefix engine/ring/shadow/,pool sync fill check) translate/tables)

$(BUILD)/t/unit/test_acpi: hypervisor/arch/acpi.c
$(BUILD)/t/unit/test_clock: hypervisor/kernel/clock.c
$(BUILD)/t/unit/test_config: hypervisor/load/config.c
$(BUILD)/t/unit/test_interrupt: hypervisor/kernel/interrupt.c
$(BUILD)/t/unit/test_images: hypervisor/load/bundle.c hypervisor/load/elf.c
$(BUILD)/t/unit/test_tables: hypervisor/kernel/tables.c
$(BUILD)/t/unit/test_mmu $(BUILD)/t/unit/test_mmu_vcpus $(BUILD)/t/unit/test_shadow_pool: $(MMU_SOURCES)
$(BUILD)/t/unit/test_mmu_vcpus: UNIT_CFLAGS += -DMMU_PART=80 # in many parts
$(BUILD)/t/unit/test_events: hypervisor/engine/ring/inject.c $(MMU_SOURCES)
$(BUILD)/t/unit/test_virtqueue: virtio/virtqueue.c
$(BUILD)/t/unit/test_virtio: $(patsubst %,virtio/%.c,virtqueue device devices hypercall console)
$(BUILD)/t/unit/test_sched: hypervisor/guest/sched.c hypervisor/kernel/timer.c hypervisor/guest/request.c
$(BUILD)/t/unit/test_gdb_packet: hypervisor/debug/gdb/packet.c
$(BUILD)/t/unit/test_locks: hypervisor/debug/locks.c
$(BUILD)/t/unit/test_locks: UNIT_CFLAGS += -DDEBUG_LOCKS
$(BUILD)/t/unit/test_life: hypervisor/guest/life.c
$(BUILD)/t/unit/test_nested: hypervisor/engine/hvm/nested.c
$(BUILD)/t/unit/test_exits: $(patsubst %,hypervisor/engine/hvm/%.c,exit port length hvm control) \
	$(patsubst %,hypervisor/%.c,guest/port_io guest/operand pc/msr insn/decode)
$(BUILD)/t/unit/test_unknown: $(patsubst %,hypervisor/engine/%.c,hvm/svm hvm/vmx hvm/hvm hvm/exit ring/exit ring/inject ring/segments) \
	$(wildcard hypervisor/engine/ring/emulate/*.c) \
	$(patsubst %,hypervisor/guest/%.c,dump operand port_io descriptor) hypervisor/pc/msr.c hypervisor/insn/decode.c
$(BUILD)/t/unit/test_decode: hypervisor/insn/decode.c rewriter/classify.c
$(BUILD)/t/unit/test_mmio: $(patsubst %,hypervisor/pc/mmio_%.c,emulate flags insn) hypervisor/guest/operand.c hypervisor/insn/decode.c \
	rewriter/classify.c
$(BUILD)/t/unit/test_shape: hypervisor/translate/shape.c rewriter/classify.c
PC_DEVICES := $(patsubst %,hypervisor/pc/%.c,acpi_pm bus hpet i8042 i8254 i8259 ide ioapic lapic ns16550 pci rtc system vga)
$(BUILD)/t/unit/test_ide: hypervisor/pc/ide.c hypervisor/pc/bus.c
$(BUILD)/t/unit/test_devices $(BUILD)/t/unit/test_bus: $(PC_DEVICES)

$(BUILD)/t/unit/%: t/unit/%.c $(UNIT_COMMON) $(wildcard t/unit/*.h) $(wildcard hypervisor/*/*.h hypervisor/*/*/*.h hypervisor/*/*/*/*.h rewriter/*.h) | packages
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -o $@ $(filter %.c,$^) -lZydis

# 32-bit bare-PC guests
T_PC := $(filter-out pc serial,$(basename $(notdir $(wildcard t/guests-pc/*.c))))
T_PC_ELFS := $(patsubst %,$(BUILD)/t/pc-%.elf,$(T_PC))

$(BUILD)/t/pc-%.elf: $(BUILD)/pc/t/guests-pc/%.o $(patsubst %,$(BUILD)/pc/t/guests-pc/%.o,pc serial start)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(RTOS_LD) -m elf_i386 -T rtos-pv/port-pc/rtos.lds -o $@ $^

# Rewritten, whatever the rewriter thinks of them: code that runs in ring 1 itself
$(BUILD)/t/pc-%-rewritten.elf: $(BUILD)/t/pc-%.elf $(BUILD)/veneer
	$(call say,RW,$@)
	$(Q)$(BUILD)/veneer rewrite --force $< -o $@ --quiet 2>$@.log || { cat $@.log >&2; exit 1; }
T_PC_REWRITTEN := $(patsubst %,$(BUILD)/t/pc-%-rewritten.elf,$(T_PC))

# A kernel that says what it found at its entry, in four forms: t/boot/, 35-images.t
BOOT := $(patsubst %,$(BUILD)/t/boot/%,multiboot.elf low.elf addresses.elf addresses.bin flat.elf flat.bin)
$(BUILD)/t/boot/multiboot.elf $(BUILD)/t/boot/low.elf: BOOT_HEADER := 3
$(BUILD)/t/boot/addresses.elf: BOOT_HEADER := 0x10003
$(BUILD)/t/boot/multiboot.elf $(BUILD)/t/boot/addresses.elf: BOOT_AT := 0x100000
$(BUILD)/t/boot/low.elf: BOOT_AT := 0x8000
$(BUILD)/t/boot/flat.elf: BOOT_AT := 0x212000

$(BUILD)/t/boot/%.elf: t/boot/entry.S t/boot/boot.lds $(BUILD)/pc/t/boot/report.o $(BUILD)/pc/t/guests-pc/serial.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(RTOS_PC_CFLAGS) $(if $(BOOT_HEADER),-DHEADER=$(BOOT_HEADER)) -c $< -o $@.o
	$(Q)$(RTOS_LD) -m elf_i386 --no-warn-rwx-segments -T t/boot/boot.lds --defsym image=$(BOOT_AT) -o $@ $@.o $(filter %.o,$^)

$(BUILD)/t/boot/%.bin: $(BUILD)/t/boot/%.elf
	$(Q)objcopy -O binary $< $@

# A task for GNU Mach, t/mach/
$(BUILD)/t/mach-task: t/mach/task.c | packages
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(filter-out -mgeneral-regs-only,$(RTOS_PC_CFLAGS)) -static -nostdlib -Wl,-Ttext=0x8048000,--build-id=none,-m,elf_i386 -MF $@.d -o $@ $<

# The random attackers, t/attacker/: a kernel of each kind, of several files each
ATTACKER_PV := $(patsubst %,$(BUILD)/pv/t/attacker/%.o,pv_asm pv pv_values pv_memory pv_calls pv_code random) \
	$(patsubst %,$(BUILD)/pv/%.o,$(basename $(PVLIB_SOURCES)))

$(BUILD)/pv/t/attacker/pv_asm.o: t/attacker/pv.S | packages
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) $(RTOS_PV_CFLAGS) -c $< -o $@

$(BUILD)/t/attacker.elf: $(ATTACKER_PV) rtos-pv/port-pv/rtos.lds
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(RTOS_LD) -m elf_x86_64 -T rtos-pv/port-pv/rtos.lds --defsym 'text_end=ADDR(.data)' -o $@ \
		$(filter %.o,$^)

ATTACKER_PC := $(patsubst %,$(BUILD)/pc/t/attacker/%.o,pc_asm pc pc_attacks random)

$(BUILD)/pc/t/attacker/pc_asm.o: t/attacker/pc.S | packages
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) $(RTOS_PC_CFLAGS) -c $< -o $@

$(BUILD)/t/pc-attacker.elf: $(ATTACKER_PC) rtos-pv/port-pc/rtos.lds
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(RTOS_LD) -m elf_i386 -T rtos-pv/port-pc/rtos.lds --defsym 'text_end=ADDR(.data)' \
		--defsym 'image_end=ADDR(.bss)+SIZEOF(.bss)' -o $@ $(filter %.o,$^)

-include $(ATTACKER_PV:.o=.d) $(ATTACKER_PC:.o=.d)

# Random programs for ring 0, t/programs/; the arena that they run in is at address 0
PROGRAMS := $(patsubst %,$(BUILD)/pc/t/programs/%.o,entry main events generate unusual) \
	$(BUILD)/pc/t/guests-pc/serial.o

$(BUILD)/t/programs.elf: $(PROGRAMS) rtos-pv/port-pc/rtos.lds
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(RTOS_LD) -m elf_i386 -T rtos-pv/port-pc/rtos.lds --defsym arena=0 -o $@ $(filter %.o,$^)

-include $(PROGRAMS:.o=.d)

# Lists what they executed of the hypervisor, for t/fuzz/attack; loaded by QEMU
$(BUILD)/blocks.so: t/fuzz/blocks.c | packages
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(HOSTCC) $(WARNINGS) -std=gnu11 -O2 -shared -fPIC -fvisibility=hidden -o $@ $<

ATTACKERS := $(addprefix $(BUILD)/t/,attacker.elf pc-attacker.elf pc-attacker-rewritten.elf)

.SECONDARY:

# An RTOS image without symbols or section headers
$(BUILD)/t/stripped.elf: $(BUILD)/rtos-pc.elf
	@mkdir -p $(@D)
	$(Q)strip -s -o $@ $<

# Third-party kernels as Debian ships them: downloaded, not installed.
$(BUILD)/debian/memtest86+x64.bin: $(BUILD)/debian/vmlinuz ;

$(BUILD)/debian/vmlinuz: | packages
	@mkdir -p $(@D)
	$(call download_packages,$(@D),linux-image-cloud-amd64,memtest86+)
	$(Q)cd $(BUILD)/debian && for p in *.deb; do dpkg-deb -x $$p .; done && rm -f *.deb && \
		mv boot/memtest86+x64.bin . && mv boot/vmlinuz-* vmlinuz && rm -rf boot etc lib usr

$(BUILD)/i386/memtest86+ia32.bin: $(BUILD)/i386/gnumach ;

$(BUILD)/i386/gnumach: | packages
	@mkdir -p $(@D)
	$(call download_i386,$(@D),gnumach-image-1.8-486 memtest86+)
	$(Q)cd $(BUILD)/i386 && for p in *.deb; do dpkg-deb -x $$p .; done && \
		gunzip -c boot/gnumach-1.8-486.gz > gnumach.new && mv boot/memtest86+ia32.bin . && \
		rm -rf *.deb boot etc lib usr state cache && mv gnumach.new gnumach

# Debian's kernel for 32-bit processors, with a file system of its own: busybox and t/linux32/init.
$(BUILD)/i386-linux/vmlinuz: | packages
	@mkdir -p $(@D)
	$(call download_i386,$(@D),busybox-static,linux-image-686-pae)
	$(Q)cd $(@D) && for p in *.deb; do dpkg-deb -x $$p .; done && mkdir -p root/bin root/proc root/dev && \
		mv bin/busybox root/bin/ && mv boot/vmlinuz-* vmlinuz.new && \
		rm -rf *.deb bin boot etc lib usr state cache && mv vmlinuz.new vmlinuz

$(BUILD)/i386-linux/initrd.gz: t/linux32/init $(BUILD)/i386-linux/vmlinuz
	$(Q)cp $< $(@D)/root/init && chmod +x $(@D)/root/init && \
		cd $(@D)/root && find . | cpio --quiet -o -H newc -R 0:0 | gzip -n9 > ../initrd.gz

# Counts for 48-speculation.t, loaded by QEMU
$(BUILD)/t/places.so: t/plugin/places.c bench/plugin/qemu_plugin.h | packages
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(HOSTCC) $(WARNINGS) -std=gnu11 -O2 -I. -shared -fPIC -fvisibility=hidden -o $@ $<

TESTS := $(sort $(wildcard t/*.t))
TEST_INPUTS := $(UNIT_TESTS) $(T_GUEST_ELFS) $(T_PC_ELFS) $(ATTACKERS) $(BUILD)/t/programs.elf $(BUILD)/blocks.so $(BUILD)/t/places.so $(BUILD)/t/stripped.elf $(BOOT) $(BUILD)/t/mach-task \
	$(T_PC_REWRITTEN) $(BUILD)/debian/vmlinuz $(BUILD)/debian/memtest86+x64.bin \
	$(BUILD)/i386/gnumach $(BUILD)/i386-linux/initrd.gz $(BUILD)/xen.elf $(BUILD)/kvm/kvmrun.cpio.gz

# Everything that the tests run; afterwards single tests can be run with prove.
.PHONY: test-inputs
test-inputs: all check-packages linux $(TEST_INPUTS)

# One hostile guest: make test T=NAME, or T=pc-NAME; with ENGINE=ring, svm or vmx under that engine only.
T ?=
ENGINE ?=
.PHONY: test
T_SOURCE = $(if $(filter pc-%,$(T)),t/guests-pc/$(patsubst pc-%,%,$(T)).c,t/guests/$(T).c)
# In a second make, so that nothing is built before the arguments are checked.
test:
	$(Q)$(if $(T),,echo 'veneer: want the name of a guest: make test T=hypercalls' >&2; exit 2;) \
		$(if $(filter $(T),$(T_GUESTS) $(addprefix pc-,$(T_PC))),,echo 'veneer: T=$(T): there is no guest $(T_SOURCE)' >&2; exit 2;) \
		$(if $(filter-out ring svm vmx,$(ENGINE)),echo 'veneer: ENGINE=$(ENGINE): want ring or svm or vmx' >&2; exit 2;)
	+$(Q)$(MAKE) --no-print-directory all $(BUILD)/t/$(T).elf $(BUILD)/t/neighbour.elf \
		$(if $(filter pc-%,$(T)),$(BUILD)/t/$(T)-rewritten.elf)
	$(Q)prove -v t/40-hostile.t :: $(T) $(ENGINE)

check: test-inputs
	$(Q)t/check $(UNIT_TESTS) $(TESTS)

# Tests for the inner loop, in a minute: those that need neither Linux nor Bochs.
FAST_TESTS := $(patsubst %,t/%.t,10-structure 12-gdb 20-rtos 21-machine 30-rewriter 42-control 48-speculation)
.PHONY: check-fast
check-fast: all check-packages $(filter $(UNIT_TESTS) $(T_GUEST_ELFS) $(T_PC_ELFS) $(T_PC_REWRITTEN) $(BUILD)/t/places.so $(BUILD)/t/stripped.elf $(BUILD)/i386/gnumach,$(TEST_INPUTS))
	$(Q)t/check $(UNIT_TESTS) $(FAST_TESTS)

# Tests that take too long for every day: t/long/*.t, then fuzzing for as long as `make fuzz` does.
.PHONY: check-long
check-long: test-inputs
	$(Q)prove --timer $(sort $(wildcard t/long/*.t))
	+$(Q)$(MAKE) --no-print-directory fuzz

# Code coverage of the unit tests and of COVERAGE_TESTS: totals, and lists of the functions that never ran.
COVERAGE_TESTS ?= t/20-rtos.t t/21-machine.t t/40-hostile.t t/60-host.t
.PHONY: coverage
coverage: test-inputs coverage-report

.PHONY: coverage-report
coverage-report: $(BUILD)/blocks.so $(BUILD)/veneer.elf
	+$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage UNIT_COVERAGE=--coverage \
		$(patsubst $(BUILD)/%,$(BUILD)/coverage/%,$(UNIT_TESTS))
	$(Q)t/coverage $(BUILD) -- $(patsubst $(BUILD)/%,$(BUILD)/coverage/%,$(UNIT_TESTS)) -- $(COVERAGE_TESTS)

# Today's hostile guests on the hypervisor of another commit: what fails there and passes here.
BASE ?=
.PHONY: audit audit-base
audit audit-base: export BASE := $(BASE)
audit-base:
	$(Q)t/audit --check "$$BASE"
audit: audit-base all check-packages $(T_GUEST_ELFS) $(T_PC_ELFS) $(T_PC_REWRITTEN)
	$(Q)t/audit "$$BASE"

# Proofs: t/proof/README.md. Prints a line for each, and fails if one is not proved.
.PHONY: proof
proof: check-packages
	$(Q)t/proof/prove $(filter-out %/wrong.c,$(sort $(wildcard t/proof/*.c)))

# Fuzzing: the parsers with libFuzzer, FUZZ_SECONDS each, then random attackers for FUZZ_SECONDS or FUZZ_HOURS.
# Findings are kept in build/fuzz/. SEED=CASE repeats one attack. A value is passed to its program unchanged, whatever
# it contains.
FUZZ_SECONDS ?= 60
FUZZ_CFLAGS := -std=gnu11 -O1 -g -DVENEER_HOST -fsanitize=fuzzer,address,undefined -Ihypervisor -Ihypervisor/host -Irewriter
FUZZERS := $(BUILD)/fuzz/fuzz_rewriter $(BUILD)/fuzz/fuzz_boot
fuzz fuzz-parsers: export FUZZ_SECONDS := $(FUZZ_SECONDS)
fuzz: export FUZZ_HOURS := $(FUZZ_HOURS)
fuzz: export SEED := $(SEED)

# A wrong value is reported before anything is built or fuzzed.
shell_word = '$(subst ','\'',$(1))'
ifneq ($(filter fuzz fuzz-parsers check-long,$(MAKECMDGOALS)),)
WRONG_TIME := $(shell FUZZ_HOURS=$(call shell_word,$(FUZZ_HOURS)) t/fuzz/parsers $(call shell_word,$(FUZZ_SECONDS)) 2>&1)
$(if $(WRONG_TIME),$(error $(WRONG_TIME)))
endif

.PHONY: fuzz fuzz-parsers
fuzz: all $(ATTACKERS) $(BUILD)/t/neighbour.elf $(BUILD)/blocks.so $(if $(SEED),,fuzz-parsers)
	$(Q)t/fuzz/attack $(if $(SEED),--replay "$$SEED",$(if $(FUZZ_HOURS),--hours "$$FUZZ_HOURS",--seconds "$$FUZZ_SECONDS")) \
		--jobs $(shell nproc)

fuzz-parsers: all check-packages
	@mkdir -p $(BUILD)/fuzz/rewriter $(BUILD)/fuzz/boot
	$(Q)clang $(FUZZ_CFLAGS) -o $(BUILD)/fuzz/fuzz_rewriter t/fuzz/fuzz_rewriter.c rewriter/image.c rewriter/scan.c \
		rewriter/classify.c rewriter/rewrite.c hypervisor/host/file.c -lelf -lZydis
	$(Q)clang $(FUZZ_CFLAGS) -o $(BUILD)/fuzz/fuzz_boot t/fuzz/fuzz_boot.c hypervisor/load/bundle.c \
		hypervisor/load/config.c hypervisor/load/elf.c hypervisor/pc/image_flat.c hypervisor/lib/string.c
	$(Q)strip -s -o $(BUILD)/fuzz/rewriter/rtos-pc $(BUILD)/rtos-pc.elf && cp /boot/invaders.exec $(BUILD)/fuzz/rewriter/
	$(Q)cp hypervisor/host/demo.conf $(BUILD)/rtos-pv.elf $(BUILD)/fuzz/boot/
	$(Q)t/fuzz/parsers "$$FUZZ_SECONDS" $(FUZZERS)

# Formats the tree in the repository's style, except one header with assembler macros.
.PHONY: format
format:
	find hypervisor rtos-pv rewriter bench virtio t -name '*.[ch]' ! -path hypervisor/arch/speculation.h | \
		xargs clang-format -i

# Runs clang-tidy on the hypervisor and the tools; .clang-tidy says which checks are on. TIDY_NODES is how
# far the static analyzer follows the paths of a function: with 20000, a fifth of the time.
TIDY_NODES ?= 225000
.PHONY: tidy
tidy: check-packages compile_commands.json
	$(Q)jq -r '.[].file' compile_commands.json | sort -u | xargs -P $(shell nproc) -n 8 clang-tidy --quiet -p . \
		$(addprefix --extra-arg=,-Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES))

.PHONY: tags compile_commands.json
tags:
	$(Q)ctags -R --languages=C,Asm hypervisor virtio rewriter bench rtos-pv t

# Without GCC's options that clang does not know. $(call commands,compiler and flags,files)
CLANG_HV_CFLAGS := $(filter-out -mindirect-branch% -fcf-protection%,$(HV_CFLAGS))
commands = jq -n --arg dir '$(CURDIR)' --arg cc '$(1)' \
	'[$$ARGS.positional[] | {directory: $$dir, file: ., command: ($$cc + " -c " + .)}]' --args $(2)
compile_commands.json: | packages
	$(Q){ $(call commands,$(CC) $(CLANG_HV_CFLAGS),$(filter %.c,$(HV_SOURCES))); \
		$(call commands,$(HOSTCC) $(HOST_CFLAGS),$(HOST_SOURCES)); } | jq -s add > $@
