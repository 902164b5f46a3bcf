// Runs the processor of rp2040js. The instructions that a program consists of nearly alone are
// carried out here, on the memory itself, by a jump on the upper bits; all others, and all
// registers of the chip, are rp2040js's. State and times are the same either way, which a test
// holds: only the host's time differs. Source of the encodings: ARMv6-M reference manual, A5.2.

const FLASH = 0x10000000;
const SRAM = 0x20000000;

// Each returns a function that runs the machine until `end`, in nanoseconds of its clock, or until
// the processor sleeps or `isStopped()` holds.
export const RUNNERS = { fast: makeFast, plain: makePlain };

function makePlain({ core, clock }, cycleNanos, isStopped) {
  return (end) => {
    while (clock.nanos < end && !core.waiting && !isStopped()) {
      clock.tick(core.executeInstruction() * cycleNanos);
    }
  };
}

function makeFast(mcu, cycleNanos, isStopped) {
  const { core, clock } = mcu;
  const r = core.registers;
  const sram8 = mcu.sram;
  const sram16 = new Uint16Array(sram8.buffer);
  const sram32 = new Uint32Array(sram8.buffer);
  const flash8 = mcu.flash;
  const flash16 = mcu.flash16;
  const flash32 = new Uint32Array(flash8.buffer);
  const SRAM_SIZE = sram8.length;
  const FLASH_SIZE = flash8.length;

  function add(a, b) {
    const sum = a + b;
    const word = sum | 0;
    core.N = word < 0;
    core.Z = word === 0;
    core.C = sum > 0xffffffff;
    core.V = ((a ^ word) & (b ^ word)) < 0;
    return word;
  }

  function subtract(a, b) {
    const word = (a - b) | 0;
    core.N = word < 0;
    core.Z = word === 0;
    core.C = a >= b;
    core.V = ((a ^ b) & (a ^ word)) < 0;
    return word;
  }

  function flags(word) {
    core.N = word < 0;
    core.Z = word === 0;
    return word;
  }

  function holds(condition) {
    switch (condition) {
      case 0:
        return core.Z;
      case 1:
        return !core.Z;
      case 2:
        return core.C;
      case 3:
        return !core.C;
      case 4:
        return core.N;
      case 5:
        return !core.N;
      case 6:
        return core.V;
      case 7:
        return !core.V;
      case 8:
        return core.C && !core.Z;
      case 9:
        return !core.C || core.Z;
      case 10:
        return core.N === core.V;
      case 11:
        return core.N !== core.V;
      case 12:
        return core.N === core.V && !core.Z;
      default:
        return core.N !== core.V || core.Z;
    }
  }

  // Carry out the instruction at `pc` if it is one of those known here and touches memory alone.
  // Return its cycles, or 0 after changing nothing.
  function execute(pc) {
    let op;
    if (pc >= SRAM) {
      const at = pc - SRAM;
      if (at >= SRAM_SIZE) return 0;
      op = sram16[at >>> 1];
    } else {
      const at = pc - FLASH;
      if (at < 0 || at >= FLASH_SIZE) return 0;
      op = flash16[at >>> 1];
    }
    const low = op & 7;
    const mid = (op >> 3) & 7;
    let address;
    switch (op >> 10) {
      case 0: // LSLS (immediate)
      case 1: {
        const count = (op >> 6) & 31;
        const word = r[mid];
        if (count) core.C = ((word >>> (32 - count)) & 1) === 1;
        r[low] = flags((word << count) | 0);
        break;
      }
      case 2: // LSRS (immediate)
      case 3: {
        const count = (op >> 6) & 31;
        const word = r[mid];
        core.C = ((word >>> (count ? count - 1 : 31)) & 1) === 1;
        r[low] = flags(count ? (word >>> count) | 0 : 0);
        break;
      }
      case 4: // ASRS (immediate)
      case 5: {
        const count = (op >> 6) & 31 || 32;
        const word = r[mid];
        core.C = ((word >>> (count - 1)) & 1) === 1;
        r[low] = flags(count < 32 ? (word | 0) >> count : (word | 0) >> 31);
        break;
      }
      case 6: // ADDS, SUBS (register)
        r[low] = op & 0x200 ? subtract(r[mid], r[(op >> 6) & 7]) : add(r[mid], r[(op >> 6) & 7]);
        break;
      case 7: // ADDS, SUBS (three bits)
        r[low] = op & 0x200 ? subtract(r[mid], (op >> 6) & 7) : add(r[mid], (op >> 6) & 7);
        break;
      case 8: // MOVS (immediate)
      case 9:
        r[(op >> 8) & 7] = flags(op & 0xff);
        break;
      case 10: // CMP (immediate)
      case 11:
        subtract(r[(op >> 8) & 7], op & 0xff);
        break;
      case 12: // ADDS (eight bits)
      case 13:
        r[(op >> 8) & 7] = add(r[(op >> 8) & 7], op & 0xff);
        break;
      case 14: // SUBS (eight bits)
      case 15:
        r[(op >> 8) & 7] = subtract(r[(op >> 8) & 7], op & 0xff);
        break;
      case 16:
        switch ((op >> 6) & 15) {
          case 0: // ANDS
            r[low] = flags((r[low] & r[mid]) | 0);
            break;
          case 1: // EORS
            r[low] = flags((r[low] ^ r[mid]) | 0);
            break;
          case 8: // TST
            flags((r[low] & r[mid]) | 0);
            break;
          case 9: // RSBS
            r[low] = subtract(0, r[mid]);
            break;
          case 10: // CMP (register)
            subtract(r[low], r[mid]);
            break;
          case 12: // ORRS
            r[low] = flags(r[low] | r[mid] | 0);
            break;
          case 13: // MULS
            r[low] = flags(Math.imul(r[low], r[mid]));
            break;
          case 14: // BICS
            r[low] = flags((r[low] & ~r[mid]) | 0);
            break;
          case 15: // MVNS
            r[low] = flags(~r[mid]);
            break;
          default:
            return 0;
        }
        break;
      case 17: {
        const from = (op >> 3) & 15;
        const to = ((op >> 4) & 8) | low;
        if (from === 15 || to >= 13) return 0;
        switch ((op >> 8) & 3) {
          case 0: // ADD
            r[to] += r[from];
            break;
          case 1: // CMP
            subtract(r[to], r[from]);
            break;
          case 2: // MOV
            r[to] = r[from];
            break;
          default:
            return 0;
        }
        break;
      }
      case 18: // LDR (literal)
      case 19:
        address = ((pc + 4) & ~3) + ((op & 0xff) << 2);
        if (address >= SRAM) r[(op >> 8) & 7] = sram32[(address - SRAM) >>> 2];
        else r[(op >> 8) & 7] = flash32[(address - FLASH) >>> 2];
        r[15] = pc + 2;
        return 2;
      case 20:
      case 21:
      case 22:
      case 23: {
        address = (r[mid] + r[(op >> 6) & 7]) >>> 0;
        const kind = (op >> 9) & 7;
        if (kind < 3) {
          const at = address - SRAM;
          if (at < 0 || at >= SRAM_SIZE) return 0;
          if (kind === 0) {
            if (address & 3) return 0;
            sram32[at >>> 2] = r[low];
          } else if (kind === 1) {
            if (address & 1) return 0;
            sram16[at >>> 1] = r[low];
          } else sram8[at] = r[low];
        } else {
          let bytes = sram8;
          let at = address - SRAM;
          if (at < 0) {
            bytes = flash8;
            at = address - FLASH;
            if (at < 0 || at >= FLASH_SIZE) return 0;
          } else if (at >= SRAM_SIZE) return 0;
          const isFlash = bytes === flash8;
          switch (kind) {
            case 3: // LDRSB
              r[low] = (bytes[at] << 24) >> 24;
              break;
            case 4:
              if (address & 3) return 0;
              r[low] = (isFlash ? flash32 : sram32)[at >>> 2];
              break;
            case 5:
              if (address & 1) return 0;
              r[low] = (isFlash ? flash16 : sram16)[at >>> 1];
              break;
            case 6:
              r[low] = bytes[at];
              break;
            default: // LDRSH
              if (address & 1) return 0;
              r[low] = ((isFlash ? flash16 : sram16)[at >>> 1] << 16) >> 16;
          }
        }
        r[15] = pc + 2;
        return 2;
      }
      case 24: // STR (immediate)
      case 25:
      case 36: // STR (stack)
      case 37: {
        const isStack = op >> 12 === 9;
        address = isStack ? r[13] + ((op & 0xff) << 2) : r[mid] + ((op >> 4) & 0x7c);
        const at = (address >>> 0) - SRAM;
        if (at < 0 || at >= SRAM_SIZE || address & 3) return 0;
        sram32[at >>> 2] = r[isStack ? (op >> 8) & 7 : low];
        r[15] = pc + 2;
        return 2;
      }
      case 26: // LDR (immediate)
      case 27:
      case 38: // LDR (stack)
      case 39: {
        const isStack = op >> 12 === 9;
        address = (isStack ? r[13] + ((op & 0xff) << 2) : r[mid] + ((op >> 4) & 0x7c)) >>> 0;
        if (address & 3) return 0;
        const to = isStack ? (op >> 8) & 7 : low;
        const at = address - SRAM;
        if (at >= 0) {
          if (at >= SRAM_SIZE) return 0;
          r[to] = sram32[at >>> 2];
        } else {
          if (address < FLASH || address - FLASH >= FLASH_SIZE) return 0;
          r[to] = flash32[(address - FLASH) >>> 2];
        }
        r[15] = pc + 2;
        return 2;
      }
      case 28: // STRB (immediate)
      case 29: {
        const at = ((r[mid] + ((op >> 6) & 31)) >>> 0) - SRAM;
        if (at < 0 || at >= SRAM_SIZE) return 0;
        sram8[at] = r[low];
        r[15] = pc + 2;
        return 2;
      }
      case 30: // LDRB (immediate)
      case 31: {
        address = (r[mid] + ((op >> 6) & 31)) >>> 0;
        const at = address - SRAM;
        if (at >= 0) {
          if (at >= SRAM_SIZE) return 0;
          r[low] = sram8[at];
        } else {
          if (address < FLASH || address - FLASH >= FLASH_SIZE) return 0;
          r[low] = flash8[address - FLASH];
        }
        r[15] = pc + 2;
        return 2;
      }
      case 32: // STRH (immediate)
      case 33: {
        const at = ((r[mid] + ((op >> 5) & 0x3e)) >>> 0) - SRAM;
        if (at < 0 || at >= SRAM_SIZE || at & 1) return 0;
        sram16[at >>> 1] = r[low];
        r[15] = pc + 2;
        return 2;
      }
      case 34: // LDRH (immediate)
      case 35: {
        address = (r[mid] + ((op >> 5) & 0x3e)) >>> 0;
        if (address & 1) return 0;
        const at = address - SRAM;
        if (at >= 0) {
          if (at >= SRAM_SIZE) return 0;
          r[low] = sram16[at >>> 1];
        } else {
          if (address < FLASH || address - FLASH >= FLASH_SIZE) return 0;
          r[low] = flash16[(address - FLASH) >>> 1];
        }
        r[15] = pc + 2;
        return 2;
      }
      case 42: // ADD (stack, to a register)
      case 43:
        r[(op >> 8) & 7] = r[13] + ((op & 0xff) << 2);
        break;
      case 44:
        if ((op >> 8) & 3) {
          if (op >> 8 !== 0xb2) return 0;
          switch ((op >> 6) & 3) {
            case 0: // SXTH
              r[low] = (r[mid] << 16) >> 16;
              break;
            case 1: // SXTB
              r[low] = (r[mid] << 24) >> 24;
              break;
            case 2: // UXTH
              r[low] = r[mid] & 0xffff;
              break;
            default: // UXTB
              r[low] = r[mid] & 0xff;
          }
        } else if (op & 0x80) r[13] -= (op & 0x7f) << 2; // SUB, ADD (stack)
        else r[13] += (op & 0x7f) << 2;
        break;
      case 45: {
        if (op & 0x200) return 0;
        // PUSH
        let count = 0;
        for (let bits = op & 0x1ff; bits; bits &= bits - 1) count++;
        const begin = r[13] - 4 * count;
        let at = begin - SRAM;
        if (at < 0 || at + 4 * count > SRAM_SIZE) return 0;
        r[13] = begin;
        let cycles = 1;
        at >>>= 2;
        for (let bit = 0; bit < 8; bit++) {
          if (op & (1 << bit)) {
            sram32[at++] = r[bit];
            cycles++;
          }
        }
        if (op & 0x100) sram32[at] = r[14];
        r[15] = pc + 2;
        return cycles;
      }
      case 47: {
        if (op & 0x200) return 0;
        // POP
        let at = r[13] - SRAM;
        if (at < 0 || at + 36 > SRAM_SIZE) return 0;
        at >>>= 2;
        let cycles = 1;
        let count = 0;
        for (let bits = op & 0xff; bits; bits &= bits - 1) count++;
        if (op & 0x100) {
          const target = sram32[at + count];
          if (target >= 0xf0000000) return 0; // perhaps the end of an exception
          r[15] = target & ~1;
          cycles += 2;
        } else r[15] = pc + 2;
        for (let bit = 0; bit < 8; bit++) {
          if (op & (1 << bit)) {
            r[bit] = sram32[at++];
            cycles++;
          }
        }
        r[13] += 4 * (count + (op & 0x100 ? 1 : 0));
        return cycles;
      }
      case 52: // B (condition)
      case 53:
      case 54:
      case 55: {
        const condition = (op >> 8) & 15;
        if (condition > 13) return 0;
        if (holds(condition)) {
          r[15] = pc + 4 + ((op << 24) >> 23);
          return 2;
        }
        break;
      }
      case 56: // B
      case 57:
        r[15] = pc + 4 + ((op << 21) >> 20);
        return 2;
      case 60: // BL
      case 61: {
        const next = pc >= SRAM ? sram16[(pc + 2 - SRAM) >>> 1] : flash16[(pc + 2 - FLASH) >>> 1];
        if ((next & 0xd000) !== 0xd000) return 0;
        const sign = (op >> 10) & 1;
        const first = 1 - (sign ^ ((next >> 13) & 1));
        const second = 1 - (sign ^ ((next >> 11) & 1));
        const offset =
          (sign ? 0xff000000 : 0) |
          (first << 23) |
          (second << 22) |
          ((op & 0x3ff) << 12) |
          ((next & 0x7ff) << 1);
        r[14] = (pc + 4) | 1;
        r[15] = pc + 4 + offset;
        return 3;
      }
      default:
        return 0;
    }
    r[15] = pc + 2;
    return 1;
  }

  return (end) => {
    let nanos = clock.nanos;
    let limit = clock.nextAlarm ? Math.min(clock.nextAlarm.nanos, end) : end;
    while (nanos < end) {
      let cycles = core.interruptsUpdated ? 0 : execute(r[15]);
      if (cycles) {
        nanos += cycles * cycleNanos;
        if (nanos < limit) continue;
      } else {
        clock.nanosCounter = nanos;
        cycles = core.executeInstruction();
        nanos = clock.nanosCounter + cycles * cycleNanos; // the clock may have gone on in it
      }
      clock.tick(nanos - clock.nanosCounter);
      if (core.waiting || isStopped()) return;
      limit = clock.nextAlarm ? Math.min(clock.nextAlarm.nanos, end) : end;
    }
  };
}
