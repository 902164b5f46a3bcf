# Builds fuzz_binding with AddressSanitizer and UBSan, in the directory in which make runs.
#
#   make -C BUILD_DIR -f .../tests/native/fuzz_binding.mk MONOCYPHER_DIR=...

CC = gcc
SOURCE_DIR := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
ED25519_DIR := $(SOURCE_DIR)/../../shared/ed25519

CFLAGS += -std=gnu99 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

fuzz_binding: $(SOURCE_DIR)/fuzz_binding.c $(SOURCE_DIR)/fuzz_binding.mk \
	$(wildcard $(ED25519_DIR)/*.c $(ED25519_DIR)/*.h $(ED25519_DIR)/../native/*) \
	$(addprefix $(MONOCYPHER_DIR)/,monocypher.c monocypher.h)
	@$(CC) $(CFLAGS) -I$(ED25519_DIR) -I$(MONOCYPHER_DIR) -o $@.tmp $<
	@mv $@.tmp $@
