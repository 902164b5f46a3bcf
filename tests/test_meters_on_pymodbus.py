"""The common suite of meters with pymodbus behind the line, from each maker's register map.

The line between driver and server is paced by its speed in virtual time; it echoes, garbles,
collides and falls silent there (testkit/meter_suite.py).
"""

import asyncio

import pytest

from joulestream.host_tools.bench.meters import MeterServer, ServedMeters
from joulestream.host_tools.benchmarks import meters
from joulestream.native import crc16
from joulestream.testkit.meter import Meter
from joulestream.testkit.meter_maps import MAPS


@pytest.mark.parametrize("model", sorted(MAPS))
def test_a_meter_keeps_the_suite_with_pymodbus_behind_it(model):
    meters.check(model)


def test_pymodbus_and_the_meter_in_memory_say_the_same():
    """Random requests, of which most are refused, at every model."""
    for model in sorted(MAPS):
        served = ServedMeters(model)
        try:
            behind = served.make(model=model)
            here = Meter(model=model)
            for number in range(60):
                first = number * 7919 % 90 + (0x5B00 if model == "b23" and number % 2 else 0)
                body = bytes((1, 3 + number % 2, first >> 8, first & 0xFF, 0, 1 + number % 20))
                request = body + crc16(body, 6, 0).to_bytes(2, "little")
                answers = [meter.answer(request) for meter in (behind, here)]
                if answers[0][1] & 0x80:
                    # Both refuse it. Where address and function are wrong, each has its code.
                    answers = [answer[:2] for answer in answers]
                assert answers[0] == answers[1], (model, request.hex())
        finally:
            served.close()


def test_a_server_hears_its_own_unit_alone():
    async def ask(unit):
        server = MeterServer(Meter(), 7)
        await server.start()
        try:
            body = bytes((unit, 4, 0, 0, 0, 2))
            return await server.answer(body + crc16(body, 6, 0).to_bytes(2, "little"))
        finally:
            await server.stop()

    assert asyncio.run(ask(7))[:3] == bytes((7, 4, 4))


def test_the_figure_counts_what_failed(monkeypatch):
    """The suite refuses a row with a wrong scale."""
    from joulestream.meter import abb

    traits, questions, figures, most_w = abb.MODELS["b23"]
    wrong = (figures[0], figures[1], (figures[2][0], figures[2][1], 1_000), *figures[3:])
    monkeypatch.setitem(abb.MODELS, "b23", (traits, questions, wrong, most_w))
    monkeypatch.setattr(meters, "models", lambda: ["b23", "b24", "sdm120-mid"])
    found = meters.measure()
    assert found["meters"] == 1 and "check_figures" in found["meters_failed"]["b23"]
