// QEMU's `virt` machine. host_tools/rv32 has its entry and its linker script.

#include "bare.h"

void bare_begin(void) {
}

void bare_put(char character) {
    *(volatile uint8_t *)0x10000000 = (uint8_t)character;
}

uint32_t bare_instructions(void) {
    uint32_t count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count) : : "memory");
    return count;
}

void bare_figures(void (*print)(const char *name, uint32_t value)) {
    (void)print;
}
