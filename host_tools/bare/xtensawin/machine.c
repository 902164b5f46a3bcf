// QEMU's `sim` machine with the core de212, which has the ESP32's instruction set but MULUH.

#include "bare.h"

enum { SYS_WRITE = 4, STDOUT = 1, TICK_NS = 25 }; // de212's clock: 40 MHz

extern uint32_t xtensa_counts, xtensa_muluh_count;

void bare_put(char character) {
    register int call __asm__("a2") = SYS_WRITE;
    register int file __asm__("a3") = STDOUT;
    register const char *text __asm__("a4") = &character;
    register int size __asm__("a5") = 1;
    __asm__ volatile("simcall" : "+r"(call), "+r"(file) : "r"(text), "r"(size) : "memory");
}

uint32_t bare_instructions(void) {
    uint32_t ticks;
    __asm__ volatile("rsr %0, ccount" : "=r"(ticks) : : "memory");
    return ticks * TICK_NS;
}

void bare_figures(void (*print)(const char *name, uint32_t value)) {
    print("window_overflows", xtensa_counts);
    print("muluh", xtensa_muluh_count);
}
