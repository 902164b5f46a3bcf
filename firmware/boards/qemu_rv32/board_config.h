// The configuration of the emulated board: that of MicroPython's qemu port, with the modules and
// the buffered stdio that the firmware needs too.

#include "ports/qemu/mpconfigport.h"

#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_SYS_STDIO_BUFFER
#define MICROPY_PY_SYS_STDIO_BUFFER (1)

// The port's wait for a byte of the REPL asks the UART again and again; board.c's sleeps.
#define uart_rx_chr board_wait_chr
