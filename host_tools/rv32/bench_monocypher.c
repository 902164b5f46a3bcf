// Monocypher for ed25519_bench.c. monocypher.c has no SHA-512, so it uses that of shared/ed25519.

#include "ed25519_bench.h"
#include "monocypher.c"
#include "sha512.c"

static u8 expanded[96];
static u8 signature[64];

static void hash(u8 h[32], const u8 *a, const u8 *b, size_t b_size, const u8 *message) {
    sha512_ctx ctx;
    u8 digest[64];
    sha512_init(&ctx);
    sha512_update(&ctx, a, 32);
    sha512_update(&ctx, b, b_size);
    sha512_update(&ctx, message, 44);
    sha512_final(&ctx, digest);
    crypto_eddsa_reduce(h, digest);
}

void bench_key(const uint8_t seed[32]) {
    sha512_ctx ctx;
    sha512_init(&ctx);
    sha512_update(&ctx, seed, 32);
    sha512_final(&ctx, expanded);
    crypto_eddsa_trim_scalar(expanded, expanded);
    crypto_eddsa_scalarbase(expanded + 64, expanded);
}

void bench_sign(const uint8_t message[44]) {
    u8 nonce[32], h[32];
    hash(nonce, expanded + 32, NULL, 0, message);
    crypto_eddsa_scalarbase(signature, nonce);
    hash(h, signature, expanded + 64, 32, message);
    crypto_eddsa_mul_add(signature + 32, h, expanded, nonce);
}

int bench_verify(const uint8_t message[44]) {
    u8 h[32];
    hash(h, signature, expanded + 64, 32, message);
    return crypto_eddsa_check_equation(signature, expanded + 64, h) == 0;
}

int bench_verify_first(const uint8_t message[44]) {
    return bench_verify(message);
}

int bench_verify_once(const uint8_t message[44]) {
    return bench_verify(message);
}
