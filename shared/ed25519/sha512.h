// SHA-512 (FIPS 180-4), incremental. All secrets are in the context; the caller wipes it after use.

#ifndef JOULESTREAM_SHA512_H
#define JOULESTREAM_SHA512_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t hash[8];  // chaining value
    uint64_t work[24]; // the last values of a and e, newest first; see sha512_compress
    uint64_t w[32];    // the message block in its first 128 bytes, then the message schedule
    uint64_t size;     // bytes absorbed
} sha512_ctx;

// Prepare ctx for a new message.
void sha512_init(sha512_ctx *ctx);

// Absorb size bytes; data may be NULL when size is 0.
void sha512_update(sha512_ctx *ctx, const uint8_t *data, size_t size);

// Write the 64-byte digest. ctx holds secrets until the caller wipes it, and cannot absorb more.
void sha512_final(sha512_ctx *ctx, uint8_t digest[64]);

#endif
