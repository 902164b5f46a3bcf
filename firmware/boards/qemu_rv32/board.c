// The clock and the sleep of QEMU's `virt` machine, riscv32, which MicroPython's qemu port lacks, and
// the module `board` for measurements. shared/stubs/board.pyi repeats the module's functions.
//
// With `-icount shift=0` an instruction takes one nanosecond, so counts and times are the same in
// every run.

#include "py/mphal.h"
#include "py/obj.h"
#include "py/runtime.h"

// Here, uart_rx_chr is the port's own function again; see board_config.h.
#undef uart_rx_chr
int uart_rx_chr(void);
int board_wait_chr(void);

// The 64-bit timer of the machine's interrupt controller, the CLINT. It counts at 10 MHz.
#define MTIME_LOW (*(volatile uint32_t *)0x0200bff8)
#define MTIME_HIGH (*(volatile uint32_t *)0x0200bffc)
#define TICKS_PER_US 10

// Read both halves of the timer. The loop ends when the high half did not change between them.
static uint64_t read_mtime(void) {
    uint32_t high, low;
    do {
        high = MTIME_HIGH;
        low = MTIME_LOW;
    } while (high != MTIME_HIGH);
    return (uint64_t)high << 32 | low;
}

static uint32_t read_instructions(void) {
    uint32_t count;
    __asm__ volatile ("csrr %0, minstret" : "=r" (count) : : "memory");
    return count;
}

mp_uint_t mp_hal_ticks_us(void) {
    return (mp_uint_t)(read_mtime() / TICKS_PER_US);
}

mp_uint_t mp_hal_ticks_ms(void) {
    return (mp_uint_t)(read_mtime() / (1000 * TICKS_PER_US));
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return read_instructions();
}

uint64_t mp_hal_time_ns(void) {
    return read_mtime() * (1000 / TICKS_PER_US);
}

void mp_hal_delay_us(mp_uint_t us) {
    uint64_t end = read_mtime() + (uint64_t)us * TICKS_PER_US;
    while (read_mtime() < end) {
        mp_handle_pending(true);
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    mp_hal_delay_us(1000 * ms);
}

// The UART's interrupt, on its way through the machine's interrupt controller, the PLIC, to hart 0.
#define UART_IER (*(volatile uint8_t *)0x10000001)
#define UART_IER_RECEIVED (1)
#define UART_INTERRUPT 10
#define PLIC_PRIORITY ((volatile uint32_t *)0x0c000000)
#define PLIC_ENABLE (*(volatile uint32_t *)0x0c002000)
#define PLIC_CLAIM (*(volatile uint32_t *)0x0c200004)
#define MIE_EXTERNAL (1 << 11)

// Return the next byte of the UART. Until it comes, the processor sleeps, and QEMU with it: an idle
// board takes no time of the host. The interrupt wakes the processor, but no handler is called,
// since interrupts as a whole stay off.
int board_wait_chr(void) {
    UART_IER = UART_IER_RECEIVED;
    PLIC_PRIORITY[UART_INTERRUPT] = 1;
    PLIC_ENABLE = 1 << UART_INTERRUPT;
    __asm__ volatile ("csrs mie, %0" : : "r" (MIE_EXTERNAL));
    int c;
    while ((c = uart_rx_chr()) < 0) {
        __asm__ volatile ("wfi" : : : "memory");
        PLIC_CLAIM = PLIC_CLAIM; // taken, and done
    }
    return c;
}

// instructions() -> the instructions since the start, modulo 2^30: this is always a small int,
// which needs no heap
static mp_obj_t board_instructions(void) {
    return MP_OBJ_NEW_SMALL_INT(read_instructions() & 0x3fffffff);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_instructions_obj, board_instructions);

// The free stack that is painted and searched: STACK_WORDS words, STACK_MARGIN words below the
// function's own frame.
enum { STACK_WORDS = 1024, STACK_MARGIN = 64, STACK_PAINT = 0x5aa5c33c };

static volatile uint32_t *free_stack(void *frame) {
    return (volatile uint32_t *)frame - STACK_MARGIN - STACK_WORDS;
}

// stack_paint() -> None. It fills 4 KB of the free stack with a known word.
static mp_obj_t board_stack_paint(void) {
    volatile uint32_t *stack = free_stack(__builtin_frame_address(0));
    for (int i = 0; i < STACK_WORDS; i++) {
        stack[i] = STACK_PAINT;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_stack_paint_obj, board_stack_paint);

// stack_used() -> the bytes of stack that calls from the same depth have used since stack_paint()
static mp_obj_t board_stack_used(void) {
    volatile uint32_t *stack = free_stack(__builtin_frame_address(0));
    int i = 0;
    while (i < STACK_WORDS && stack[i] == STACK_PAINT) {
        i++;
    }
    return MP_OBJ_NEW_SMALL_INT((STACK_WORDS - i + STACK_MARGIN) * 4);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_stack_used_obj, board_stack_used);

// In devices.c.
extern const mp_obj_fun_builtin_fixed_t board_cable_obj;
extern const mp_obj_type_t board_flash_type;

static const mp_rom_map_elem_t board_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_board) },
    { MP_ROM_QSTR(MP_QSTR_instructions), MP_ROM_PTR(&board_instructions_obj) },
    { MP_ROM_QSTR(MP_QSTR_stack_paint), MP_ROM_PTR(&board_stack_paint_obj) },
    { MP_ROM_QSTR(MP_QSTR_stack_used), MP_ROM_PTR(&board_stack_used_obj) },
    { MP_ROM_QSTR(MP_QSTR_cable), MP_ROM_PTR(&board_cable_obj) },
    { MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&board_flash_type) },
};
static MP_DEFINE_CONST_DICT(board_globals, board_globals_table);

const mp_obj_module_t board_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&board_globals,
};

MP_REGISTER_MODULE(MP_QSTR_board, board_module);
