// No implementation. The size of this program is subtracted from the size of the others: it is the
// size of ed25519_bench.c itself.

#include "ed25519_bench.h"

void bench_key(const uint8_t seed[32]) {
    (void)seed;
}

void bench_sign(const uint8_t message[44]) {
    (void)message;
}

int bench_verify(const uint8_t message[44]) {
    return message != 0;
}

int bench_verify_first(const uint8_t message[44]) {
    return message != 0;
}

int bench_verify_once(const uint8_t message[44]) {
    return message != 0;
}
