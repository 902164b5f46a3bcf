// The heap of a chip, in the pieces that it has there.
//
// The emulator writes the sizes of the pieces to this place, and a zero after the last one
// (host_tools/emulator.py). Without sizes the heap is the port's own, a large one.

#include "py/gc.h"

#define SIZES ((const volatile uint32_t *)0x84c00000)
// The pieces do not touch, so MicroPython's heap has as many areas.
#define PIECES ((uint8_t *)0x84d00000)
enum { BETWEEN = 0x100000 };

void __real_gc_init(void *start, void *end);

// Called in place of gc_init; see micropython.mk.
void __wrap_gc_init(void *start, void *end) {
    if (SIZES[0] == 0) {
        __real_gc_init(start, end);
        return;
    }
    uint8_t *piece = PIECES;
    __real_gc_init(piece, piece + SIZES[0]);
    for (size_t i = 1; SIZES[i] != 0; i++) {
        piece += BETWEEN;
        gc_add(piece, piece + SIZES[i]);
    }
}
