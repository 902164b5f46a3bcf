"""The probe finds every meter by itself; pymodbus answers, the line and the time are models."""

import pytest

from joulestream.host_tools.bench.meters import ServedMeters
from joulestream.host_tools.errors import CommandError
from joulestream.host_tools.meter_identities import EASTRONS, PZEMS
from joulestream.host_tools.meter_probe import SETTINGS, Probe
from joulestream.meter.config import check_meter
from joulestream.testkit.meter_maps import MAPS
from joulestream.testkit.random import Random

ONE_STOP_BIT = {"8N2": "8N1"}


class Wire:
    """Meters on one line in virtual time; each has its own speed, parity and address."""

    def __init__(self, *meters, echoes=False):
        self.meters = meters  # (meter, baud, line)
        self.now_ms = 0
        self.requests = 0
        self._echoes = echoes
        self._settings = None

    def configure(self, baud, line):
        self._settings = baud, line

    def exchange(self, request, size, most_ms):
        self.requests += 1
        answers = []
        for meter, baud, line in self.meters:
            if (baud, ONE_STOP_BIT.get(line, line)) == self._settings:
                meter.now_ms = self.now_ms
                answers.append(meter.answer(request))
        answers = [answer for answer in answers if answer]
        took_ms = 60 if answers else most_ms
        assert took_ms <= most_ms
        self.now_ms += took_ms
        echo = request if self._echoes else b""
        if len(answers) > 1:
            # Both drive the pair at once.
            return echo + bytes(one & other for one, other in zip(*answers, strict=False))
        return echo + b"".join(answers)

    def pause(self, ms):
        self.now_ms += ms


@pytest.fixture(scope="module")
def served():
    """A function that returns the pymodbus server of a model; the servers last for the file."""
    servers = {}

    def of(model):
        if model not in servers:
            servers[model] = ServedMeters(model)
        return servers[model]

    yield of
    for server in servers.values():
        server.close()


def probe(wire, **narrowed):
    told = []
    return Probe(wire, told.append, **narrowed).find(), told


def look_alikes(model):
    """Return the models that a probe finds: an SDM220 and a PZEM do not tell their names."""
    for row in (*PZEMS, EASTRONS[1]):
        if model in row.models and (row is not EASTRONS[1] or model == "sdm220"):
            return row.models
    return (model,)


@pytest.mark.parametrize("model", sorted(MAPS))
def test_every_model_is_found_as_the_maker_delivers_it(served, model):
    traits = check_meter({"model": model})
    meter = served(model).make(model=model, unit=1, least_gap_ms=traits.pause_ms)
    wire = Wire((meter, traits.baud, traits.line))
    found, told = probe(wire)
    assert found.models == look_alikes(model) and found.unit == 1
    assert (found.baud, found.line) == (traits.baud, ONE_STOP_BIT.get(traits.line, traits.line))
    assert meter.restarts == 0, "it was asked too soon"
    assert told and wire.now_ms <= 15_000


def test_other_settings_and_addresses_are_found(served):
    for baud, line in SETTINGS:
        meter = served("sdm630").make(model="sdm630", unit=1)
        wire = Wire((meter, baud, line))
        found, _ = probe(wire)
        assert (found.baud, found.line, found.models) == (baud, line, ("sdm630",))
        assert wire.now_ms <= 12_000
    meter = served("b23").make(model="b23", unit=201)
    wire = Wire((meter, 19_200, "8E1"))
    found, told = probe(wire)
    assert (found.unit, found.models) == (201, ("b23",))
    # All addresses at the two settings before, and 200 at this one.
    assert wire.now_ms <= 130_000, wire.now_ms
    assert any("2 to 247" in text for text in told)


def test_a_search_that_is_narrowed_down_asks_nothing_else(served):
    meter = served("em340").make(model="em340", unit=88)
    wire = Wire((meter, 9_600, "8N1"))
    found, _ = probe(wire, settings=[(9_600, "8N1")], units=[88])
    assert found.models == ("em340",) and wire.requests <= 4


def test_an_echo_is_no_answer(served):
    meter = served("iem3155").make(model="iem3155", unit=1)
    found, _ = probe(Wire((meter, 19_200, "8E1"), echoes=True))
    assert found.models == ("iem3155",)
    with pytest.raises(CommandError, match="no meter answers"):
        probe(Wire(echoes=True), units=[1, 2])


def test_a_wrong_parity_is_silence(served):
    meter = served("b24").make(model="b24", unit=1)
    with pytest.raises(CommandError, match="no meter answers"):
        probe(Wire((meter, 19_200, "8E1")), settings=[(19_200, "8N1")], units=[1])


def test_an_eastron_without_a_code_is_one_of_its_look_alikes(served):
    """Older meters answer the measurements alone."""
    for model, row in (("sdm630", EASTRONS[0]), ("sdm220", EASTRONS[1]), ("sdm72d", EASTRONS[2])):
        meter = served(model).make(model=model, unit=1)
        meter.has_identity = False
        found, _ = probe(Wire((meter, 9_600, "8N1")))
        assert found.models == row.models, model


def test_two_meters_at_one_address_are_told(served):
    first = served("sdm120").make(model="sdm120", unit=1)
    second = served("sdm630").make(model="sdm630", unit=1)
    random = Random(5)
    first.damage = second.damage = lambda frame: bytes(byte & random.below(256) for byte in frame)
    first.set_fault("damaged")
    second.set_fault("damaged")
    with pytest.raises(CommandError, match="two may have this address"):
        probe(Wire((first, 9_600, "8N1"), (second, 9_600, "8N1")), units=[1])


def test_a_meter_that_is_not_known_is_said_to_be_unknown(served):
    meter = served("sdm120").make(model="sdm120", unit=1)
    meter.has_identity = False
    meter.exception = 6
    found, _ = probe(Wire((meter, 9_600, "8N1")))
    assert found.models == () and found.unit == 1
