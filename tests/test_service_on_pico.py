"""The service line on the USB port of the emulated Pico: real drivers, real mpremote."""

import json

import pytest

from joulestream.framing import MAX_FRAME, Decoder, encode
from joulestream.host_tools.bench.setup import BenchSetup
from joulestream.host_tools.build.pico import build_library
from joulestream.host_tools.pico_emulator import LOW, EmulatedPico
from joulestream.host_tools.pico_flash import write_flash
from joulestream.host_tools.service.client import PAUSE, Client, is_answer
from joulestream.host_tools.service.monitor import read_status
from joulestream.host_tools.service.poles import read_claims
from joulestream.signing import Signer
from pico_boards import built  # noqa: F401 - a fixture

pytestmark = pytest.mark.xdist_group("emulated Pico")

ANSWER_MS, STEP_MS = 4_000, 20
MAIN = "from joulestream.pole.main import main\nmain('pole.json')\n"
CONTACTOR = 10  # as in firmware/boards/rp2040.py


@pytest.fixture
def pole(built, tmp_path):  # noqa: F811
    """A Pico that runs a pole with a service line on its USB port, and its host's key."""
    setup = BenchSetup(tmp_path)
    host = Signer(bytes(range(32)))
    board = {"kind": "rp2040", "device_secret": "pole.device", "service": "repl", "watchdog": 0}
    keys = [host.public_key.hex()]
    config = setup.pole(service_keys=keys, board=board, seed_file="pole.seed")
    files = tmp_path / "files"
    files.mkdir()
    (files / "pole.json").write_text(json.dumps(config))
    (files / "main.py").write_text(MAIN)
    for name in ("pole.seed", "pole.device"):
        (files / name).write_bytes((tmp_path / name).read_bytes())
    flash = tmp_path / "flash.bin"
    write_flash(flash, [build_library()])
    with EmulatedPico(*built, flash) as pico:
        pico.mpremote("fs", "cp", *sorted(map(str, files.iterdir())), ":")
        pico.restart()
        pico.run(3_000)
        yield pico, host, setup


class UsbLine:
    """Drives a client's exchange over the Pico's USB port, in the Pico's own time."""

    def __init__(self, pico):
        self.pico = pico
        self.came = []
        self.decoder = Decoder(lambda payload: self.came.append(bytes(payload)))

    def run(self, exchange):
        try:
            request = next(exchange)
            while True:
                request = exchange.send(None if request == PAUSE else self.answer(request))
        except StopIteration as end:
            return end.value

    def answer(self, request):
        frame = bytearray(MAX_FRAME)
        self.pico.write_usb(b"\0" + bytes(frame[: encode(request, frame)]))
        for _ in range(ANSWER_MS // STEP_MS):
            self.pico.run(STEP_MS)
            data = bytearray(self.pico.usb)
            self.pico.usb.clear()
            self.decoder.feed(data, len(data))
            while self.came:
                payload = self.came.pop(0)
                if is_answer(request, payload):
                    return payload
        return None


def test_a_pico_is_shown_and_collected_over_usb_and_mpremote_still_stops_it(pole):
    pico, host, setup = pole
    line, client = UsbLine(pico), Client(host, setup.payee.public_key)
    status = line.run(read_status(client))
    assert (status["role"], status["state"], status["faults"]) == ("pole", "idle", 0)
    assert line.run(read_claims(client)) == []
    assert pico.mpremote("exec", "print('stopped')").strip().endswith("stopped")
    assert pico.levels.get(CONTACTOR) == LOW
