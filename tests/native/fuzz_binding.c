// The fuzz target of the C functions that every binding calls. The bytes of an input choose the
// functions and their arguments. With AddressSanitizer and UBSan the program ends at the first bad
// access. It aborts if the two functions that verify give different answers.
//
// The inputs come from files, as from AFL or from a libFuzzer reproducer, or from a generator:
//   fuzz_binding FILE ...
//   fuzz_binding --random SEED COUNT

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOULESTREAM_ED25519_CHECK
#include "ed25519.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Copy the next bytes of the input into memory of exactly that size, so that AddressSanitizer sees
// an overrun. If the input is too short, the other bytes are zero.
static u8 *take(const uint8_t **data, size_t *size, size_t count) {
    u8 *memory = malloc(count ? count : 1);
    size_t have = count < *size ? count : *size;
    memset(memory, 0, count);
    if (have) {
        memcpy(memory, *data, have);
    }
    *data += have;
    *size -= have;
    return memory;
}

static void check(int condition) {
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    u8 kind = *data++;
    size--;
    u8 *first = take(&data, &size, 32);
    u8 *second = take(&data, &size, 64);
    size_t message_size = size < 300 ? size : 300;
    u8 *message = take(&data, &size, message_size);
    u8 *table = malloc(ED25519_TABLE_BYTES);
    u8 *expanded = malloc(96);
    u8 *signature = malloc(64);
    u8 public_key[32];
    if (kind & 1) {
        // first is a seed. second is added to its signature by XOR, if bit 1 of kind is set.
        ed25519_expand(expanded, first);
        ed25519_public_key(public_key, first);
        check(memcmp(public_key, expanded + 64, 32) == 0);
        ed25519_sign(signature, expanded, message, message_size);
        check(ed25519_verify(public_key, message, message_size, signature));
        int changed = 0;
        for (int i = 0; kind & 2 && i < 64; i++) {
            signature[i] ^= second[i];
            changed |= second[i];
        }
        check(ed25519_prepare(table, public_key));
        int good = ed25519_verify_prepared(table, public_key, message, message_size, signature);
        check(good == ed25519_verify(public_key, message, message_size, signature));
        check(good == !changed);
    } else {
        // first is a public key and second a signature, both of arbitrary bytes.
        int good = ed25519_verify(first, message, message_size, second);
        if (ed25519_prepare(table, first)) {
            check(good == ed25519_verify_prepared(table, first, message, message_size, second));
        } else {
            check(!good);
        }
    }
    free(first);
    free(second);
    free(message);
    free(table);
    free(expanded);
    free(signature);
    return 0;
}

#ifndef FUZZ_NO_MAIN
static int random_inputs(u64 state, long count) {
    uint8_t input[400];
    while (count-- > 0) {
        for (size_t i = 0; i < sizeof(input); i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            input[i] = (uint8_t)(state >> 56);
        }
        // Half of the inputs have a run of special bytes, for encodings near p, near L and near 0.
        if (input[399] < 128) {
            memset(input + 1 + input[398] % 96, input[397] & 1 ? 0xff : 0, input[396] % 32);
        }
        LLVMFuzzerTestOneInput(input, input[395] < 64 ? input[394] : sizeof(input) - 6);
    }
    return 0;
}

int main(int argc, char **argv) {
    static uint8_t input[4096];
    if (argc == 4 && strcmp(argv[1], "--random") == 0) {
        return random_inputs(strtoull(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
    }
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            perror(argv[i]);
            return 1;
        }
        size_t size = fread(input, 1, sizeof(input), file);
        fclose(file);
        LLVMFuzzerTestOneInput(input, size);
    }
    return 0;
}
#endif
