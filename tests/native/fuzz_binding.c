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
#include "../native/crc.c"
#include "../native/frames.c"

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

// Feed bytes to a decoder, whose memory holds bytes of the input too, and send a payload through a
// frame. The payload lies in memory of exactly its size, or in the frame's own memory.
static void frames(u8 kind, const uint8_t *data, size_t size) {
    u8 *memory = kind & 8 ? take(&data, &size, FRAME_MEMORY) : calloc(1, FRAME_MEMORY);
    size_t count = size, taken;
    u8 *bytes = take(&data, &size, count);
    for (size_t at = 0; at < count; at += taken) {
        int found = native_frame_feed(memory, bytes + at, count - at, &taken);
        check(taken > 0 && found >= 0 && found <= FRAME_OVERSIZED);
    }
    native_crc16(bytes, count);
    size_t length = count < FRAME_PAYLOAD ? count : FRAME_PAYLOAD;
    u8 *out = malloc(FRAME_SIZE);
    u8 *payload = kind & 16 ? bytes : out + kind % (FRAME_SIZE - length + 1);
    memmove(payload, bytes, length);
    size_t frame = native_frame_encode(out, payload, length);
    check(frame <= FRAME_SIZE && memchr(out, 0, frame) == out + frame - 1);
    memset(memory, 0, FRAME_MEMORY);
    int found = native_frame_feed(memory, out, frame, &taken);
    check(taken == frame && found == (length ? (int)length : FRAME_BAD_COBS));
    check(memcmp(memory + 3, bytes, length) == 0);
    free(memory);
    free(bytes);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    u8 kind = *data++;
    size--;
    if (kind & 4) {
        frames(kind, data, size);
        return 0;
    }
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
    static uint8_t input[1000];
    while (count-- > 0) {
        for (size_t i = 0; i < sizeof(input); i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            input[i] = (uint8_t)(state >> 56);
        }
        // Half of the inputs have a run of special bytes, for encodings near p, near L and near 0.
        if (input[999] < 128) {
            memset(input + 1 + input[998] % 96, input[997] & 1 ? 0xff : 0, input[996] % 32);
        }
        LLVMFuzzerTestOneInput(input, input[995] < 64 ? input[994] : sizeof(input) - 6);
    }
    return 0;
}

int main(int argc, char **argv) {
    static uint8_t input[4096]; // longer than a frame
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
