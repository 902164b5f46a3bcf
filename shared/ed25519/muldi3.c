// Wide products for processors that GCC knows no 32 x 32 -> 64 bit multiplication for. There it calls
// a function of its library for each, but a native module has no library. natmod.c includes this
// file before all others.
//
// Constant time where the processor's own multiplication is: there is no branch.

#include <stdint.h>

#if defined(__ARM_ARCH_6M__)
#define MULDI3 __aeabi_lmul

// a b, from products of 16 bits: the processor's product has 32 bits. Inline it would make the module
// a quarter larger, and slower.
static __attribute__((noinline)) uint64_t wide_product(uint32_t a, uint32_t b) {
    uint32_t a0 = a & 0xffff, a1 = a >> 16;
    uint32_t b0 = b & 0xffff, b1 = b >> 16;
    uint64_t product = (uint64_t)(a1 * b1) << 32 | a0 * b0;
    product += (uint64_t)(a1 * b0) << 16;
    product += (uint64_t)(a0 * b1) << 16;
    return product;
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

// a b
static inline uint64_t wide_product(uint32_t a, uint32_t b) {
    uint32_t high;
    __asm__("write_muluh %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return (uint64_t)high << 32 | a * b;
}
#endif

#ifdef MULDI3
// For the field: the compiler would widen both words and call the product below.
#define GF_WIDE(a, b) wide_product(a, b)

uint64_t MULDI3(uint64_t a, uint64_t b) __attribute__((externally_visible, used));

uint64_t MULDI3(uint64_t a, uint64_t b) {
    uint32_t a0 = (uint32_t)a, b0 = (uint32_t)b;
    uint32_t high = a0 * (uint32_t)(b >> 32) + (uint32_t)(a >> 32) * b0;
    return wide_product(a0, b0) + ((uint64_t)high << 32);
}
#endif
