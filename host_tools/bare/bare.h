// The functions that a bare program has on each machine. Each folder beside this file implements
// them for one machine.

#ifndef JOULESTREAM_BARE_H
#define JOULESTREAM_BARE_H

#include <stdint.h>

// Make the machine ready for the other functions.
void bare_begin(void);

// Print one character.
void bare_put(char character);

// Return the instructions so far, modulo 2^32. QEMU counts them with -icount shift=0. The result is
// as coarse as the processor's own counter: up to 63 instructions.
uint32_t bare_instructions(void);

// Figures that only this machine has: print each as a line `name value` with this function.
void bare_figures(void (*print)(const char *name, uint32_t value));

// The cases that the emulator has put into memory. The linker's script says where.
extern const uint8_t bare_cases[];

#endif
