// A Raspberry Pi Pico as MicroPython defines it, with a ROMFS below its file system: 256 KB of the
// 640 KB in front of it. The program takes 319 KB of them.
#include "boards/RPI_PICO/mpconfigboard.h"

#define MICROPY_HW_ROMFS_BYTES (256 * 1024)
