// Devices in the emulated board's memory, for measurements: the types `Uart` and `Flash` of the
// module `board`, and the flash of the ROMFS. A board's drivers are C code too, so a measured
// firmware pays for its own work alone. No call allocates memory. shared/stubs/board.pyi repeats
// the signatures.

#include <string.h>

#include "extmod/vfs.h"
#include "py/mperrno.h"
#include "py/objarray.h"
#include "py/runtime.h"

// One end of a cable. The bytes that one end writes wait in the other end's ring.
enum { RING_SIZE = 1024 };

typedef struct uart_obj {
    mp_obj_base_t base;
    struct uart_obj *other;
    size_t first, count;
    uint8_t ring[RING_SIZE];
} uart_obj;

// write(data) -> the size of data. Bytes without room at the other end are lost.
static mp_obj_t uart_write(mp_obj_t self, mp_obj_t data) {
    uart_obj *to = ((uart_obj *)MP_OBJ_TO_PTR(self))->other;
    mp_buffer_info_t from;
    mp_get_buffer_raise(data, &from, MP_BUFFER_READ);
    size_t count = MIN(from.len, RING_SIZE - to->count);
    size_t at = (to->first + to->count) % RING_SIZE;
    size_t straight = MIN(count, RING_SIZE - at);
    memcpy(to->ring + at, from.buf, straight);
    memcpy(to->ring, (const uint8_t *)from.buf + straight, count - straight);
    to->count += count;
    return MP_OBJ_NEW_SMALL_INT(from.len);
}
static MP_DEFINE_CONST_FUN_OBJ_2(uart_write_obj, uart_write);

// readinto(buffer) -> the number of bytes that came and are now in buffer
static mp_obj_t uart_readinto(mp_obj_t self, mp_obj_t buffer) {
    uart_obj *uart = MP_OBJ_TO_PTR(self);
    mp_buffer_info_t to;
    mp_get_buffer_raise(buffer, &to, MP_BUFFER_WRITE);
    size_t count = MIN(to.len, uart->count);
    size_t straight = MIN(count, RING_SIZE - uart->first);
    memcpy(to.buf, uart->ring + uart->first, straight);
    memcpy((uint8_t *)to.buf + straight, uart->ring, count - straight);
    uart->first = (uart->first + count) % RING_SIZE;
    uart->count -= count;
    return MP_OBJ_NEW_SMALL_INT(count);
}
static MP_DEFINE_CONST_FUN_OBJ_2(uart_readinto_obj, uart_readinto);

static const mp_rom_map_elem_t uart_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&uart_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&uart_readinto_obj) },
};
static MP_DEFINE_CONST_DICT(uart_locals, uart_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(uart_type, MP_QSTR_Uart, MP_TYPE_FLAG_NONE,
    locals_dict, &uart_locals);

// cable() -> both ends of a new cable
static mp_obj_t board_cable(void) {
    uart_obj *ends[2];
    mp_obj_t objects[2];
    for (int i = 0; i < 2; i++) {
        ends[i] = mp_obj_malloc(uart_obj, &uart_type);
        ends[i]->first = ends[i]->count = 0;
        objects[i] = MP_OBJ_FROM_PTR(ends[i]);
    }
    ends[0]->other = ends[1];
    ends[1]->other = ends[0];
    return mp_obj_new_tuple(2, objects);
}
MP_DEFINE_CONST_FUN_OBJ_0(board_cable_obj, board_cable);

// A flash in memory of the caller. It does not model that a bit never goes from 0 to 1.
typedef struct {
    mp_obj_base_t base;
    mp_obj_t memory; // keeps the content alive
    uint8_t *data;
    size_t blocks, size;
} flash_obj;

// Flash(memory, size): blocks of `size` bytes in the bytearray `memory`
static mp_obj_t flash_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 2, 2, false);
    mp_buffer_info_t memory;
    mp_get_buffer_raise(args[0], &memory, MP_BUFFER_RW);
    mp_int_t size = mp_obj_get_int(args[1]);
    if (size < 1) {
        mp_raise_ValueError(MP_ERROR_TEXT("a block has one byte or more"));
    }
    flash_obj *flash = mp_obj_malloc(flash_obj, type);
    flash->memory = args[0];
    flash->data = memory.buf;
    flash->size = size;
    flash->blocks = memory.len / flash->size;
    return MP_OBJ_FROM_PTR(flash);
}

// Return where a block's bytes are that a caller asks for; raise ValueError if it has fewer.
static uint8_t *flash_at(flash_obj *flash, size_t count, size_t n_args, const mp_obj_t *args) {
    mp_uint_t block = mp_obj_get_int(args[1]);
    mp_uint_t offset = n_args == 4 ? mp_obj_get_int(args[3]) : 0;
    if (block >= flash->blocks || offset > flash->size || count > flash->size - offset) {
        mp_raise_ValueError(MP_ERROR_TEXT("beyond the block"));
    }
    return flash->data + block * flash->size + offset;
}

// readblocks(block, buffer, offset=0)
static mp_obj_t flash_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t to;
    mp_get_buffer_raise(args[2], &to, MP_BUFFER_WRITE);
    memcpy(to.buf, flash_at(MP_OBJ_TO_PTR(args[0]), to.len, n_args, args), to.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_readblocks_obj, 3, 4, flash_readblocks);

// writeblocks(block, buffer, offset=0)
static mp_obj_t flash_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t from;
    mp_get_buffer_raise(args[2], &from, MP_BUFFER_READ);
    memcpy(flash_at(MP_OBJ_TO_PTR(args[0]), from.len, n_args, args), from.buf, from.len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_writeblocks_obj, 3, 4, flash_writeblocks);

// ioctl(operation, argument): the operations of a block device (class AbstractBlockDev)
static mp_obj_t flash_ioctl(mp_obj_t self, mp_obj_t operation, mp_obj_t argument) {
    enum { BLOCK_COUNT = 4, BLOCK_SIZE = 5, ERASE = 6 };
    flash_obj *flash = MP_OBJ_TO_PTR(self);
    mp_obj_t args[2] = { self, argument };
    switch (mp_obj_get_int(operation)) {
        case BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(flash->blocks);
        case BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(flash->size);
        case ERASE:
            memset(flash_at(flash, flash->size, 2, args), 0xff, flash->size);
    }
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_ioctl_obj, flash_ioctl);

static const mp_rom_map_elem_t flash_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&flash_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&flash_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&flash_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(flash_locals, flash_locals_table);

// A flash can be read in place, as that of a chip in the memory map.
static mp_int_t flash_get_buffer(mp_obj_t self, mp_buffer_info_t *buffer, mp_uint_t flags) {
    flash_obj *flash = MP_OBJ_TO_PTR(self);
    if (flags != MP_BUFFER_READ) {
        return 1;
    }
    buffer->buf = flash->data;
    buffer->len = flash->blocks * flash->size;
    buffer->typecode = 'B';
    return 0;
}

MP_DEFINE_CONST_OBJ_TYPE(board_flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE,
    make_new, flash_make_new, buffer, flash_get_buffer, locals_dict, &flash_locals);

// The flash of the ROMFS, which MicroPython mounts as /rom at each start. The emulator loads an
// image to this place, or mpremote writes one (host_tools/emulator.py). The file system of mount.py
// lies below it, and so does the flash of fit_bench.py.
enum { ROMFS_AT = 0x84800000, ROMFS_BLOCKS = 512, ROMFS_BLOCK_SIZE = 4096 };

static const flash_obj romfs = {
    .base = { &board_flash_type },
    .memory = MP_ROM_NONE,
    .data = (uint8_t *)ROMFS_AT,
    .blocks = ROMFS_BLOCKS,
    .size = ROMFS_BLOCK_SIZE,
};

// rom_ioctl(operation, ...) of the module vfs. It knows what the esp32 and rp2 ports' know.
mp_obj_t mp_vfs_rom_ioctl(size_t n_args, const mp_obj_t *args) {
    switch (mp_obj_get_int(args[0])) {
        case MP_VFS_ROM_IOCTL_GET_NUMBER_OF_SEGMENTS:
            return MP_OBJ_NEW_SMALL_INT(1);
        case MP_VFS_ROM_IOCTL_GET_SEGMENT:
            return MP_OBJ_FROM_PTR(&romfs);
    }
    return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
}
