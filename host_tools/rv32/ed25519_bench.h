// The functions that ed25519_bench.c measures. Each bench_*.c implements them with one library.

#include <stdint.h>

// Expand the key of a 32-byte seed and keep it for the other functions.
void bench_key(const uint8_t seed[32]);

// Sign a message and keep the signature for the functions that verify.
void bench_sign(const uint8_t message[44]);

// Verify the signature that was kept. Each function returns 1 if it is good. The public key is
//   one with a table that was made before (bench_verify),
//   a new one, and its table is made first (bench_verify_first),
//   a new one, and no table is made (bench_verify_once).
int bench_verify(const uint8_t message[44]);
int bench_verify_first(const uint8_t message[44]);
int bench_verify_once(const uint8_t message[44]);
