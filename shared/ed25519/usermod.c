// The module `_ed25519` as a user C module. It is linked into a firmware and runs from flash.

#include "py/obj.h"
#include "py/runtime.h"

#define BINDING_RAISE(type, text) \
    mp_raise_msg_varg(&mp_type_##type, MP_ERROR_TEXT("%s"), text)
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
};
static MP_DEFINE_CONST_DICT(ed25519_globals, ed25519_globals_table);

const mp_obj_module_t ed25519_user_cmodule = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&ed25519_globals,
};

MP_REGISTER_MODULE(MP_QSTR__ed25519, ed25519_user_cmodule);
