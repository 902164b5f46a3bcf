// The module `_ed25519` as a user C module. It is linked into a firmware and runs from flash.

#include "py/obj.h"
#include "py/runtime.h"

#define BINDING_RAISE(type, text) \
    mp_raise_msg_varg(&mp_type_##type, MP_ERROR_TEXT("%s"), text)
#define BINDING_INT_TYPE MP_OBJ_FROM_PTR(&mp_type_int)
#define BINDING_TUPLE_TYPE (&mp_type_tuple)

static mp_obj_t binding_load(mp_obj_t object, mp_obj_t name) {
    return mp_load_attr(object, mp_obj_str_get_qstr(name));
}

static void binding_store(mp_obj_t object, mp_obj_t name, mp_obj_t value) {
    mp_store_attr(object, mp_obj_str_get_qstr(name), value);
}

#include "binding.c"

static const mp_rom_map_elem_t ed25519_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__ed25519) },
    { MP_ROM_QSTR(MP_QSTR_BINDING), MP_ROM_INT(ED25519_BINDING) },
    { MP_ROM_QSTR(MP_QSTR_public_key), MP_ROM_PTR(&public_key_obj) },
    { MP_ROM_QSTR(MP_QSTR_expand), MP_ROM_PTR(&expand_obj) },
    { MP_ROM_QSTR(MP_QSTR_sign), MP_ROM_PTR(&sign_obj) },
    { MP_ROM_QSTR(MP_QSTR_verify), MP_ROM_PTR(&verify_obj) },
    { MP_ROM_QSTR(MP_QSTR_prepare), MP_ROM_PTR(&prepare_obj) },
    { MP_ROM_QSTR(MP_QSTR_verify_prepared), MP_ROM_PTR(&verify_prepared_obj) },
    { MP_ROM_QSTR(MP_QSTR_crc16), MP_ROM_PTR(&crc16_obj) },
    { MP_ROM_QSTR(MP_QSTR_frame_encode), MP_ROM_PTR(&frame_encode_obj) },
    { MP_ROM_QSTR(MP_QSTR_frame_feed), MP_ROM_PTR(&frame_feed_obj) },
    { MP_ROM_QSTR(MP_QSTR_journal_record), MP_ROM_PTR(&journal_record_obj) },
    { MP_ROM_QSTR(MP_QSTR_ticks_diff), MP_ROM_PTR(&ticks_diff_obj) },
    { MP_ROM_QSTR(MP_QSTR_ticks_add), MP_ROM_PTR(&ticks_add_obj) },
    { MP_ROM_QSTR(MP_QSTR_small_int), MP_ROM_PTR(&small_int_obj) },
    { MP_ROM_QSTR(MP_QSTR_write_fields), MP_ROM_PTR(&write_fields_obj) },
    { MP_ROM_QSTR(MP_QSTR_read_fields), MP_ROM_PTR(&read_fields_obj) },
};
static MP_DEFINE_CONST_DICT(ed25519_globals, ed25519_globals_table);

const mp_obj_module_t ed25519_user_cmodule = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&ed25519_globals,
};

MP_REGISTER_MODULE(MP_QSTR__ed25519, ed25519_user_cmodule);
