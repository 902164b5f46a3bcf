# Builds libjoulestream_ed25519.so, the same C code for CPython, in the directory in which make
# runs.
#
#   make -C BUILD_DIR -f .../shared/ed25519/host.mk MONOCYPHER_DIR=...

CC = gcc
LIB = libjoulestream_ed25519.so
SOURCE_DIR := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))

# All symbols are hidden but those that ed25519.h exports. The linker drops every section that no
# exported function needs.
CFLAGS += -std=c99 -O2 -Wall -Wextra -fPIC
CFLAGS += -fvisibility=hidden -ffunction-sections -fdata-sections
LDFLAGS += -shared -Wl,--gc-sections

$(LIB): $(addprefix $(SOURCE_DIR)/,ed25519.c host.mk) $(wildcard $(SOURCE_DIR)/*.c $(SOURCE_DIR)/*.h) \
	$(addprefix $(MONOCYPHER_DIR)/,monocypher.c monocypher.h)
	@echo "CC $@"
	@$(CC) $(CFLAGS) -I$(MONOCYPHER_DIR) $(LDFLAGS) -o $@.tmp $<
	@mv $@.tmp $@
