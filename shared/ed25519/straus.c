// s B + h P for a point P without a table. All inputs are public; the time is variable.
//
// Source: E. G. Straus, "Addition chains of vectors", 1964. h becomes signed sliding windows of
// four bits, which add or subtract P, 3P, 5P or 7P (F. Morain, J. Olivos, "Speeding up the
// computations on an elliptic curve using addition-subtraction chains", 1990). s uses the comb of
// the base point: its columns are added during the last doublings, which h needs anyway.

enum {
    STRAUS_WINDOW = 4,
    STRAUS_MULTIPLES = 1 << (STRAUS_WINDOW - 2),
    STRAUS_DIGITS = 254, // 253 bits of a number below L, and a carry
};

// Write the digits of h < 2^253. A digit is 0 or odd, and |digit| < 2^(STRAUS_WINDOW - 1).
static void straus_recode(int8_t digits[STRAUS_DIGITS], const uint32_t h[8]) {
    uint32_t carry = 0;
    for (int i = 0; i < STRAUS_DIGITS;) {
        uint32_t low = h[i >> 5] >> (i & 31);
        if ((i & 31) > 32 - STRAUS_WINDOW && (i >> 5) < 7) {
            low |= h[(i >> 5) + 1] << (32 - (i & 31));
        }
        if ((low & 1) == carry) {
            digits[i++] = 0;
            continue;
        }
        int digit = (int)((low & ((1 << STRAUS_WINDOW) - 1)) + carry);
        carry = digit > 1 << (STRAUS_WINDOW - 1);
        digits[i++] = (int8_t)(carry ? digit - (1 << STRAUS_WINDOW) : digit);
        for (int j = 1; j < STRAUS_WINDOW && i < STRAUS_DIGITS; j++) {
            digits[i++] = 0;
        }
    }
}

// sum = s B + h p for s, h < L. h is not changed modulo L, as p may have a part of small order.
static OUT_OF_LINE void straus_base_and_point(point *sum, const uint32_t s[8],
    const uint32_t h[8], const point *p) {
    point_addend odd_multiples[STRAUS_MULTIPLES]; // p, 3p, ...
    int8_t digits[STRAUS_DIGITS];
    uint32_t odd[8];
    comb_signs signs;

    point_to_addend(&odd_multiples[0], p);
    point_double(sum, p, WITH_T);
    point_addend twice;
    point_to_addend(&twice, sum);
    *sum = *p;
    for (int i = 1; i < STRAUS_MULTIPLES; i++) {
        point_add(sum, sum, &twice, 0, WITH_T);
        point_to_addend(&odd_multiples[i], sum);
    }
    straus_recode(digits, h);
    for (int i = 0; i < 8; i++) {
        odd[i] = s[i];
    }
    comb_make_odd(odd);
    comb_recode(signs, odd);

    int i = STRAUS_DIGITS - 1;
    while (i >= COMB_COLUMNS && digits[i] == 0) {
        i--;
    }
    point_zero(sum);
    for (; i >= 0; i--) {
        int digit = digits[i];
        int in_comb = i < COMB_COLUMNS;
        point_double(sum, sum, digit != 0 || in_comb);
        if (digit != 0) {
            int negative = digit < 0;
            point_add(sum, sum, &odd_multiples[(negative ? -digit : digit) >> 1], negative,
                in_comb);
        }
        if (in_comb) {
            comb_add_column(sum, COMB_BASE, signs, 0, i, WITHOUT_T);
        }
    }
}
