"""The dual-runtime test files on the MicroPython unix port, with a board's heap."""

from pathlib import Path

import pytest

from compiled_tests import HERE, compile_tests
from joulestream.host_tools import progress
from joulestream.host_tools.bench.firmware import micropython, micropython_environment
from joulestream.host_tools.layout import BUILD

HEAP = "heapsize=256k"

FILES = (
    "test_can_driver.py",
    "test_channel.py",
    "test_chooser.py",
    "test_config.py",
    "test_ed25519.py",
    "test_framing.py",
    "test_gate_identity.py",
    "test_installer.py",
    "test_isotp.py",
    "test_journal.py",
    "test_journal_keys.py",
    "test_kdf.py",
    "test_keystore.py",
    "test_lossy_link.py",
    "test_messages.py",
    "test_meter_makers.py",
    "test_modbus.py",
    "test_parts.py",
    "test_payee_records.py",
    "test_safety_controller.py",
    "test_session.py",
    "test_supervisor.py",
    "test_tariff.py",
    "test_units.py",
    "test_vectors.py",
)
# Both firmwares in one process need both firmwares' heaps.
PAIRS = (
    "test_carry_over.py",
    "test_energy_owner.py",
    "test_failing_flash.py",
    "test_fitting_configurations.py",
    "test_honest_audit.py",
    "test_late_messages.py",
    "test_lying_pole.py",
    "test_lying_vehicle.py",
    "test_desk_meters.py",
    "test_meter.py",
    "test_meter_models.py",
    "test_other_versions.py",
    "test_pole_loop.py",
    "test_pole_rules.py",
    "test_real_meters.py",
    "test_recovery.py",
    "test_restart.py",
    "test_service.py",
    "test_vehicle_writes.py",
    "test_wallet.py",
    "test_visit.py",
    "test_wallet_room.py",
)
HEAP_OF_A_PAIR = "heapsize=576k"


@pytest.fixture(scope="module")
def compiled():
    """The directory of the compiled tests."""
    return compile_tests(FILES + PAIRS, BUILD / "tests")


def run_file(path, heap=HEAP):
    """Run one test file in a fresh process; return the finished process."""
    return progress.run(
        [micropython(), "-X", heap, str(HERE / "micropython_runner.py"), str(path)],
        Path(path).name,
        env=micropython_environment(),
    )


@pytest.mark.parametrize("name", FILES)
def test_file(compiled, name):
    done = run_file(compiled / name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", PAIRS)
def test_pair(compiled, name):
    done = run_file(compiled / name, HEAP_OF_A_PAIR)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "def test_wrong():\n    assert 1 == 2\n",
        "def test_error():\n    int('x')\n",
        "import nothing_like_this\n\n\ndef test_one():\n    pass\n",
        "def no_test():\n    pass\n",
    ],
    ids=["assertion", "exception", "import", "empty"],
)
def test_the_runner_can_fail(text, tmp_path):
    path = tmp_path / "test_sample.py"
    path.write_text(text)
    done = run_file(path)
    assert done.returncode != 0, done.stdout + done.stderr
