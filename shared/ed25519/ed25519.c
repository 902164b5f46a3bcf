// Ed25519 on Monocypher's field, group and scalar arithmetic.
//
// Monocypher's source is included, not linked: its internals are static, and one translation
// unit lets the compiler drop the three quarters of it that Ed25519 does not use.

#include "ed25519.h"
#include "monocypher.c"
#include "sha512.c"

// SHA-512(a | b | c) modulo L. Wipes what it leaves behind, as a may be a secret prefix.
static void hash_mod_l(u8 h[32], const u8 *a, size_t a_size, const u8 *b, size_t b_size,
    const u8 *c, size_t c_size) {
    sha512_ctx ctx;
    u8 digest[64];
    sha512_init(&ctx);
    sha512_update(&ctx, a, a_size);
    sha512_update(&ctx, b, b_size);
    sha512_update(&ctx, c, c_size);
    sha512_final(&ctx, digest);
    crypto_eddsa_reduce(h, digest);
    WIPE_CTX(&ctx);
    WIPE_BUFFER(digest);
}

void ed25519_expand(uint8_t expanded[96], const uint8_t seed[32]) {
    sha512_ctx ctx;
    sha512_init(&ctx);
    sha512_update(&ctx, seed, 32);
    sha512_final(&ctx, expanded);
    crypto_eddsa_trim_scalar(expanded, expanded);
    crypto_eddsa_scalarbase(expanded + 64, expanded);
    WIPE_CTX(&ctx);
}

void ed25519_public_key(uint8_t public_key[32], const uint8_t seed[32]) {
    u8 expanded[96];
    ed25519_expand(expanded, seed);
    COPY(public_key, expanded + 64, 32);
    WIPE_BUFFER(expanded);
}

void ed25519_sign(uint8_t signature[64], const uint8_t expanded[96], const uint8_t *message,
    size_t message_size) {
    const u8 *scalar = expanded;
    const u8 *prefix = expanded + 32;
    const u8 *public_key = expanded + 64;
    u8 nonce[32];
    u8 h[32];
    u8 out[64]; // so that signature may overlap the inputs
    hash_mod_l(nonce, prefix, 32, message, message_size, NULL, 0);
    crypto_eddsa_scalarbase(out, nonce);
    hash_mod_l(h, out, 32, public_key, 32, message, message_size);
    crypto_eddsa_mul_add(out + 32, h, scalar, nonce);
    COPY(signature, out, 64);
    WIPE_BUFFER(nonce);
}

// Tell whether y, the low 255 bits of an encoding, is below p = 2^255 - 19.
static int is_canonical(const u8 encoding[32]) {
    int all_ones = (encoding[31] & 0x7f) == 0x7f;
    for (int i = 1; i < 31; i++) {
        all_ones &= encoding[i] == 0xff;
    }
    return !all_ones || encoding[0] < 0xed;
}

// Tell whether a canonical encoding is that of a point of order 1, 2, 4 or 8. Those eight points
// have only five y between them, and no other point shares one, so the sign of x is ignored.
// This also refuses the encodings of "x = -0", which exist for y = 1 and y = -1 alone.
static int has_small_order(const u8 encoding[32]) {
    static const u8 small_order_y[5][32] = {
        {0x01},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0x00},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    };
    for (int i = 0; i < 5; i++) {
        u8 difference = (encoding[31] ^ small_order_y[i][31]) & 0x7f;
        for (int j = 0; j < 31; j++) {
            difference |= encoding[j] ^ small_order_y[i][j];
        }
        if (difference == 0) {
            return 1;
        }
    }
    return 0;
}

// sum = [s]B + [h]P for scalars below L, taken as the integers they are: adding a multiple of L
// to h would change the result for a P with a part of small order. Variable time.
static void double_scalarmult(ge *sum, const u8 s[32], const u8 h[32], const ge *p) {
    ge_cached odd_multiples[P_W_SIZE]; // P, 3P, ...
    ge twice, tmp;
    ge_double(&twice, p, &tmp);
    ge_cache(&odd_multiples[0], p);
    for (int i = 1; i < P_W_SIZE; i++) {
        ge_add(&tmp, &twice, &odd_multiples[i - 1]);
        ge_cache(&odd_multiples[i], &tmp);
    }

    slide_ctx s_slide, h_slide;
    slide_init(&s_slide, s);
    slide_init(&h_slide, h);
    ge_zero(sum);
    for (int i = MAX(s_slide.next_check, h_slide.next_check); i >= 0; i--) {
        fe a, b;
        ge_double(sum, sum, &tmp);
        int h_digit = slide_step(&h_slide, P_W_WIDTH, i, h);
        int s_digit = slide_step(&s_slide, B_W_WIDTH, i, s);
        if (h_digit > 0) {
            ge_add(sum, sum, &odd_multiples[h_digit / 2]);
        } else if (h_digit < 0) {
            ge_sub(sum, sum, &odd_multiples[-h_digit / 2]);
        }
        if (s_digit > 0) {
            ge_madd(sum, sum, &b_window[s_digit / 2], a, b);
        } else if (s_digit < 0) {
            ge_msub(sum, sum, &b_window[-s_digit / 2], a, b);
        }
    }
}

int ed25519_verify(const uint8_t public_key[32], const uint8_t *message, size_t message_size,
    const uint8_t signature[64]) {
    const u8 *r = signature;
    const u8 *s = signature + 32;
    u32 s_words[8];
    ge minus_a, sum;
    u8 h[32];
    u8 expected[32];

    load32_le_buf(s_words, s, 8);
    if (is_above_l(s_words) || !is_canonical(public_key) || has_small_order(public_key)
        || ge_frombytes_neg_vartime(&minus_a, public_key) != 0) {
        return 0;
    }
    hash_mod_l(h, r, 32, public_key, 32, message, message_size);
    double_scalarmult(&sum, s, h, &minus_a);
    ge_tobytes(expected, &sum);
    // Equal to a canonical encoding, R needs no decoding and no check of its own but its order.
    return crypto_verify32(expected, r) == 0 && !has_small_order(r);
}
