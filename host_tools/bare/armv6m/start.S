// Entry of a bare program on QEMU's micro:bit, which has the Pico's kind of core.
    .syntax unified
    .cpu cortex-m0
    .thumb

    .section .vectors, "a"
    .word __stack_top
    .word _start
    .rept 14
    .word fail
    .endr

    .text
    .globl _start
    .thumb_func
_start:
    bl main
    ldr r1, =0x20026 // ADP_Stopped_ApplicationExit: all is well
    b leave
    .thumb_func
fail:
    ldr r1, =0x20023 // ADP_Stopped_RunTimeErrorUnknown
leave:
    movs r0, #0x18 // SYS_EXIT
    bkpt 0xab
