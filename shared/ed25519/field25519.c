// Arithmetic modulo 2^255 - 19 in eight saturated limbs. See field25519.h.
//
// A multiplication works row by row. The limbs of b, the running row and one carry stay in
// registers: 21 of the 27 that a RISC-V compiler may use. So a product of two limbs costs eight
// instructions, and no register is spilled to memory. Unsaturated limbs, such as ten of 25 or 26
// bits, need fewer instructions for a product, but more products, more carries and more memory.
// docs/ed25519.md compares them.

#include "field25519.h"

// low = the low half of a 64-bit value, carry = its high half. The value must not overflow.
#define GF_SPLIT(low, value) \
    do { \
        uint64_t split = (value); \
        (low) = (uint32_t)split; \
        carry = (uint32_t)(split >> 32); \
    } while (0)

static void gf_copy(gf out, const gf a) {
    for (int i = 0; i < GF_LIMBS; i++) {
        out[i] = a[i];
    }
}

// r = x + y + carry. The carry goes in and comes out as a small number, at most 2 from the second
// limb on.
#define GF_ADD_LIMB(r, x, y) \
    do { \
        uint32_t partial = (x) + (y); \
        uint32_t first = partial < (x); \
        uint32_t limb = partial + carry; \
        carry = first + (limb < partial); \
        (r) = limb; \
    } while (0)

// r = x - y - borrow. The borrow goes in and comes out as a small number, at most 2 from the second
// limb on.
#define GF_SUB_LIMB(r, x, y) \
    do { \
        uint32_t partial = (x) - (y); \
        uint32_t first = (x) < (y); \
        uint32_t limb = partial - borrow; \
        borrow = first + (partial < borrow); \
        (r) = limb; \
    } while (0)

// A sum is reduced in the one chain of carries that computes it. With t = a[7] + b[7], the multiple
// floor(t / 2^31) of 2^255 is left out of the top limb. It enters the chain at the lowest limb, as
// 19 times its value. So the carry into the chain is at most 3 * 19, and the top limb ends below
// 2^31 + 2.
#define GF_ADD_BEGIN(a, b) \
    uint32_t top = (a)[7] + (b)[7]; \
    uint32_t carry = 19 * ((top >> 31) + 2 * (uint32_t)(top < (a)[7]))

// The same for a difference. With t = a[7] - b[7] and q = floor(t / 2^31), the multiple q - 1 of
// 2^255 is left out, so that the chain never ends below 0: t - (q - 1) 2^31 is at least 2^31. q is
// in -2..1, so 19 (1 - q), which the chain subtracts, is in 0..57.
#define GF_SUB_BEGIN(a, b) \
    uint32_t low = (a)[7] - (b)[7]; \
    uint32_t borrow = 19 * (1 - (low >> 31) + 2 * (uint32_t)((a)[7] < (b)[7]))

static void gf_add(gf out, const gf a, const gf b) {
    GF_ADD_BEGIN(a, b);
    GF_ADD_LIMB(out[0], a[0], b[0]);
    GF_ADD_LIMB(out[1], a[1], b[1]);
    GF_ADD_LIMB(out[2], a[2], b[2]);
    GF_ADD_LIMB(out[3], a[3], b[3]);
    GF_ADD_LIMB(out[4], a[4], b[4]);
    GF_ADD_LIMB(out[5], a[5], b[5]);
    GF_ADD_LIMB(out[6], a[6], b[6]);
    out[7] = (top & 0x7fffffff) + carry;
}

static void gf_sub(gf out, const gf a, const gf b) {
    GF_SUB_BEGIN(a, b);
    GF_SUB_LIMB(out[0], a[0], b[0]);
    GF_SUB_LIMB(out[1], a[1], b[1]);
    GF_SUB_LIMB(out[2], a[2], b[2]);
    GF_SUB_LIMB(out[3], a[3], b[3]);
    GF_SUB_LIMB(out[4], a[4], b[4]);
    GF_SUB_LIMB(out[5], a[5], b[5]);
    GF_SUB_LIMB(out[6], a[6], b[6]);
    out[7] = (low | 0x80000000) - borrow;
}

// Limb i of a sum and of a difference, with one load of each operand.
#define GF_ADD_SUB_LIMB(i) \
    do { \
        uint32_t x = a[i], y = b[i]; \
        GF_ADD_LIMB(sum[i], x, y); \
        GF_SUB_LIMB(difference[i], x, y); \
    } while (0)

static void gf_add_sub(gf sum, gf difference, const gf a, const gf b) {
    GF_ADD_BEGIN(a, b);
    GF_SUB_BEGIN(a, b);
    GF_ADD_SUB_LIMB(0);
    GF_ADD_SUB_LIMB(1);
    GF_ADD_SUB_LIMB(2);
    GF_ADD_SUB_LIMB(3);
    GF_ADD_SUB_LIMB(4);
    GF_ADD_SUB_LIMB(5);
    GF_ADD_SUB_LIMB(6);
    sum[7] = (top & 0x7fffffff) + carry;
    difference[7] = (low | 0x80000000) - borrow;
}

// out = l0..l7 + 38 r0..r7: the low half of a product, and its high half times 2^256 = 38.
//
// The product is reduced in one chain too. t = 38 r7 + l7 < 39 * 2^32, so the multiple
// floor(t / 2^31) of 2^255 that enters the chain is below 78. The chain begins with at most
// 77 * 19 = 1463, and 38 (2^32 - 1) + (2^32 - 1) + 1463 < 40 * 2^32. So each carry is below 40,
// and the top limb ends below 2^31 + 40.
#define GF_FOLD_PRODUCT(out) \
    do { \
        uint64_t top = GF_WIDE(r7, 38) + l7; \
        carry = (uint32_t)(top >> 31) * 19; \
        GF_SPLIT((out)[0], GF_WIDE(r0, 38) + l0 + carry); \
        GF_SPLIT((out)[1], GF_WIDE(r1, 38) + l1 + carry); \
        GF_SPLIT((out)[2], GF_WIDE(r2, 38) + l2 + carry); \
        GF_SPLIT((out)[3], GF_WIDE(r3, 38) + l3 + carry); \
        GF_SPLIT((out)[4], GF_WIDE(r4, 38) + l4 + carry); \
        GF_SPLIT((out)[5], GF_WIDE(r5, 38) + l5 + carry); \
        GF_SPLIT((out)[6], GF_WIDE(r6, 38) + l6 + carry); \
        (out)[7] = ((uint32_t)top & 0x7fffffff) + carry; \
    } while (0)

// Row i: add a[i] b to r0..r7. The lowest limb of the sum is final and goes to l; the other
// limbs move down by one. (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1, so no sum overflows.
#define GF_MUL_ROW(i, l) \
    do { \
        uint32_t x = a[i]; \
        GF_SPLIT(l, GF_WIDE(x, b0) + r0); \
        GF_SPLIT(r0, GF_WIDE(x, b1) + r1 + carry); \
        GF_SPLIT(r1, GF_WIDE(x, b2) + r2 + carry); \
        GF_SPLIT(r2, GF_WIDE(x, b3) + r3 + carry); \
        GF_SPLIT(r3, GF_WIDE(x, b4) + r4 + carry); \
        GF_SPLIT(r4, GF_WIDE(x, b5) + r5 + carry); \
        GF_SPLIT(r5, GF_WIDE(x, b6) + r6 + carry); \
        GF_SPLIT(r6, GF_WIDE(x, b7) + r7 + carry); \
        r7 = carry; \
    } while (0)

static OUT_OF_LINE void gf_mul_list(const gf_product *list, int count) {
    const gf_product *end = list + count;
    do {
        const uint32_t *a = list->a, *b = list->b;
        uint32_t b0 = b[0], b1 = b[1], b2 = b[2], b3 = b[3];
        uint32_t b4 = b[4], b5 = b[5], b6 = b[6], b7 = b[7];
        uint32_t l0, l1, l2, l3, l4, l5, l6, l7;
        uint32_t r0 = 0, r1 = 0, r2 = 0, r3 = 0, r4 = 0, r5 = 0, r6 = 0, r7 = 0, carry;
        GF_MUL_ROW(0, l0);
        GF_MUL_ROW(1, l1);
        GF_MUL_ROW(2, l2);
        GF_MUL_ROW(3, l3);
        GF_MUL_ROW(4, l4);
        GF_MUL_ROW(5, l5);
        GF_MUL_ROW(6, l6);
        GF_MUL_ROW(7, l7);
        uint32_t *out = list->out;
        GF_FOLD_PRODUCT(out);
    } while (++list != end);
}

static void gf_mul(gf out, const gf a, const gf b) {
    gf_product product = {out, a, b};
    gf_mul_list(&product, 1);
}

// Limbs 2i and 2i + 1 of the square: twice the limbs `even` and `odd` of the cross products, plus
// a[i]^2.
//
// bit is the bit that the doubling shifted out of the limb before. carry stays below 2. Adding
// carry to a[i]^2 does not overflow, as (2^32 - 1)^2 + 1 < 2^64.
#define GF_SQUARE_PAIR(low, high, even, odd, a) \
    do { \
        uint32_t even_limb = (even), odd_limb = (odd); \
        uint64_t square = GF_WIDE(a, a) + carry; \
        uint32_t doubled = even_limb << 1 | bit; \
        GF_SPLIT(low, (uint64_t)(uint32_t)square + doubled); \
        doubled = odd_limb << 1 | even_limb >> 31; \
        bit = odd_limb >> 31; \
        GF_SPLIT(high, (uint64_t)(uint32_t)(square >> 32) + doubled + carry); \
    } while (0)

static void gf_square(gf out, const gf a) {
    uint32_t a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
    uint32_t a4 = a[4], a5 = a[5], a6 = a[6], a7 = a[7];
    // c1..c14 are the limbs of the cross products: the sum of all a[i] a[j] with i < j.
    uint32_t c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, carry;
    GF_SPLIT(c1, GF_WIDE(a0, a1));
    GF_SPLIT(c2, GF_WIDE(a0, a2) + carry);
    GF_SPLIT(c3, GF_WIDE(a0, a3) + carry);
    GF_SPLIT(c4, GF_WIDE(a0, a4) + carry);
    GF_SPLIT(c5, GF_WIDE(a0, a5) + carry);
    GF_SPLIT(c6, GF_WIDE(a0, a6) + carry);
    GF_SPLIT(c7, GF_WIDE(a0, a7) + carry);
    c8 = carry;
    GF_SPLIT(c3, GF_WIDE(a1, a2) + c3);
    GF_SPLIT(c4, GF_WIDE(a1, a3) + c4 + carry);
    GF_SPLIT(c5, GF_WIDE(a1, a4) + c5 + carry);
    GF_SPLIT(c6, GF_WIDE(a1, a5) + c6 + carry);
    GF_SPLIT(c7, GF_WIDE(a1, a6) + c7 + carry);
    GF_SPLIT(c8, GF_WIDE(a1, a7) + c8 + carry);
    c9 = carry;
    GF_SPLIT(c5, GF_WIDE(a2, a3) + c5);
    GF_SPLIT(c6, GF_WIDE(a2, a4) + c6 + carry);
    GF_SPLIT(c7, GF_WIDE(a2, a5) + c7 + carry);
    GF_SPLIT(c8, GF_WIDE(a2, a6) + c8 + carry);
    GF_SPLIT(c9, GF_WIDE(a2, a7) + c9 + carry);
    c10 = carry;
    GF_SPLIT(c7, GF_WIDE(a3, a4) + c7);
    GF_SPLIT(c8, GF_WIDE(a3, a5) + c8 + carry);
    GF_SPLIT(c9, GF_WIDE(a3, a6) + c9 + carry);
    GF_SPLIT(c10, GF_WIDE(a3, a7) + c10 + carry);
    c11 = carry;
    GF_SPLIT(c9, GF_WIDE(a4, a5) + c9);
    GF_SPLIT(c10, GF_WIDE(a4, a6) + c10 + carry);
    GF_SPLIT(c11, GF_WIDE(a4, a7) + c11 + carry);
    c12 = carry;
    GF_SPLIT(c11, GF_WIDE(a5, a6) + c11);
    GF_SPLIT(c12, GF_WIDE(a5, a7) + c12 + carry);
    c13 = carry;
    GF_SPLIT(c13, GF_WIDE(a6, a7) + c13);
    c14 = carry;

    uint32_t l0, l1, l2, l3, l4, l5, l6, l7;
    uint32_t r0, r1, r2, r3, r4, r5, r6, r7, bit = 0;
    carry = 0;
    GF_SQUARE_PAIR(l0, l1, 0, c1, a0);
    GF_SQUARE_PAIR(l2, l3, c2, c3, a1);
    GF_SQUARE_PAIR(l4, l5, c4, c5, a2);
    GF_SQUARE_PAIR(l6, l7, c6, c7, a3);
    GF_SQUARE_PAIR(r0, r1, c8, c9, a4);
    GF_SQUARE_PAIR(r2, r3, c10, c11, a5);
    GF_SQUARE_PAIR(r4, r5, c12, c13, a6);
    GF_SQUARE_PAIR(r6, r7, c14, 0, a7);
    GF_FOLD_PRODUCT(out);
}

static void gf_square_n(gf out, const gf a, int n) {
    gf_square(out, a);
    while (--n > 0) {
        gf_square(out, out);
    }
}

static void gf_reduce(gf out, const gf a) {
    // a < 2^256. First bit 255 is replaced by 19, as 2^255 = 19 modulo p. The sum is below
    // 2^255 + 19 = p + 38, so p has to be subtracted at most once.
    uint32_t carry = (a[7] >> 31) * 19;
    for (int i = 0; i < GF_LIMBS; i++) {
        uint32_t limb = a[i] + carry;
        carry = limb < carry;
        out[i] = limb;
        if (i == 6) {
            carry += a[7] & 0x7fffffff;
            break;
        }
    }
    out[7] = carry;
    // x >= p exactly if x + 19 >= 2^255.
    carry = 19;
    for (int i = 0; i < GF_LIMBS; i++) {
        carry = out[i] + carry < carry;
        if (i == 6) {
            carry = (out[7] + carry) >> 31;
            break;
        }
    }
    carry *= 19;
    for (int i = 0; i < GF_LIMBS; i++) {
        uint32_t limb = out[i] + carry;
        carry = limb < carry;
        out[i] = limb;
    }
    out[7] &= 0x7fffffff;
}

// (p - 5) / 8 = 2^252 - 3. The comments give the exponents of the intermediate values.
static void gf_pow_p58(gf out, const gf a) {
    gf x, y;
    gf_square(x, a);
    gf_square_n(y, x, 2);
    gf_mul(y, y, a); // 9
    gf_mul(x, x, y); // 11
    gf_square(x, x);
    gf_mul(x, x, y); // 31 = 2^5 - 1
    gf_square_n(y, x, 5);
    gf_mul(x, y, x); // 2^10 - 1
    gf_square_n(y, x, 10);
    gf_mul(y, y, x); // 2^20 - 1
    gf_square_n(out, y, 20);
    gf_mul(y, out, y); // 2^40 - 1
    gf_square_n(y, y, 10);
    gf_mul(x, y, x); // 2^50 - 1
    gf_square_n(y, x, 50);
    gf_mul(y, y, x); // 2^100 - 1
    gf_square_n(out, y, 100);
    gf_mul(y, out, y); // 2^200 - 1
    gf_square_n(y, y, 50);
    gf_mul(x, y, x); // 2^250 - 1
    gf_square_n(x, x, 2);
    gf_mul(out, x, a);
}

static void gf_load(gf out, const uint8_t bytes[32]) {
    for (int i = 0; i < GF_LIMBS; i++, bytes += 4) {
        out[i] = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16
            | (uint32_t)bytes[3] << 24;
    }
}

static void gf_store(uint8_t bytes[32], const gf a) {
    gf reduced;
    gf_reduce(reduced, a);
    for (int i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)(reduced[i >> 2] >> (8 * (i & 3)));
    }
}

static int gf_is_zero(const gf a) {
    gf reduced;
    uint32_t any = 0;
    gf_reduce(reduced, a);
    for (int i = 0; i < GF_LIMBS; i++) {
        any |= reduced[i];
    }
    return any == 0;
}
