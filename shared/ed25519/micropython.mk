# Builds _ed25519 as a user C module, in ports that use make:
#
#   make USER_C_MODULES=.../shared MONOCYPHER_DIR=...
#
# MONOCYPHER_DIR  directory that holds monocypher.c and monocypher.h

ifeq ($(wildcard $(MONOCYPHER_DIR)/monocypher.c),)
$(error MONOCYPHER_DIR must name the directory of monocypher.c)
endif

SRC_USERMOD_C += $(USERMOD_DIR)/usermod.c
CFLAGS_USERMOD += -I$(USERMOD_DIR) -I$(MONOCYPHER_DIR)
