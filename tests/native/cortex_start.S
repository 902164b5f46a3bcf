// The vectors of a Cortex-M for a program of newlib with semihosting, on QEMU's mps2-an385.

    .syntax unified
    .cpu cortex-m0
    .thumb
    .section .vectors, "a"
    .word 0x20040000
    .word _start
    .rept 14
    .word fault
    .endr

    .text
    .thumb_func
    .global fault
fault:
    b fault
