"""Records of another version: the pole starts, loses nothing but that record, and keeps it.

A record of another size stands for any such record. Its check sum is right, so it is not torn.
"""

from dual_runtime import raised
from joulestream import errors
from joulestream.device import journal_keys
from joulestream.device.own_record import UnreadableRecord
from joulestream.device.payee_records import PayeeRecords
from joulestream.errors import CERTIFICATE_OLD, CONTACTOR_WELDED, STORE_FAILED
from joulestream.pole.contactor import Contactor
from joulestream.pole.slots import Slots
from joulestream.pole.welding import WeldWatch
from joulestream.runtime.fault import load_fault
from joulestream.testkit.certificates import KEYS, NOW_S, certificate, terms
from joulestream.testkit.flash import NorFlash, RamFlash, mount
from joulestream.testkit.pair import Pair

CHANNEL_ID = terms().channel_id()
RECORD = journal_keys.PAYEE_RECORD + CHANNEL_ID
CERTIFICATE = journal_keys.CERTIFICATE + CHANNEL_ID
MAX_POWER_MW = 11_000_000


def other_sizes(value):
    """Return a value in other sizes: longer, shorter, and next to nothing."""
    return [value + b"\0", value[:-1], value[:2], b"\1", b""]


def charged():
    """Return a pair after one session, which ended without an error and is stored on the pole."""
    world = Pair()
    world.charge(4)
    world.payer.stop(errors.OWNER_STOP, world.now_ms)
    world.run_to_stop()
    return world


def booted(world, key, value):
    """Start the pole of `world` anew, with `value` in its journal; plug in again."""
    world.pole_journal.erase_ahead()
    world.pole_journal.put(key, value)
    world.boot_pole(NOW_S + 100)
    world.boot_vehicle()


def test_a_channel_of_another_version_is_refused_and_nothing_of_it_is_overwritten():
    for key in (RECORD, CERTIFICATE):
        world = charged()
        good = world.pole_journal.get(key)
        for value in other_sizes(good):
            booted(world, key, value)
            assert world.books.records.count_unreadable() == 1
            world.run(lambda: world.payer.last_stop is not None)  # noqa: B023
            assert world.payer.last_stop == STORE_FAILED, (key[:1], len(value))
            world.steps(50)
            assert world.pole_journal.get(key) == value
        booted(world, key, good)  # the version that wrote it goes on with it
        world.charge(2)
        assert world.books.records.count_unreadable() == 0


def test_a_session_that_was_cut_is_billed_to_no_channel_of_another_version():
    world = Pair()
    world.charge(4)
    good = world.pole_journal.get(RECORD)
    booted(world, RECORD, good[:-1])
    world.run(lambda: world.payer.last_stop is not None)
    assert world.payer.last_stop == STORE_FAILED and world.books.is_recovered
    assert world.pole_journal.get(RECORD) == good[:-1]


def test_other_channels_are_not_touched_and_no_place_is_lost():
    journal = mount(NorFlash(12, 2048), journal_keys.key_count(journal_keys.POLE, 2))
    records = PayeeRecords(journal, 2)
    channels = [certificate(terms(salt=bytes([number]) * 16)) for number in range(3)]
    for shown in channels[:2]:
        record = records.load(shown.channel_id)
        record.amount = 10
        records.erase_ahead()
        records.admit(shown, record)
    bad, good = (shown.channel_id for shown in channels[:2])
    stored = journal.get(journal_keys.PAYEE_RECORD + bad) + b"\0"
    journal.put(journal_keys.PAYEE_RECORD + bad, stored)
    records = PayeeRecords(journal, 2)
    assert records.load(good).amount == 10 and records.is_readable(good)
    assert records.count() == 2 and bad in records and not records.is_readable(bad)
    assert isinstance(raised(records.load, bad), UnreadableRecord)
    assert isinstance(raised(records.store, bad, records.load(good)), UnreadableRecord)
    assert journal.get(journal_keys.PAYEE_RECORD + bad) == stored
    # It may owe all that its certificate allows.
    issuer_key = KEYS["issuer"].public_key
    assert records.uncollected(issuer_key, good) == channels[0].capacity
    # Even where the ledger pays nothing any more, it gives its place to nobody.
    slots = Slots(Config(issuer_key), records, Clock())
    record = records.load(good)
    assert slots.find(channels[2], 0) == (True, good)
    records.admit(channels[2], record, good)
    assert journal.get(journal_keys.PAYEE_RECORD + bad) == stored


class Config:
    """The fields that Slots reads."""

    max_channels = 2
    collect_within_s = 0

    def __init__(self, key):
        self.key, self.channels = key, 2
        self.issuers = [self]


class Clock:
    """A time at which no ledger pays any of these channels."""

    def issuer_s(self, issuer_key, now_ms):
        return 1 << 32, 1 << 32


def test_times_of_another_version_count_as_those_of_a_new_journal():
    """A certificate from before this start may hide what the ledger has paid."""
    world = charged()
    for value in other_sizes(world.pole_journal.get(journal_keys.TIME)):
        booted(world, journal_keys.TIME, value)
        world.run(lambda: world.payer.last_stop is not None)
        assert world.payer.last_stop == CERTIFICATE_OLD
    world.certificates = [certificate(issued_at_s=NOW_S + 100)]
    booted(world, journal_keys.TIME, b"")
    world.charge(2)


def test_a_time_that_no_pole_stores_refuses_no_certificate_for_ever():
    world = charged()
    stored = world.pole_journal.get(journal_keys.TIME)
    booted(world, journal_keys.TIME, stored[:40] + b"\xff" * 8 + stored[48:])
    world.charge(2)


def test_a_session_log_of_another_version_stops_no_start():
    world = charged()
    for value in other_sizes(world.pole_journal.get(journal_keys.SESSION)):
        booted(world, journal_keys.SESSION, value)
        world.charge(2)


def test_closings_of_another_version_begin_with_a_rest():
    journal = mount(RamFlash())
    for value in other_sizes(b"\0\0\0\7\3"):
        journal.put(journal_keys.CLOSINGS, value)
        driven = []
        contactor = Contactor(driven.append, 500, journal, 1_000)
        contactor.arm(2_000)
        assert contactor.rests(2_000) and driven == [False]
        contactor.arm(200_000)
        assert driven == [False, True]
        assert len(journal.get(journal_keys.CLOSINGS)) == 5


def test_an_alarm_count_of_another_version_is_an_alarm_that_a_person_can_end():
    for value in other_sizes(b"\0\0\0\2"):
        journal = mount(RamFlash())
        journal.put(journal_keys.ALARMS, value)
        watch = WeldWatch(journal, 0, MAX_POWER_MW)
        assert (watch.alarm, watch.number) == (CONTACTOR_WELDED, 1)
        watch.follow(True, None, 1_000)
        assert WeldWatch(journal, 0, MAX_POWER_MW).alarm == CONTACTOR_WELDED
        assert WeldWatch(journal, 1, MAX_POWER_MW).alarm == 0


def test_a_fault_of_any_bytes_is_read():
    journal = mount(RamFlash())
    journal.put(journal_keys.FAULT, b"\xff\xfe\x80")
    assert load_fault(journal)
