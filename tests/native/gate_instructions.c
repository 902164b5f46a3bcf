// Prints the instructions of one step of the safety controller, on QEMU's mps2-an385.
//
// Run with -icount shift=0: an instruction takes 1 ns of virtual time, and SysTick counts down at
// 25 MHz, so one tick is 40 instructions.

#include <stdint.h>
#include <stdio.h>

#include "gate.h"

#define SYST_CSR (*(volatile uint32_t *)0xe000e010)
#define SYST_RVR (*(volatile uint32_t *)0xe000e014)
#define SYST_CVR (*(volatile uint32_t *)0xe000e018)

enum { STEPS = 1000, PER_TICK = 40 };

int main(void) {
    static struct gate gate;
    static const struct gate_identity identity = {16000, 1, 1, 1, {0}};
    struct gate_inputs in = {1, 0, GATE_PILOT_CD, 1, 1, 1, 0, 250, 0};

    gate_init(&gate, &identity, 0);
    SYST_RVR = 0xffffff;
    SYST_CVR = 0;
    SYST_CSR = 5;
    uint32_t before = SYST_CVR;
    for (uint32_t ms = 0; ms < STEPS; ms++) {
        in.edges = ms % 20 == 0;
        gate_step(&gate, &in, ms);
    }
    uint32_t ticks = (before - SYST_CVR) & 0xffffff;
    printf("%lu\n", (unsigned long)(ticks * PER_TICK / STEPS));
    return 0;
}
