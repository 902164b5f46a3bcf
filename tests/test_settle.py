"""Collecting and settling: each best claim is paid once, and one bad channel stops no other."""

import json
import resource
import time
from random import Random

import pytest
from typer.testing import CliRunner

from joulestream.channel import KIND_EVM, Certificate, Claim, expiry_reason, genuine_reason
from joulestream.device import journal_keys
from joulestream.device.payee_records import PayeeRecord, PayeeRecords
from joulestream.host_tools import settlement
from joulestream.host_tools.cli import app
from joulestream.host_tools.collect import NotMarked, collect, mark_collected
from joulestream.host_tools.flash_image import FlashImage, FlashImageError
from joulestream.host_tools.ledger import Ledger, book, requests
from joulestream.host_tools.ledger.settlement_ledger import SqlSettlementLedger
from joulestream.host_tools.settlement import NOTHING_NEW, OTHER_LEDGER, PAID, REFUSED, settle
from joulestream.pole.clock import read_times, store_times
from joulestream.testkit.certificates import certificate, terms
from joulestream.testkit.flash import mount
from ledger_scenario import LEDGER, NOW_S, PAYER, STRANGER, balances, claim, close, opened

BLOCKS = 8
BLOCK_SIZE = 2048


class Pole:
    """A pole's flash with the records in it."""

    def __init__(self, path, blocks=BLOCKS, block_size=BLOCK_SIZE):
        self.path, self.blocks, self.block_size = path, blocks, block_size
        self._image = FlashImage(b"\xff" * blocks * block_size, block_size)
        self.journal = mount(self._image)
        self._records = PayeeRecords(self.journal, 64)

    def receive(self, certificate, amount, signer=PAYER):
        """Store a claim as the pole's firmware does."""
        record = self._records.load(certificate.channel_id)
        record.amount = amount
        record.signature = signer.sign(Claim(certificate.channel_id).message(amount))
        if amount == 0:
            record.signature = bytes(64)
        self.journal.erase_ahead()
        self._records.admit(certificate, record)

    def save(self):
        """Write the flash to its file, as a power cut or a collector finds it."""
        data = bytearray()
        block = bytearray(self.block_size)
        for number in range(self.blocks):
            self._image.readblocks(number, block)
            data += block
        self.path.write_bytes(data)
        return self.path


@pytest.fixture
def ledger(tmp_path):
    with Ledger.create(tmp_path / "ledger.db", 7, LEDGER) as opened_ledger:
        yield opened_ledger


@pytest.fixture
def pole(tmp_path):
    return Pole(tmp_path / "pole.flash")


def channel_of(ledger, number):
    """Return a new channel with a deposit of 1000 claim units, and its certificate."""
    channel = opened(ledger, 1000, salt=bytes([number]) * 16, base_units_per_claim_unit=3)
    return channel, ledger.issue_certificate(channel.id, NOW_S, 60)


def settled(pole, *ledgers):
    """Settle; return {channel id: (outcome, claimed, paid now)} and the sum of base units."""
    claims = collect(pole.save(), pole.blocks, pole.block_size)
    done = settle(claims, [SqlSettlementLedger(ledger) for ledger in ledgers], NOW_S)
    assert all(bool(row.why) == (row.outcome in (REFUSED, OTHER_LEDGER)) for row in done)
    outcomes = {row.channel_id: (row.outcome, row.claimed, row.paid_now) for row in done}
    return outcomes, sum(row.paid_now_base_units for row in done)


def test_each_best_claim_is_settled_once(ledger, pole):
    first, first_certificate = channel_of(ledger, 1)
    second, second_certificate = channel_of(ledger, 2)
    fresh, fresh_certificate = channel_of(ledger, 3)
    for amount in range(1, 200):
        pole.receive(first_certificate, amount)
    pole.receive(second_certificate, 1000)
    pole.receive(fresh_certificate, 0)
    expected = {
        first.id: (PAID, 199, 199),
        second.id: (PAID, 1000, 1000),
        fresh.id: (NOTHING_NEW, 0, 0),
    }
    assert settled(pole, ledger) == (expected, 3 * 1199)
    assert balances(ledger)[1] == 3 * 1199
    data = pole.path.read_bytes()
    again, paid_now = settled(pole, ledger)
    assert {row[0] for row in again.values()} == {NOTHING_NEW} and paid_now == 0
    assert pole.path.read_bytes() == data and balances(ledger)[1] == 3 * 1199
    pole.receive(first_certificate, 230)
    assert settled(pole, ledger)[1] == 3 * 31
    assert ledger.check().faults == []


def test_one_bad_channel_stops_no_other(ledger, pole, tmp_path):
    good, good_certificate = channel_of(ledger, 1)
    forged, forged_certificate = channel_of(ledger, 2)
    beyond, beyond_certificate = channel_of(ledger, 3)
    pole.receive(good_certificate, 10)
    pole.receive(forged_certificate, 10, STRANGER)
    pole.receive(beyond_certificate, 1001)
    with Ledger.create(tmp_path / "other.db", 8, STRANGER) as other:
        elsewhere, elsewhere_certificate = channel_of(other, 4)
        pole.receive(elsewhere_certificate, 10)
        expected = {
            good.id: (PAID, 10, 10),
            forged.id: (REFUSED, 10, 0),
            beyond.id: (REFUSED, 1001, 0),
            elsewhere.id: (OTHER_LEDGER, 10, 0),
        }
        assert settled(pole, ledger) == (expected, 30)
        assert settled(pole, other)[0][elsewhere.id] == (PAID, 10, 10)


def test_a_channel_the_ledger_never_had_is_refused(ledger, pole, tmp_path):
    with Ledger.create(tmp_path / "copy.db", 7, LEDGER) as copy:
        channel, certificate = channel_of(copy, 1)
    pole.receive(certificate, 10)
    assert settled(pole, ledger)[0] == {channel.id: (REFUSED, 10, 0)}


def test_an_image_of_any_content_is_collected_or_refused_in_one_sentence(tmp_path):
    random = Random(5)
    path = tmp_path / "image"
    for seed in range(40):
        size = BLOCKS * BLOCK_SIZE - (seed % 3 == 2)
        data = random.randbytes(size) if seed % 2 else bytes([seed]) * size
        path.write_bytes(data)
        with pytest.raises(FlashImageError) as caught:
            collect(path, BLOCKS, BLOCK_SIZE)
        assert "\n" not in str(caught.value) and path.read_bytes() == data


def test_blocks_of_another_size_are_named(ledger, pole):
    _, certificate = channel_of(ledger, 1)
    for amount in range(1, 200):
        pole.receive(certificate, amount)
    path = pole.save()
    for blocks, size in ((16, 1024), (32, 512)):
        with pytest.raises(FlashImageError, match="blocks of 2048 bytes"):
            collect(path, blocks, size)
    (found,) = collect(path, BLOCKS, BLOCK_SIZE)
    assert found.amount == 199


def test_a_closed_channel_that_was_settled_is_no_error(ledger, pole):
    channel, certificate = channel_of(ledger, 1)
    pole.receive(certificate, 10)
    claim(ledger, channel, 10)
    close(ledger, channel, requests.CLOSE_BY_PAYEE)
    assert settled(pole, ledger)[0] == {channel.id: (NOTHING_NEW, 10, 0)}
    pole.receive(certificate, 11)
    assert settled(pole, ledger)[0] == {channel.id: (REFUSED, 11, 0)}


def test_the_certificate_is_not_needed_to_be_paid(ledger, pole):
    channel, certificate = channel_of(ledger, 1)
    pole.receive(certificate, 10)
    pole.journal.put(b"k" + channel.id, b"damaged")
    assert settled(pole, ledger)[0] == {channel.id: (PAID, 10, 10)}


def test_without_a_certificate_every_ledger_is_asked(ledger, pole, tmp_path):
    channel, certificate = channel_of(ledger, 1)
    pole.receive(certificate, 10)
    pole.journal.put(b"k" + channel.id, b"damaged")
    (claim_in_flash,) = collect(pole.save(), BLOCKS, BLOCK_SIZE)
    assert claim_in_flash.certificate is None and "not readable" in claim_in_flash.error
    with Ledger.create(tmp_path / "other.db", 8, STRANGER) as other:
        assert settled(pole, other)[0] == {channel.id: (REFUSED, 10, 0)}
        assert settled(pole, other, ledger)[0] == {channel.id: (PAID, 10, 10)}


def test_each_claim_goes_to_the_ledger_that_owns_its_channel(ledger, pole, tmp_path):
    with Ledger.create(tmp_path / "other.db", 8, STRANGER) as other:
        here, here_certificate = channel_of(ledger, 1)
        there, there_certificate = channel_of(other, 2)
        pole.receive(here_certificate, 10)
        pole.receive(there_certificate, 20)
        assert settled(pole, ledger, other) == (
            {here.id: (PAID, 10, 10), there.id: (PAID, 20, 20)},
            90,
        )
        assert (balances(ledger)[1], balances(other)[1]) == (30, 60)


PAPER_LEDGER = '''
import json
from random import Random
from pathlib import Path

from joulestream.channel import KIND_EVM
from joulestream.host_tools.settlement import Payout


class PaperLedger:
    """The total that was paid on each channel, in a JSON file."""

    def __init__(self, path):
        self._path = Path(path)
        self._paid = json.loads(self._path.read_text())

    def owns(self, certificate):
        return (certificate.kind, certificate.chain_id) == (KIND_EVM, 99)

    def claim(self, claim, now_s):
        name = claim.channel_id.hex()
        paid_now = max(claim.amount - self._paid.get(name, 0), 0)
        self._paid[name] = self._paid.get(name, 0) + paid_now
        return Payout(paid_now, paid_now * claim.certificate.base_units_per_claim_unit)

    def close(self):
        self._path.write_text(json.dumps(self._paid))


open_ledger = PaperLedger
'''


def test_another_ledger_is_one_module_and_one_row(ledger, pole, tmp_path, monkeypatch):
    (tmp_path / "paper_ledger.py").write_text(PAPER_LEDGER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(settlement.LEDGERS, "paper", "paper_ledger")
    book_file = tmp_path / "paper.json"
    book_file.write_text("{}")
    on_paper = certificate(terms(kind=KIND_EVM, chain_id=99, base_units_per_claim_unit=5))
    channel, in_sql = channel_of(ledger, 1)
    pole.receive(on_paper, 20)
    pole.receive(in_sql, 10)

    def settle_command(location):
        words = ["settle", pole.save(), "--ledger", location, "--json"]
        words += ["--blocks", BLOCKS, "--block-size", BLOCK_SIZE]
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, result.stderr
        rows = json.loads(result.stdout)["channels"]
        return {row["channel_id"]: (row["outcome"], row["paid_now_base_units"]) for row in rows}

    paper_id, sql_id = on_paper.channel_id.hex(), channel.id.hex()
    outcomes = settle_command(f"paper:{book_file}")
    assert outcomes == {paper_id: (PAID, 100), sql_id: (OTHER_LEDGER, 0)}
    assert json.loads(book_file.read_text()) == {paper_id: 20}
    assert settle_command(f"paper:{book_file}")[paper_id] == (NOTHING_NEW, 0)
    outcomes = settle_command(f"sql:{tmp_path / 'ledger.db'}")
    assert outcomes == {paper_id: (OTHER_LEDGER, 0), sql_id: (PAID, 30)}


def test_a_torn_last_record_costs_only_itself(ledger, pole):
    _, certificate = channel_of(ledger, 1)
    pole.receive(certificate, 10)
    before = pole.save().read_bytes()
    pole.receive(certificate, 11)
    after = pole.save().read_bytes()
    changed = [at for at in range(len(after)) if after[at] != before[at]]
    torn = after[: changed[len(changed) // 2]] + before[changed[len(changed) // 2] :]
    pole.path.write_bytes(torn)
    (row,) = settle(collect(pole.path, BLOCKS, BLOCK_SIZE), [SqlSettlementLedger(ledger)], NOW_S)
    assert (row.outcome, row.paid_now) == (PAID, 10)
    assert pole.path.read_bytes() == torn


def test_a_file_that_is_not_a_pole_s_flash_is_refused(pole, tmp_path):
    def reason(path, blocks=BLOCKS, block_size=BLOCK_SIZE):
        with pytest.raises(FlashImageError) as caught:
            collect(path, blocks, block_size)
        return str(caught.value)

    size = BLOCKS * BLOCK_SIZE
    pole.path.write_bytes(b"\xff" * size)
    assert collect(pole.path, BLOCKS, BLOCK_SIZE) == []
    assert "blocks" in reason(pole.path, BLOCKS + 1)
    assert "blocks or more" in reason(pole.path, 0, 0)
    assert "cannot be read" in reason(tmp_path / "missing")
    assert "cannot be read" in reason(tmp_path)
    pole.path.write_bytes(b"not a journal...".ljust(size, b"!"))
    assert "holds no journal" in reason(pole.path)
    pole.journal.put(b"c" + bytes(32), b"an record of another version")
    assert "not readable" in reason(pole.save())


def test_the_flash_image_is_the_firmware_s_flash(tmp_path):
    """FlashImage and FileFlash of the unix board hold the same bits after the same calls."""
    from joulestream.boards.file_flash import FileFlash

    file = FileFlash(str(tmp_path / "flash"), 4, 256)
    memory = FlashImage.read(tmp_path / "flash", 4, 256)
    for device in (file, memory):
        device.writeblocks(1, b"\x0f\xf0", 3)
        device.writeblocks(1, b"\xf3\x33", 3)
        device.writeblocks(2, b"\x00" * 256)
        device.ioctl(6, 2)
    for block in range(4):
        left, right = bytearray(256), bytearray(256)
        file.readblocks(block, left)
        memory.readblocks(block, right)
        assert left == right
    assert [file.ioctl(code, 0) for code in (4, 5)] == [memory.ioctl(code, 0) for code in (4, 5)]


def test_a_payee_record_begins_with_its_claim():
    """The claim is the first two fields of the pole's record."""
    assert [name for name, _, _ in PayeeRecord.LAYOUT][:2] == ["amount", "signature"]
    assert book.asset_name(book.asset_id("uEUR")) == "uEUR"


def marked(pole, ledger):
    """Settle and mark as the command does; return the ledger's certificates."""
    on_ledger = SqlSettlementLedger(ledger)
    claims = collect(pole.save(), pole.blocks, pole.block_size)
    done = settle(claims, [on_ledger], NOW_S)
    certificates = settlement.certify_collected(claims, done, on_ledger, LEDGER, NOW_S)
    mark_collected(pole.path, certificates, pole.blocks, pole.block_size)
    return certificates


def test_the_command_marks_what_it_has_paid(ledger, pole, tmp_path):
    from joulestream.host_tools import keys

    channel, certified = channel_of(ledger, 1)
    pole.receive(certified, 10)
    size = ("--blocks", BLOCKS, "--block-size", BLOCK_SIZE)
    words = ("settle", pole.save(), "--ledger", tmp_path / "ledger.db", "--json", *size)

    before = pole.path.read_bytes()
    keys.write_seed(tmp_path / "stranger.seed", bytes([4]) * 32)
    for seed_file in ("stranger.seed", "missing.seed"):
        told(*words, "--seed-file", tmp_path / seed_file, status=1)
        assert balances(ledger)[1] == 0
    (row,) = told(*words)["channels"]  # without a seed the claim is paid all the same
    assert (row["paid_now_claim_units"], row["marked"]) == (10, False)
    assert pole.path.read_bytes() == before
    keys.write_seed(tmp_path / "ledger.db.seed", bytes([1]) * 32)
    assert not told(*words, "--no-mark")["channels"][0]["marked"]
    (row,) = told(*words)["channels"]
    assert (row["outcome"], row["marked"]) == (NOTHING_NEW, True)
    assert standings(pole.path) == {channel.id: (10, 10)}
    (row,) = told(*words)["channels"]
    assert not row["marked"]
    # The pole's operator has no seed. The ledger's operator gives a certificate.
    pole.receive(certified, 30)
    (row,) = told("collect", pole.save(), "--json", *size)
    assert (row["claimed_claim_units"], row["collected_claim_units"]) == (30, 0)
    told(*words, "--no-mark")
    word = ledger.with_signer(LEDGER).certify_collected(channel.id, NOW_S)
    (tmp_path / "word.cert").write_bytes(word.to_bytes())
    (row,) = told("collect", pole.path, tmp_path / "word.cert", "--json", *size)
    assert (row["claimed_claim_units"], row["collected_claim_units"]) == (30, 30)


def test_an_older_copy_of_a_flash_is_marked_before_it_goes_back(pole, tmp_path):
    """After the mark the pole takes no certificate from before it. Nothing else changes."""
    pole.receive(certificate(), 10)
    store_times(pole.journal, NOW_S, {})
    size = ["--blocks", str(BLOCKS), "--block-size", str(BLOCK_SIZE)]
    (before,) = told("collect", pole.save(), "--json", *size)
    marked_from_s = int(time.time())
    (after,) = told("collect", pole.path, "--restored", "--json", *size)
    assert after == before
    journal = mount(FlashImage.read(pole.path, BLOCKS, BLOCK_SIZE))
    born_s, _ = read_times(journal.get(journal_keys.TIME))
    assert marked_from_s <= born_s <= time.time()


def told(*words, status=0):
    """Run a command; return its JSON, or what it prints on stderr."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == status, result.stderr
    return json.loads(result.stdout) if result.stdout else result.stderr


def told_both(*words):
    """Run a command that shows its result and then fails; return its stderr, one line."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 1 and result.stdout, result.stderr
    assert result.stderr.count("\n") == 1
    return result.stderr


def standings(path, blocks=BLOCKS, block_size=BLOCK_SIZE):
    """Return what a pole with this flash knows: {channel id: (settled, collected)}."""
    records = PayeeRecords(mount(FlashImage.read(path, blocks, block_size)), 64)
    rows = {channel_id: records.standing(channel_id) for channel_id in records}
    return {channel_id: (row.settled, row.collected) for channel_id, row in rows.items()}


def test_the_pole_learns_what_the_ledger_has_paid(ledger, pole):
    first, first_certificate = channel_of(ledger, 1)
    second, second_certificate = channel_of(ledger, 2)
    fresh, fresh_certificate = channel_of(ledger, 3)
    pole.receive(first_certificate, 199)
    pole.receive(second_certificate, 1000, STRANGER)
    pole.receive(fresh_certificate, 0)
    (word,) = marked(pole, ledger)
    assert (word.channel_id, word.claimed, word.issued_at_s) == (first.id, 199, NOW_S)
    assert word.expires_at_s - word.issued_at_s == 60  # as long as the vehicle's own certificate
    known = standings(pole.path)
    assert known == {first.id: (199, 199), second.id: (0, 0), fresh.id: (0, 0)}
    # Nothing else changed, and a second run has nothing to tell.
    claims = collect(pole.path, BLOCKS, BLOCK_SIZE)
    assert {row.channel_id: row.amount for row in claims} == {
        first.id: 199,
        second.id: 1000,
        fresh.id: 0,
    }
    before = pole.path.read_bytes()
    on_ledger = SqlSettlementLedger(ledger)
    done = settle(claims, [on_ledger], NOW_S)
    assert settlement.certify_collected(claims, done, on_ledger, LEDGER, NOW_S) == []
    mark_collected(pole.path, [], BLOCKS, BLOCK_SIZE)
    assert pole.path.read_bytes() == before


def test_many_channels_are_marked_in_a_small_flash(ledger, tmp_path):
    pole = Pole(tmp_path / "pole.flash", 12, 4096)
    channels = [channel_of(ledger, number) for number in range(14)]
    for amount in (1, 2, 3):
        for _, certified in channels:
            pole.receive(certified, amount)
    assert len(marked(pole, ledger)) == 14
    known = standings(pole.path, 12, 4096)
    assert known == {channel.id: (3, 3) for channel, _ in channels}
    assert {row.amount for row in collect(pole.path, 12, 4096)} == {3}


def test_a_channel_that_closed_is_marked_and_never_charged_on_again(ledger, pole):
    channel, certified = channel_of(ledger, 1)
    pole.receive(certified, 10)
    close(ledger, channel, requests.CLOSE_BY_PAYER)
    (word,) = marked(pole, ledger)
    assert standings(pole.path) == {channel.id: (10, 10)}
    assert word.expires_at_s <= word.issued_at_s
    assert word.claimable_until_s == ledger.channel(channel.id).closes_at_s
    assert genuine_reason(word) == 0 and expiry_reason(word, word.issued_at_s)


def test_only_the_channel_s_issuer_is_believed(ledger, pole, tmp_path):
    channel, certified = channel_of(ledger, 1)
    pole.receive(certified, 10)
    pole.save()
    with Ledger.create(tmp_path / "other.db", 7, STRANGER) as other:
        _, stranger_s = channel_of(other, 2)
    forged = certificate(certified.terms(), STRANGER, channel_id=channel.id, claimed=10)
    torn = Certificate.from_bytes(certified.to_bytes())
    torn.claimed = 5
    for word in (stranger_s, forged, torn):
        with pytest.raises(NotMarked) as caught:
            mark_collected(pole.path, [certified, word], BLOCKS, BLOCK_SIZE)
        assert caught.value.channel_ids == {word.channel_id}
    assert standings(pole.path) == {channel.id: (0, 0)}


def test_a_channel_that_another_issuer_renewed_stops_no_mark(ledger, pole, tmp_path):
    """A stranger with one real channel kept the pole from learning of any payment."""
    from joulestream.host_tools import keys

    channels = [channel_of(ledger, number) for number in (1, 2, 3)]
    for _, certified in channels:
        pole.receive(certified, 10)
    renewed = min(channel.id for channel, _ in channels)
    pole.receive(certificate(channels[0][1].terms(), STRANGER, channel_id=renewed), 11)
    keys.write_seed(tmp_path / "ledger.db.seed", bytes([1]) * 32)
    size = ("--blocks", BLOCKS, "--block-size", BLOCK_SIZE)
    words = ("settle", pole.save(), "--ledger", tmp_path / "ledger.db", "--json", *size)
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert renewed.hex() in result.stderr and "1 of 3 channels" in result.stderr
    rows = json.loads(result.stdout)["channels"]
    assert {row["channel_id"]: row["marked"] for row in rows} == {
        channel.id.hex(): channel.id != renewed for channel, _ in channels
    }
    known = standings(pole.path)
    assert {channel_id for channel_id in known if known[channel_id] != (10, 10)} == {renewed}


def test_a_claim_of_another_version_stops_no_other(ledger, pole, tmp_path):
    from joulestream.host_tools import keys

    good, good_certificate = channel_of(ledger, 1)
    other, other_certificate = channel_of(ledger, 2)
    pole.receive(good_certificate, 10)
    pole.receive(other_certificate, 20)
    unreadable = pole.journal.get(b"c" + other.id)[:-1]
    pole.journal.put(b"c" + other.id, unreadable)
    keys.write_seed(tmp_path / "ledger.db.seed", bytes([1]) * 32)
    size = ("--blocks", BLOCKS, "--block-size", BLOCK_SIZE)
    rows = told("collect", pole.save(), "--json", *size)
    shown = {row["channel_id"]: (row["claimed_claim_units"], bool(row["why"])) for row in rows}
    assert shown == {good.id.hex(): (10, False), other.id.hex(): (0, True)}
    assert settled(pole, ledger)[0] == {good.id: (PAID, 10, 10), other.id: (REFUSED, 0, 0)}
    err = told_both("settle", pole.path, "--ledger", tmp_path / "ledger.db", *size)
    assert "1 of 2 claims were refused" in err and "version" in err
    assert standings(pole.path) == {good.id: (10, 10), other.id: (0, 0)}
    journal = mount(FlashImage.read(pole.path, BLOCKS, BLOCK_SIZE))
    assert journal.get(b"c" + other.id) == unreadable


def test_a_ledger_that_owns_none_of_the_claims_is_a_failure(ledger, pole, tmp_path):
    """A wrong --ledger in a timer's job pays nothing, and must not look like success."""
    size = ("--blocks", BLOCKS, "--block-size", BLOCK_SIZE)
    words = ("--ledger", tmp_path / "other.db", *size)
    with Ledger.create(tmp_path / "other.db", 8, STRANGER) as other:
        _, certified = channel_of(ledger, 1)
        _, fresh = channel_of(ledger, 2)
        pole.receive(fresh, 0)
        told("settle", pole.save(), *words, "--json")  # nothing asks for money
        pole.receive(certified, 10)
        assert "1 of 2 claims were of another ledger" in told_both("settle", pole.save(), *words)
        _, elsewhere = channel_of(other, 3)
        pole.receive(elsewhere, 10)
    told("settle", pole.save(), *words, "--json")


def test_an_image_is_changed_whole_and_only_of_a_stopped_pole(ledger, pole):
    channel, certified = channel_of(ledger, 1)
    pole.receive(certified, 10)
    claim(ledger, channel, 10)
    word = ledger.with_signer(LEDGER).certify_collected(channel.id, NOW_S)
    before = pole.save().read_bytes()
    pole.path.chmod(0o600)
    with open(pole.path, "r+b"):
        with pytest.raises(FlashImageError, match="in use"):
            mark_collected(pole.path, [word], BLOCKS, BLOCK_SIZE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BLOCK_SIZE, hard))
    try:
        with pytest.raises(FlashImageError, match="cannot be written"):
            mark_collected(pole.path, [word], BLOCKS, BLOCK_SIZE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert pole.path.read_bytes() == before and not list(pole.path.parent.glob(".joulestream*"))
    mark_collected(pole.path, [word], BLOCKS, BLOCK_SIZE)
    assert pole.path.stat().st_mode & 0o777 == 0o600
    assert standings(pole.path) == {channel.id: (10, 10)}
