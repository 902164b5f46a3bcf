// Counts the instructions and the stack bytes of signing and of verifying a 44-byte claim. It runs
// on bare QEMU with -icount shift=0 and prints lines `name value` on the UART. The instructions are
// means over 16 messages, as the work of a variable-time verification varies by 2 %.

#include "ed25519_bench.h"

enum { MESSAGES = 16, STACK_WORDS = 2048, PAINT = 0x5aa5c33c };

static uint8_t claim[44] = "CLM";

static uint32_t instructions(void) {
    uint32_t count;
    __asm__ volatile ("csrr %0, minstret" : "=r" (count) : : "memory");
    return count;
}

static void print(const char *name, uint32_t value) {
    volatile uint8_t *uart = (volatile uint8_t *)0x10000000;
    char digits[12];
    int n = 0;
    while (*name) {
        *uart = (uint8_t)*name++;
    }
    *uart = ' ';
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (n) {
        *uart = (uint8_t)digits[--n];
    }
    *uart = '\n';
}

static int sign(const uint8_t *message) {
    bench_sign(message);
    return 1;
}

// Fill the free stack with PAINT, run a function, and return the bytes of stack that it overwrote.
static uint32_t __attribute__((noinline)) stack_of(int (*function)(const uint8_t *)) {
    volatile uint32_t *stack = (volatile uint32_t *)__builtin_frame_address(0) - 64 - STACK_WORDS;
    uint32_t i;
    for (i = 0; i < STACK_WORDS; i++) {
        stack[i] = PAINT;
    }
    function(claim);
    for (i = 0; i < STACK_WORDS && stack[i] == PAINT; i++) {
    }
    return (STACK_WORDS - i + 64) * 4;
}

int main(void) {
    static const struct {
        const char *name;
        int (*function)(const uint8_t *);
    } work[] = {
        {"sign", sign},
        {"verify", bench_verify},
        {"verify_first", bench_verify_first},
        {"verify_once", bench_verify_once},
    };
    uint8_t seed[32];
    uint32_t sums[4] = {0};
    uint32_t good = 0, stack = 0;
    for (int i = 0; i < 32; i++) {
        seed[i] = (uint8_t)(i * 7);
    }
    bench_key(seed);
    bench_sign(claim);
    bench_verify_first(claim);
    for (int message = 0; message < MESSAGES; message++) {
        claim[40] = (uint8_t)message;
        for (int i = 0; i < 4; i++) {
            uint32_t before = instructions();
            good += (uint32_t)work[i].function(claim);
            sums[i] += (instructions() - before) / MESSAGES;
        }
    }
    for (int i = 0; i < 4; i++) {
        print(work[i].name, sums[i]);
        uint32_t used = stack_of(work[i].function);
        stack = used > stack ? used : stack;
    }
    print("stack_bytes", stack);
    print("good", good == 4 * MESSAGES);
    return 0;
}
