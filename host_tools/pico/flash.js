// The NOR flash of the emulated Pico, kept in a file of the host. Programming only clears bits, an
// erase sets a sector to ones, and the power can go at any byte.

import { openSync, readSync, writeSync } from "node:fs";

const SECTOR = 4096;
const PAGE = 256;
// Typical times of a W25Q16JV. Source: its datasheet, tPP and tSE.
const PAGE_NANOS = 400e3;
const SECTOR_NANOS = 45e6;

// `bytes` is the flash as the processor sees it. `stall(nanos)` lets time pass for all but the
// processor, `powerOff()` is called at the cut.
export function openFlash(path) {
  const file = openSync(path, "r+");
  let bytes;
  let machine;
  let bytesLeft = Infinity;

  function save(begin, end) {
    writeSync(file, bytes, begin, end - begin, begin);
  }

  return {
    // Let a new machine have the flash, with the contents of the file.
    attach(memory, owner) {
      bytes = memory;
      machine = owner;
      readSync(file, bytes, 0, bytes.length, 0);
    },
    // Cut the power when `count` more bytes are programmed; an erase counts as one byte.
    cutAt(count) {
      bytesLeft = count < 0 ? Infinity : count;
    },
    erase(begin, size) {
      for (let at = begin; at < begin + size; at += SECTOR) {
        const isCut = bytesLeft-- <= 0;
        const end = at + (isCut ? SECTOR / 2 : SECTOR); // half of it had become ones
        bytes.fill(0xff, at, end);
        save(at, end);
        if (isCut) return machine.powerOff();
        machine.stall(SECTOR_NANOS);
      }
    },
    program(begin, source, size) {
      for (let at = 0; at < size; at++) {
        if (bytesLeft-- <= 0) {
          save(begin, begin + at);
          return machine.powerOff();
        }
        bytes[begin + at] &= machine.readByte(source + at);
        if (at % PAGE === PAGE - 1) machine.stall(PAGE_NANOS);
      }
      save(begin, begin + size);
    },
  };
}
