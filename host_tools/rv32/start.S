# The entry point of a bare program on QEMU's `virt` machine. After main it switches the machine
# off: 0x5555 is the word "pass" of the test device at 0x100000.
    .section .text.start
    .globl _start
_start:
    la sp, __stack_top
    call main
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
1:  j 1b
