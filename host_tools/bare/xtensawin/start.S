// Entry, windows and exceptions of a bare program on QEMU's core de212.
//
// The register windows are spilled to the stack by our own handlers, which count. They follow the
// windowed ABI: the register names are those of the window that is spilled or filled, and a5, a9
// or a13 is the stack pointer of the window that was called with call4, call8 or call12.

    // The core starts in the ROM.
    .section .reset, "ax"
    j 1f
    .align 4
address_of_start:
    .word _start
1:  l32r a2, address_of_start
    jx a2

    .section .vectors, "ax"
    .align 4
address_of_counts:
    .word xtensa_overflow_count

// A spilled or filled window's own registers: those of a spilled one are free, so the handler uses
// them to count. Fill handlers have no free register, and count nothing.
    .macro count_overflow
    l32r a0, address_of_counts
    l32i a1, a0, 0
    addi a1, a1, 1
    s32i a1, a0, 0
    .endm

    .macro spill_base pointer
    s32e a0, \pointer, -16
    s32e a1, \pointer, -12
    s32e a2, \pointer, -8
    s32e a3, \pointer, -4
    .endm

    .macro fill_base pointer
    l32e a0, \pointer, -16
    l32e a1, \pointer, -12
    l32e a2, \pointer, -8
    l32e a3, \pointer, -4
    .endm

    .balign 1024
vectors:
    // A window that called with call4: a0 to a3.
    spill_base a5
    count_overflow
    rfwo

    .org vectors - .vectors + 0x40
    fill_base a5
    rfwu

    .org vectors - .vectors + 0x80
    // With call8: also a4 to a7, below the frame of the caller, whose pointer is at a1 - 12.
    s32e a0, a9, -16
    l32e a0, a1, -12
    s32e a1, a9, -12
    s32e a2, a9, -8
    s32e a3, a9, -4
    s32e a4, a0, -32
    s32e a5, a0, -28
    s32e a6, a0, -24
    s32e a7, a0, -20
    count_overflow
    rfwo

    .org vectors - .vectors + 0xc0
    l32e a1, a9, -12
    l32e a0, a9, -16
    l32e a7, a1, -12
    l32e a2, a9, -8
    l32e a4, a7, -32
    l32e a3, a9, -4
    l32e a5, a7, -28
    l32e a6, a7, -24
    l32e a7, a7, -20
    rfwu

    // With call12: no code here makes such a call.
    .org vectors - .vectors + 0x100
    j fail

    .org vectors - .vectors + 0x140
    j fail

    // Every other exception. PS.UM is 0, so each comes here.
    .org vectors - .vectors + 0x300
    wsr a0, excsave1
    j exception

    .org vectors - .vectors + 0x3c0
    j fail

    .section .text.start, "ax"
    .globl _start
    .align 4
    .literal_position
_start:
    movi a2, 0
    wsr a2, windowbase
    rsync
    movi a2, 1
    wsr a2, windowstart
    movi a2, vectors
    wsr a2, vecbase
    // Windows on, interrupts off.
    movi a2, 0x4000f
    wsr a2, ps
    rsync
    movi a1, __stack_top - 96
    // The handler of call8 spills this first window too, below the frame of a caller that it lacks.
    addi a2, a1, 64
    addi a3, a1, -12
    s32i a2, a3, 0
    movi a0, 0
    call8 main
    movi a3, 0
    j leave

    .align 4
fail:
    movi a3, 1
leave:
    movi a2, 1 // exit
    simcall

// MULUH: the ESP32 has it, de212 has not. So it is an illegal instruction here, and this handler
// does its work. `registers` gets a0 to a15, the result is put there, and all are read back. It
// always takes the same number of instructions, but for windows that it spills.
    .align 4
    .literal_position
exception:
    movi a0, registers
    s32i a2, a0, 8
    s32i a3, a0, 12
    rsr a2, exccause
    bnez a2, fail
    rsr a3, epc1
    s32i a3, a0, 64
    l8ui a2, a3, 2
    movi a3, 0xa2
    bne a2, a3, fail
    // The processor would first have spilled the windows that the three registers belong to. An
    // access with PS.EXCM = 0 does just that, and spoils EPC1.
    l32i a3, a0, 64
    l8ui a2, a3, 0
    srli a2, a2, 6
    l8ui a3, a3, 1
    s32i a1, a0, 4
    extui a1, a3, 6, 2
    maxu a2, a2, a1
    extui a1, a3, 2, 2
    maxu a2, a2, a1
    rsr a1, ps
    addi a1, a1, -0x10
    wsr a1, ps
    rsync
    bnez a2, 1f
    mov a3, a3
1:  bnei a2, 1, 2f
    mov a4, a4
2:  bnei a2, 2, 3f
    mov a8, a8
3:  bnei a2, 3, 4f
    mov a12, a12
4:  addi a1, a1, 0x10
    wsr a1, ps
    rsync
    l32i a3, a0, 64
    s32i a4, a0, 16
    s32i a5, a0, 20
    s32i a6, a0, 24
    s32i a7, a0, 28
    s32i a8, a0, 32
    s32i a9, a0, 36
    s32i a10, a0, 40
    s32i a11, a0, 44
    s32i a12, a0, 48
    s32i a13, a0, 52
    s32i a14, a0, 56
    s32i a15, a0, 60
    rsr a2, excsave1
    s32i a2, a0, 0
    // The bytes of the instruction: b and 0, high and a, 0xa2.
    l8ui a4, a3, 0
    l8ui a5, a3, 1
    addi a3, a3, 3
    wsr a3, epc1
    extui a4, a4, 4, 4
    extui a6, a5, 0, 4
    extui a7, a5, 4, 4
    addx4 a4, a4, a0
    addx4 a6, a6, a0
    addx4 a7, a7, a0
    l32i a4, a4, 0
    l32i a5, a6, 0
    extui a2, a4, 16, 16
    extui a3, a5, 16, 16
    mul16u a8, a4, a5
    mul16u a9, a2, a5
    mul16u a10, a4, a3
    mul16u a11, a2, a3
    extui a8, a8, 16, 16
    add a9, a9, a8
    extui a8, a9, 0, 16
    add a10, a10, a8
    extui a9, a9, 16, 16
    extui a10, a10, 16, 16
    add a11, a11, a9
    add a11, a11, a10
    s32i a11, a7, 0
    l32i a2, a0, 68
    addi a2, a2, 1
    s32i a2, a0, 68
    l32i a1, a0, 4
    l32i a2, a0, 8
    l32i a3, a0, 12
    l32i a4, a0, 16
    l32i a5, a0, 20
    l32i a6, a0, 24
    l32i a7, a0, 28
    l32i a8, a0, 32
    l32i a9, a0, 36
    l32i a10, a0, 40
    l32i a11, a0, 44
    l32i a12, a0, 48
    l32i a13, a0, 52
    l32i a14, a0, 56
    l32i a15, a0, 60
    l32i a0, a0, 0
    rfe

    .bss
    .align 4
registers:
    .space 68 // a0 to a15, EPC1
    .globl xtensa_overflow_count, xtensa_muluh_count
xtensa_muluh_count:
    .space 4
xtensa_overflow_count:
    .space 4
