// The boot ROM of the emulated Pico: ours, with the contents that the RP2040 datasheet describes in
// section 2.8. Raspberry Pi's own ROM is not needed, and not fetched.
//
// Each function of the ROM is a breakpoint instruction, whose number leads to a JavaScript function
// below, and a return. Only the reset handler is machine code.

const ROM_WORDS = 4096;
const XIP_BASE = 0x10000000;
const SRAM_BASE = 0x20000000;

// Offsets of the ROM that programs rely on. Source: RP2040 datasheet, section 2.8.3.
const MAGIC_AT = 0x10;
const FUNCTION_TABLE_AT = 0x14;
const DATA_TABLE_AT = 0x16;
const LOOKUP_AT = 0x18;
const MAGIC_AND_VERSION = 0x0201754d; // 'M' 'u' 1, then the version: 2 is the B1 chip's

// ldr r0, [pc, #4] = the address below; movs r1, #0; mov lr, r1; bx r0; .word XIP_BASE | 1
// The second stage, which begins the flash, returns to the caller when LR is not zero.
const RESET_HANDLER = [0x4801, 0x2100, 0x468e, 0x4700, 0x0001, 0x1000];

const RETURN = 0x4770; // bx lr
const BREAKPOINT = 0xbe00;

const floats = new Float32Array(1);
const words = new Uint32Array(floats.buffer);
const doubles = new Float64Array(1);
const halves = new Uint32Array(doubles.buffer);

function toFloat(word) {
  words[0] = word;
  return floats[0];
}

function toWord(float) {
  floats[0] = float;
  return words[0];
}

function clamp(value, least, most) {
  return Number.isNaN(value) ? 0 : Math.min(Math.max(value, least), most);
}

// Each takes the core and its registers. A 64-bit integer is in two of them, the low half first.
const int64 = (r) => BigInt.asIntN(64, (BigInt(r[1]) << 32n) | BigInt(r[0]));
const uint64 = (r) => BigInt.asUintN(64, int64(r));

function put64(r, value) {
  const bits = BigInt.asUintN(64, value);
  r[0] = Number(bits & 0xffffffffn);
  r[1] = Number(bits >> 32n);
}

function clamp64(value, least, most) {
  if (Number.isNaN(value)) return 0n;
  if (!Number.isFinite(value)) return value > 0 ? most : least;
  const whole = BigInt(Math.floor(value));
  return whole < least ? least : whole > most ? most : whole;
}

const unary = (f) => (core, r) => (r[0] = toWord(f(toFloat(r[0]))));
const binary = (f) => (core, r) => (r[0] = toWord(f(toFloat(r[0]), toFloat(r[1]))));
const toInt = (least, most, scaled) => (core, r) =>
  (r[0] = clamp(Math.floor(toFloat(r[0]) * (scaled ? 2 ** (r[1] | 0) : 1)), least, most));
const toInt64 = (least, most, scaled) => (core, r) =>
  put64(r, clamp64(toFloat(r[0]) * (scaled ? 2 ** (r[1] | 0) : 1), least, most));
const compare = (core, r) => Math.sign(toFloat(r[0]) - toFloat(r[1]));

// The table of single-precision functions, in its order. Source: RP2040 datasheet, section 2.8.3.2.
const FLOAT_TABLE = [
  binary((a, b) => a + b),
  binary((a, b) => a - b),
  binary((a, b) => a * b),
  binary((a, b) => a / b),
  (core, r) => (r[0] = compare(core, r)),
  (core, r) => {
    core.Z = compare(core, r) === 0;
    core.C = compare(core, r) >= 0;
  },
  unary(Math.sqrt),
  toInt(-(2 ** 31), 2 ** 31 - 1, false),
  toInt(-(2 ** 31), 2 ** 31 - 1, true),
  toInt(0, 2 ** 32 - 1, false),
  toInt(0, 2 ** 32 - 1, true),
  (core, r) => (r[0] = toWord(r[0] | 0)),
  (core, r) => (r[0] = toWord((r[0] | 0) * 2 ** -(r[1] | 0))),
  (core, r) => (r[0] = toWord(r[0])),
  (core, r) => (r[0] = toWord(r[0] * 2 ** -(r[1] | 0))),
  unary(Math.cos),
  unary(Math.sin),
  unary(Math.tan),
  (core, r) => {
    const angle = toFloat(r[0]);
    r[0] = toWord(Math.sin(angle));
    r[1] = toWord(Math.cos(angle));
  },
  unary(Math.exp),
  unary(Math.log),
  (core, r) => (r[0] = compare(core, r)),
  binary(Math.atan2),
  (core, r) => (r[0] = toWord(Number(int64(r)))),
  (core, r) => (r[0] = toWord(Number(int64(r)) * 2 ** -(r[2] | 0))),
  (core, r) => (r[0] = toWord(Number(uint64(r)))),
  (core, r) => (r[0] = toWord(Number(uint64(r)) * 2 ** -(r[2] | 0))),
  toInt64(-(2n ** 63n), 2n ** 63n - 1n, false),
  toInt64(-(2n ** 63n), 2n ** 63n - 1n, true),
  toInt64(0n, 2n ** 64n - 1n, false),
  toInt64(0n, 2n ** 64n - 1n, true),
  (core, r) => {
    doubles[0] = toFloat(r[0]);
    r[0] = halves[0];
    r[1] = halves[1];
  },
];

function reverseBits(word) {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed |= ((word >>> bit) & 1) << (31 - bit);
  return reversed;
}

function countBits(word) {
  let count = 0;
  for (let rest = word; rest; rest &= rest - 1) count++;
  return count;
}

function fill(mcu, r) {
  mcu.sram.fill(r[1], r[0] - SRAM_BASE, r[0] - SRAM_BASE + r[2]);
}

function copy(mcu, r) {
  const to = r[0] - SRAM_BASE;
  const end = r[1] + r[2];
  if (r[1] >= SRAM_BASE && end <= SRAM_BASE + mcu.sram.length) {
    mcu.sram.copyWithin(to, r[1] - SRAM_BASE, end - SRAM_BASE);
  } else if (r[1] >= XIP_BASE && end <= XIP_BASE + mcu.flash.length) {
    mcu.sram.set(mcu.flash.subarray(r[1] - XIP_BASE, end - XIP_BASE), to);
  } else {
    for (let at = 0; at < r[2]; at++) mcu.writeUint8(r[0] + at, mcu.readUint8(r[1] + at));
  }
}

function inSram(mcu, address, size) {
  return address >= SRAM_BASE && address + size <= SRAM_BASE + mcu.sram.length;
}

// The functions by their codes. Source: RP2040 datasheet, sections 2.8.3.1.1 to 2.8.3.1.5.
// A move takes the cycles that a loop over words takes on the chip: 5 for four bytes.
function functions(mcu, flash) {
  const set = (core, r) => {
    if (inSram(mcu, r[0], r[2])) fill(mcu, r);
    else for (let at = 0; at < r[2]; at++) mcu.writeUint8(r[0] + at, r[1]);
    return (r[2] >> 2) * 5;
  };
  const move = (core, r) => {
    if (inSram(mcu, r[0], r[2])) copy(mcu, r);
    else for (let at = 0; at < r[2]; at++) mcu.writeUint8(r[0] + at, mcu.readUint8(r[1] + at));
    return (r[2] >> 2) * 5;
  };
  const nothing = () => 0;
  return {
    P3: (core, r) => void (r[0] = countBits(r[0])),
    R3: (core, r) => void (r[0] = reverseBits(r[0])),
    L3: (core, r) => void (r[0] = Math.clz32(r[0])),
    T3: (core, r) => void (r[0] = r[0] ? 31 - Math.clz32(r[0] & -r[0]) : 32),
    MS: set,
    S4: set,
    MC: move,
    C4: move,
    IF: nothing, // connect the flash's pins
    EX: nothing, // leave the flash's mode for running from it
    FC: nothing, // flush its cache
    CX: nothing, // enter that mode again
    RE: (core, r) => void flash.erase(r[0], r[1]),
    RP: (core, r) => void flash.program(r[0], r[1], r[2]),
  };
}

// Return the words of the ROM, and the function that carries out the breakpoint of a number; it
// returns the cycles that this takes beyond the instruction's own.
export function makeBootrom(mcu, flash) {
  const rom = new Uint16Array(ROM_WORDS * 2);
  const bytes = new DataView(rom.buffer);
  const calls = [];
  let at = 0x40;
  const emit = (...halfwords) => {
    for (const halfword of halfwords) {
      rom[at >> 1] = halfword;
      at += 2;
    }
  };
  const routine = (call) => {
    const address = at | 1;
    emit(BREAKPOINT | calls.push(call) - 1, RETURN);
    return address;
  };
  const code = (name) => name.charCodeAt(0) | (name.charCodeAt(1) << 8);

  const reset = at | 1;
  emit(...RESET_HANDLER);
  const lookup = routine((core, r) => {
    let entry = r[0];
    while (rom[entry >> 1] && rom[entry >> 1] !== r[1]) entry += 4;
    r[0] = rom[entry >> 1] ? rom[(entry >> 1) + 1] : 0;
  });
  const addresses = Object.entries(functions(mcu, flash)).map(([name, call]) => [
    code(name),
    routine(call),
  ]);
  const floatRoutines = FLOAT_TABLE.map((call) => routine((core, r) => void call(core, r)));
  at = (at + 7) & ~3;
  rom[(at >> 1) - 1] = FLOAT_TABLE.length; // its size stands two bytes before it
  const floatTable = at;
  for (const address of floatRoutines) emit(address, 0);
  const functionTable = at;
  for (const entry of addresses) emit(...entry);
  emit(0);
  const dataTable = at;
  emit(code("SF"), floatTable, 0);

  bytes.setUint32(0, SRAM_BASE + mcu.sram.length, true);
  bytes.setUint32(4, reset, true);
  bytes.setUint32(MAGIC_AT, MAGIC_AND_VERSION, true);
  bytes.setUint16(FUNCTION_TABLE_AT, functionTable, true);
  bytes.setUint16(DATA_TABLE_AT, dataTable, true);
  bytes.setUint16(LOOKUP_AT, lookup, true);
  return {
    words: new Uint32Array(rom.buffer),
    call: (number) => calls[number](mcu.core, mcu.core.registers) || 0,
  };
}
