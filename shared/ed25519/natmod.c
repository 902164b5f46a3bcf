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

// Each in one place, as a type costs a search by name.
static NORETURN __attribute__((noinline)) void raise_TypeError(const char *text) {
    mp_raise_msg(&mp_type_TypeError, text);
}

static NORETURN __attribute__((noinline)) void raise_ValueError(const char *text) {
    mp_raise_msg(&mp_type_ValueError, text);
}

#define BINDING_RAISE(type, text) raise_##type(text)
#define BINDING_INT_TYPE mp_load_global(MP_QSTR_int)
#define BINDING_TUPLE_TYPE (&mp_type_tuple)

// The number of an interned string, in the form of object that this module is compiled for
// (MICROPY_OBJ_REPR_A); mpy_init refuses a MicroPython with another one.
#define INTERNED(name) ((qstr)((mp_uint_t)(name) >> 3))

// A name in the code of a module is interned, most of the time. The attribute of any other name goes
// through the built-in functions.
static mp_obj_t binding_load(mp_obj_t object, mp_obj_t name) {
    if (mp_obj_is_qstr(name)) {
        return mp_load_attr(object, INTERNED(name));
    }
    mp_obj_t args[2] = { object, name };
    return mp_call_function_n_kw(mp_load_global(MP_QSTR_getattr), 2, 0, args);
}

static void binding_store(mp_obj_t object, mp_obj_t name, mp_obj_t value) {
    if (mp_obj_is_qstr(name)) {
        mp_store_attr(object, INTERNED(name), value);
        return;
    }
    mp_obj_t args[3] = { object, name, value };
    mp_call_function_n_kw(mp_load_global(MP_QSTR_setattr), 3, 0, args);
}

#include "binding.c"

__attribute__((externally_visible))
mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    (void)n_args;
    (void)n_kw;
    (void)args;
    MP_DYNRUNTIME_INIT_ENTRY
    if (INTERNED(MP_OBJ_NEW_QSTR(MP_QSTR_crc16)) != MP_QSTR_crc16) {
        mp_raise_msg(&mp_type_RuntimeError,
            "_ed25519 is made for MicroPythons with objects of form A (MICROPY_OBJ_REPR)");
    }
    mp_store_global(MP_QSTR_BINDING, MP_OBJ_NEW_SMALL_INT(ED25519_BINDING));
    mp_store_global(MP_QSTR_public_key, MP_OBJ_FROM_PTR(&public_key_obj));
    mp_store_global(MP_QSTR_expand, MP_OBJ_FROM_PTR(&expand_obj));
    mp_store_global(MP_QSTR_sign, MP_OBJ_FROM_PTR(&sign_obj));
    mp_store_global(MP_QSTR_verify, MP_OBJ_FROM_PTR(&verify_obj));
    mp_store_global(MP_QSTR_prepare, MP_OBJ_FROM_PTR(&prepare_obj));
    mp_store_global(MP_QSTR_verify_prepared, MP_OBJ_FROM_PTR(&verify_prepared_obj));
    mp_store_global(MP_QSTR_crc16, MP_OBJ_FROM_PTR(&crc16_obj));
    mp_store_global(MP_QSTR_frame_encode, MP_OBJ_FROM_PTR(&frame_encode_obj));
    mp_store_global(MP_QSTR_frame_feed, MP_OBJ_FROM_PTR(&frame_feed_obj));
    mp_store_global(MP_QSTR_journal_record, MP_OBJ_FROM_PTR(&journal_record_obj));
    mp_store_global(MP_QSTR_ticks_diff, MP_OBJ_FROM_PTR(&ticks_diff_obj));
    mp_store_global(MP_QSTR_ticks_add, MP_OBJ_FROM_PTR(&ticks_add_obj));
    mp_store_global(MP_QSTR_small_int, MP_OBJ_FROM_PTR(&small_int_obj));
    mp_store_global(MP_QSTR_write_fields, MP_OBJ_FROM_PTR(&write_fields_obj));
    mp_store_global(MP_QSTR_read_fields, MP_OBJ_FROM_PTR(&read_fields_obj));
    MP_DYNRUNTIME_INIT_EXIT
}
