#include "frame.h"

#include <string.h>

#include "crc32.h"

static void put_crc(uint8_t *out, uint32_t crc) {
    for (int i = 0; i < FRAME_CRC; i++)
        out[i] = (uint8_t)(crc >> (24 - 8 * i));
}

size_t frame_encode(uint8_t out[FRAME_MOST], const uint8_t *payload, size_t size) {
    size_t end = 1 + size + FRAME_CRC;
    size_t code_at = 0;

    memcpy(out + 1, payload, size);
    put_crc(out + 1 + size, crc32(payload, size));
    for (size_t at = 1; at < end; at++) {
        if (out[at] == 0) {
            out[code_at] = (uint8_t)(at - code_at);
            code_at = at;
        }
    }
    out[code_at] = (uint8_t)(end - code_at);
    out[end] = 0;
    return end + 1;
}

/* Undo COBS in place, one byte down. Return the length, or 0 if the bytes are no COBS. */
static size_t unstuff(uint8_t *bytes, size_t size) {
    size_t at = 0;
    while (at < size) {
        size_t next = at + bytes[at];
        if (at != 0)
            bytes[at] = 0;
        at = next;
    }
    if (size == 0 || at != size)
        return 0;
    memmove(bytes, bytes + 1, size - 1);
    return size - 1;
}

size_t frame_take(struct frame_decoder *decoder, uint8_t byte) {
    uint8_t crc[FRAME_CRC];
    size_t size = decoder->size;

    if (byte != 0) {
        if (size < sizeof decoder->bytes)
            decoder->bytes[decoder->size++] = byte;
        else
            decoder->too_long = 1;
        return 0;
    }
    decoder->size = 0;
    if (decoder->too_long) {
        decoder->too_long = 0;
        return 0;
    }
    size = unstuff(decoder->bytes, size);
    if (size <= FRAME_CRC)
        return 0;
    size -= FRAME_CRC;
    put_crc(crc, crc32(decoder->bytes, size));
    return memcmp(crc, decoder->bytes + size, FRAME_CRC) == 0 ? size : 0;
}
