"""The safety controller on a Cortex-M under QEMU does the same as on the host, and is quick."""

import random
import subprocess

import pytest

from gate_controller import ROOT, WELL, Controller, build, build_for_cortex
from joulestream.host_tools.build import shell
from test_gate_controller import FAULTS, WELL_AGAIN, permit

INSTRUCTIONS = ROOT / "tests" / "native" / "gate_instructions.c"


def command(directory, *sources):
    try:
        return build_for_cortex(directory, *sources)
    except shell.ToolchainError as error:
        pytest.skip(f"bare core armv6m: {error}")


def script(draw):
    """Return some commands: a coil that closes, faults, frames, a flipped bit, a mended plant."""
    yield from WELL
    yield "run 5200"
    for _ in range(8):
        for name in draw.sample(sorted(FAULTS), 2):
            yield from (f"set {key} {value}" for key, value in FAULTS[name][0].items())
            yield f"run {draw.randrange(700)}"
        yield "bytes " + permit(draw.randrange(0x10000)).hex()
        yield "bytes " + draw.randbytes(40).hex() + "00"
        yield from (f"set {key} {value}" for key, value in WELL_AGAIN.items())
        yield f"run {draw.randrange(3_000)}"
    yield f"flip {draw.randrange(800)}"
    yield "run 30"


def test_the_outputs_are_those_of_the_host(tmp_path):
    on_core = Controller(command(tmp_path))
    on_host = Controller(build(tmp_path))
    changes = 0
    for seed in range(6):
        draw = random.Random(seed)
        commands = list(script(draw))
        on_host.begin()
        on_core.begin()
        assert on_host.tell(*commands) == on_core.tell(*commands)
        assert on_host.history == on_core.history
        changes += len(on_host.history)
    assert changes > 100
    on_core.close()
    on_host.close()


def test_a_step_takes_less_than_a_third_of_its_millisecond_at_16_mhz(tmp_path):
    done = subprocess.run(
        command(tmp_path, INSTRUCTIONS), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    instructions = int(done.stdout)
    # 1.3 cycles an instruction.
    assert 1_000 < instructions < 16_000 / 1.3 / 3
