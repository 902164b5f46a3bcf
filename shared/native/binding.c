// The functions of the MicroPython module `_ed25519` that are no signatures: frames, checksums,
// fields, ticks. shared/ed25519/binding.c includes this file, so that one module holds all native
// code: each module on a board costs memory of its own.
//
// shared/stubs/_ed25519.pyi repeats the signatures. The including file defines BINDING_RAISE, and the
// names that a native module cannot use here: BINDING_INT_TYPE, BINDING_TUPLE_TYPE, binding_load and
// binding_store.

#include "../native/crc.c"
#include "../native/frames.c"
#include "py/binary.h"
#include "py/objtuple.h"

// Return the value of a small integer. Sizes, offsets and ticks are small on every board.
static mp_int_t get_small(mp_obj_t object) {
    if (!mp_obj_is_small_int(object)) {
        BINDING_RAISE(TypeError, "a small integer is required");
    }
    return MP_OBJ_SMALL_INT_VALUE(object);
}

static void require_int(mp_obj_t object) {
    if ((mp_obj_t)mp_obj_get_type(object) != BINDING_INT_TYPE) {
        BINDING_RAISE(TypeError, "an integer is required");
    }
}

// Find the part of a buffer from `start` on, of `size` bytes; raise ValueError if it has fewer.
static const uint8_t *get_part(mp_obj_t object, mp_obj_t size, mp_obj_t start) {
    mp_buffer_info_t info;
    get_buffer(object, &info, MP_BUFFER_READ);
    mp_int_t count = get_small(size), at = get_small(start);
    if (count < 0 || at < 0 || (size_t)at > info.len || (size_t)count > info.len - (size_t)at) {
        BINDING_RAISE(ValueError, "beyond the end of the data");
    }
    return (const uint8_t *)info.buf + at;
}

// crc16(data, size, start) -> int
static mp_obj_t crc16(mp_obj_t data, mp_obj_t size, mp_obj_t start) {
    const uint8_t *part = get_part(data, size, start);
    return MP_OBJ_NEW_SMALL_INT(native_crc16(part, (size_t)get_small(size)));
}
static MP_DEFINE_CONST_FUN_OBJ_3(crc16_obj, crc16);

// frame_encode(payload, out) -> int
static mp_obj_t frame_encode(mp_obj_t payload, mp_obj_t out) {
    mp_buffer_info_t from, to;
    get_buffer(payload, &from, MP_BUFFER_READ);
    get_buffer(out, &to, MP_BUFFER_RW);
    if (from.len > FRAME_PAYLOAD) {
        BINDING_RAISE(ValueError, "a payload of more than 560 bytes does not fit a frame");
    }
    if (to.len < FRAME_SIZE) {
        BINDING_RAISE(ValueError, "out must be 568 bytes at least");
    }
    return MP_OBJ_NEW_SMALL_INT(native_frame_encode(to.buf, from.buf, from.len));
}
static MP_DEFINE_CONST_FUN_OBJ_2(frame_encode_obj, frame_encode);

// frame_feed(memory, data, size, start) -> int: 1024 times the end of the bytes that were taken in,
// plus the finding of native_frame_feed
static mp_obj_t frame_feed(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    uint8_t *memory = get_exact(args[0], FRAME_MEMORY, MP_BUFFER_RW,
        "a decoder's memory must be 569 bytes");
    mp_int_t end = get_small(args[2]), start = get_small(args[3]);
    const uint8_t *data = get_part(args[1], MP_OBJ_NEW_SMALL_INT(end - start), args[3]);
    size_t taken;
    int found = native_frame_feed(memory, data, (size_t)(end - start), &taken);
    return MP_OBJ_NEW_SMALL_INT((start + (mp_int_t)taken) * 1024 + found);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(frame_feed_obj, 4, 4, frame_feed);

// journal_record(out, number, slot, key, value, crc_start) -> the record's size. The record is
// described in shared/device/journal_format.py. `value` may lie in `out`.
static mp_obj_t journal_record(size_t n_args, const mp_obj_t *args) {
    enum { KEY_AT = 7, CRC = 4 };
    (void)n_args;
    mp_buffer_info_t out, key, value;
    get_buffer(args[0], &out, MP_BUFFER_RW);
    get_buffer(args[3], &key, MP_BUFFER_READ);
    get_buffer(args[4], &value, MP_BUFFER_READ);
    mp_int_t number = get_small(args[1]), slot = get_small(args[2]);
    require_int(args[5]);
    if (number < 0 || number > 0xffff || slot < 0 || slot > 0xffff || key.len > 0xff
        || value.len > 0xffff || KEY_AT + CRC + key.len + value.len > out.len) {
        BINDING_RAISE(ValueError, "the record does not fit");
    }
    uint8_t *to = out.buf;
    size_t size = KEY_AT + key.len + value.len;
    frame_move(to + KEY_AT + key.len, value.buf, value.len);
    put_word(to, (uint32_t)number << 16 | (uint32_t)slot);
    to[4] = (uint8_t)key.len;
    to[5] = (uint8_t)(value.len >> 8);
    to[6] = (uint8_t)value.len;
    frame_move(to + KEY_AT, key.buf, key.len);
    uint32_t start = (uint32_t)mp_obj_get_int_truncated(args[5]);
    put_word(to + size, native_crc32(to, size, start));
    return MP_OBJ_NEW_SMALL_INT(size + CRC);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(journal_record_obj, 6, 6, journal_record);

// Return the low bits of an integer of any size: ticks wrap, so no other bit counts.
static mp_uint_t get_ticks(mp_obj_t object) {
    if (mp_obj_is_small_int(object)) {
        return (mp_uint_t)MP_OBJ_SMALL_INT_VALUE(object);
    }
    require_int(object);
    return (mp_uint_t)mp_obj_get_int_truncated(object);
}

// ticks_diff(later_ms, earlier_ms) -> int; ticks wrap at 2^30
static mp_obj_t ticks_diff(mp_obj_t later, mp_obj_t earlier) {
    mp_uint_t half = 1u << 29;
    mp_uint_t distance = get_ticks(later) - get_ticks(earlier) + half;
    return MP_OBJ_NEW_SMALL_INT((mp_int_t)(distance & (2 * half - 1)) - (mp_int_t)half);
}
static MP_DEFINE_CONST_FUN_OBJ_2(ticks_diff_obj, ticks_diff);

// ticks_add(ticks_ms, delta_ms) -> int
static mp_obj_t ticks_add(mp_obj_t ticks, mp_obj_t delta) {
    mp_uint_t sum = get_ticks(ticks) + get_ticks(delta);
    return MP_OBJ_NEW_SMALL_INT((mp_int_t)(sum & ((1u << 30) - 1)));
}
static MP_DEFINE_CONST_FUN_OBJ_2(ticks_add_obj, ticks_add);

// small_int(value) -> value, as a small integer if its size allows it
static mp_obj_t small_int(mp_obj_t value) {
    if (mp_obj_is_small_int(value)) {
        return value;
    }
    require_int(value);
    // The low bits alone, as a small integer: the value itself if it is one.
    mp_int_t low = (mp_int_t)mp_obj_get_int_truncated(value);
    mp_obj_t small = MP_OBJ_NEW_SMALL_INT(low);
    return mp_obj_is_true(mp_binary_op(MP_BINARY_OP_EQUAL, value, small)) ? small : value;
}
static MP_DEFINE_CONST_FUN_OBJ_1(small_int_obj, small_int);

// A row of a layout: name, size in bytes, kind (shared/joulestream/fields.py).
enum { FIELD_NAME, FIELD_SIZE, FIELD_KIND, FIELD_PARTS };
enum { KIND_UINT = 0 };

// Find the items of a tuple; raise TypeError for another object.
static mp_obj_tuple_t *get_tuple(mp_obj_t object, const mp_obj_type_t *tuple_type) {
    if (mp_obj_get_type(object) != tuple_type) {
        BINDING_RAISE(TypeError, "a layout is a tuple of tuples");
    }
    return MP_OBJ_TO_PTR(object);
}

// Find a row's parts and its size; raise TypeError or ValueError for a row of another shape.
static const mp_obj_t *get_row(mp_obj_t object, const mp_obj_type_t *tuple_type, size_t *size) {
    mp_obj_tuple_t *row = get_tuple(object, tuple_type);
    if (row->len != FIELD_PARTS || !mp_obj_is_small_int(row->items[FIELD_SIZE])
        || !mp_obj_is_small_int(row->items[FIELD_KIND])) {
        BINDING_RAISE(TypeError, "a field is a name, a size and a kind");
    }
    mp_int_t bytes = MP_OBJ_SMALL_INT_VALUE(row->items[FIELD_SIZE]);
    if (bytes < 0 || (row->items[FIELD_KIND] == MP_OBJ_NEW_SMALL_INT(KIND_UINT)
        && bytes != 1 && bytes != 4 && bytes != 6 && bytes != 8)) {
        BINDING_RAISE(ValueError, "an integer has 1, 4, 6 or 8 bytes");
    }
    *size = (size_t)bytes;
    return row->items;
}

// Split an integer into two words of 32 bits. Return 0 if it does not fit `size` bytes.
static int get_words(mp_obj_t value, size_t size, mp_obj_t largest, uint32_t *high,
    uint32_t *low) {
    uint64_t bits;
    if (mp_obj_is_small_int(value)) {
        mp_int_t small = MP_OBJ_SMALL_INT_VALUE(value);
        if (small < 0) {
            return 0;
        }
        bits = (uint64_t)small;
    } else {
        require_int(value);
        if (mp_obj_is_true(mp_binary_op(MP_BINARY_OP_LESS, value, MP_OBJ_NEW_SMALL_INT(0)))
            || mp_obj_is_true(mp_binary_op(MP_BINARY_OP_MORE, value, largest))) {
            return 0;
        }
        mp_binary_set_val_array('Q', &bits, 0, value);
    }
    *low = (uint32_t)bits;
    *high = (uint32_t)(bits >> 32);
    if (size == 8) {
        return 1;
    }
    return size == 6 ? *high < 1u << 16 : *high == 0 && (size == 4 || *low < 1u << 8);
}

// write_fields(layout, source, out, offset, largest) -> the offset behind the last byte, or -1 - i
// if the value of field i does not fit. `largest` is 2^64 - 1.
static mp_obj_t write_fields(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const mp_obj_type_t *tuple_type = BINDING_TUPLE_TYPE;
    mp_buffer_info_t out;
    get_buffer(args[2], &out, MP_BUFFER_RW);
    mp_obj_tuple_t *layout = get_tuple(args[0], tuple_type);
    mp_int_t start = get_small(args[3]);
    if (start < 0 || (size_t)start > out.len) {
        BINDING_RAISE(ValueError, "beyond the end of the data");
    }
    size_t at = (size_t)start;
    for (size_t i = 0; i < layout->len; i++) {
        size_t size;
        const mp_obj_t *row = get_row(layout->items[i], tuple_type, &size);
        if (size > out.len - at) {
            BINDING_RAISE(ValueError, "beyond the end of the data");
        }
        mp_obj_t value = binding_load(args[1], row[FIELD_NAME]);
        uint8_t *to = (uint8_t *)out.buf + at;
        if (row[FIELD_KIND] == MP_OBJ_NEW_SMALL_INT(KIND_UINT)) {
            uint32_t high, low;
            if (!get_words(value, size, args[4], &high, &low)) {
                return MP_OBJ_NEW_SMALL_INT(-1 - (mp_int_t)i);
            }
            for (size_t byte = size; byte-- > 0;) {
                to[byte] = (uint8_t)low;
                low = low >> 8 | high << 24;
                high >>= 8;
            }
        } else {
            mp_buffer_info_t bytes;
            get_buffer(value, &bytes, MP_BUFFER_READ);
            if (bytes.len != size) {
                return MP_OBJ_NEW_SMALL_INT(-1 - (mp_int_t)i);
            }
            frame_move(to, bytes.buf, size);
        }
        at += size;
    }
    return MP_OBJ_NEW_SMALL_INT((mp_int_t)at);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(write_fields_obj, 5, 5, write_fields);

// read_fields(layout, target, data, offset) -> the offset behind the last byte, or -1 if data is too
// short
static mp_obj_t read_fields(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const mp_obj_type_t *tuple_type = BINDING_TUPLE_TYPE;
    mp_buffer_info_t data;
    get_buffer(args[2], &data, MP_BUFFER_READ);
    mp_obj_tuple_t *layout = get_tuple(args[0], tuple_type);
    mp_int_t start = get_small(args[3]);
    if (start < 0 || (size_t)start > data.len) {
        return MP_OBJ_NEW_SMALL_INT(-1);
    }
    size_t at = (size_t)start;
    for (size_t i = 0; i < layout->len; i++) {
        size_t size;
        const mp_obj_t *row = get_row(layout->items[i], tuple_type, &size);
        if (size > data.len - at) {
            return MP_OBJ_NEW_SMALL_INT(-1);
        }
        const uint8_t *from = (const uint8_t *)data.buf + at;
        mp_obj_t value;
        if (row[FIELD_KIND] == MP_OBJ_NEW_SMALL_INT(KIND_UINT)) {
            uint32_t high = 0, low = 0;
            for (size_t byte = 0; byte < size; byte++) {
                high = high << 8 | low >> 24;
                low = low << 8 | from[byte];
            }
            if (high == 0) {
                value = mp_obj_new_int_from_uint(low);
            } else {
                uint64_t bits = (uint64_t)high << 32 | low;
                value = mp_binary_get_val_array('Q', &bits, 0);
            }
        } else {
            value = mp_obj_new_bytes(from, size);
        }
        binding_store(args[1], row[FIELD_NAME], value);
        at += size;
    }
    return MP_OBJ_NEW_SMALL_INT((mp_int_t)at);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(read_fields_obj, 4, 4, read_fields);
