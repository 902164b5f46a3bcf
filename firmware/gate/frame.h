/* The frames of the link, for short payloads: payload and CRC-32, big-endian, in COBS, and a zero
 * byte (docs/protocol.md, section 2). The board has the same code for its link. */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

enum { FRAME_PAYLOAD = 32, FRAME_CRC = 4, FRAME_MOST = FRAME_PAYLOAD + FRAME_CRC + 2 };

struct frame_decoder {
    uint8_t bytes[FRAME_PAYLOAD + FRAME_CRC + 1];
    uint8_t size;
    uint8_t too_long;
};

/* Write the frame of a payload of 1 to FRAME_PAYLOAD bytes; return its length. */
size_t frame_encode(uint8_t out[FRAME_MOST], const uint8_t *payload, size_t size);

/* Take one byte. Return the length of the payload that it completes, at `bytes`, else 0. */
size_t frame_take(struct frame_decoder *decoder, uint8_t byte);

#endif
