// The safety controller of firmware/gate with a plant around it, in virtual time, told by lines.
//
//     begin TRIPPED      a new controller; the plant is well, and asks for nothing
//     set NAME VALUE     changes the plant; PLANT below has the names
//     run MS             so many steps of `step_ms`
//     bytes HEX          bytes from the board, before the next step
//     flip BIT           changes one bit of the controller's memory
//     bits               prints the number of these bits
//
// Each step that changes the outputs prints
//     at MS coil test shunt_trip tripped state reason opened_by
// an answer prints `answer HEX`, and each command ends with the line `.`

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"
#include "protocol.h"

enum {
    REQUEST, BEAT_MS, EDGES, PILOT, RESIDUAL, SELF_TEST_MS, COOL, NO_EMERGENCY, CONTACTS, DDEG, MA,
    PERMIT_MS, LIMIT_MA, HOLD_MS, COUNTER_STEP, STEP_MS, VALUES
};

static const struct {
    const char *name;
    long long at_first;
} PLANT[VALUES] = {
    [REQUEST] = {"request", 0},
    [BEAT_MS] = {"beat_ms", 0},            // an edge in so many ms; 0: none
    [EDGES] = {"edges", 0},                // so many edges more in each step
    [PILOT] = {"pilot", GATE_PILOT_A},
    [RESIDUAL] = {"residual", 0},          // 1: the device trips
    [SELF_TEST_MS] = {"self_test_ms", 3000}, // the device answers a test after so long; 0: never
    [COOL] = {"cool", 1},
    [NO_EMERGENCY] = {"no_emergency", 1},
    [CONTACTS] = {"contacts", -1},         // 0 or 1: stuck there; -1: 20 ms behind the coil
    [DDEG] = {"ddeg", 250},
    [MA] = {"ma", 0},
    [PERMIT_MS] = {"permit_ms", 0},        // a PERMIT in so many ms; 0: none
    [LIMIT_MA] = {"limit_ma", 16000},
    [HOLD_MS] = {"hold_ms", 500},
    [COUNTER_STEP] = {"counter_step", 1},
    [STEP_MS] = {"step_ms", 1},
};

static const struct gate_identity IDENTITY = {
    16000, 1, 1, 1, {'S', 'E', 'R', 'I', 'A', 'L', '0', '1'}};

enum { CONTACT_DELAY_MS = 20 };

static struct gate gate;
static struct protocol protocol;
static struct gate_inputs in;
static struct gate_outputs out;
static long long plant[VALUES];
static uint32_t now_ms;
static uint32_t past_ms;
static uint32_t coil_since_ms;
static uint32_t test_since_ms;
static uint8_t coil_before;
static uint8_t pump_before;
static uint16_t counter;

static void begin(uint8_t tripped) {
    gate_init(&gate, &IDENTITY, tripped);
    protocol_init(&protocol);
    memset(&in, 0, sizeof in);
    memset(&out, 0, sizeof out);
    in.no_residual = 1;
    for (int i = 0; i < VALUES; i++) {
        plant[i] = PLANT[i].at_first;
    }
    now_ms = UINT32_MAX - 40000; // the tick wraps in most scenarios
    past_ms = coil_since_ms = test_since_ms = 0;
    coil_before = pump_before = 0;
    counter = 0;
}

static void print_hex(const uint8_t *bytes, size_t size) {
    printf("answer ");
    for (size_t i = 0; i < size; i++) {
        printf("%02x", bytes[i]);
    }
    printf("\n");
}

static void take(const uint8_t *bytes, size_t size, int tell) {
    uint8_t frame[FRAME_MOST];
    for (size_t i = 0; i < size; i++) {
        size_t length = protocol_take(&protocol, bytes[i], &gate, &in, &out, frame);
        if (length && tell) {
            print_hex(frame, length);
        }
    }
}

static void permit(void) {
    uint8_t message[PROTOCOL_PERMIT_SIZE] = {PROTOCOL_PERMIT};
    uint8_t frame[FRAME_MOST];
    uint32_t limit_ma = (uint32_t)plant[LIMIT_MA];
    counter = (uint16_t)(counter + plant[COUNTER_STEP]);
    message[1] = (uint8_t)(counter >> 8);
    message[2] = (uint8_t)counter;
    for (int i = 0; i < 4; i++) {
        message[3 + i] = (uint8_t)(limit_ma >> (24 - 8 * i));
    }
    message[7] = (uint8_t)(plant[HOLD_MS] >> 8);
    message[8] = (uint8_t)plant[HOLD_MS];
    take(frame, frame_encode(frame, message, sizeof message), 0);
}

static int is_due(long long every_ms) {
    return every_ms && past_ms % (uint32_t)every_ms == 0;
}

static void follow_plant(void) {
    in.request = (uint8_t)plant[REQUEST];
    in.edges = (uint8_t)(plant[EDGES] + is_due(plant[BEAT_MS]));
    in.pilot = (uint8_t)plant[PILOT];
    in.cool = (uint8_t)plant[COOL];
    in.no_emergency = (uint8_t)plant[NO_EMERGENCY];
    in.temperature_ddeg = (int16_t)plant[DDEG];
    in.current_ma = (uint32_t)plant[MA];
    if (plant[CONTACTS] >= 0) {
        in.contacts = (uint8_t)plant[CONTACTS];
    } else if (past_ms - coil_since_ms >= CONTACT_DELAY_MS) {
        in.contacts = out.coil;
    }
    // The device trips `self_test_ms` after the test began, and for 100 ms after it ended.
    int answers = plant[SELF_TEST_MS] &&
                  (out.test ? past_ms - test_since_ms >= (uint32_t)plant[SELF_TEST_MS]
                            : !in.no_residual && past_ms - test_since_ms < 100);
    in.no_residual = !(plant[RESIDUAL] || answers);
    if (is_due(plant[PERMIT_MS])) {
        permit();
    }
}

static void step(void) {
    struct gate_outputs before = out;
    past_ms += (uint32_t)plant[STEP_MS];
    now_ms += (uint32_t)plant[STEP_MS];
    follow_plant();
    out = gate_step(&gate, &in, now_ms);
    if (out.coil != before.coil) {
        coil_since_ms = past_ms;
    }
    if (out.test != before.test) {
        test_since_ms = past_ms;
    }
    if (out.coil ? out.pump == pump_before : out.pump) {
        printf("pump %d while the coil is %d\n", out.pump, out.coil);
        exit(1);
    }
    pump_before = out.pump;
    before.pump = out.pump;
    if (memcmp(&before, &out, sizeof out)) {
        printf("at %" PRIu32 " %d %d %d %d %d %d %d\n", past_ms, out.coil, out.test,
               out.shunt_trip, out.tripped, out.state, out.reason, out.opened_by);
    }
}

static void set(const char *name, long long value) {
    for (int i = 0; i < VALUES; i++) {
        if (strcmp(PLANT[i].name, name) == 0) {
            plant[i] = value;
            return;
        }
    }
    fprintf(stderr, "the plant has no %s\n", name);
    exit(1);
}

static void take_hex(const char *text) {
    unsigned value;
    for (; sscanf(text, "%2x", &value) == 1 && text[1]; text += 2) {
        uint8_t byte = (uint8_t)value;
        take(&byte, 1, 1);
    }
}

int main(void) {
    static char line[8192];
    char name[32];
    long long value;
    begin(0);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "begin %lld", &value) == 1) {
            begin((uint8_t)value);
        } else if (sscanf(line, "set %31s %lld", name, &value) == 2) {
            set(name, value);
        } else if (sscanf(line, "run %lld", &value) == 1) {
            while (value-- > 0) {
                step();
            }
        } else if (strncmp(line, "bytes ", 6) == 0) {
            take_hex(line + 6);
        } else if (sscanf(line, "flip %lld", &value) == 1) {
            ((uint8_t *)&gate)[value / 8] ^= (uint8_t)(1 << value % 8);
        } else if (strncmp(line, "bits", 4) == 0) {
            printf("bits %lu\n", (unsigned long)(8 * sizeof gate));
        } else {
            fprintf(stderr, "no such command: %s", line);
            return 1;
        }
        printf(".\n");
        fflush(stdout);
    }
    return 0;
}
