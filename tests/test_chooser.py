"""The directory that starts: every state, a trial's starts, and a power cut at every write."""

import sys

from dual_runtime import raised
from joulestream.runtime import chooser, trial
from joulestream.runtime.chooser import DIRECTORY, HOLD, MOST_STARTS, STARTS, TRIAL, choose
from joulestream.testkit.memory_files import MemoryFiles, Mounted, PowerCut

BOTH = (True, True)
LIST = b"joulestream 1\nversion 0.1.0\nboard rp2040\nrole pole\n"


def board(*complete):
    """Return the files of a board with these whole directories."""
    files = MemoryFiles()
    for directory in chooser.DIRECTORIES:
        files.contents[directory] = None
        if directory in complete:
            files.contents[directory + "/release"] = LIST
    return files


def states():
    for directory in (0, 1):
        for on_trial in (0, TRIAL):
            for held in (0, HOLD):
                for starts in range(MOST_STARTS + 2):
                    yield directory | on_trial | held | starts * STARTS


def test_every_state_starts_a_whole_directory_or_none():
    for state in states():
        for complete in (BOTH, (True, False), (False, True), (False, False)):
            new, number = choose(state, complete)
            if state & HOLD:
                assert number is None and new == state & ~HOLD
            elif True not in complete:
                assert number is None and new == state
            else:
                assert complete[number] and new & DIRECTORY == number
                assert not new & HOLD


def test_a_hold_lasts_for_one_start():
    new, number = choose(HOLD | 1, BOTH)
    assert (new, number) == (1, None)
    assert choose(new, BOTH) == (1, 1)


def test_a_trial_has_three_starts_and_then_the_old_release_returns():
    state = 1 | TRIAL
    for _ in range(MOST_STARTS):
        state, number = choose(state, BOTH)
        assert number == 1 and state & TRIAL
    assert choose(state, BOTH) == (0, 0)


def test_a_first_release_stays_on_trial_since_there_is_none_to_return_to():
    state = TRIAL
    for _ in range(3 * MOST_STARTS):
        state, number = choose(state, (True, False))
        assert (state, number) == (TRIAL, 0)


def test_a_directory_without_its_list_never_starts():
    assert choose(1, (True, False)) == (0, 0)
    assert choose(1 | TRIAL, (True, False)) == (0, 0)


def test_the_state_is_kept_in_a_file():
    with Mounted(board(), [chooser]) as files:
        assert chooser.load() == 0
        chooser.switch(1)
        assert chooser.load() == 1 | TRIAL
        chooser.hold()
        assert chooser.load() == 1 | TRIAL | HOLD
        chooser.confirm()
        assert chooser.load() == 1
        for text in (b"", b"x", b"-5", b"1 2", b"\xff"):
            files.contents["/start.state"] = text
            assert chooser.load() == 0, text


def test_a_power_cut_leaves_the_old_state_or_the_new_one():
    seen = set()
    for cut in range(8):
        with Mounted(board(*chooser.DIRECTORIES), [chooser]) as files:
            chooser.store(1)
            files.cut_at = files.operations + cut
            fault = raised(chooser.switch, 0)
            assert fault is None or isinstance(fault, PowerCut)
            files.cut_at = None
            seen.add(chooser.load())
            assert chooser.load() == (1 if fault else TRIAL)
    assert seen == {1, TRIAL}


class Numbers:
    """An ESP32's NVS: a number counts after `commit`."""

    kept = {}

    def __init__(self, space):
        self._space = space
        self._new = {}

    def get_i32(self, name):
        if (self._space, name) not in self.kept:
            raise OSError(-0x1102)
        return self.kept[self._space, name]

    def set_i32(self, name, value):
        self._new[self._space, name] = value

    def commit(self):
        self.kept.update(self._new)


class Esp32:
    NVS = Numbers


def test_an_esp32_keeps_the_state_in_nvs():
    before = sys.modules.get("esp32")
    sys.modules["esp32"] = Esp32
    try:
        with Mounted(board(), [chooser]) as files:
            assert chooser.load() == 0
            chooser.switch(1)
            assert chooser.load() == 1 | TRIAL
            assert "/start.state" not in files.contents
    finally:
        del sys.modules["esp32"]
        if before is not None:
            sys.modules["esp32"] = before


def test_a_list_of_files_begins_with_its_words():
    with Mounted(board("/a"), [chooser]) as files:
        words = chooser.header("/a/release")
        assert words == {"joulestream": "1", "version": "0.1.0", "board": "rp2040", "role": "pole"}
        for text in (b"", b"joulestream 2\nrole pole\n", b"joulestream 1\nrole toaster\n"):
            files.contents["/a/release"] = text
            assert isinstance(raised(chooser.header, "/a/release"), ValueError), text


class Supervisor:
    def __init__(self):
        self.faults = 0


def test_a_release_reports_healthy_after_its_steps():
    with Mounted(board(*chooser.DIRECTORIES), [chooser]):
        chooser.store(1 | TRIAL | 2 * STARTS)
        supervisor = Supervisor()
        assert not trial.is_on()
        trial.begin()
        for _ in range(trial.STEPS - 1):
            assert trial.follow(supervisor)
        assert chooser.load() == 1 | TRIAL | 2 * STARTS
        assert not trial.follow(supervisor) and not trial.is_on()
        assert chooser.load() == 1


def test_a_release_with_a_fault_never_reports_healthy():
    with Mounted(board(*chooser.DIRECTORIES), [chooser]):
        chooser.store(1 | TRIAL | STARTS)
        supervisor = Supervisor()
        trial.begin()
        trial.follow(supervisor)
        supervisor.faults = 1
        for _ in range(2 * trial.STEPS):
            assert not trial.follow(supervisor)
        assert chooser.load() == 1 | TRIAL | STARTS
