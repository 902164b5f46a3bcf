// The module `_ed25519` as a native module: an .mpy file that an unchanged MicroPython loads into
// RAM.

#include "py/dynruntime.h"

// The compiler may turn loops and initialisers into calls of memset and memcpy. A native module has
// no libc, so both are here, on top of MicroPython's table of functions.
void *memset(void *s, int c, size_t n) __attribute__((externally_visible, used));
void *memcpy(void *dest, const void *src, size_t n) __attribute__((externally_visible, used));

void *memset(void *s, int c, size_t n) {
    return mp_fun_table.memset_(s, c, n);
}

void *memcpy(void *dest, const void *src, size_t n) {
    return mp_fun_table.memmove_(dest, src, n);
}

#include "muldi3.c"

#define BINDING_RAISE(type, text) mp_raise_msg(&mp_type_##type, text)
#include "binding.c"

__attribute__((externally_visible))
mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    (void)n_args;
    (void)n_kw;
    (void)args;
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_BINDING, MP_OBJ_NEW_SMALL_INT(ED25519_BINDING));
    mp_store_global(MP_QSTR_public_key, MP_OBJ_FROM_PTR(&public_key_obj));
    mp_store_global(MP_QSTR_expand, MP_OBJ_FROM_PTR(&expand_obj));
    mp_store_global(MP_QSTR_sign, MP_OBJ_FROM_PTR(&sign_obj));
    mp_store_global(MP_QSTR_verify, MP_OBJ_FROM_PTR(&verify_obj));
    mp_store_global(MP_QSTR_prepare, MP_OBJ_FROM_PTR(&prepare_obj));
    mp_store_global(MP_QSTR_verify_prepared, MP_OBJ_FROM_PTR(&verify_prepared_obj));
    MP_DYNRUNTIME_INIT_EXIT
}
