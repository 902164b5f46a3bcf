// Signs with a seed that valgrind treats as undefined memory. Valgrind then reports every branch
// and every address that depends on the seed. The outputs R, S and the public key are public: the
// program declares them defined again.
//
// Run it under `valgrind --error-exitcode=1`. With the argument "leak" the program branches on the
// expanded key, to show that the check can fail.

#include <stdio.h>
#include <valgrind/memcheck.h>

#include "ed25519.c"

int main(int argc, char **argv) {
    u8 seed[32], expanded[96], signature[64], message[300];
    (void)argv;
    for (int i = 0; i < 32; i++) {
        seed[i] = (u8)(37 * i + 11);
    }
    for (int i = 0; i < 300; i++) {
        message[i] = (u8)i;
    }
    VALGRIND_MAKE_MEM_UNDEFINED(seed, sizeof(seed));
    ed25519_expand(expanded, seed);
    // The public key is no secret, and neither are values that depend on it alone.
    VALGRIND_MAKE_MEM_DEFINED(expanded + 64, 32);
    for (size_t size = 0; size <= sizeof(message); size += 60) {
        ed25519_sign(signature, expanded, message, size);
        VALGRIND_MAKE_MEM_DEFINED(signature, sizeof(signature));
        if (!ed25519_verify(expanded + 64, message, size, signature)) {
            return 2;
        }
    }
    if (argc > 1 && expanded[0] & 8) {
        puts("leak");
    }
    return 0;
}
