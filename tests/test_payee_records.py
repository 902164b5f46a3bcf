"""The pole's records: nothing that a channel paid, owes or had delivered is ever forgotten."""

from dual_runtime import raised
from joulestream.device import journal_keys
from joulestream.device.payee_records import BrokenRecord, PayeeRecords
from joulestream.testkit.certificates import NOW_S, certificate, terms
from joulestream.testkit.flash import RamFlash, mount

CHANNEL_ID = terms().channel_id()
FIGURES = {"amount": 500, "amount_due": 400, "energy_mwh": 30_000}


def record_of(records, **changes):
    """Return the channel's record with the figures of this test, some of them changed."""
    record = records.load(CHANNEL_ID)
    for name in FIGURES:
        setattr(record, name, changes.get(name, FIGURES[name]))
    return record


def opened():
    """Return a journal and the records in it, of which one channel's is stored."""
    journal = mount(RamFlash(), journal_keys.key_count(journal_keys.POLE, 4))
    records = PayeeRecords(journal, 4)
    records.admit(certificate(), record_of(records))
    return journal, records


def test_a_record_that_grows_is_stored():
    for name in FIGURES:
        journal, records = opened()
        grown = record_of(records, **{name: FIGURES[name] + 1})
        records.store(CHANNEL_ID, grown)
        assert records.load(CHANNEL_ID).to_bytes() == grown.to_bytes()
        assert PayeeRecords(journal, 4).load(CHANNEL_ID).to_bytes() == grown.to_bytes()


def test_a_record_that_shrinks_is_not_stored():
    """In the session of its channel, after a restart, and after another channel's session."""
    for name in FIGURES:
        for between in ("nothing", "a restart", "another channel"):
            journal, records = opened()
            if between == "a restart":
                records = PayeeRecords(journal, 4)
            if between == "another channel":
                other = certificate(terms(salt=b"2" * 16))
                records.admit(other, records.load(other.channel_id))
            before = journal.get(journal_keys.PAYEE_RECORD + CHANNEL_ID)
            smaller = record_of(records, **{name: FIGURES[name] - 1})
            for error in (
                raised(records.store, CHANNEL_ID, smaller),
                raised(records.admit, certificate(), smaller),
            ):
                assert isinstance(error, BrokenRecord), (name, between)
            assert journal.get(journal_keys.PAYEE_RECORD + CHANNEL_ID) == before


def test_a_journal_that_lost_a_record_is_noticed():
    """The record changes in the journal behind the back of the pole."""
    for name in FIGURES:
        journal, records = opened()
        smaller = record_of(records, **{name: FIGURES[name] - 1})
        journal.put(journal_keys.PAYEE_RECORD + CHANNEL_ID, smaller.to_bytes())
        assert isinstance(raised(records.load, CHANNEL_ID), BrokenRecord), name


def test_a_broken_record_is_no_failure_of_the_flash():
    """The pole answers an OSError with STORE_FAILED and goes on. This fault must end its loop."""
    assert not issubclass(BrokenRecord, OSError)


def test_the_standing_is_the_highest_word_of_all_certificates():
    """A later certificate that says less, or the same, changes nothing."""
    journal, records = opened()
    assert records.standing(CHANNEL_ID).settled == 0
    assert records.standing(CHANNEL_ID).collected_at_s == 0
    for claimed, issued_at_s, expected in (
        (300, NOW_S, (300, NOW_S)),
        (200, NOW_S + 5, (300, NOW_S)),
        (300, NOW_S + 6, (300, NOW_S)),
        (500, NOW_S + 7, (500, NOW_S + 7)),
    ):
        records.erase_ahead()
        records.admit(certificate(claimed=claimed, issued_at_s=issued_at_s), record_of(records))
        for known in (records, PayeeRecords(journal, 4)):
            standing = known.standing(CHANNEL_ID)
            assert (standing.settled, standing.collected_at_s) == expected
            assert known.certificate(CHANNEL_ID).claimed == claimed
