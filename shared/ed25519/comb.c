// Multiplication of a fixed point by a number, with four signed combs of five teeth.
//
// Sources: C. H. Lim, P. J. Lee, "More flexible exponentiation with precomputation", 1994. Digits
// that are all 1 or -1: M. Hamburg, "Fast and compact elliptic-curve cryptography", 2012.
//
// An odd number k below 2^260 is the sum of s_i 2^i, 0 <= i < 260, with every s_i 1 or -1. The
// digit s_i is 1 if bit i + 1 of k is set, and s_259 = 1. Digit i belongs to column i % 13 and to
// tooth i / 13. Comb c has the teeth 5c..5c + 4. Entry n of comb c is
//     P[5c + 4] + sum over t < 4 of (bit t of n ? P[5c + t] : -P[5c + t]),   P[i] = 2^(13 i) P.
// If the highest of five digits is -1, their sum is the negative of an entry, so 16 entries serve
// all 32 sums. k P takes 12 doublings and 52 additions, and a table of 64 points of 96 bytes.

#include "point25519.c"

#define COMB_COLUMNS 13
#define COMB_TEETH 5
#define COMB_COUNT 4
#define COMB_ENTRIES 16 // of one comb
#define COMB_ALL_TEETH (COMB_TEETH * COMB_COUNT)
#define COMB_DIGITS (COMB_COLUMNS * COMB_ALL_TEETH)
#define COMB_TABLE_BYTES (COMB_COUNT * COMB_ENTRIES * sizeof(point_affine))

// The digits of each tooth, one bit a column: 1 for the digit 1, 0 for the digit -1.
typedef uint16_t comb_signs[COMB_ALL_TEETH];

static const point_affine COMB_BASE[COMB_COUNT * COMB_ENTRIES] = {
#include "comb_base.h"
};

// Write the digits of an odd number below 2^256.
static void comb_recode(comb_signs signs, const uint32_t k[8]) {
    // Digit i is bit i + 1 of k, and the last digit is 1.
    uint32_t bits = k[0] >> 1;
    int have = 31, word = 1;
    for (int tooth = 0; tooth < COMB_ALL_TEETH; tooth++) {
        uint32_t digits = bits;
        bits >>= COMB_COLUMNS;
        have -= COMB_COLUMNS;
        if (have < 0) {
            uint32_t next = word < 8 ? k[word++] : 1u << (COMB_DIGITS - 1 - 255);
            // `have` + COMB_COLUMNS bits of the word before, then those of the next one.
            digits |= next << (have + COMB_COLUMNS);
            bits = next >> -have;
            have += 32;
        }
        signs[tooth] = (uint16_t)(digits & ((1 << COMB_COLUMNS) - 1));
    }
}

// Add L to an even number below 2^255 + L, so that it is odd. Constant time.
//
// The multiple of the base point stays the same, as its order is L. L times a point with a part of
// small order is not zero, so this function is not for such points.
static void comb_make_odd(uint32_t k[8]) {
    uint32_t mask = (k[0] & 1) - 1;
    uint64_t carry = 0;
    for (int i = 0; i < 8; i++) {
        carry += (uint64_t)k[i] + (L[i] & mask);
        k[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

// Return the digits of one column of one comb. The highest tooth is in bit COMB_TEETH - 1.
static uint32_t comb_column(const comb_signs signs, int comb, int column) {
    const uint16_t *teeth = signs + comb * COMB_TEETH;
    return ((uint32_t)teeth[0] >> column & 1) | ((uint32_t)teeth[1] >> column & 1) << 1
        | ((uint32_t)teeth[2] >> column & 1) << 2 | ((uint32_t)teeth[3] >> column & 1) << 3
        | ((uint32_t)teeth[4] >> column & 1) << 4;
}

// Find the table entry of a column. Return all ones if the entry is to be subtracted, else 0.
static uint32_t comb_lookup(uint32_t *index, uint32_t digits) {
    uint32_t negative = (digits >> (COMB_TEETH - 1)) - 1;
    *index = (digits ^ negative) & (COMB_ENTRIES - 1);
    return negative;
}

// Take the twelve words at `from` into r0..r11 where mask is all ones.
#define COMB_SELECT_WORDS(from, mask) \
    do { \
        r0 |= (from)[0] & (mask); \
        r1 |= (from)[1] & (mask); \
        r2 |= (from)[2] & (mask); \
        r3 |= (from)[3] & (mask); \
        r4 |= (from)[4] & (mask); \
        r5 |= (from)[5] & (mask); \
        r6 |= (from)[6] & (mask); \
        r7 |= (from)[7] & (mask); \
        r8 |= (from)[8] & (mask); \
        r9 |= (from)[9] & (mask); \
        r10 |= (from)[10] & (mask); \
        r11 |= (from)[11] & (mask); \
    } while (0)

// out = the base point's entry for the secret digits of one column. Constant time: every entry is
// read. Each half of an entry has twelve words, which are kept in registers.
static OUT_OF_LINE void comb_select(point_affine *out, const point_affine *entries, uint32_t digits) {
    uint32_t index;
    uint32_t negative = comb_lookup(&index, digits);
    uint32_t *to = out->sum;
    for (int half = 0; half < 2; half++) {
        uint32_t r0 = 0, r1 = 0, r2 = 0, r3 = 0, r4 = 0, r5 = 0;
        uint32_t r6 = 0, r7 = 0, r8 = 0, r9 = 0, r10 = 0, r11 = 0;
        const uint32_t *from = entries->sum + half * 12;
        for (uint32_t i = 0; i < COMB_ENTRIES; i++, from += 24) {
            uint32_t mask = -(((i ^ index) - 1) >> 31);
            COMB_SELECT_WORDS(from, mask);
        }
        to[0] = r0;
        to[1] = r1;
        to[2] = r2;
        to[3] = r3;
        to[4] = r4;
        to[5] = r5;
        to[6] = r6;
        to[7] = r7;
        to[8] = r8;
        to[9] = r9;
        to[10] = r10;
        to[11] = r11;
        to += 12;
    }
    // The negative of a point has x + y and x - y swapped, and -d x y. With 2^256 = 38 modulo p, -t is
    // ~t - 37. It does not fall below 0, as the entries of the base point are below p.
    uint32_t borrow = negative & 37;
    for (int i = 0; i < GF_LIMBS; i++) {
        uint32_t swapped = (out->sum[i] ^ out->difference[i]) & negative;
        out->sum[i] ^= swapped;
        out->difference[i] ^= swapped;
        uint32_t limb = out->dt[i] ^ negative;
        out->dt[i] = limb - borrow;
        borrow = limb < borrow;
    }
}

// out = k B for the base point B and an odd secret k below 2^256. Constant time.
static void comb_base_secret(point *out, const uint32_t k[8]) {
    comb_signs signs;
    point_affine entry;
    comb_recode(signs, k);
    for (int column = COMB_COLUMNS - 1; column >= 0; column--) {
        if (column != COMB_COLUMNS - 1) {
            point_double(out, out, WITH_T);
        }
        for (int comb = 0; comb < COMB_COUNT; comb++) {
            comb_select(&entry, COMB_BASE + comb * COMB_ENTRIES,
                comb_column(signs, comb, column));
            if (comb == 0 && column == COMB_COLUMNS - 1) {
                point_from_affine(out, &entry);
                continue;
            }
            point_add_affine(out, out, &entry, 0, comb == COMB_COUNT - 1 ? WITHOUT_T : WITH_T);
        }
    }
    crypto_wipe(signs, sizeof(signs));
    crypto_wipe(&entry, sizeof(entry));
}

// sum += one column of k P from the comb `comb` on, for a public k and the table of P. Variable time.
// Without with_t, the last addition leaves out sum's t.
static void comb_add_column(point *sum, const point_affine *table, const comb_signs signs,
    int comb, int column, int with_t) {
    for (; comb < COMB_COUNT; comb++) {
        uint32_t index;
        uint32_t negative = comb_lookup(&index, comb_column(signs, comb, column));
        point_add_affine(sum, sum, &table[(uint32_t)comb * COMB_ENTRIES + index], negative != 0,
            with_t || comb < COMB_COUNT - 1);
    }
}

// k = k / 2, rounded down.
static void comb_shift_right(uint32_t k[8]) {
    for (int i = 0; i < 8; i++) {
        k[i] = k[i] >> 1 | (i < 7 ? k[i + 1] << 31 : 0);
    }
}

// s = s / 2 modulo L, for s < L. Variable time.
static void comb_halve_modulo_l(uint32_t s[8]) {
    if (s[0] & 1) {
        uint64_t carry = 0;
        for (int i = 0; i < 8; i++) {
            carry += (uint64_t)s[i] + L[i];
            s[i] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    comb_shift_right(s);
}

// sum = s B + h P for s, h < L and the table of P. Variable time; s and h are overwritten.
//
// A comb multiplies by odd numbers only. Adding L to h would change h P if P has a part of small
// order. So an even h is halved until it is odd, s is halved as often modulo L (B has order L), and
// the sum is doubled as often in the end.
static void comb_base_and_point(point *sum, uint32_t s[8], uint32_t h[8],
    const point_affine *table) {
    comb_signs s_signs, h_signs;
    uint32_t any = 0;
    int doublings = 0;
    for (int i = 0; i < 8; i++) {
        any |= h[i];
    }
    if (any) {
        for (; (h[0] & 1) == 0; doublings++) {
            comb_shift_right(h);
            comb_halve_modulo_l(s);
        }
    }
    comb_make_odd(s);
    comb_recode(s_signs, s);
    comb_recode(h_signs, h);
    // The sum begins with the first entry of the base point, which needs no addition.
    uint32_t index;
    uint32_t negative = comb_lookup(&index, comb_column(s_signs, 0, COMB_COLUMNS - 1));
    point_from_affine(sum, &COMB_BASE[index]);
    if (negative) {
        point_negate(sum);
    }
    for (int column = COMB_COLUMNS - 1; column >= 0; column--) {
        int is_first = column == COMB_COLUMNS - 1;
        if (!is_first) {
            point_double(sum, sum, WITH_T);
        }
        if (any) {
            comb_add_column(sum, table, h_signs, 0, column, WITH_T);
        }
        comb_add_column(sum, COMB_BASE, s_signs, is_first, column, WITHOUT_T);
    }
    while (doublings-- > 0) {
        point_double(sum, sum, WITHOUT_T);
    }
}

// A comb is filled in place, so that no second piece of memory is needed. While it grows, its
// memory holds 16 whole points of 128 bytes, the entries with even numbers. Behind them lie the
// addends 2 P[6c + t]: adding one turns the digit of tooth t from -1 into 1.
enum {
    GROW_POINTS = COMB_ENTRIES / 2,
    GROW_ADDENDS_AT = GROW_POINTS * (int)(sizeof(point) / sizeof(uint32_t)),
};

// Write a point's X, Y and Z into the three places of a table entry.
static void comb_put(point_affine *entry, const point *p) {
    gf_copy(entry->sum, p->x);
    gf_copy(entry->difference, p->y);
    gf_copy(entry->dt, p->z);
}

// Fill one comb with X, Y, Z of its entries, for p = P[6c]. Then p is P[6c + 6].
static void comb_grow(point_affine *entries, point *p) {
    point *grown = (point *)entries;
    point_addend *twice = (point_addend *)(entries->sum + GROW_ADDENDS_AT); // 2 P[6c + t]
    point_addend addend;
    point sum, half;
    point_zero(&sum);
    for (int tooth = 0; tooth < COMB_TEETH; tooth++) {
        int is_top = tooth == COMB_TEETH - 1;
        point_to_addend(&addend, p);
        point_add(&sum, &sum, &addend, !is_top, WITH_T);
        point_double(p, p, WITH_T);
        if (!is_top) {
            point_to_addend(&twice[tooth], p);
        }
        for (int i = 1; i < COMB_COLUMNS; i++) {
            point_double(p, p, i == COMB_COLUMNS - 1);
        }
    }
    grown[0] = sum;
    for (int tooth = 1; tooth < COMB_TEETH - 1; tooth++) {
        int count = 1 << (tooth - 1);
        for (int i = 0; i < count; i++) {
            point_add(&grown[count + i], &grown[i], &twice[tooth], 0, WITH_T);
        }
    }
    // From the last point to the first: a pair of entries overwrites only points that were read.
    addend = twice[0];
    for (int i = GROW_POINTS - 1; i >= 0; i--) {
        half = grown[i];
        point_add(&sum, &half, &addend, 0, WITHOUT_T);
        comb_put(&entries[2 * i], &half);
        comb_put(&entries[2 * i + 1], &sum);
    }
}

enum { NORMALISE_BATCH = 16 };

// Turn X, Y, Z of a batch of entries into (y + x) / 2, (y - x) / 2, d x y. One inversion serves the
// batch.
static void comb_normalise(point_affine *entries) {
    gf before[NORMALISE_BATCH]; // item i is half the product of the first i z
    gf inverse, x, y;
    gf_copy(inverse, GF_HALF);
    for (int i = 0; i < NORMALISE_BATCH; i++) {
        gf_copy(before[i], inverse);
        gf_mul(inverse, inverse, entries[i].dt);
    }
    gf_invert(inverse, inverse, PUBLIC);
    gf_mul(inverse, inverse, GF_HALF); // 1 / the product of all z
    for (int i = NORMALISE_BATCH - 1; i >= 0; i--) {
        gf_mul(before[i], before[i], inverse); // 1 / 2 z
        gf_mul(inverse, inverse, entries[i].dt);
        gf_mul(x, entries[i].sum, before[i]);
        gf_mul(y, entries[i].difference, before[i]);
        gf_add_sub(entries[i].sum, entries[i].difference, y, x);
        gf_mul(x, x, y);
        gf_mul(entries[i].dt, x, POINT_4D);
    }
}

// Fill the table of a point, also of one of small order. p is overwritten. Variable time.
static void comb_build(point_affine table[COMB_COUNT * COMB_ENTRIES], point *p) {
    for (int comb = 0; comb < COMB_COUNT; comb++) {
        comb_grow(&table[comb * COMB_ENTRIES], p);
    }
    for (int i = 0; i < COMB_COUNT * COMB_ENTRIES; i += NORMALISE_BATCH) {
        comb_normalise(&table[i]);
    }
}
