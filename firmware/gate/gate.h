/* The safety controller between a board and the coil of its contactor.
 *
 * The board asks for current; the gate alone closes the coil. One call of gate_step a millisecond
 * takes all inputs and gives all outputs. The code knows no pin, no register and no vendor: README.md
 * says what the hardware around it has to do. It allocates nothing and uses no floating point.
 *
 * The coil is closed only while every row of the table in gate.c is quiet. Any doubt opens it.
 */
#ifndef GATE_H
#define GATE_H

#include <stdint.h>

enum {
    /* The coil opens so long after the last edge of the heartbeat. The board may be silent for 450
     * ms, an erase of its flash, and the coil has to be open after 600 ms. */
    GATE_HOLD_MS = 520,
    /* Edges above this rate are no heartbeat: the board gives one in 5 ms at most. */
    GATE_EDGE_COST_MS = 4,
    GATE_EDGE_BURST = 10,
    GATE_FIRST_EDGES = 3,
    /* A permission never lasts longer, whatever the board asks. */
    GATE_LONGEST_PERMISSION_MS = 500,
    /* A gap between two steps above this means that the controller itself was held up. */
    GATE_LATEST_STEP_MS = 10,
    /* The pilot: C or D for so long before the coil closes, anything else for so long before it
     * opens. The standard asks for no current within 100 ms, contacts included. */
    GATE_PILOT_CLOSE_MS = 20,
    GATE_PILOT_OPEN_MS = 10,
    GATE_UNPLUGGED_MS = 1000,
    /* The contacts have followed the coil after so long, or they are welded or stuck. */
    GATE_CONTACT_MS = 200,
    /* Rest of an open contactor: after an ordinary opening, after a fault, and since its last
     * closing. An opening never waits, so a least time of being closed is kept by closing later. */
    GATE_LEAST_OFF_MS = 5000,
    GATE_FAULT_REST_MS = 30000,
    GATE_LEAST_CYCLE_MS = 20000,
    /* After so many openings by a fault the gate waits until the vehicle is unplugged. */
    GATE_MOST_FAULTS = 3,
    /* The residual-current device tests itself in 3 to 7 s. Its test is good for a day. */
    GATE_TEST_MS = 8000,
    GATE_TEST_SETTLE_MS = 500,
    GATE_TEST_RETRY_MS = 30000,
    /* A vehicle follows a lower limit within 5 s. */
    GATE_OVER_CURRENT_MS = 6000,
    /* Tenths of a degree Celsius. */
    GATE_HOT_DDEG = 850,
    GATE_COOL_DDEG = 750,
    GATE_COLDEST_DDEG = -400,
    GATE_HOTTEST_DDEG = 1250
};

#define GATE_TEST_VALID_MS UINT32_C(86400000)
/* A sensor that is broken, or not there. */
#define GATE_UNKNOWN_DDEG INT16_MIN
#define GATE_UNKNOWN_MA UINT32_MAX

enum gate_pilot { GATE_PILOT_OTHER, GATE_PILOT_A, GATE_PILOT_CD };

enum gate_state {
    GATE_OPEN,    /* it waits for the board or the vehicle */
    GATE_CLOSED,  /* the coil is driven */
    GATE_RESTING, /* a rest runs after an opening */
    GATE_TESTING, /* the residual-current device has to pass its test first */
    GATE_FAULT,   /* a fault; it goes when the fault goes, after a rest */
    GATE_TRIPPED, /* residual current; until the vehicle is unplugged and the test is passed */
    GATE_LOCKED   /* until the supply is switched off and a person has looked */
};

/* Why the coil is open. The numbers are part of the protocol. */
enum gate_reason {
    GATE_OK = 0,
    GATE_NOT_ASKED = 1,        /* the line CONTACTOR is low */
    GATE_NO_PERMISSION = 2,    /* no permission of the board is valid */
    GATE_ABOVE_RATING = 3,     /* the permission is for more than this gate carries */
    GATE_HEARTBEAT_SLOW = 4,   /* no edge came in time */
    GATE_HEARTBEAT_FAST = 5,   /* more edges than completed steps can give */
    GATE_PILOT = 6,            /* the pilot's comparator shows neither C nor D */
    GATE_RESIDUAL_CURRENT = 7, /* the residual-current device tripped */
    GATE_TEST_DUE = 8,         /* the residual-current device is not tested, or is being tested */
    GATE_TEST_FAILED = 9,      /* the residual-current device failed its test */
    GATE_TEMPERATURE = 10,     /* the switch is open, or the sensor is too hot or broken */
    GATE_EMERGENCY = 11,       /* the emergency stop is pressed */
    GATE_CURRENT = 12,         /* more current than permitted, or the sensor is broken */
    GATE_WELDED = 13,          /* the contacts are closed without the coil */
    GATE_STUCK_OPEN = 14,      /* the contacts stay open with the coil */
    GATE_REST = 15,            /* the contactor rests after its last opening */
    GATE_LATE_STEP = 16,       /* the controller was held up */
    GATE_DAMAGED = 17,         /* the controller's memory changed by itself */
    GATE_MANY_FAULTS = 18      /* a fault opened the coil again and again */
};

enum gate_test { GATE_TEST_NONE, GATE_TEST_RUNNING, GATE_TEST_PASSED, GATE_TEST_WRONG };

/* The data of one product; written into its flash. */
struct gate_identity {
    uint32_t rated_ma;
    uint8_t phases;
    uint8_t has_thermometer;
    uint8_t has_ammeter;
    uint8_t serial[8];
};

/* The inputs of one step. A level is 0 or 1, and 0 is the safe one of each line. */
struct gate_inputs {
    uint8_t request;       /* the line CONTACTOR */
    uint8_t edges;         /* of the line HEARTBEAT, since the last step */
    uint8_t pilot;         /* enum gate_pilot, from two comparators at the peak detector */
    uint8_t no_residual;   /* the residual-current device sees none */
    uint8_t cool;          /* the temperature switch is closed */
    uint8_t no_emergency;  /* the emergency stop is not pressed */
    uint8_t contacts;      /* the mirror contact shows closed main contacts */
    int16_t temperature_ddeg;
    uint32_t current_ma;
};

struct gate_outputs {
    uint8_t coil;       /* for a lamp; the coil itself hangs on `pump` */
    uint8_t pump;       /* changes with every step while the coil is closed, else 0 */
    uint8_t test;       /* asks the residual-current device to test itself */
    uint8_t shunt_trip; /* the contacts are welded: break by the second means */
    uint8_t tripped;    /* to be kept without a supply; gate_init takes it back */
    uint8_t state;      /* enum gate_state */
    uint8_t reason;     /* enum gate_reason */
    uint8_t opened_by;  /* the reason of the last opening */
};

/* All that the gate remembers. Nobody but gate.c writes to it. Times run down to 0. */
struct gate {
    struct gate_identity identity;
    uint32_t last_ms;
    uint32_t limit_ma;
    uint32_t permission_ms;
    uint32_t heartbeat_ms;
    uint32_t rest_ms;
    uint32_t cycle_ms;
    uint32_t test_valid_ms;
    uint32_t test_wait_ms;
    uint32_t test_ms;
    /* These count up to the time that matters. */
    uint32_t pilot_cd_ms;
    uint32_t pilot_other_ms;
    uint32_t unplugged_ms;
    uint32_t contacts_differ_ms;
    uint32_t over_current_ms;
    uint32_t edge_level;
    uint8_t first_edges;
    uint8_t pilot_allows;
    uint8_t too_fast;
    uint8_t hot;
    uint8_t device_seen;
    uint8_t tripped;
    uint8_t unplugged_since_trip;
    uint8_t unplugged_seen;
    uint8_t test;
    uint8_t test_tripped;
    uint8_t welded;
    uint8_t stuck_open;
    uint8_t late;
    uint8_t damaged;
    uint8_t started;
    uint8_t closed;
    uint8_t pump;
    uint8_t state;
    uint8_t reason;
    uint8_t opened_by;
    uint8_t faults;
    /* The checksum of all fields above, between two calls. */
    uint32_t seal;
};

/* Begin, with the coil open. `tripped` is the output of the same name from before the power cut. */
void gate_init(struct gate *gate, const struct gate_identity *identity, uint8_t tripped);

/* Permit at most `limit_ma` for the next `hold_ms`. 0 for either withdraws the permission. */
void gate_permit(struct gate *gate, uint32_t limit_ma, uint32_t hold_ms);

/* One step, once in a millisecond. `now_ms` wraps at 2^32. */
struct gate_outputs gate_step(struct gate *gate, const struct gate_inputs *inputs, uint32_t now_ms);

/* Minutes since the residual-current device passed its test; UINT16_MAX if it never did. */
uint16_t gate_test_age_min(const struct gate *gate);

#endif
