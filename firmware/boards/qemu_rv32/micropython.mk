# Builds the emulated board's C code as a user C module.
QEMU_RV32_DIR := $(USERMOD_DIR)
SRC_USERMOD_C += $(QEMU_RV32_DIR)/board.c $(QEMU_RV32_DIR)/devices.c
