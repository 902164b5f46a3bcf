// The product of two 64-bit numbers, which GCC calls on a processor that it knows no 32 x 32 -> 64
// bit multiplication for. A native module has no compiler's library. natmod.c includes this file.
//
// Constant time where the processor's own multiplication is: there is no branch.

#include <stdint.h>

#if defined(__ARM_ARCH_6M__)
#define MULDI3 __aeabi_lmul

// low + 2^32 high = a b, from products of 16 bits: the processor's product has 32 bits.
static inline uint32_t multiply_wide(uint32_t *high, uint32_t a, uint32_t b) {
    uint32_t a0 = a & 0xffff, a1 = a >> 16;
    uint32_t b0 = b & 0xffff, b1 = b >> 16;
    uint32_t middle = a1 * b0; // at most (2^16 - 1)^2
    uint32_t low = a0 * b0;
    middle += low >> 16; // below 2^32 - 2^16
    uint32_t other = a0 * b1 + (middle & 0xffff); // below 2^32 - 2^16
    *high = a1 * b1 + (middle >> 16) + (other >> 16);
    return other << 16 | (low & 0xffff);
}

#elif defined(__XTENSA__)
#define MULDI3 __muldi3

// The ESP32, S2 and S3 have MULUH, the high half of a product. An assembler without their core
// description does not know it, so this macro writes its three bytes. Symbols turn the register's
// name, which the compiler gives, into its number.
__asm__(
    ".irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    ".set .Lnumber_of_a\\number, \\number\n"
    ".endr\n"
    ".set .Lnumber_of_sp, 1\n"
    ".macro write_muluh high, a, b\n"
    ".byte .Lnumber_of_\\b << 4, .Lnumber_of_\\high << 4 | .Lnumber_of_\\a, 0xa2\n"
    ".endm\n");

// low + 2^32 high = a b.
static inline uint32_t multiply_wide(uint32_t *high, uint32_t a, uint32_t b) {
    __asm__("write_muluh %0, %1, %2" : "=r"(*high) : "r"(a), "r"(b));
    return a * b;
}
#endif

#ifdef MULDI3
uint64_t MULDI3(uint64_t a, uint64_t b) __attribute__((externally_visible, used));

uint64_t MULDI3(uint64_t a, uint64_t b) {
    uint32_t high;
    uint32_t low = multiply_wide(&high, (uint32_t)a, (uint32_t)b);
    high += (uint32_t)a * (uint32_t)(b >> 32) + (uint32_t)(a >> 32) * (uint32_t)b;
    return (uint64_t)high << 32 | low;
}
#endif
