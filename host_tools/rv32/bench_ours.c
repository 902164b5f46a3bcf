// shared/ed25519 for ed25519_bench.c.

#include "ed25519_bench.h"
#include "ed25519.c"

static u8 expanded[96];
static u8 signature[64];
static u32 table[ED25519_TABLE_BYTES / 4];

void bench_key(const uint8_t seed[32]) {
    ed25519_expand(expanded, seed);
}

void bench_sign(const uint8_t message[44]) {
    ed25519_sign(signature, expanded, message, 44);
}

int bench_verify(const uint8_t message[44]) {
    return ed25519_verify_prepared(table, expanded + 64, message, 44, signature);
}

int bench_verify_first(const uint8_t message[44]) {
    return ed25519_prepare(table, expanded + 64) && bench_verify(message);
}

int bench_verify_once(const uint8_t message[44]) {
    return ed25519_verify(expanded + 64, message, 44, signature);
}
