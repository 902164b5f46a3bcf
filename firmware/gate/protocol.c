#include "protocol.h"

#include <string.h>

static uint8_t *put(uint8_t *to, uint32_t value, int size) {
    while (size--)
        *to++ = (uint8_t)(value >> (8 * size));
    return to;
}

static uint32_t get(const uint8_t *from, int size) {
    uint32_t value = 0;
    while (size--)
        value = value << 8 | *from++;
    return value;
}

/* Return whether the permission counts. */
static uint8_t permit(struct protocol *protocol, struct gate *gate, const uint8_t *message) {
    uint16_t counter = (uint16_t)get(message + 1, 2);
    uint16_t ahead = (uint16_t)(counter - protocol->counter);

    protocol->counter = counter;
    if (ahead == 0 || ahead > PROTOCOL_MOST_LOST)
        return 0;
    gate_permit(gate, get(message + 3, 4), get(message + 7, 2));
    return 1;
}

static size_t status(const struct protocol *protocol, const struct gate *gate,
                     const struct gate_inputs *in, const struct gate_outputs *out, uint8_t granted,
                     uint8_t frame[FRAME_MOST]) {
    uint8_t message[PROTOCOL_STATUS_SIZE];
    uint8_t *to = message;
    uint8_t flags = (uint8_t)((out->coil ? PROTOCOL_COIL : 0) |
                              (in->contacts ? PROTOCOL_CONTACTS : 0) |
                              (granted ? PROTOCOL_GRANTED : 0));

    to = put(to, PROTOCOL_STATUS, 1);
    to = put(to, protocol->counter, 2);
    to = put(to, out->state, 1);
    to = put(to, out->reason, 1);
    to = put(to, out->opened_by, 1);
    to = put(to, flags, 1);
    to = put(to, gate->test, 1);
    to = put(to, gate_test_age_min(gate), 2);
    to = put(to, (uint16_t)in->temperature_ddeg, 2);
    to = put(to, in->current_ma, 4);
    put(to, gate->limit_ma, 4);
    return frame_encode(frame, message, sizeof message);
}

static size_t identity(const struct gate *gate, uint8_t frame[FRAME_MOST]) {
    uint8_t message[PROTOCOL_IDENTITY_SIZE];
    uint8_t *to = message;

    to = put(to, PROTOCOL_IDENTITY, 1);
    to = put(to, PROTOCOL_VERSION, 1);
    to = put(to, gate->identity.rated_ma, 4);
    to = put(to, gate->identity.phases, 1);
    to = put(to, GATE_HOLD_MS, 2);
    to = put(to, gate->identity.has_thermometer | gate->identity.has_ammeter << 1, 1);
    memcpy(to, gate->identity.serial, sizeof gate->identity.serial);
    return frame_encode(frame, message, sizeof message);
}

void protocol_init(struct protocol *protocol) {
    memset(protocol, 0, sizeof *protocol);
}

size_t protocol_take(struct protocol *protocol, uint8_t byte, struct gate *gate,
                     const struct gate_inputs *in, const struct gate_outputs *out,
                     uint8_t frame[FRAME_MOST]) {
    const uint8_t *message = protocol->decoder.bytes;
    size_t size = frame_take(&protocol->decoder, byte);

    if (size == PROTOCOL_PERMIT_SIZE && message[0] == PROTOCOL_PERMIT)
        return status(protocol, gate, in, out, permit(protocol, gate, message), frame);
    if (size == PROTOCOL_ASK_SIZE && message[0] == PROTOCOL_ASK)
        return identity(gate, frame);
    return 0;
}
