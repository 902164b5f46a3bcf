// Runs Ed25519 cases on a bare machine and counts the work of signing and of verifying. It prints
// lines `name value`; `wrong` is followed by the number of each case that got another answer.
//
// It is compiled as the native module is: by the same Makefile, in one translation unit with
// shared/ed25519. host_tools/build/bare.py packs the cases, and says how.

#include "bare.h"
#include "muldi3.c"
#include "ed25519.c"

enum { SIGNED = 0, CLAIM_BYTES = 44, MESSAGES = 4, TABLE_WORDS = ED25519_TABLE_BYTES / 4 };

static u32 table[TABLE_WORDS];

// The compiler may call both.
void *memset(void *s, int c, size_t n) __attribute__((externally_visible, used));
void *memcpy(void *dest, const void *src, size_t n) __attribute__((externally_visible, used));

void *memset(void *s, int c, size_t n) {
    volatile u8 *to = s;
    while (n--) {
        *to++ = (u8)c;
    }
    return s;
}

void *memcpy(void *dest, const void *src, size_t n) {
    volatile u8 *to = dest;
    const u8 *from = src;
    while (n--) {
        *to++ = *from++;
    }
    return dest;
}

// Print a line, the value in hexadecimal: division would need the compiler's library.
static void print(const char *name, u32 value) {
    while (*name) {
        bare_put(*name++);
    }
    bare_put(' ');
    for (int shift = 28; shift >= 0; shift -= 4) {
        u32 digit = value >> shift & 15;
        bare_put((char)(digit < 10 ? '0' + digit : 'a' - 10 + digit));
    }
    bare_put('\n');
}

static int same(const u8 *a, const u8 *b, size_t size) {
    u8 difference = 0;
    for (size_t i = 0; i < size; i++) {
        difference |= a[i] ^ b[i];
    }
    return difference == 0;
}

// Return the answers of both ways to verify: 0 or 1, and 2 if they differ. The table is made anew
// when the key is another than before.
static int verify_both(const u8 *key, const u8 *message, size_t size, const u8 *signature) {
    static u8 table_key[32];
    static int table_good;
    if (!same(table_key, key, 32)) {
        table_good = ed25519_prepare(table, key);
        memcpy(table_key, key, 32);
    }
    int once = ed25519_verify(key, message, size, signature);
    int prepared = table_good && ed25519_verify_prepared(table, key, message, size, signature);
    return once == prepared ? once : 2;
}

// Return whether the seed has the public key, and its signature of the message is the given one.
static int signs(const u8 *seed, const u8 *key, const u8 *message, size_t size,
    const u8 *signature) {
    u8 expanded[96], made[64];
    ed25519_expand(expanded, seed);
    ed25519_sign(made, expanded, message, size);
    return same(expanded + 64, key, 32) && same(made, signature, 64);
}

// Run every case: kind, answer, length of the message (two bytes each); seed, public key,
// signature, message. All are padded to whole words.
static void run_cases(void) {
    const u8 *at = bare_cases;
    u32 count = load32_le(at), wrong = 0;
    at += 4;
    for (u32 i = 0; i < count; i++) {
        const u8 *key = at + 8 + 32, *signature = key + 32, *message = signature + 64;
        size_t size = at[4] | (size_t)at[5] << 8;
        int good = verify_both(key, message, size, signature) == at[2];
        if (at[0] == SIGNED) {
            good &= signs(at + 8, key, message, size, signature);
        }
        if (!good) {
            print("wrong", i);
            wrong++;
        }
        at = message + ((size + 3) & ~(size_t)3);
    }
    print("cases", count);
    print("failures", wrong);
}

// Print the instructions of each kind of work, means over some messages.
static void count_work(void) {
    static u8 claim[CLAIM_BYTES] = "CLM";
    u8 expanded[96], signature[64];
    u32 sums[4] = {0};
    for (int i = 0; i < 32; i++) {
        expanded[i] = (u8)(i * 7);
    }
    ed25519_expand(expanded, expanded);
    for (int message = 0; message < MESSAGES; message++) {
        claim[40] = (u8)message;
        u32 marks[5];
        marks[0] = bare_instructions();
        ed25519_sign(signature, expanded, claim, sizeof(claim));
        marks[1] = bare_instructions();
        ed25519_prepare(table, expanded + 64);
        marks[2] = bare_instructions();
        ed25519_verify_prepared(table, expanded + 64, claim, sizeof(claim), signature);
        marks[3] = bare_instructions();
        ed25519_verify(expanded + 64, claim, sizeof(claim), signature);
        marks[4] = bare_instructions();
        for (int i = 0; i < 4; i++) {
            sums[i] += (marks[i + 1] - marks[i]) / MESSAGES;
        }
    }
    print("sign", sums[0]);
    print("prepare", sums[1]);
    print("verify", sums[2]);
    print("verify_once", sums[3]);
}

int main(void) {
    bare_begin();
    run_cases();
    count_work();
    bare_figures(print);
    return 0;
}
