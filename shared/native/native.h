// The parts of a packet's way that cost too much in bytecode: checksums and frames. Plain C99 that
// allocates no memory. shared/cpython/_twins.py has the same functions in Python, and tests compare
// both byte for byte.

#ifndef JOULESTREAM_NATIVE_H
#define JOULESTREAM_NATIVE_H

#include <stddef.h>
#include <stdint.h>

// As in shared/joulestream/framing.py. COBS adds one byte for every 254 bytes or part of them, and a
// zero byte ends the frame.
enum {
    FRAME_CRC = 4,
    FRAME_PAYLOAD = 560,                                         // the longest payload
    FRAME_STUFFED = FRAME_PAYLOAD + FRAME_CRC + (FRAME_PAYLOAD + FRAME_CRC) / 254 + 1,
    FRAME_SIZE = FRAME_STUFFED + 1,                              // with the zero byte
    FRAME_MEMORY = 2 + FRAME_STUFFED,                            // of a decoder
};

// Marks the functions that a shared library exports when it is built with -fvisibility=hidden.
#if defined(__GNUC__)
#define NATIVE_API __attribute__((visibility("default")))
#else
#define NATIVE_API
#endif

// Return the Modbus CRC-16 of `size` bytes.
NATIVE_API uint16_t native_crc16(const uint8_t *data, size_t size);

// Return the CRC-32 of `size` bytes that go on from bytes with the CRC-32 `start`; 0 for none.
NATIVE_API uint32_t native_crc32(const uint8_t *data, size_t size, uint32_t start);

// Write the frame of a payload of at most FRAME_PAYLOAD bytes: payload and CRC-32 in COBS, then the
// zero byte. Return the frame's length. `out` has FRAME_SIZE bytes, and may overlap the payload.
NATIVE_API size_t native_frame_encode(uint8_t *out, const uint8_t *payload, size_t size);

// The findings of a decoder besides a payload.
enum { FRAME_NONE = 0, FRAME_BAD_COBS = 1021, FRAME_BAD_CRC = 1022, FRAME_OVERSIZED = 1023 };

// Take in received bytes up to the end of a frame, or all of them. Return FRAME_NONE while no frame
// has ended, the length of a good frame's payload, or one of the FRAME_ values above.
//
// memory   FRAME_MEMORY bytes that hold the frame so far; all 0 at first. A payload that was found is
//          at offset 3 until the next call.
// data     the received bytes, which must not overlap memory
// taken    the number of bytes that were taken in
NATIVE_API int native_frame_feed(uint8_t *memory, const uint8_t *data, size_t size, size_t *taken);

#endif
