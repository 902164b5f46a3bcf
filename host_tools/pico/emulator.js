// The emulated Raspberry Pi Pico: rp2040js with our boot ROM, a flash in a file, UARTs in time, and
// everything outside the chip in the program that started this one (host_tools/pico_emulator.py).
//
//   node emulator.js NODE_MODULES FIRMWARE.bin FLASH SEED RUNNER IN OUT
//
// RUNNER is "fast", or "plain" for rp2040js alone; see runner.js.
//
// Messages go in on file descriptor IN and out on OUT: a letter, the size of the rest as 32 bits,
// the rest. Numbers have their low byte first. Time passes only while the message R is carried out, so
// the other side is the one clock of everything that it connects.
//
//   in   R nanos(f64)          run for so long; answered by d
//        U, A, B bytes         to the USB serial port, UART 0, UART 1
//        G pin(u8) level(u8)   drive an input pin
//        V channel(u8) value(u16)   set the reading of an analogue input
//        P pin(u8)             ask for the PWM of a pin; answered by p
//        C count(i32)          cut the power after so many programmed bytes; -1: never
//        X                     switch the power off and on
//        M byte(u8)            the answer to s and i
//   out  u, a, b bytes         from the USB serial port, UART 0, UART 1
//        g pin(u8) level(u8)   an output pin changed; level 2: the pin is no output
//        s bus(u8) byte(u8)    a byte on an SPI bus, which waits for M
//        i bus(u8) step(u8) value(u8)   a step on an I2C bus, which waits for M: 0 and 1 call an
//                              address, to write and to read; 2 writes a byte, 3 reads one, 4 stops
//        p pin(u8) on(u8) high(u32) period(u32)   in counts of the PWM
//        d now(f64) idle(f64) flags(u8) lost(u32) lost(u32)   flags: 1 sleeps until something
//                              happens outside, 2 has no power, 4 was reset; then the bytes that
//                              each UART lost

import { readFileSync, readSync, writeSync } from "node:fs";
import { createRequire } from "node:module";

import { makeBootrom } from "./bootrom.js";
import { openFlash } from "./flash.js";
import { RUNNERS } from "./runner.js";
import { timeUart } from "./uart.js";

const [modules, firmware, flashPath, seed, runner, ...descriptors] = process.argv.slice(2);
const { RP2040, USBCDC, GPIOPinState, I2CMode } = createRequire(`${modules}/`)("rp2040js");

const [IN, OUT] = descriptors.map(Number);
const CYCLE_NANOS = 8; // MicroPython sets the processor to 125 MHz
const PWM_FUNCTION = 4;
const I2C_TX_EMPTY = 1 << 4; // in IC_RAW_INTR_STAT
const ROSC_RANDOM_BIT = 0x1c;
const ROSC_RUNS = 0x80000000;
const USB_PACKET = 64;
const NO_OUTPUT = 2;
const FLASH_SIZE = 2 * 1024 * 1024;

// The messages

let inBuffer = Buffer.alloc(0);

function take(size) {
  while (inBuffer.length < size) {
    const chunk = Buffer.alloc(65536);
    const count = readSync(IN, chunk);
    if (!count) process.exit(0); // the other side has ended
    inBuffer = Buffer.concat([inBuffer, chunk.subarray(0, count)]);
  }
  const taken = inBuffer.subarray(0, size);
  inBuffer = inBuffer.subarray(size);
  return taken;
}

function receive() {
  const head = take(5);
  return [String.fromCharCode(head[0]), take(head.readUInt32LE(1))];
}

let outBuffers = [];

function send(letter, ...parts) {
  const rest = Buffer.concat(parts.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(part))));
  const head = Buffer.alloc(5);
  head[0] = letter.charCodeAt(0);
  head.writeUInt32LE(rest.length, 1);
  outBuffers.push(head, rest);
}

function flush() {
  let rest = Buffer.concat(outBuffers);
  outBuffers = [];
  while (rest.length) rest = rest.subarray(writeSync(OUT, rest));
}

function number(size, write, value) {
  const buffer = Buffer.alloc(size);
  buffer[write](value);
  return buffer;
}
const f64 = (value) => number(8, "writeDoubleLE", value);
const u32 = (value) => number(4, "writeUInt32LE", value);

// The machine

const flash = openFlash(flashPath);
const program = readFileSync(firmware);
const silent = { debug() {}, info() {}, warn() {}, error() {} };
let random = Number(seed) | 1;
const outputs = new Map(); // the level that each output pin showed last
let machine;
let hasPower = true;
let wasReset = false;
let idleNanos = 0;
let epochNanos = 0; // the time at which the machine started

// Return 1 bit of a series that begins with the seed: xorshift32 of Marsaglia.
function randomBit() {
  random ^= random << 13;
  random ^= random >>> 17;
  random ^= random << 5;
  return (random >>> 7) & 1;
}

function ask(letter, ...bytes) {
  send(letter, bytes);
  flush();
  for (;;) {
    const [letter, rest] = receive();
    if (letter === "M") return rest[0];
    obey(letter, rest);
  }
}

// Connect the host's end of the USB serial port. A host of rp2040js answers every question for
// bytes at once, with none if it has none, and the processor would never sleep.
function connectUsb(mcu) {
  const cdc = new USBCDC(mcu.usbCtrl);
  const waiting = [];
  let room = 0;
  cdc.onSerialData = (bytes) => send("u", bytes);
  const offer = () => {
    if (!room || !waiting.length) return;
    const bytes = Uint8Array.from(waiting.splice(0, Math.min(room, USB_PACKET)));
    room = 0;
    mcu.usbCtrl.endpointReadDone(cdc.outEndpoint, bytes);
  };
  mcu.usbCtrl.onEndpointRead = (endpoint, size) => {
    if (endpoint !== cdc.outEndpoint) return;
    room = size;
    offer();
  };
  return (bytes) => {
    for (const byte of bytes) waiting.push(byte);
    offer();
  };
}

function showPin(pin, level) {
  outputs.set(pin, level);
  send("g", [pin, level]);
}

// A chip that starts, or has no power, drives no pin.
function releasePins() {
  for (const [pin, level] of outputs) if (level !== NO_OUTPUT) showPin(pin, NO_OUTPUT);
}

function powerOn(reason = 0, scratch = null) {
  releasePins();
  const mcu = new RP2040();
  mcu.logger = silent;
  const { clock, core } = mcu;
  const stall = (nanos) => clock.tick(nanos);
  const powerOff = () => {
    hasPower = false;
    core.waiting = true;
    releasePins();
  };
  const rom = makeBootrom(mcu, flash);
  mcu.loadBootrom(rom.words);
  flash.attach(mcu.flash.subarray(0, FLASH_SIZE), {
    stall,
    powerOff,
    readByte: (address) => mcu.readUint8(address),
  });
  mcu.flash.set(program);
  mcu.onBreak = (number) => {
    const cycles = rom.call(number);
    if (cycles) stall(cycles * CYCLE_NANOS);
  };
  const rosc = mcu.peripherals[0x40060];
  rosc.readUint32 = (offset) => (offset === ROSC_RANDOM_BIT ? randomBit() : ROSC_RUNS);
  const watchdog = mcu.peripherals[0x40058];
  watchdog.reason = reason;
  if (scratch) watchdog.scratchData.set(scratch);
  watchdog.onWatchdogTrigger = () => {
    wasReset = true;
    watchdog.alarm.enable = false; // rp2040js would call again at once, for ever
  };
  mcu.spi.forEach((spi, bus) => {
    let byte = 0;
    const done = clock.createAlarm(() => spi.completeTransmit(ask("s", bus, byte)));
    spi.onTransmit = (value) => {
      byte = value;
      done.schedule((spi.dataBits * 1e9) / (spi.clockFrequency || 1e6));
    };
  });
  mcu.i2c.forEach((i2c, bus) => {
    // An abort flushes the FIFO, which is empty then (RP2040 datasheet, 4.3.7 and 4.3.17).
    const abort = i2c.abort.bind(i2c);
    i2c.abort = (reason) => {
      abort(reason);
      i2c.setInterrupts(I2C_TX_EMPTY);
    };
    i2c.onConnect = (address, mode) =>
      i2c.completeConnect(!!ask("i", bus, mode === I2CMode.Read ? 1 : 0, address));
    i2c.onWriteByte = (value) => i2c.completeWrite(!!ask("i", bus, 2, value));
    i2c.onReadByte = () => i2c.completeRead(ask("i", bus, 3, 0));
    i2c.onStop = () => {
      ask("i", bus, 4, 0);
      i2c.completeStop();
    };
  });
  for (const pin of mcu.gpio) {
    pin.addListener((state) => {
      if (pin.functionSelect === PWM_FUNCTION) return;
      showPin(pin.index, { [GPIOPinState.High]: 1, [GPIOPinState.Low]: 0 }[state] ?? NO_OUTPUT);
    });
  }
  const uarts = mcu.uart.map((uart, index) =>
    timeUart(uart, clock, (byte) => send("ab"[index], [byte])),
  );
  const run = RUNNERS[runner](mcu, CYCLE_NANOS, () => wasReset || !hasPower);
  machine = { mcu, run, uarts, watchdog, feedUsb: connectUsb(mcu) };
  for (const [pin, level] of levels) mcu.gpio[pin].setInputValue(level);
  for (const [channel, value] of readings) mcu.adc.channelValues[channel] = value;
  hasPower = true;
}

// The levels outside stay when the machine is new.
const levels = new Map();
const readings = new Map();

function run(nanos) {
  let { clock, core } = machine.mcu;
  let end = clock.nanos + nanos;
  idleNanos = 0;
  while (hasPower && clock.nanos < end) {
    if (wasReset) {
      const { watchdog } = machine;
      epochNanos += clock.nanos;
      end -= clock.nanos;
      powerOn(watchdog.reason, watchdog.scratchData);
      ({ clock, core } = machine.mcu);
      wasReset = false;
      resets++;
    } else if (core.waiting) {
      const next = clock.nextAlarm ? Math.min(clock.nextAlarm.nanos, end) : end;
      const sleep = Math.max(next - clock.nanos, 0);
      idleNanos += sleep;
      clock.tick(sleep);
    } else {
      machine.run(end);
    }
  }
}

let resets = 0;

function obey(letter, rest) {
  const { mcu, uarts, feedUsb } = machine;
  switch (letter) {
    case "U":
      return feedUsb(rest);
    case "A":
    case "B":
      return uarts["AB".indexOf(letter)].feed(rest);
    case "G":
      levels.set(rest[0], !!rest[1]);
      return mcu.gpio[rest[0]].setInputValue(!!rest[1]);
    case "V":
      readings.set(rest[0], rest.readUInt16LE(1));
      mcu.adc.channelValues[rest[0]] = rest.readUInt16LE(1);
      return;
    case "C":
      return flash.cutAt(rest.readInt32LE(0));
    case "X":
      epochNanos += mcu.clock.nanos;
      return powerOn();
    case "P": {
      const channel = mcu.pwm.channels[(rest[0] >> 1) & 7];
      const high = rest[0] & 1 ? channel.cc >>> 16 : channel.cc & 0xffff;
      send("p", [rest[0], channel.csr & 1], u32(high), u32(channel.top + 1));
      return flush();
    }
    case "R": {
      run(rest.readDoubleLE(0));
      const { core, clock } = machine.mcu;
      const sleeps = hasPower && core.waiting && !clock.nextAlarm;
      const flags = (sleeps ? 1 : 0) | (hasPower ? 0 : 2) | (resets ? 4 : 0);
      resets = 0;
      const lost = machine.uarts.map((uart) => u32(uart.lost()));
      send("d", f64(epochNanos + clock.nanos), f64(idleNanos), [flags], ...lost);
      return flush();
    }
  }
  throw new Error(`no message has the letter ${letter}`);
}

powerOn();
for (;;) obey(...receive());
