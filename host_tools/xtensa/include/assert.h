// Debian's compiler for Xtensa has no C library. These headers have the part that MicroPython's use.
#define assert(condition) ((void)0)
