# SPDX-License-Identifier: GPL-2.0-or-later
# `make run` and `make check` need no preparation: they install missing Debian packages (as root),
# build, and run.

override DEBUG_LOCKS := $(filter-out 0,$(DEBUG_LOCKS))
ifdef DEBUG_LOCKS
ifneq ($(filter-out all build/%,$(MAKECMDGOALS)),)
$(error DEBUG_LOCKS=1 builds into build/locks only; then use VENEER_LIB=build/locks with what uses build/veneer)
endif
BUILD := build/locks
else
BUILD := build
endif
CC := gcc
HOSTCC := $(CC)
PREFIX ?= /usr/local
WARNINGS := -Wall -Wextra -Werror
# The same bytes wherever the tree is: an image's size decides when its guest gets the first tick.
HERE := -ffile-prefix-map=$(CURDIR)=.
V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-4s %s\n' $(1) $(2)
else
Q :=
say = @:
endif

.DEFAULT_GOAL := all

# Each line is a target and its purpose.
define HELP
make                      build the hypervisor, the tools and the RTOS
make run                  run the demonstration: three guests at once
make run-linux            run paravirtual Linux beside the RTOS
make check                run all tests, without the long ones
make check-fast           run the tests that need neither Linux nor Bochs (a minute)
make check-long           run proofs and fuzzers
make test-inputs          build the guests and images that single tests need
make test T=NAME ENGINE=E run one hostile guest, and show its console
make fuzz FUZZ_HOURS=H    run random attackers and inputs; SEED=CASE repeats one attack
make coverage             measure how much of the code the tests run
make proof                run the proofs (Z3)
make DEBUG_LOCKS=1        build a hypervisor that checks its lock order, into build/locks
make audit BASE=COMMIT    show which hostile guests an older hypervisor fails
make bench                run the comparison; PEERS=1 adds Xen PV and KVM
make iso                  write the demonstration for a real machine, build/veneer.iso
make linux                build paravirtual Linux
make install              install to PREFIX (/usr/local), under DESTDIR
make uninstall            remove what install put there
make format               format the sources (clang-format)
make tidy                 run clang-tidy
make tags                 write an index for editors (ctags)
make compile_commands.json   for language servers (jq)
make clean                remove build/
endef
export HELP
.PHONY: help
help:
	@printf '%s\n' "$$HELP"

.DELETE_ON_ERROR:
.PHONY: all run run-linux check bench linux install uninstall clean packages iso

PRODUCTS := $(BUILD)/veneer.elf $(BUILD)/veneer $(BUILD)/events.so $(BUILD)/stay.so $(BUILD)/costs.csv $(BUILD)/page.html \
	$(BUILD)/rtos-pv.elf $(BUILD)/rtos-pc.elf \
	$(BUILD)/rtos-rewritten.elf $(BUILD)/invaders.elf $(BUILD)/demo.conf

all: $(PRODUCTS)

# What building, running and testing needs, by the file that shows it is there.
PACKAGES := gcc:/usr/bin/gcc libc6-dev:/usr/include/stdio.h binutils:/usr/bin/ld \
	libzydis-dev:/usr/include/Zydis/Zydis.h libelf-dev:/usr/include/libelf.h \
	libpng-dev:/usr/include/png.h libjansson-dev:/usr/include/jansson.h linux-libc-dev:/usr/include/linux/kvm.h \
	qemu-system-x86:/usr/bin/qemu-system-x86_64 grub-invaders:/boot/invaders.exec \
	grub-common:/usr/share/grub/unicode.pf2 gnuplot-nox:/usr/bin/gnuplot cpio:/usr/bin/cpio \
	perl:/usr/bin/prove jq:/usr/bin/jq cloc:/usr/bin/cloc
CHECK_PACKAGES := bochs:/usr/bin/bochs bochs-term:/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so \
	bochsbios:/usr/share/bochs/BIOS-bochs-latest vgabios:/usr/share/vgabios/vgabios.bin \
	grub-pc-bin:/usr/lib/grub/i386-pc/moddep.lst grub-efi-amd64-bin:/usr/lib/grub/x86_64-efi/moddep.lst \
	xorriso:/usr/bin/xorriso mtools:/usr/bin/mformat ovmf:/usr/share/OVMF/OVMF_CODE.fd \
	bsdutils:/usr/bin/script gdb:/usr/bin/gdb chromium:/usr/bin/chromium z3:/usr/bin/z3 clang:/usr/bin/clang clang-tidy:/usr/bin/clang-tidy libclang-rt-14-dev:/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.asan-x86_64.a

missing = $(strip $(foreach p,$(1),$(if $(wildcard $(word 2,$(subst :, ,$(p)))),,$(word 1,$(subst :, ,$(p))))))
MISSING := $(call missing,$(PACKAGES))
MISSING_CHECK := $(call missing,$(CHECK_PACKAGES))

# One apt at a time, whatever make, or another make on this machine, does at once: it does not wait for
# itself. The lock is on a folder that is always there. Each recipe has a log of its own.
APT_LOCK := flock /var/lib/dpkg
apt_log = $(BUILD)/apt-$(subst /,-,$(patsubst $(BUILD)/%,%,$@)).log

define install_packages
@printf '  %-4s %s\n' APT "$(1)"
@mkdir -p $(BUILD)
@$(APT_LOCK) sh -c 'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends install $(1)' \
	> $(apt_log) 2>&1 || { tail -n 5 $(apt_log); \
	echo "veneer: cannot install: $(1): install them by hand, $(apt_log) has the details"; exit 1; }
endef

# $(call download_packages,folder,kernel,more): the package that the kernel's depends on, and more
define download_packages
@printf '  %-4s %s\n' APT "$@"
@$(APT_LOCK) sh -c 'apt-cache show $(2) > /dev/null 2>&1 || apt-get -q update; cd $(1) && apt-get -q download $(3) \
	$$(apt-cache depends $(2) | sed -n "s/.*Depends: \(linux-image-.*\)/\1/p")' \
	> $(apt_log) 2>&1 || { tail -n 3 $(apt_log); \
	echo "veneer: cannot download Debian's kernel: $(apt_log) has the details"; exit 1; }
endef

# $(call download_i386,folder,packages,kernel): of Debian's 32-bit architecture, and the package that the kernel's
# depends on. apt gets a state of its own, so that the host's architectures stay as they are.
I386_APT = -o APT::Architecture=i386 -o APT::Architectures=i386 -o Dir::State=$(1)/state \
	-o Dir::State::lists=$(1)/state/lists -o Dir::State::status=$(1)/state/status -o Dir::Cache=$(1)/cache
define download_i386
@printf '  %-4s %s\n' APT "$@"
@mkdir -p $(1)/state/lists/partial $(1)/cache/archives/partial
@touch $(1)/state/status
@$(APT_LOCK) sh -c 'apt-get -q $(call I386_APT,$(abspath $(1))) update; \
	cd $(1) && apt-get -q $(call I386_APT,$(abspath $(1))) download $(2) \
	$(if $(3),$$(apt-cache $(call I386_APT,$(abspath $(1))) depends $(3) | sed -n "s/.*Depends: \(linux-image-.*\)/\1/p"))' \
	> $(apt_log) 2>&1 || { tail -n 3 $(apt_log); \
	echo "veneer: cannot download 32-bit packages of Debian: $(apt_log) has the details"; exit 1; }
endef

packages:
ifneq ($(MISSING),)
	$(call install_packages,$(MISSING))
endif

.PHONY: check-packages
check-packages: packages
ifneq ($(MISSING_CHECK),)
	$(call install_packages,$(MISSING_CHECK))
endif

include hypervisor/build.mk
include rtos-pv/build.mk
include hypervisor/host/build.mk
include t/build.mk

$(BUILD)/rtos-rewritten.elf: $(BUILD)/rtos-pc.elf $(BUILD)/veneer
	$(call say,RW,$@)
	$(Q)$(BUILD)/veneer rewrite $< -o $@ --report $(BUILD)/rtos-rewritten.json --quiet

$(BUILD)/invaders.elf: $(BUILD)/veneer | packages
	$(call say,RW,$@)
	$(Q)$(BUILD)/veneer rewrite /boot/invaders.exec -o $@ --report $(BUILD)/invaders.json --quiet

$(BUILD)/demo.conf: hypervisor/host/demo.conf
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(BUILD)/costs.csv $(BUILD)/page.html: $(BUILD)/%: bench/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# On a terminal: the three guests, interactive. Else the same, scripted, and the comparison.
run: all
	@mkdir -p $(BUILD)/run
	$(Q)if [ -t 0 ]; then $(BUILD)/veneer run $(BUILD)/demo.conf --log $(BUILD)/run/console.log; else \
		$(BUILD)/veneer run $(BUILD)/demo.conf --log $(BUILD)/run/console.log --timeout 900 \
		--expect-screen 'invaders=-[*]-' --send 'invaders= \e[D \e[D ' \
		--expect-screen 'invaders=^ {0,37}/ \\ ' --screen invaders=$(BUILD)/run/invaders.png && \
		echo && $(BUILD)/veneer bench --no-bochs; fi

# Linux, as a patched guest: minutes the first time, nothing when nothing has changed.
LINUX := $(BUILD)/linux
LINUX_IMAGES := vmlinux bzImage shell.cpio.gz osbench.cpio.gz tests.cpio.gz
linux: packages
	+$(Q)$(MAKE) --no-print-directory -C pvops-linux OUT=$(abspath $(LINUX)) CC=gcc \
		$(addprefix $(abspath $(LINUX))/,$(LINUX_IMAGES))

# Linux beside the RTOS, each on a core of its own.
run-linux: all linux
	$(Q)cp hypervisor/host/linux.conf $(BUILD)/linux.conf
	$(Q)if [ -t 0 ]; then $(BUILD)/veneer run $(BUILD)/linux.conf; else \
		$(BUILD)/veneer run $(BUILD)/linux.conf --timeout 900 --expect linux='built-in shell' \
		--expect linux='# $$' --send linux='uname -a; cat /proc/interrupts; poweroff -f\n'; fi

# PEERS=1: Xen PV beside Veneer, with the same vmlinux.
XEN := /boot/xen-4.17-amd64.gz
$(BUILD)/xen.elf: | packages
	@mkdir -p $(@D)
ifeq ($(wildcard $(XEN)),)
	$(call install_packages,xen-hypervisor-4.17-amd64)
endif
	$(Q)zcat $(XEN) > $@

# and KVM: Debian's kernel and its modules, downloaded, with bench/guest/kvmrun.c as /init
KVM := $(BUILD)/kvm
KVM_MODULES := virt/lib/irqbypass.ko drivers/crypto/ccp/ccp.ko arch/x86/kvm/kvm.ko arch/x86/kvm/kvm-amd.ko
$(KVM)/vmlinuz: | packages
	@mkdir -p $(@D)
	$(call download_packages,$(@D),linux-image-amd64)
	$(Q)cd $(KVM) && dpkg-deb -x linux-image-*.deb deb && rm -f *.deb && mv deb/boot/vmlinuz-* vmlinuz && \
		mv deb/lib/modules/*/kernel modules && rm -rf deb

$(KVM)/kvmrun.cpio.gz: bench/guest/kvmrun.c $(BUILD)/rtos-pc.elf $(KVM)/vmlinuz
	$(call say,CPIO,$@)
	$(Q)rm -rf $(KVM)/root && mkdir -p $(KVM)/root/modules
	$(Q)$(CC) $(WARNINGS) -O2 -static -o $(KVM)/root/init $<
	$(Q)cp $(BUILD)/rtos-pc.elf $(KVM)/root/guest && printf 'bench apic' > $(KVM)/root/cmdline
	$(Q)i=0; for m in $(KVM_MODULES); do cp $(KVM)/modules/$$m $(KVM)/root/modules/$$i.ko && i=$$((i + 1)); done
	$(Q)cd $(KVM)/root && find . | cpio --quiet -o -H newc -R 0:0 | gzip -n9 > ../kvmrun.cpio.gz

bench: all linux check-packages $(if $(PEERS),$(BUILD)/xen.elf $(KVM)/kvmrun.cpio.gz)
	$(Q)$(BUILD)/veneer bench --linux $(if $(PEERS),--peers)

INTO = "$(DESTDIR)$(PREFIX)"
LIBRARY := veneer.elf rtos-pv.elf rtos-pc.elf rtos-rewritten.elf events.so stay.so costs.csv page.html
install: all
	install -d $(INTO)/bin $(INTO)/lib/veneer $(INTO)/share/man/man1 $(INTO)/include/veneer
	install -m 755 $(BUILD)/veneer $(INTO)/bin/
	install -m 644 $(addprefix $(BUILD)/,$(LIBRARY)) $(INTO)/lib/veneer/
	install -m 644 hypervisor/host/veneer.1 $(INTO)/share/man/man1/
	install -m 644 hypervisor/abi/veneer.h $(INTO)/include/veneer/

# Other files in its folders are left alone.
uninstall:
	rm -f $(INTO)/bin/veneer $(INTO)/share/man/man1/veneer.1 $(INTO)/include/veneer/veneer.h \
		$(addprefix $(INTO)/lib/veneer/,$(LIBRARY))
	for d in $(INTO)/lib/veneer $(INTO)/include/veneer; do \
		[ ! -d "$$d" ] || rmdir --ignore-fail-on-non-empty "$$d" || exit; done

clean:
	rm -rf $(BUILD)
