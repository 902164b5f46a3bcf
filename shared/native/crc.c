// The two cyclic redundancy checks of the wires. Both go by half bytes, with tables of 16 entries: in
// a native module a table lies in RAM.

#include "native.h"

// Source: MODBUS over Serial Line V1.02, section 6.2.2: polynomial 0x8005 with its bits in reverse
// order.
uint16_t native_crc16(const uint8_t *data, size_t size) {
    static const uint16_t table[16] = {
        0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401,
        0xa001, 0x6c00, 0x7800, 0xb401, 0x5000, 0x9c01, 0x8801, 0x4400,
    };
    uint32_t crc = 0xffff;
    while (size--) {
        crc ^= *data++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return (uint16_t)crc;
}

// Source: IEEE 802.3, clause 3.2.9: polynomial 0x04c11db7 with its bits in reverse order.
uint32_t native_crc32(const uint8_t *data, size_t size, uint32_t start) {
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = ~start;
    while (size--) {
        crc ^= *data++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}
