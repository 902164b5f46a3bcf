// QEMU's xtensa-modules.c.inc includes a header of this name. It needs this much of it.
#include <stddef.h>
