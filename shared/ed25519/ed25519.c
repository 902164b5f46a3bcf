// Ed25519 (RFC 8032). The field, the group and the comb are our own; the arithmetic modulo L is
// Monocypher's.
//
// The sources are included, not linked. Monocypher's internal functions are static, so another
// translation unit could not call them. In one translation unit the compiler drops the nine tenths
// of Monocypher that nothing here calls. docs/ed25519.md says why its field and group are not used.

#include "ed25519.h"

#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif
#include "monocypher.c"
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif

#include "sha512.c"
#include "field25519.c"
#include "safegcd.c"
#include "comb.c"
#include "straus.c"

// h = SHA-512(a | b | c) modulo L. The function wipes its context and the digest: a may be a
// secret prefix.
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

// Write the encoding of k B for a secret k below 2^255 + L, in constant time.
static void encode_multiple_of_base(u8 encoding[32], const u8 k[32]) {
    u32 odd[8];
    point product;
    load32_le_buf(odd, k, 8);
    comb_make_odd(odd);
    comb_base_secret(&product, odd);
    point_encode(encoding, &product, SECRET);
    WIPE_BUFFER(odd);
    WIPE_CTX(&product);
}

int ed25519_binding(void) {
    return ED25519_BINDING;
}

void ed25519_expand(uint8_t expanded[96], const uint8_t seed[32]) {
    sha512_ctx ctx;
    sha512_init(&ctx);
    sha512_update(&ctx, seed, 32);
    sha512_final(&ctx, expanded);
    crypto_eddsa_trim_scalar(expanded, expanded);
    encode_multiple_of_base(expanded + 64, expanded);
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
    u8 out[64]; // signature may overlap the inputs, which are read to the end
    hash_mod_l(nonce, prefix, 32, message, message_size, NULL, 0);
    encode_multiple_of_base(out, nonce);
    hash_mod_l(h, out, 32, public_key, 32, message, message_size);
    crypto_eddsa_mul_add(out + 32, h, scalar, nonce);
    COPY(signature, out, 64);
    WIPE_BUFFER(nonce);
}

// Return whether y, the low 255 bits of an encoding, is below p = 2^255 - 19.
static int is_canonical(const u8 encoding[32]) {
    int all_ones = (encoding[31] & 0x7f) == 0x7f;
    for (int i = 1; i < 31; i++) {
        all_ones &= encoding[i] == 0xff;
    }
    return !all_ones || encoding[0] < 0xed;
}

// Return whether a canonical encoding is that of a point of order 1, 2, 4 or 8.
//
// Those eight points have five values of y. No other point has one of these values, so the sign of
// x is ignored. This check also refuses the encodings of "x = -0": only y = 1 and y = -1 have one.
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

// Read a public key and negate its point. Return 0 if libsodium does not accept the key.
static int decode_key(point *minus_a, const u8 encoding[32]) {
    if (!is_canonical(encoding) || has_small_order(encoding) || !point_decode(minus_a, encoding)) {
        return 0;
    }
    point_negate(minus_a);
    return 1;
}

// Read S of a signature as eight words. Return 0 if S is not below L.
static int decode_s(u32 s[8], const u8 signature[64]) {
    load32_le_buf(s, signature + 32, 8);
    return !is_above_l(s);
}

// h = SHA-512(R | public key | message) modulo L, as eight words.
static void hash_signed(u32 h[8], const u8 signature[64], const u8 public_key[32],
    const u8 *message, size_t message_size) {
    u8 bytes[32];
    hash_mod_l(bytes, signature, 32, public_key, 32, message, message_size);
    load32_le_buf(h, bytes, 8);
}

// Return whether the encoding of a point is the R of a signature, and R is not of small order.
//
// point_encode writes canonical encodings only. An R that equals one is canonical itself, so it is
// never decoded.
static int is_r(const point *sum, const u8 signature[64]) {
    u8 expected[32];
    u8 difference = 0;
    point_encode(expected, sum, PUBLIC);
    for (int i = 0; i < 32; i++) {
        difference |= expected[i] ^ signature[i];
    }
    return difference == 0 && !has_small_order(signature);
}

int ed25519_verify(const uint8_t public_key[32], const uint8_t *message, size_t message_size,
    const uint8_t signature[64]) {
    point minus_a, sum;
    u32 s[8], h[8];
    if (!decode_s(s, signature) || !decode_key(&minus_a, public_key)) {
        return 0;
    }
    hash_signed(h, signature, public_key, message, message_size);
    straus_base_and_point(&sum, s, h, &minus_a);
    return is_r(&sum, signature);
}

int ed25519_prepare(void *table, const uint8_t public_key[32]) {
    point minus_a;
    if (!decode_key(&minus_a, public_key)) {
        return 0;
    }
    comb_build((point_affine *)table, &minus_a);
    return 1;
}

int ed25519_verify_prepared(const void *table, const uint8_t public_key[32],
    const uint8_t *message, size_t message_size, const uint8_t signature[64]) {
    point sum;
    u32 s[8], h[8];
    if (!decode_s(s, signature)) {
        return 0;
    }
    hash_signed(h, signature, public_key, message, message_size);
    comb_base_and_point(&sum, s, h, (const point_affine *)table);
    return is_r(&sum, signature);
}
