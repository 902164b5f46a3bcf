"""docs/service.md is as the code is, and every reason has words."""

import re

from joulestream import errors
from joulestream import service as protocol
from joulestream.fields import size_of
from joulestream.host_tools.layout import ROOT
from joulestream.host_tools.reason_words import WORDS, in_words
from joulestream.host_tools.service.client import RESULT_NAMES
from joulestream.pole import service as pole_service
from joulestream.service import REQUESTS, ClaimRow, Hello, Welcome
from joulestream.vehicle import service as vehicle_service

PAGE = (ROOT / "docs" / "service.md").read_text()


def table(head):
    """Return the rows of the table with a heading row that begins with `head`."""
    lines = iter(PAGE.splitlines())
    rows = []
    for line in lines:
        if line.startswith(head):
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    return rows
                rows.append([cell.strip() for cell in row.strip("|").split("|")])
    raise AssertionError(head)


def test_the_requests_are_those_of_the_table():
    shown = table("| number | request |")
    roles = {"pole": {0: pole_service.HANDLERS}, "vehicle": {0: vehicle_service.HANDLERS}}
    assert len(shown) == len(REQUESTS)
    for (number, name, body, _, signed, role), (code, row) in zip(
        shown, REQUESTS.items(), strict=True
    ):
        assert (int(number, 16), name) == (code, row[0].upper())
        sizes = re.findall(r"\((\d+)\)", body)
        assert sizes == ([] if row[1] is None else [str(row[1])]), name
        assert signed == ("yes" if row[2] else "no"), name
        for each, handlers in roles.items():
            answers = code == protocol.HELLO or code in handlers[0]
            assert answers == (role in (each, "both")), (name, each)


def test_the_results_are_those_of_the_table():
    shown = table("| result | name |")
    assert [(int(number), name) for number, name, _, _ in shown] == list(enumerate(RESULT_NAMES))


def test_the_fields_are_those_of_the_records():
    for head, record in (
        ("| field of HELLO |", Hello),
        ("| field of WELCOME |", Welcome),
        ("| field | bytes | meaning |", ClaimRow),
    ):
        shown = [(name, int(size)) for name, size, _ in table(head)]
        assert shown == [(name, size) for name, size, _ in record.LAYOUT]
    assert (
        f"({size_of(ClaimRow.LAYOUT)})" in PAGE and f"WELCOME ({size_of(Welcome.LAYOUT)})" in PAGE
    )


def test_the_signed_types_are_told_and_no_other_text_has_them():
    shown = table("| text | type |")
    assert [int(row[1]) for row in shown] == [
        protocol.SIGNED_SERVICE_REQUEST,
        protocol.SIGNED_SERVICE_ANSWER,
    ]
    from joulestream import channel

    others = {
        code
        for name, code in vars(channel).items()
        if re.match("SIGNED_[A-Z_]+$", name) and isinstance(code, int)
    }
    assert not others & {protocol.SIGNED_SERVICE_REQUEST, protocol.SIGNED_SERVICE_ANSWER}
    assert len(protocol.signed_head(16, bytes(16), bytes(32))) == protocol.SIGNED_HEAD > 44


def test_every_reason_has_words():
    names = {name for name, code in vars(errors).items() if isinstance(code, int)}
    assert names - {"TYPE_CHECKING"} <= set(WORDS)
    assert in_words("METER_SILENT").startswith("the meter does not answer; ")
    assert in_words("REASON_200") == "REASON_200"
