// Ed25519 (RFC 8032) with libsodium's acceptance of signatures. Plain C, no allocation.

#ifndef JOULESTREAM_ED25519_H
#define JOULESTREAM_ED25519_H

#include <stddef.h>
#include <stdint.h>

#define ED25519_SEED_BYTES 32
#define ED25519_PUBLIC_KEY_BYTES 32
#define ED25519_EXPANDED_BYTES 96
#define ED25519_SIGNATURE_BYTES 64
#define ED25519_TABLE_BYTES 6144

// What a shared library built with -fvisibility=hidden exports.
#if defined(__GNUC__)
#define ED25519_API __attribute__((visibility("default")))
#else
#define ED25519_API
#endif

// Write the public key of a 32-byte seed. Constant time.
ED25519_API void ed25519_public_key(uint8_t public_key[32], const uint8_t seed[32]);

// Write the expanded key of a 32-byte seed: clamped scalar | prefix | public key. Constant time.
//
// Callers treat it as opaque. It carries its own public key because signing one message under
// two public keys reveals the scalar: no caller can hand in another one.
ED25519_API void ed25519_expand(uint8_t expanded[96], const uint8_t seed[32]);

// Write the 64-byte signature R | S of a message. Constant time in the key.
//
// message may be NULL when message_size (bytes) is 0; signature may overlap any input.
ED25519_API void ed25519_sign(uint8_t signature[64], const uint8_t expanded[96],
    const uint8_t *message, size_t message_size);

// Return 1 if the signature is good, else 0. Variable time: every input is public.
//
// Good means exactly what libsodium's crypto_sign_verify_detached accepts: S < L; A and R
// canonical and not of small order; R equal, byte for byte, to the encoding of sB - hA with h
// reduced modulo L. Monocypher's own check multiplies by the cofactor and takes more.
ED25519_API int ed25519_verify(const uint8_t public_key[32], const uint8_t *message,
    size_t message_size, const uint8_t signature[64]);

// Fill a table of a public key, for ed25519_verify_prepared. Return 1, or 0 if no signature can be
// good under that key. Variable time.
//
// table is ED25519_TABLE_BYTES long and aligned for uint32_t.
ED25519_API int ed25519_prepare(void *table, const uint8_t public_key[32]);

// Return what ed25519_verify returns, in a third of its time. Variable time.
//
// table was filled from the same public_key by an ed25519_prepare that returned 1.
ED25519_API int ed25519_verify_prepared(const void *table, const uint8_t public_key[32],
    const uint8_t *message, size_t message_size, const uint8_t signature[64]);

#endif
