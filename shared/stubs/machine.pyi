"""The part of MicroPython's module `machine` that boards use.

The signatures that the ports publish are wider; host_tools/hardware/signatures.py checks calls
against them.
"""

from collections.abc import Callable
from typing import Any, NoReturn

def reset() -> NoReturn: ...
def time_pulse_us(pin: Pin, pulse_level: int, timeout_us: int = ..., /) -> int: ...

class Pin:
    IN: int
    OUT: int
    PULL_UP: int
    IRQ_FALLING: int
    def __init__(
        self, id: Any, mode: int = ..., pull: int | None = ..., *, value: int = ...
    ) -> None: ...
    def __call__(self, x: int = ..., /) -> Any: ...
    def irq(self, handler: Callable[[Pin], None], trigger: int) -> Any: ...

class UART:
    def __init__(
        self,
        id: int,
        /,
        baudrate: int = ...,
        bits: int = ...,
        parity: int | None = ...,
        stop: int = ...,
        *,
        tx: Pin,
        rx: Pin,
        txbuf: int,
        rxbuf: int,
        timeout: int,
    ) -> None: ...

class SPI:
    def __init__(
        self,
        id: int,
        /,
        baudrate: int = ...,
        *,
        polarity: int = ...,
        phase: int = ...,
        sck: Pin,
        mosi: Pin,
        miso: Pin,
    ) -> None: ...

class I2C:
    def __init__(self, id: int, /, *, scl: Pin, sda: Pin, freq: int = ...) -> None: ...

class ADC:
    ATTN_11DB: int
    def __init__(self, id: Pin, *, atten: int = ...) -> None: ...

class PWM:
    def __init__(self, dest: Pin, *, freq: int, duty_u16: int) -> None: ...

class WDT:
    def __init__(self, *, id: int = ..., timeout: int = ...) -> None: ...
    def feed(self) -> None: ...
