#include "gate.h"

#include <stddef.h>
#include <string.h>

#include "crc32.h"

/* Whether a rule that holds is a fault, after which the contactor rests for longer. */
enum fault { NEVER, IF_CLOSED, ALWAYS };

struct rule {
    uint8_t reason;
    uint8_t state;
    uint8_t fault;
    uint8_t (*holds)(const struct gate *gate, const struct gate_inputs *in);
};

static void run_down(uint32_t *left_ms, uint32_t ms) {
    *left_ms = *left_ms > ms ? *left_ms - ms : 0;
}

static void count_up(uint32_t *past_ms, uint32_t ms, uint32_t most_ms) {
    *past_ms = ms > most_ms - *past_ms ? most_ms : *past_ms + ms;
}

static void count_while(uint32_t *past_ms, uint8_t holds, uint32_t ms, uint32_t most_ms) {
    if (holds)
        count_up(past_ms, ms, most_ms);
    else
        *past_ms = 0;
}

/* The rules. Each tells whether its condition keeps the coil open. */

static uint8_t is_damaged(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->damaged;
}

static uint8_t is_late(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->late;
}

static uint8_t is_welded(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->welded;
}

static uint8_t is_tripped(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->tripped;
}

static uint8_t is_emergency(const struct gate *gate, const struct gate_inputs *in) {
    (void)gate;
    return in->no_emergency != 1;
}

static uint8_t is_hot(const struct gate *gate, const struct gate_inputs *in) {
    return in->cool != 1 || gate->hot;
}

static uint8_t is_over_current(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->over_current_ms >= GATE_OVER_CURRENT_MS;
}

static uint8_t is_stuck_open(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->stuck_open;
}

static uint8_t is_too_fast(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->too_fast;
}

static uint8_t has_many_faults(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->faults >= GATE_MOST_FAULTS;
}

static uint8_t has_failed_test(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->test == GATE_TEST_WRONG;
}

static uint8_t is_test_due(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->test != GATE_TEST_PASSED || gate->test_valid_ms == 0;
}

static uint8_t is_not_asked(const struct gate *gate, const struct gate_inputs *in) {
    (void)gate;
    return in->request != 1;
}

static uint8_t is_pilot_wrong(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return !gate->pilot_allows;
}

static uint8_t is_not_permitted(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->permission_ms == 0 || gate->limit_ma == 0;
}

static uint8_t is_above_rating(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->limit_ma > gate->identity.rated_ma;
}

static uint8_t is_too_slow(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return gate->heartbeat_ms == 0 || gate->first_edges < GATE_FIRST_EDGES;
}

static uint8_t is_resting(const struct gate *gate, const struct gate_inputs *in) {
    (void)in;
    return !gate->closed && (gate->rest_ms != 0 || gate->cycle_ms != 0);
}

/* The first row that holds names the reason. The coil is closed while none holds. */
static const struct rule RULES[] = {
    {GATE_DAMAGED, GATE_LOCKED, ALWAYS, is_damaged},
    {GATE_WELDED, GATE_LOCKED, ALWAYS, is_welded},
    {GATE_RESIDUAL_CURRENT, GATE_TRIPPED, ALWAYS, is_tripped},
    {GATE_EMERGENCY, GATE_FAULT, ALWAYS, is_emergency},
    {GATE_TEMPERATURE, GATE_FAULT, ALWAYS, is_hot},
    {GATE_CURRENT, GATE_FAULT, ALWAYS, is_over_current},
    {GATE_STUCK_OPEN, GATE_FAULT, ALWAYS, is_stuck_open},
    {GATE_LATE_STEP, GATE_FAULT, ALWAYS, is_late},
    {GATE_HEARTBEAT_FAST, GATE_FAULT, ALWAYS, is_too_fast},
    {GATE_MANY_FAULTS, GATE_FAULT, NEVER, has_many_faults},
    {GATE_TEST_FAILED, GATE_FAULT, ALWAYS, has_failed_test},
    {GATE_TEST_DUE, GATE_TESTING, NEVER, is_test_due},
    {GATE_NOT_ASKED, GATE_OPEN, NEVER, is_not_asked},
    {GATE_PILOT, GATE_OPEN, NEVER, is_pilot_wrong},
    {GATE_NO_PERMISSION, GATE_OPEN, IF_CLOSED, is_not_permitted},
    {GATE_ABOVE_RATING, GATE_OPEN, IF_CLOSED, is_above_rating},
    {GATE_HEARTBEAT_SLOW, GATE_OPEN, IF_CLOSED, is_too_slow},
    {GATE_REST, GATE_RESTING, NEVER, is_resting},
};

static uint32_t checksum(const struct gate *gate) {
    return crc32((const uint8_t *)gate, offsetof(struct gate, seal));
}

/* Memory that changed between two calls is a fault of the controller itself, for good. */
static void break_seal(struct gate *gate) {
    if (checksum(gate) != gate->seal)
        gate->damaged = 1;
}

static void set_seal(struct gate *gate) {
    gate->seal = checksum(gate);
}

static void follow_time(struct gate *gate, uint32_t ms) {
    uint32_t *const left[] = {&gate->permission_ms, &gate->heartbeat_ms,  &gate->rest_ms,
                              &gate->cycle_ms,      &gate->test_valid_ms, &gate->test_wait_ms,
                              &gate->test_ms};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        run_down(left[i], ms);
    gate->late = gate->started && ms > GATE_LATEST_STEP_MS;
    gate->started = 1;
}

/* Each edge fills a bucket that leaks with time, so bursts are told from a rate. */
static void follow_heartbeat(struct gate *gate, uint8_t edges, uint32_t ms) {
    const uint32_t full = GATE_EDGE_COST_MS * GATE_EDGE_BURST;
    run_down(&gate->edge_level, ms);
    count_up(&gate->edge_level, GATE_EDGE_COST_MS * (uint32_t)edges, 2 * full);
    if (gate->edge_level > full)
        gate->too_fast = 1;
    else if (gate->edge_level == 0)
        gate->too_fast = 0;
    if (gate->heartbeat_ms == 0 || gate->too_fast)
        gate->first_edges = 0;
    if (edges != 0) {
        gate->heartbeat_ms = GATE_HOLD_MS;
        if (gate->first_edges < GATE_FIRST_EDGES)
            gate->first_edges++;
    }
}

static void follow_pilot(struct gate *gate, uint8_t pilot, uint32_t ms) {
    uint8_t allows = pilot == GATE_PILOT_CD;
    count_while(&gate->pilot_cd_ms, allows, ms, GATE_PILOT_CLOSE_MS);
    count_while(&gate->pilot_other_ms, !allows, ms, GATE_PILOT_OPEN_MS);
    count_while(&gate->unplugged_ms, pilot == GATE_PILOT_A, ms, GATE_UNPLUGGED_MS);
    if (gate->pilot_other_ms >= GATE_PILOT_OPEN_MS)
        gate->pilot_allows = 0;
    else if (gate->pilot_cd_ms >= GATE_PILOT_CLOSE_MS)
        gate->pilot_allows = 1;
    if (gate->unplugged_ms < GATE_UNPLUGGED_MS) {
        gate->unplugged_seen = 0;
    } else if (!gate->unplugged_seen) {
        /* Each unplugging asks for a new test. */
        gate->unplugged_seen = 1;
        gate->unplugged_since_trip = 1;
        gate->faults = 0;
        gate->test_valid_ms = 0;
    }
}

static void follow_contacts(struct gate *gate, uint8_t contacts, uint32_t ms) {
    count_while(&gate->contacts_differ_ms, (contacts == 1) != gate->closed, ms, GATE_CONTACT_MS);
    gate->stuck_open = 0;
    if (gate->contacts_differ_ms >= GATE_CONTACT_MS) {
        if (gate->closed)
            gate->stuck_open = 1;
        else
            gate->welded = 1;
    }
}

static void follow_temperature(struct gate *gate, int16_t ddeg) {
    if (!gate->identity.has_thermometer)
        return;
    if (ddeg < GATE_COLDEST_DDEG || ddeg > GATE_HOT_DDEG)
        gate->hot = 1; /* GATE_UNKNOWN_DDEG is below the coldest */
    else if (ddeg < GATE_COOL_DDEG)
        gate->hot = 0;
}

static void follow_current(struct gate *gate, uint32_t current_ma, uint32_t ms) {
    /* One eighth and half an ampere for the error of a simple sensor. */
    uint32_t most_ma = gate->limit_ma + gate->limit_ma / 8 + 500;
    uint8_t over = gate->closed && current_ma > most_ma;
    if (gate->identity.has_ammeter)
        count_while(&gate->over_current_ms, over, ms, GATE_OVER_CURRENT_MS);
}

static void end_test(struct gate *gate, enum gate_test result) {
    gate->test = (uint8_t)result;
    gate->test_tripped = 0;
    if (result == GATE_TEST_PASSED) {
        gate->test_valid_ms = GATE_TEST_VALID_MS;
        if (gate->unplugged_since_trip)
            gate->tripped = 0;
    } else {
        gate->test_wait_ms = GATE_TEST_RETRY_MS;
    }
}

/* The test is passed when the device trips in time, and then sees no residual current in time. */
static void follow_residual_current(struct gate *gate, uint8_t no_residual, uint8_t contacts) {
    uint8_t trips = no_residual != 1;
    if (gate->test == GATE_TEST_RUNNING) {
        if (contacts == 1 || gate->test_ms == 0) {
            end_test(gate, GATE_TEST_WRONG);
        } else if (trips && !gate->test_tripped) {
            gate->test_tripped = 1;
            gate->test_ms = GATE_TEST_MS;
        } else if (!trips && gate->test_tripped) {
            end_test(gate, GATE_TEST_PASSED);
        }
        return;
    }
    if (!trips)
        gate->device_seen = 1;
    /* A device that has not been ready since the start is starting, too. */
    if (trips && gate->device_seen && !gate->tripped) {
        gate->tripped = 1;
        gate->unplugged_since_trip = gate->unplugged_ms >= GATE_UNPLUGGED_MS;
        gate->test_valid_ms = 0;
    }
    if (gate->closed || contacts == 1 || trips) {
        if (gate->test_wait_ms < GATE_TEST_SETTLE_MS)
            gate->test_wait_ms = GATE_TEST_SETTLE_MS;
    } else if (gate->test_valid_ms == 0 && gate->test_wait_ms == 0 && !gate->welded) {
        gate->test = GATE_TEST_RUNNING;
        gate->test_ms = GATE_TEST_MS;
    }
}

static const struct rule *first_rule(const struct gate *gate, const struct gate_inputs *in) {
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
        if (RULES[i].holds(gate, in))
            return &RULES[i];
    return NULL;
}

static void rest(struct gate *gate, uint32_t ms) {
    if (gate->rest_ms < ms)
        gate->rest_ms = ms;
}

static void switch_coil(struct gate *gate, const struct rule *rule) {
    uint8_t was_closed = gate->closed;
    if (rule == NULL) {
        if (!was_closed)
            gate->cycle_ms = GATE_LEAST_CYCLE_MS;
        gate->closed = 1;
        gate->pump ^= 1;
        gate->state = GATE_CLOSED;
        gate->reason = GATE_OK;
        return;
    }
    gate->closed = 0;
    gate->pump = 0;
    gate->state = rule->state;
    gate->reason = rule->reason;
    if (was_closed) {
        gate->opened_by = rule->reason;
        gate->faults = (uint8_t)(gate->faults + (rule->fault != NEVER));
        rest(gate, GATE_LEAST_OFF_MS);
    }
    if (rule->fault == ALWAYS || (rule->fault == IF_CLOSED && was_closed))
        rest(gate, GATE_FAULT_REST_MS);
}

void gate_init(struct gate *gate, const struct gate_identity *identity, uint8_t tripped) {
    memset(gate, 0, sizeof *gate);
    gate->identity = *identity;
    gate->tripped = tripped != 0;
    gate->test_wait_ms = GATE_TEST_SETTLE_MS;
    gate->rest_ms = GATE_LEAST_OFF_MS;
    set_seal(gate);
}

void gate_permit(struct gate *gate, uint32_t limit_ma, uint32_t hold_ms) {
    break_seal(gate);
    gate->limit_ma = limit_ma;
    gate->permission_ms =
        hold_ms < GATE_LONGEST_PERMISSION_MS ? hold_ms : GATE_LONGEST_PERMISSION_MS;
    set_seal(gate);
}

struct gate_outputs gate_step(struct gate *gate, const struct gate_inputs *in, uint32_t now_ms) {
    struct gate_outputs out;
    uint32_t ms = gate->started ? now_ms - gate->last_ms : 0;

    break_seal(gate);
    gate->last_ms = now_ms;
    follow_time(gate, ms);
    follow_heartbeat(gate, in->edges, ms);
    follow_pilot(gate, in->pilot, ms);
    follow_contacts(gate, in->contacts, ms);
    follow_temperature(gate, in->temperature_ddeg);
    follow_current(gate, in->current_ma, ms);
    follow_residual_current(gate, in->no_residual, in->contacts);
    switch_coil(gate, first_rule(gate, in));
    set_seal(gate);

    out.coil = gate->closed;
    out.pump = gate->pump;
    out.test = gate->test == GATE_TEST_RUNNING && !gate->test_tripped;
    out.shunt_trip = gate->welded;
    out.tripped = gate->tripped;
    out.state = gate->state;
    out.reason = gate->reason;
    out.opened_by = gate->opened_by;
    return out;
}

uint16_t gate_test_age_min(const struct gate *gate) {
    if (gate->test != GATE_TEST_PASSED || gate->test_valid_ms == 0)
        return UINT16_MAX;
    return (uint16_t)((GATE_TEST_VALID_MS - gate->test_valid_ms) / 60000);
}
