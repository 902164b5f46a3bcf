// The field arithmetic of shared/ed25519 as a shared library. test_field25519.py calls it.

#define JOULESTREAM_ED25519_CHECK
#include "field25519.c"
#include "safegcd.c"

void probe_add(uint32_t *out, const uint32_t *a, const uint32_t *b);
void probe_sub(uint32_t *out, const uint32_t *a, const uint32_t *b);
void probe_sum(uint32_t *out, const uint32_t *a, const uint32_t *b);
void probe_difference(uint32_t *out, const uint32_t *a, const uint32_t *b);
void probe_mul(uint32_t *out, const uint32_t *a, const uint32_t *b);
void probe_square(uint32_t *out, const uint32_t *a, const uint32_t *b);
void probe_reduce(uint32_t *out, const uint32_t *a, const uint32_t *b);
void probe_invert(uint32_t *out, const uint32_t *a, const uint32_t *b);
void probe_invert_public(uint32_t *out, const uint32_t *a, const uint32_t *b);
void probe_pow_p58(uint32_t *out, const uint32_t *a, const uint32_t *b);
int probe_is_zero(const uint32_t *a);

void probe_add(uint32_t *out, const uint32_t *a, const uint32_t *b) {
    gf_add(out, a, b);
}

void probe_sub(uint32_t *out, const uint32_t *a, const uint32_t *b) {
    gf_sub(out, a, b);
}

void probe_sum(uint32_t *out, const uint32_t *a, const uint32_t *b) {
    gf difference;
    gf_add_sub(out, difference, a, b);
}

void probe_difference(uint32_t *out, const uint32_t *a, const uint32_t *b) {
    gf sum;
    gf_add_sub(sum, out, a, b);
}

void probe_mul(uint32_t *out, const uint32_t *a, const uint32_t *b) {
    gf_mul(out, a, b);
}

void probe_square(uint32_t *out, const uint32_t *a, const uint32_t *b) {
    (void)b;
    gf_square(out, a);
}

void probe_reduce(uint32_t *out, const uint32_t *a, const uint32_t *b) {
    (void)b;
    gf_reduce(out, a);
}

void probe_invert(uint32_t *out, const uint32_t *a, const uint32_t *b) {
    (void)b;
    gf_invert(out, a, SECRET);
}

void probe_invert_public(uint32_t *out, const uint32_t *a, const uint32_t *b) {
    (void)b;
    gf_invert(out, a, PUBLIC);
}

void probe_pow_p58(uint32_t *out, const uint32_t *a, const uint32_t *b) {
    gf copy;
    (void)b;
    gf_copy(copy, a);
    gf_pow_p58(out, copy);
}

int probe_is_zero(const uint32_t *a) {
    return gf_is_zero(a);
}
