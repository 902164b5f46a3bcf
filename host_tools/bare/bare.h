// What a machine offers a bare program: each folder beside this file implements it for one.

#ifndef JOULESTREAM_BARE_H
#define JOULESTREAM_BARE_H

#include <stdint.h>

// Print one character.
void bare_put(char character);

// Return the instructions so far, modulo 2^32. QEMU's clock counts them (-icount shift=0); where
// the processor's counter is coarser, so is the result: BARE_COUNT_STEP is that step.
uint32_t bare_instructions(void);

// Figures that only this machine has: print each as a line `name value` with this function.
void bare_figures(void (*print)(const char *name, uint32_t value));

// The cases that the emulator has put into memory. The linker's script says where.
extern const uint8_t bare_cases[];

#endif
