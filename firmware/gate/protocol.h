/* The messages between a board and its safety controller, on a UART with 115,200 bit/s, 8N1.
 *
 * docs/gate.md has the tables. Each message is the payload of one frame; numbers are big-endian.
 *
 *     PERMIT    0x01  counter u16  limit_ma u32  hold_ms u16                  board to gate
 *     ASK       0x02                                                          board to gate
 *     STATUS    0x81  answers PERMIT                                          gate to board
 *     IDENTITY  0x82  answers ASK                                             gate to board
 *
 * A PERMIT counts when its counter is 1 to 16 above that of the last one. Any other counter only
 * tells the gate where to count on from: a line that repeats one old frame for ever permits nothing,
 * and a board that starts anew is heard with its second frame.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include "frame.h"
#include "gate.h"

enum {
    PROTOCOL_VERSION = 1,
    PROTOCOL_PERMIT = 0x01,
    PROTOCOL_ASK = 0x02,
    PROTOCOL_STATUS = 0x81,
    PROTOCOL_IDENTITY = 0x82,
    PROTOCOL_PERMIT_SIZE = 9,
    PROTOCOL_ASK_SIZE = 1,
    PROTOCOL_STATUS_SIZE = 20,
    PROTOCOL_IDENTITY_SIZE = 18,
    /* More frames than this in a row may be lost. */
    PROTOCOL_MOST_LOST = 16,
    /* Flags of STATUS. */
    PROTOCOL_COIL = 1,
    PROTOCOL_CONTACTS = 2,
    PROTOCOL_GRANTED = 4
};

struct protocol {
    struct frame_decoder decoder;
    uint16_t counter;
};

void protocol_init(struct protocol *protocol);

/* Take one byte of the board. `in` and `out` are those of the last step, for the answer.
 * Return the length of the answer in `frame`, 0 if there is none. */
size_t protocol_take(struct protocol *protocol, uint8_t byte, struct gate *gate,
                     const struct gate_inputs *in, const struct gate_outputs *out,
                     uint8_t frame[FRAME_MOST]);

#endif
