// The functions of the MicroPython module `_ed25519`, which has the name of its largest part: it
// holds all native code (shared/native/binding.c). natmod.c includes this file for a native
// module, usermod.c for a user C module.
//
// The functions take any bytes-like object, check its length, and never keep it. With a last
// argument `out`, the result goes into that buffer, and nothing is allocated on the heap.
// shared/stubs/_ed25519.pyi repeats the signatures for type checkers.
//
// The including file defines BINDING_RAISE(type, text). The text is not always a literal.

// Monocypher defines both again, with the same meaning.
#undef MIN
#undef MAX
#include "ed25519.c"

// Find the memory of a bytes-like object, or raise TypeError. MicroPython gives a str a buffer,
// CPython does not. A str is refused, so that both runtimes behave alike.
static void get_buffer(mp_obj_t object, mp_buffer_info_t *info, mp_uint_t flags) {
    if (mp_obj_get_type(object) == &mp_type_str || !mp_get_buffer(object, info, flags)) {
        BINDING_RAISE(TypeError, flags == MP_BUFFER_READ ? "a bytes-like object is required"
            : "out must be a writable bytes-like object");
    }
}

// Find the memory of a bytes-like object of `size` bytes. Raise ValueError(error) for another size.
static uint8_t *get_exact(mp_obj_t object, size_t size, mp_uint_t flags, const char *error) {
    mp_buffer_info_t info;
    get_buffer(object, &info, flags);
    if (info.len != size) {
        BINDING_RAISE(ValueError, error);
    }
    return info.buf;
}

static const uint8_t *get_seed(mp_obj_t object) {
    return get_exact(object, ED25519_SEED_BYTES, MP_BUFFER_READ, "seed must be 32 bytes");
}

// public_key(seed) -> 32 bytes
static mp_obj_t public_key(mp_obj_t seed) {
    uint8_t result[ED25519_PUBLIC_KEY_BYTES];
    ed25519_public_key(result, get_seed(seed));
    return mp_obj_new_bytes(result, sizeof(result));
}
static MP_DEFINE_CONST_FUN_OBJ_1(public_key_obj, public_key);

// expand(seed) -> 96 bytes; expand(seed, out) -> out
static mp_obj_t expand(size_t n_args, const mp_obj_t *args) {
    const uint8_t *seed = get_seed(args[0]);
    if (n_args == 2) {
        ed25519_expand(get_exact(args[1], ED25519_EXPANDED_BYTES, MP_BUFFER_RW,
            "out must be 96 bytes"), seed);
        return args[1];
    }
    uint8_t result[ED25519_EXPANDED_BYTES];
    ed25519_expand(result, seed);
    mp_obj_t object = mp_obj_new_bytes(result, sizeof(result));
    crypto_wipe(result, sizeof(result));
    return object;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(expand_obj, 1, 2, expand);

// sign(expanded, message) -> 64 bytes; sign(expanded, message, out) -> out
static mp_obj_t sign(size_t n_args, const mp_obj_t *args) {
    const uint8_t *expanded = get_exact(args[0], ED25519_EXPANDED_BYTES, MP_BUFFER_READ,
        "expanded key must be 96 bytes");
    mp_buffer_info_t message;
    get_buffer(args[1], &message, MP_BUFFER_READ);
    if (n_args == 3) {
        ed25519_sign(get_exact(args[2], ED25519_SIGNATURE_BYTES, MP_BUFFER_RW,
            "out must be 64 bytes"), expanded, message.buf, message.len);
        return args[2];
    }
    uint8_t result[ED25519_SIGNATURE_BYTES];
    ed25519_sign(result, expanded, message.buf, message.len);
    return mp_obj_new_bytes(result, sizeof(result));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(sign_obj, 2, 3, sign);

// verify(public_key, message, signature) -> bool
static mp_obj_t verify(mp_obj_t key, mp_obj_t message, mp_obj_t signature) {
    const uint8_t *a = get_exact(key, ED25519_PUBLIC_KEY_BYTES, MP_BUFFER_READ,
        "public key must be 32 bytes");
    mp_buffer_info_t m;
    get_buffer(message, &m, MP_BUFFER_READ);
    const uint8_t *rs = get_exact(signature, ED25519_SIGNATURE_BYTES, MP_BUFFER_READ,
        "signature must be 64 bytes");
    return mp_obj_new_bool(ed25519_verify(a, m.buf, m.len, rs));
}
static MP_DEFINE_CONST_FUN_OBJ_3(verify_obj, verify);

// Find the memory of a verifier's table, which must be aligned for 32-bit words.
static void *get_table(mp_obj_t object, mp_uint_t flags) {
    uint8_t *table = get_exact(object, ED25519_TABLE_BYTES, flags, "table must be 6144 bytes");
    if ((uintptr_t)table % sizeof(uint32_t) != 0) {
        BINDING_RAISE(ValueError, "table must be aligned to 4 bytes");
    }
    return table;
}

// prepare(public_key, table) -> bool
static mp_obj_t prepare(mp_obj_t key, mp_obj_t table) {
    const uint8_t *a = get_exact(key, ED25519_PUBLIC_KEY_BYTES, MP_BUFFER_READ,
        "public key must be 32 bytes");
    return mp_obj_new_bool(ed25519_prepare(get_table(table, MP_BUFFER_RW), a));
}
static MP_DEFINE_CONST_FUN_OBJ_2(prepare_obj, prepare);

// verify_prepared(table, public_key, message, signature) -> bool
static mp_obj_t verify_prepared(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const void *table = get_table(args[0], MP_BUFFER_READ);
    const uint8_t *a = get_exact(args[1], ED25519_PUBLIC_KEY_BYTES, MP_BUFFER_READ,
        "public key must be 32 bytes");
    mp_buffer_info_t m;
    get_buffer(args[2], &m, MP_BUFFER_READ);
    const uint8_t *rs = get_exact(args[3], ED25519_SIGNATURE_BYTES, MP_BUFFER_READ,
        "signature must be 64 bytes");
    return mp_obj_new_bool(ed25519_verify_prepared(table, a, m.buf, m.len, rs));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(verify_prepared_obj, 4, 4, verify_prepared);

#include "../native/binding.c"
