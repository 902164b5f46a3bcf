// A Raspberry Pi Pico as MicroPython defines it, with a ROMFS below its file system: 192 KB of the
// 640 KB in front of it. The program takes 324 KB of them.
#include "boards/RPI_PICO/mpconfigboard.h"

#define MICROPY_HW_ROMFS_BYTES (192 * 1024)
