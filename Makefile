# SPDX-License-Identifier: GPL-2.0-or-later
# Every entry point. `make run` and `make check` need nothing else done before.

BUILD := build
CC ?= gcc
PREFIX ?= /usr/local
WARNINGS := -Wall -Wextra -Werror
V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-4s %s\n' $(1) $(2)
else
Q :=
say = @:
endif

all: $(BUILD)/veneer.elf $(BUILD)/rtos-pv.elf $(BUILD)/rtos-pc.elf

.PHONY: all packages
packages:

include hypervisor/build.mk
include rtos-pv/build.mk
