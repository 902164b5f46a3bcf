// Arithmetic modulo p = 2^255 - 19, for machines with a widest product of 32 x 32 -> 64 bits.
//
// An element is eight 32-bit limbs, least significant first. It may hold ANY 256-bit integer, and
// stands for that integer modulo p. This has three advantages. A caller cannot break a bound of the
// limbs. Entries of a table are used without a conversion. The only bounds to prove are those of
// the carries inside each function; field25519.c states them.
//
// Every function takes the same time for all values, but the inversion of a PUBLIC number. Every result may overlap the operands, except
// where a function's comment forbids it.

#ifndef JOULESTREAM_FIELD25519_H
#define JOULESTREAM_FIELD25519_H

#include <stdint.h>

#define GF_LIMBS 8

// The 64-bit product of two words. muldi3.c has another one for processors that need it.
#ifndef GF_WIDE
#define GF_WIDE(a, b) ((uint64_t)(a) * (b))
#endif

// Such a function has all registers for its own loop, and its stack is free again when it returns,
// for every further call of its caller.
#ifdef __GNUC__
#define OUT_OF_LINE __attribute__((noinline))
#else
#define OUT_OF_LINE
#endif

typedef uint32_t gf[GF_LIMBS];

// out = a
static void gf_copy(gf out, const gf a);

// out = a + b
static void gf_add(gf out, const gf a, const gf b);

// out = a - b
static void gf_sub(gf out, const gf a, const gf b);

// sum = a + b and difference = a - b, for less than both functions take.
static void gf_add_sub(gf sum, gf difference, const gf a, const gf b);

// out = a b
static void gf_mul(gf out, const gf a, const gf b);

// One product of a list: out = a b.
typedef struct {
    uint32_t *out;
    const uint32_t *a, *b;
} gf_product;

// Multiply `count` pairs, at least one, in order. One call saves and restores the registers once.
static void gf_mul_list(const gf_product *list, int count);

// out = a^2
static void gf_square(gf out, const gf a);

// out = a^(2^n), n >= 1
static void gf_square_n(gf out, const gf a, int n);

// out = a modulo p, the one representative below p
static void gf_reduce(gf out, const gf a);

// out = a^-1, or 0 for a = 0; it is in safegcd.c. For a PUBLIC number it takes half the time, and the
// time depends on a.
enum { SECRET, PUBLIC };
static void gf_invert(gf out, const gf a, int secrecy);

// out = a^((p - 5) / 8), for square roots; out must not overlap a.
static void gf_pow_p58(gf out, const gf a);

// Read all 256 bits of 32 bytes, least significant byte first.
static void gf_load(gf out, const uint8_t bytes[32]);

// Write the representative below p as 32 bytes, least significant byte first.
static void gf_store(uint8_t bytes[32], const gf a);

// Return 1 if a = 0 modulo p, else 0.
static int gf_is_zero(const gf a);

#endif
