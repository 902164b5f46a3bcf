// Frames on a byte stream: COBS (S. Cheshire, M. Baker, "Consistent overhead byte stuffing", 1999).

#include "native.h"

// The code of a block of 254 bytes that no zero follows.
enum { COBS_LONGEST = 255 };

// Write a word of 32 bits, big-endian.
static void put_word(uint8_t *out, uint32_t word) {
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(word >> (24 - 8 * i));
    }
}

// memmove: the bytes move up or down by any distance. A native module has no libc.
static void frame_move(uint8_t *to, const uint8_t *from, size_t size) {
    if (to < from) {
        for (size_t i = 0; i < size; i++) {
            to[i] = from[i];
        }
    } else {
        while (size--) {
            to[size] = from[size];
        }
    }
}

size_t native_frame_encode(uint8_t *out, const uint8_t *payload, size_t size) {
    uint32_t crc = native_crc32(payload, size, 0);
    // COBS moves the data by one byte and writes over each zero the distance to the next zero.
    frame_move(out + 1, payload, size);
    put_word(out + 1 + size, crc);
    size_t end = 1 + size + FRAME_CRC;
    size_t code_at = 0;
    for (size_t at = 1; at < end; at++) {
        if (at - code_at == COBS_LONGEST) {
            // The block is full, and more follows: its code goes in between.
            out[code_at] = COBS_LONGEST;
            code_at = at;
            frame_move(out + at + 1, out + at, end - at);
            end++;
        } else if (out[at] == 0) {
            out[code_at] = (uint8_t)(at - code_at);
            code_at = at;
        }
    }
    out[code_at] = (uint8_t)(end - code_at);
    out[end] = 0;
    return end + 1;
}

// Undo COBS in place. Return the length behind the first byte, or 0 if it is no COBS.
static size_t frame_unstuff(uint8_t *frame, size_t size) {
    size_t code = frame[0];
    size_t at = code;
    while (at < size) {
        size_t following = frame[at];
        if (following == 0) {
            return 0; // a decoder never holds a zero; another caller's memory may
        }
        if (code == COBS_LONGEST) {
            size--;
            frame_move(frame + at, frame + at + 1, size - at);
            at--;
        } else {
            frame[at] = 0;
        }
        code = following;
        at += code;
    }
    return at == size ? size - 1 : 0;
}

// Return the finding of native_frame_feed for a whole frame of `size` bytes.
static int frame_finish(uint8_t *frame, size_t size) {
    uint8_t crc[FRAME_CRC];
    if (size > FRAME_STUFFED) {
        return FRAME_OVERSIZED;
    }
    size_t length = frame_unstuff(frame, size);
    if (length <= FRAME_CRC) {
        return FRAME_BAD_COBS;
    }
    length -= FRAME_CRC;
    if (length > FRAME_PAYLOAD) {
        return FRAME_OVERSIZED;
    }
    put_word(crc, native_crc32(frame + 1, length, 0));
    for (int i = 0; i < FRAME_CRC; i++) {
        if (crc[i] != frame[1 + length + i]) {
            return FRAME_BAD_CRC;
        }
    }
    return (int)length;
}

int native_frame_feed(uint8_t *memory, const uint8_t *data, size_t size, size_t *taken) {
    // The frame's length so far; one more than fits stands for all lengths beyond. The caller's
    // memory may hold anything, so a length that cannot be is cut to that.
    size_t held = (size_t)memory[0] << 8 | memory[1];
    uint8_t *frame = memory + 2;
    size_t at = 0;
    int found = FRAME_NONE;
    if (held > FRAME_STUFFED) {
        held = FRAME_STUFFED + 1;
    }
    while (at < size && data[at] != 0) {
        if (held < FRAME_STUFFED) {
            frame[held] = data[at];
        }
        if (held <= FRAME_STUFFED) {
            held++;
        }
        at++;
    }
    if (at < size) {
        at++;
        if (held) {
            found = frame_finish(frame, held);
        }
        held = 0;
    }
    memory[0] = (uint8_t)(held >> 8);
    memory[1] = (uint8_t)held;
    *taken = at;
    return found;
}
