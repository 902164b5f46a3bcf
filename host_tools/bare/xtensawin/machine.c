// QEMU's `sim` machine with the core de212, which has the ESP32's instruction set but MULUH.

#include "bare.h"

enum { SYS_WRITE = 4, STDOUT = 1, TICK_NS = 25, TRIALS = 1024 }; // de212's clock: 40 MHz

// start.S counts both.
extern uint32_t xtensa_overflow_count, xtensa_muluh_count;

static uint32_t handler_instructions;

void bare_put(char character) {
    register int call __asm__("a2") = SYS_WRITE;
    register int file __asm__("a3") = STDOUT;
    register const char *text __asm__("a4") = &character;
    register int size __asm__("a5") = 1;
    __asm__ volatile("simcall" : "+r"(call), "+r"(file) : "r"(text), "r"(size) : "memory");
}

static uint32_t nanoseconds(void) {
    uint32_t ticks;
    __asm__ volatile("rsr %0, ccount" : "=r"(ticks) : : "memory");
    return ticks * TICK_NS;
}

// Measure the handler's instructions for one MULUH, less the one that it stands for: MULL, the low
// half of a product, is one instruction.
void bare_begin(void) {
    uint32_t marks[3];
    marks[0] = nanoseconds();
    for (int i = 0; i < TRIALS; i++) {
        __asm__ volatile("mull a8, a2, a4" : : : "a8");
    }
    marks[1] = nanoseconds();
    for (int i = 0; i < TRIALS; i++) {
        __asm__ volatile(".byte 0x40, 0x82, 0xa2 // muluh a8, a2, a4" : : : "a8");
    }
    marks[2] = nanoseconds();
    handler_instructions = (marks[2] - 2 * marks[1] + marks[0] + TRIALS / 2) / TRIALS;
}

uint32_t bare_instructions(void) {
    return nanoseconds() - xtensa_muluh_count * handler_instructions;
}

void bare_figures(void (*print)(const char *name, uint32_t value)) {
    print("window_overflows", xtensa_overflow_count);
    print("muluh", xtensa_muluh_count);
    print("muluh_handler", handler_instructions);
}
