// A shared library that tells GNU's assembler and linker about QEMU's core de212. They load it when
// XTENSA_GNU_CONFIG names it; without it they know the ESP8266's core only, which has no register
// windows. de212's instruction set is that of the ESP32, S2 and S3 without MULUH and the floats.
//
// The header is binutils' own; core-isa.h and xtensa-modules.c.inc are QEMU's.
// host_tools/build/xtensa.py fetches all three.

#define XTENSA_CONFIG_DEFINITION
#include "core-de212/core-isa.h"

// core-isa.h leaves these out.
#define XSHAL_USE_ABSOLUTE_LITERALS 0
#define XSHAL_ABI XTHAL_ABI_WINDOWED
#define XTHAL_ABI_WINDOWED 0
#define XTHAL_ABI_CALL0 1
#define XCHAL_HAVE_MMU 0
#define ATTRIBUTE_UNUSED

#include "xtensa-dynconfig.h"

XTENSA_CONFIG_INSTANCE_LIST;

#include "core-de212/xtensa-modules.c.inc"
