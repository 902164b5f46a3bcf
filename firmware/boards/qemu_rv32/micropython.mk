# Builds the emulated board's C code as a user C module.
QEMU_RV32_DIR := $(USERMOD_DIR)
SRC_USERMOD_C += $(addprefix $(QEMU_RV32_DIR)/, board.c devices.c heap.c)
# heap.c says where the heap is.
LDFLAGS_USERMOD += -Wl,--wrap=gc_init
