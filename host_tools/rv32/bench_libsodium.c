// libsodium's ref10 for ed25519_bench.c. The functions that ref10 needs from the rest of libsodium
// are at the end, in their shortest form.

#include <string.h>

#include "ed25519_bench.h"
#include "crypto_sign_ed25519.h"
#include "crypto_verify_32.h"
#include "randombytes.h"
#include "utils.h"

static uint8_t secret[64];
static uint8_t public_key[32];
static uint8_t signature[64];

void bench_key(const uint8_t seed[32]) {
    crypto_sign_ed25519_seed_keypair(public_key, secret, seed);
}

void bench_sign(const uint8_t message[44]) {
    crypto_sign_ed25519_detached(signature, NULL, message, 44, secret);
}

int bench_verify(const uint8_t message[44]) {
    return crypto_sign_ed25519_verify_detached(signature, message, 44, public_key) == 0;
}

int bench_verify_first(const uint8_t message[44]) {
    return bench_verify(message);
}

int bench_verify_once(const uint8_t message[44]) {
    return bench_verify(message);
}

void sodium_memzero(void *const memory, const size_t size) {
    memset(memory, 0, size);
    __asm__ volatile ("" : : "r" (memory) : "memory");
}

int crypto_verify_32(const unsigned char *x, const unsigned char *y) {
    return memcmp(x, y, 32) ? -1 : 0;
}

int sodium_memcmp(const void *const a, const void *const b, size_t size) {
    return memcmp(a, b, size) ? -1 : 0;
}

int sodium_is_zero(const unsigned char *n, const size_t size) {
    unsigned char any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= n[i];
    }
    return any == 0;
}

void randombytes_buf(void *const memory, const size_t size) {
    memset(memory, 0, size);
}

void sodium_misuse(void) {
    for (;;) {
    }
}
