// The functions that ed25519_bench.c measures in each implementation.

#include <stdint.h>

// Key of the 32-byte seed, kept expanded; then a signature of the message, kept for the rest.
void bench_key(const uint8_t seed[32]);
void bench_sign(const uint8_t message[44]);

// Verify that signature: under a key met before, under a new key with what is kept for it, and
// under a new key once. Each returns 1 if it is good.
int bench_verify(const uint8_t message[44]);
int bench_verify_first(const uint8_t message[44]);
int bench_verify_once(const uint8_t message[44]);
