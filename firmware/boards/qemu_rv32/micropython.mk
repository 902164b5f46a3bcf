# User C module of the emulated board.
QEMU_RV32_DIR := $(USERMOD_DIR)
SRC_USERMOD_C += $(QEMU_RV32_DIR)/board.c
