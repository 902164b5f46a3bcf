// The configuration of the emulated board: that of MicroPython's qemu port, with the modules and
// the buffered stdio that the firmware needs too.

#include "ports/qemu/mpconfigport.h"

#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_SYS_STDIO_BUFFER
#define MICROPY_PY_SYS_STDIO_BUFFER (1)

// The emulated board stands for an ESP32-C3. So the interpreter is built with the options that
// MicroPython's esp32 port sets and the qemu port does not (ports/esp32/mpconfigport.h). The other
// options of the interpreter are the same in both ports. host_tools/build/board.py sets -O2, which
// that port takes from its boards/sdkconfig.base.
#define MICROPY_OPT_COMPUTED_GOTO (1)
#undef MICROPY_MALLOC_USES_ALLOCATED_SIZE
#define MICROPY_MALLOC_USES_ALLOCATED_SIZE (0)
#undef MICROPY_MEM_STATS
#define MICROPY_MEM_STATS (0)
#define MICROPY_GC_SPLIT_HEAP (1)

// A file system in the memory map, from which MicroPython takes bytecode and texts in place. Images
// of the esp32 and rp2 ports can have one; see docs/hardware.md. devices.c has its flash.
#undef MICROPY_VFS_ROM_IOCTL
#define MICROPY_VFS_ROM_IOCTL (1)

// The port's wait for a byte of the REPL asks the UART again and again; board.c's sleeps.
#define uart_rx_chr board_wait_chr
