// The UARTs of the emulated Pico in time: bytes come and go at the speed of their bits, and a byte
// that finds the FIFO of 32 full is lost, as on the chip. rp2040js knows neither: its UART sends at
// once, never drops a byte that the program could see missing, and raises the interrupt for sending
// for ever. Source: RP2040 datasheet, section 4.2 (a PL011).

const DR = 0x00;
const FR = 0x18;
const IFLS = 0x34;
const IMSC = 0x38;
const RIS = 0x3c;
const MIS = 0x40;
const ICR = 0x44;

const RECEIVED = 1 << 4;
const SENT = 1 << 5;
const RECEIVE_TIMEOUT = 1 << 6;

const FLAG_BUSY = 1 << 3;
const FLAG_RX_EMPTY = 1 << 4;
const FLAG_TX_FULL = 1 << 5;
const FLAG_RX_FULL = 1 << 6;
const FLAG_TX_EMPTY = 1 << 7;

const FIFO_SIZE = 32;
const OVERRUN = 1 << 11;
const LEVELS = [4, 8, 16, 24, 28]; // of IFLS, in bytes of the FIFO
const BITS_OF_A_BYTE = 10;
const BITS_OF_A_TIMEOUT = 32;

// Give a UART of rp2040js the behaviour in time. `emit(byte)` is called when a byte has been sent.
// Returns functions for the bytes from outside.
export function timeUart(uart, clock, emit) {
  const waiting = []; // bytes from outside that are still on the wire
  const rx = [];
  const tx = [];
  let status = 0;
  let levels = 0x12;
  let overrun = false;
  let lost = 0;

  const bitNanos = () => 1e9 / (uart.baudDivider ? uart.baudRate : 115200);
  const update = () => uart.rp2040.setInterrupt(uart.irq, !!(status & uart.interruptMask));
  const rxLevel = () => LEVELS[Math.min((levels >> 3) & 7, 4)];
  const txLevel = () => LEVELS[Math.min(levels & 7, 4)];

  const timeoutAlarm = clock.createAlarm(() => {
    if (rx.length) status |= RECEIVE_TIMEOUT;
    update();
  });
  const rxAlarm = clock.createAlarm(() => {
    const byte = waiting.shift();
    if (uart.enabled && uart.rxEnabled) {
      if (rx.length < FIFO_SIZE) {
        rx.push(byte | (overrun ? OVERRUN : 0));
        overrun = false;
      } else {
        overrun = true;
        lost++;
      }
      if (rx.length >= rxLevel()) status |= RECEIVED;
      timeoutAlarm.schedule(BITS_OF_A_TIMEOUT * bitNanos());
      update();
    }
    if (waiting.length) rxAlarm.schedule(BITS_OF_A_BYTE * bitNanos());
  });
  const txAlarm = clock.createAlarm(() => {
    emit(tx.shift());
    if (tx.length === txLevel()) status |= SENT; // only the crossing of the level counts
    if (tx.length) txAlarm.schedule(BITS_OF_A_BYTE * bitNanos());
    update();
  });

  const read = uart.readUint32.bind(uart);
  uart.readUint32 = (offset) => {
    switch (offset) {
      case DR: {
        const byte = rx.length ? rx.shift() : 0;
        if (rx.length < rxLevel()) status &= ~RECEIVED;
        if (!rx.length) status &= ~RECEIVE_TIMEOUT;
        update();
        return byte;
      }
      case FR:
        return (
          (rx.length ? 0 : FLAG_RX_EMPTY) |
          (rx.length === FIFO_SIZE ? FLAG_RX_FULL : 0) |
          (tx.length ? FLAG_BUSY : FLAG_TX_EMPTY) |
          (tx.length >= FIFO_SIZE ? FLAG_TX_FULL : 0)
        );
      case IFLS:
        return levels;
      case RIS:
        return status;
      case MIS:
        return status & uart.interruptMask;
    }
    return read(offset);
  };
  const write = uart.writeUint32.bind(uart);
  uart.writeUint32 = (offset, value) => {
    switch (offset) {
      case DR:
        if (tx.length < FIFO_SIZE) tx.push(value & 0xff);
        if (tx.length === 1) txAlarm.schedule(BITS_OF_A_BYTE * bitNanos());
        if (tx.length > txLevel()) status &= ~SENT;
        return update();
      case IFLS:
        levels = value;
        return;
      case ICR:
        status &= ~uart.rawWriteValue;
        return update();
    }
    write(offset, value);
  };
  uart.checkInterrupts = update;

  return {
    feed(bytes) {
      const idle = !waiting.length;
      for (const byte of bytes) waiting.push(byte);
      if (idle && waiting.length) rxAlarm.schedule(BITS_OF_A_BYTE * bitNanos());
    },
    lost: () => lost,
  };
}
