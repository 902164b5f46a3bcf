"""The contract of a meter's driver. Only people and the type checker read this file.

A driver is one module and one row of the table in `drivers.py`. The module has a class `Driver`
and a table of its models (see registers.py):

    MODELS = {model: (traits, questions, figures, most_w)}
    FIELDS = ((name, check, default), ...)  more fields of the configuration, if it needs any

A meter without Modbus has no questions, which is (); its driver alone reads the last two fields.
Nothing else in the firmware knows the meter's maker or its wire.
"""

from joulestream.compat import const

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any, Protocol

    from joulestream.meter.config import MeterConfig
    from joulestream.meter.reading import Reading

    class Driver(Protocol):
        """Reads one meter again and again.

        Nothing in a driver may block: the same loop holds the contactor. Waiting for an answer
        means that `poll` returns None until the answer is there.
        """

        heard_ms: int | None
        """The tick at which the meter last sent anything, damaged or not; None before that.
        It tells a meter with a bad line (stale) from one without a supply (silent)."""

        senseless_ms: int | None
        """The tick at which an answer last held a figure without sense; None before that."""

        bad_answers: int
        """How many answers the driver dropped because they were damaged, refused or senseless."""

        skipped_bytes: int
        """How many bytes came that belonged to no answer."""

        def __init__(self, board: Any, meter: MeterConfig, row: Any) -> None:
            """Open the meter; the first reading may come any time later.

            Args:
                board: the pins and peripherals, as `boards/contract.py` describes them.
                meter: the configuration's section `meter`: `interval_ms` between two readings,
                    the traits of the meter and of its line, `unit` on a shared line.
                row: the model's row of the module's `MODELS`.

            Raises:
                ValueError: the board lacks a part that the driver needs; one sentence for people.
            """

        def poll(self, now_ms: int) -> Reading | None:
            """Send and receive as far as it goes without waiting; called once a step.

            Args:
                now_ms: the present tick.

            Returns:
                A new reading, or None. It holds answers to its own questions alone, however late
                others come. A damaged or senseless answer is counted in `bad_answers` and is no
                reading: the driver never raises for it, and never repeats an old one.
            """

        def figure(self, which: int) -> int | None:
            """Return VOLTAGE, POWER, IMPORT, EXPORT, CURRENT or FREQUENCY of the newest reading.

            The current is that of the phase with the largest one. None: the meter has no such
            figure, or it makes no sense.
            """
