// Debian's compiler for Xtensa has no C library. These headers have what MicroPython's include.
#define assert(condition) ((void)0)
