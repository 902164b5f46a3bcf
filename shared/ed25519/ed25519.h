// Ed25519 (RFC 8032). A signature is accepted exactly if libsodium accepts it. Plain C99 that
// allocates no memory.

#ifndef JOULESTREAM_ED25519_H
#define JOULESTREAM_ED25519_H

#include <stddef.h>
#include <stdint.h>

// The version of the functions that Python calls. shared/joulestream/native.py expects the same.
#define ED25519_BINDING 2

#define ED25519_SEED_BYTES 32
#define ED25519_PUBLIC_KEY_BYTES 32
#define ED25519_EXPANDED_BYTES 96
#define ED25519_SIGNATURE_BYTES 64
#define ED25519_TABLE_BYTES 6144

// Marks the functions that a shared library exports when it is built with -fvisibility=hidden.
#if defined(__GNUC__)
#define ED25519_API __attribute__((visibility("default")))
#else
#define ED25519_API
#endif

// Return ED25519_BINDING.
ED25519_API int ed25519_binding(void);

// Write the public key of a 32-byte seed. Constant time.
ED25519_API void ed25519_public_key(uint8_t public_key[32], const uint8_t seed[32]);

// Write the expanded key of a 32-byte seed: clamped scalar | prefix | public key. Constant time.
//
// The expanded key is opaque to callers. It includes the public key, so that no caller can pass
// another one to ed25519_sign: signing one message under two public keys reveals the scalar.
ED25519_API void ed25519_expand(uint8_t expanded[96], const uint8_t seed[32]);

// Write the 64-byte signature R | S of a message. Constant time in the key.
//
// message_size is in bytes. message may be NULL when message_size is 0. signature may overlap any
// input.
ED25519_API void ed25519_sign(uint8_t signature[64], const uint8_t expanded[96],
    const uint8_t *message, size_t message_size);

// Return 1 if the signature (R, S) is good under the public key A, else 0. Variable time: every
// input is public.
//
// A signature is good exactly if libsodium's crypto_sign_verify_detached accepts it:
//   S < L;
//   A and R are canonical encodings of points that are not of small order;
//   R equals the encoding of S B - h A byte for byte, with h = SHA-512(R | A | message) modulo L.
// Monocypher's own check multiplies both sides by the cofactor 8, so it accepts more signatures.
ED25519_API int ed25519_verify(const uint8_t public_key[32], const uint8_t *message,
    size_t message_size, const uint8_t signature[64]);

// Fill a public key's table for ed25519_verify_prepared. Variable time.
//
// Return 1, or 0 if no signature can be good under that key; the table cannot be used then. table
// is ED25519_TABLE_BYTES long and aligned for uint32_t.
ED25519_API int ed25519_prepare(void *table, const uint8_t public_key[32]);

// Return the result of ed25519_verify in a third of its time. Variable time.
//
// ed25519_prepare must have filled table from the same public_key and returned 1.
ED25519_API int ed25519_verify_prepared(const void *table, const uint8_t public_key[32],
    const uint8_t *message, size_t message_size, const uint8_t signature[64]);

#endif
