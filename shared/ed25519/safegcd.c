// Inversion modulo p = 2^255 - 19, in constant time or, for public numbers, in variable time. In
// constant time it takes three tenths of the work of the power a^(p - 2).
//
// Source: D. J. Bernstein, B.-Y. Yang, "Fast constant-time gcd computation and modular inversion",
// 2019. A round does thirty division steps on the low words of f and g. The steps are gathered in a
// 2 x 2 matrix, and the matrix is applied to the full numbers. The steps start at delta = 1/2: then
// 590 steps reach the gcd of any 256-bit pair (P. Wuille, "Bounds on divsteps iterations in
// safegcd", 2021).
//
// A number is nine limbs of 30 bits. The top limb is signed, the others are in [0, 2^30).
//   |f|, |g| < 2^256 always, as a step's results never exceed the larger of both.
//   The two entries of a row of a matrix have |entry| + |entry| <= 2^30, so a sum of two products
//   with limbs is below 2^61.
//   A round adds a multiple of p, at most 2^29 p, to d and to e, and divides by 2^30. So |d| and
//   |e| grow by at most p / 2 a round, from at most 1 to less than 11 p after 20 rounds. 11 p has
//   259 bits; nine limbs hold 270.

#include "field25519.h"

#ifdef JOULESTREAM_ED25519_CHECK
#include <assert.h>
#define SAFEGCD_CHECK(condition) assert(condition)
#else
#define SAFEGCD_CHECK(condition) ((void)0)
#endif

#define SAFEGCD_LIMBS 9
#define SAFEGCD_BITS 30
#define SAFEGCD_MASK 0x3fffffff
#define SAFEGCD_ROUNDS 20 // 600 steps

typedef int32_t gcd_number[SAFEGCD_LIMBS];

// 2^30 (f', g') = (ff fg; gf gg) (f, g)
typedef struct {
    int32_t ff, fg, gf, gg;
} gcd_matrix;

// Do 30 division steps on the low words of f and g; return the new 2 delta.
static OUT_OF_LINE int32_t gcd_steps(gcd_matrix *matrix, int32_t delta2, int32_t f_low, int32_t g_low) {
    // The words are in two's complement. A step tests the lowest bit of g, which is exact in all
    // 30 steps.
    uint32_t f = (uint32_t)f_low, g = (uint32_t)g_low;
    uint32_t ff = 1, fg = 0, gf = 0, gg = 1;
    uint32_t delta = (uint32_t)delta2;
    for (int i = 0; i < SAFEGCD_BITS; i++) {
        // Masks of all ones or all zeros. odd: g is odd. swap: g is odd and delta > 0. delta is
        // 2 delta here, an odd number, so it is never 0.
        uint32_t odd = -(g & 1);
        uint32_t swap = odd & ((delta >> 31) - 1);
        // An odd g becomes g + f or, with swap, g - f. With swap, f becomes the old g, which is
        // the new g + f.
        g += ((f ^ swap) - swap) & odd;
        gf += ((ff ^ swap) - swap) & odd;
        gg += ((fg ^ swap) - swap) & odd;
        f += g & swap;
        ff += gf & swap;
        fg += gg & swap;
        delta = ((delta ^ swap) - swap) + 2;
        g >>= 1;
        ff <<= 1;
        fg <<= 1;
    }
    matrix->ff = (int32_t)ff;
    matrix->fg = (int32_t)fg;
    matrix->gf = (int32_t)gf;
    matrix->gg = (int32_t)gg;
    return (int32_t)delta;
}

// Return the number of zero bits below the lowest one bit of a number that is not 0.
//
// Source: C. E. Leiserson, H. Prokop, K. H. Randall, "Using de Bruijn sequences to index a 1 in a
// computer word", 1998. Few of the processors have an instruction for it.
static int gcd_zeros(uint32_t x) {
    static const uint8_t position[32] = {
        0, 1, 28, 2, 29, 14, 24, 3, 30, 22, 20, 15, 25, 17, 4, 8,
        31, 27, 13, 23, 21, 19, 16, 7, 26, 12, 18, 6, 11, 5, 10, 9,
    };
    return position[(x & -x) * 0x077cb531 >> 27];
}

// The same steps as gcd_steps, in variable time: all steps between two odd g at once.
static OUT_OF_LINE int32_t gcd_steps_public(gcd_matrix *matrix, int32_t delta2, int32_t f_low, int32_t g_low) {
    uint32_t f = (uint32_t)f_low, g = (uint32_t)g_low;
    uint32_t ff = 1, fg = 0, gf = 0, gg = 1;
    int left = SAFEGCD_BITS;
    for (;;) {
        // No step of an even g swaps.
        int zeros = gcd_zeros(g | 0xffffffff << left);
        g >>= zeros;
        ff <<= zeros;
        fg <<= zeros;
        delta2 += 2 * zeros;
        left -= zeros;
        if (left == 0) {
            break;
        }
        if (delta2 > 0) {
            uint32_t old = f;
            delta2 = -delta2;
            f = g;
            g = -old;
            old = ff;
            ff = gf;
            gf = -old;
            old = fg;
            fg = gg;
            gg = -old;
        }
        // The next (1 - delta2) / 2 steps do not swap: each adds f to an odd g. Of these, up to six
        // add w f in all, where w = -g / f modulo 2^count. f (2 - f^2) = 1 / f modulo 64.
        int count = (1 - delta2) >> 1;
        if (count > left) {
            count = left;
        }
        uint32_t mask = count < 6 ? (1u << count) - 1 : 63;
        uint32_t w = f * g * (f * f - 2) & mask;
        g += w * f;
        gf += w * ff;
        gg += w * fg;
    }
    matrix->ff = (int32_t)ff;
    matrix->fg = (int32_t)fg;
    matrix->gf = (int32_t)gf;
    matrix->gg = (int32_t)gg;
    return delta2;
}

// (f, g) = matrix (f, g) / 2^30, for numbers of `limbs` limbs. The division is exact.
static void gcd_apply(gcd_number f, gcd_number g, const gcd_matrix *matrix, int limbs) {
    int64_t ff = matrix->ff, fg = matrix->fg, gf = matrix->gf, gg = matrix->gg;
    int64_t next_f = ff * f[0] + fg * g[0];
    int64_t next_g = gf * f[0] + gg * g[0];
    SAFEGCD_CHECK((next_f & SAFEGCD_MASK) == 0 && (next_g & SAFEGCD_MASK) == 0);
    for (int i = 1; i < limbs; i++) {
        next_f = (next_f >> SAFEGCD_BITS) + ff * f[i] + fg * g[i];
        next_g = (next_g >> SAFEGCD_BITS) + gf * f[i] + gg * g[i];
        f[i - 1] = (int32_t)next_f & SAFEGCD_MASK;
        g[i - 1] = (int32_t)next_g & SAFEGCD_MASK;
    }
    f[limbs - 1] = (int32_t)(next_f >> SAFEGCD_BITS);
    g[limbs - 1] = (int32_t)(next_g >> SAFEGCD_BITS);
    SAFEGCD_CHECK(limbs < SAFEGCD_LIMBS || f[limbs - 1] >> 16 == f[limbs - 1] >> 31);
    SAFEGCD_CHECK(limbs < SAFEGCD_LIMBS || g[limbs - 1] >> 16 == g[limbs - 1] >> 31);
}

// Return m in [-2^29, 2^29) such that low + m p is a multiple of 2^30. p = -19 modulo 2^30.
static int64_t gcd_cancel(int64_t low) {
    const uint32_t inverse_of_19 = 0x286bca1b; // modulo 2^30
    uint32_t m = (uint32_t)low * inverse_of_19;
    return (int64_t)((int32_t)(m << 2) >> 2);
}

// (d, e) = matrix (d, e) / 2^30 modulo p. p = 2^15 2^240 - 19, so a multiple of p changes only the
// lowest and the highest limb.
static void gcd_apply_modulo(gcd_number d, gcd_number e, const gcd_matrix *matrix) {
    int64_t ff = matrix->ff, fg = matrix->fg, gf = matrix->gf, gg = matrix->gg;
    int64_t next_d = ff * d[0] + fg * e[0];
    int64_t next_e = gf * d[0] + gg * e[0];
    int64_t m_d = gcd_cancel(next_d);
    int64_t m_e = gcd_cancel(next_e);
    next_d -= 19 * m_d;
    next_e -= 19 * m_e;
    SAFEGCD_CHECK((next_d & SAFEGCD_MASK) == 0 && (next_e & SAFEGCD_MASK) == 0);
    for (int i = 1; i < SAFEGCD_LIMBS; i++) {
        next_d = (next_d >> SAFEGCD_BITS) + ff * d[i] + fg * e[i];
        next_e = (next_e >> SAFEGCD_BITS) + gf * d[i] + gg * e[i];
        if (i == SAFEGCD_LIMBS - 1) {
            next_d += m_d * (1 << 15);
            next_e += m_e * (1 << 15);
        }
        d[i - 1] = (int32_t)next_d & SAFEGCD_MASK;
        e[i - 1] = (int32_t)next_e & SAFEGCD_MASK;
    }
    d[SAFEGCD_LIMBS - 1] = (int32_t)(next_d >> SAFEGCD_BITS);
    e[SAFEGCD_LIMBS - 1] = (int32_t)(next_e >> SAFEGCD_BITS);
    // 11 p < 11 * 2^15 * 2^240, so the top limb is below 11 * 2^15.
    SAFEGCD_CHECK(d[SAFEGCD_LIMBS - 1] < 11 << 15 && d[SAFEGCD_LIMBS - 1] >= -(11 << 15));
    SAFEGCD_CHECK(e[SAFEGCD_LIMBS - 1] < 11 << 15 && e[SAFEGCD_LIMBS - 1] >= -(11 << 15));
}

// Return whether g = 0. If the top limbs of f and g hold a sign alone, move it to the limbs below
// and count the top limbs off.
static int gcd_shorten(gcd_number f, gcd_number g, int *limbs) {
    int top = *limbs - 1;
    int32_t any = 0;
    for (int i = 0; i <= top; i++) {
        any |= g[i];
    }
    if (top > 0 && f[top] == f[top] >> 31 && g[top] == g[top] >> 31) {
        f[top - 1] |= (int32_t)((uint32_t)f[top] << SAFEGCD_BITS);
        g[top - 1] |= (int32_t)((uint32_t)g[top] << SAFEGCD_BITS);
        *limbs = top;
    }
    return any == 0;
}

static void gf_invert(gf out, const gf a, int secrecy) {
    // f = p. Its lowest limb is outside [0, 2^30) in the first round. That does no harm: sums of
    // products take any limb, and the steps read it in two's complement.
    gcd_number f = {-19, 0, 0, 0, 0, 0, 0, 0, 1 << 15};
    gcd_number g, d = {0}, e = {1};
    gcd_matrix matrix;
    gf reduced;
    gf_reduce(reduced, a);
    for (int i = 0; i < SAFEGCD_LIMBS; i++) {
        int at = i * SAFEGCD_BITS;
        uint64_t pair = reduced[at >> 5];
        if ((at >> 5) + 1 < GF_LIMBS) {
            pair |= (uint64_t)reduced[(at >> 5) + 1] << 32;
        }
        g[i] = (int32_t)(uint32_t)(pair >> (at & 31)) & SAFEGCD_MASK;
    }
    int32_t delta2 = 1;
    int limbs = SAFEGCD_LIMBS;
    for (int i = 0; i < SAFEGCD_ROUNDS; i++) {
        delta2 = secrecy == PUBLIC ? gcd_steps_public(&matrix, delta2, f[0], g[0])
            : gcd_steps(&matrix, delta2, f[0], g[0]);
        gcd_apply(f, g, &matrix, limbs);
        gcd_apply_modulo(d, e, &matrix);
        if (secrecy == PUBLIC && gcd_shorten(f, g, &limbs)) {
            break;
        }
    }
    // Now g = 0, f = 1 or -1, and the inverse is f d. For a = 0, f is p or -p, and d = 0.
    uint32_t negative = (uint32_t)(f[limbs - 1] >> 31);
    // out = f d + 16 p, a positive number of up to 260 bits. The bits above 2^256 are replaced by
    // 38 times their value, as 2^256 = 38 modulo p.
    int64_t carry = -16 * 19;
    uint64_t word = 0;
    int bits = 0, limb = 0;
    for (int i = 0; i < SAFEGCD_LIMBS; i++) {
        int32_t signed_limb = (int32_t)(((uint32_t)d[i] ^ negative) - negative);
        carry += signed_limb;
        if (i == SAFEGCD_LIMBS - 1) {
            carry += 16 << 15;
        }
        word |= (uint64_t)(carry & SAFEGCD_MASK) << bits;
        carry >>= SAFEGCD_BITS;
        bits += SAFEGCD_BITS;
        if (bits >= 32) {
            reduced[limb++] = (uint32_t)word;
            word >>= 32;
            bits -= 32;
        }
    }
    gf excess = {(uint32_t)word * 38};
    gf_add(out, reduced, excess);
}
