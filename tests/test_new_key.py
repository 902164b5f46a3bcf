"""The key that a board makes itself: where its random bytes come from, and what stays."""

import os
import sys
import types

import pytest

from joulestream.device.keyfile import open_signer
from joulestream.device.keystore import KeystoreError
from joulestream.parts import new_key
from joulestream.parts.device_secret import read_device_secret
from joulestream.parts.new_key import make_key

HOST = bytes(range(32))


class Os(types.SimpleNamespace):
    """Module `os` with a generator that can be foretold, and that notes the radio's state."""

    def __init__(self, radio=None):
        super().__init__(stat=os.stat, rename=os.rename)
        self.radio, self.draws, self.with_radio = radio, 0, []

    def urandom(self, size):
        self.draws += 1
        self.with_radio.append(self.radio.active() if self.radio else None)
        return bytes([self.draws & 0xFF]) * size


class Wlan:
    IF_STA = 0
    is_on = False

    def __init__(self, interface):
        assert interface == self.IF_STA

    def active(self, on=None):
        if on is not None:
            type(self).is_on = on
        return self.is_on


@pytest.fixture
def places(tmp_path):
    return str(tmp_path / "pole.seed"), str(tmp_path / "device.secret")


def opened(places):
    return open_signer(places[0], lambda source: read_device_secret(places[1])).public_key


def test_the_public_key_belongs_to_the_sealed_seed(places):
    assert make_key(*places, HOST) == opened(places)


def test_a_key_that_is_there_stays(places):
    first = make_key(*places, HOST)
    files = [open(path, "rb").read() for path in places]
    assert make_key(*places, bytes(32)) == first
    assert [open(path, "rb").read() for path in places] == files


def test_an_interruption_between_both_files_keeps_the_device_secret(places):
    make_key(*places, HOST)
    secret = read_device_secret(places[1])
    os.remove(places[0])
    make_key(*places, HOST)
    assert read_device_secret(places[1]) == secret


@pytest.mark.parametrize("was_on", [False, True])
def test_an_esp32_draws_with_its_radio_on(places, monkeypatch, was_on):
    Wlan.is_on = was_on
    fake = Os(Wlan(0))
    monkeypatch.setattr(new_key, "os", fake)
    monkeypatch.setitem(sys.modules, "network", types.SimpleNamespace(WLAN=Wlan))
    make_key(*places, HOST)
    assert fake.with_radio and all(fake.with_radio)
    assert Wlan.is_on is was_on


def test_the_radio_goes_off_when_the_key_cannot_be_stored(tmp_path, monkeypatch):
    Wlan.is_on = False
    monkeypatch.setattr(new_key, "os", Os(Wlan(0)))
    monkeypatch.setitem(sys.modules, "network", types.SimpleNamespace(WLAN=Wlan))
    with pytest.raises(ValueError, match="cannot be stored"):
        make_key(str(tmp_path / "no" / "seed"), str(tmp_path / "no" / "secret"), HOST)
    assert not Wlan.is_on


def test_board_and_host_both_change_the_key(tmp_path, monkeypatch):
    """With clock and generator foretold, the host's bytes still make another key, and so on."""
    monkeypatch.setattr(new_key, "time", types.SimpleNamespace(ticks_us=lambda: 0))

    def key(name, host, more):
        fake = Os()
        fake.draws = more
        monkeypatch.setattr(new_key, "os", fake)
        return make_key(str(tmp_path / f"{name}.seed"), str(tmp_path / f"{name}.secret"), host)

    same = key("a", HOST, 0)
    assert key("b", HOST, 0) == same
    assert key("c", bytes(32), 0) != same
    assert key("d", HOST, 1) != same


def test_a_board_without_a_random_source_makes_no_key(places, monkeypatch):
    monkeypatch.setattr(new_key, "os", types.SimpleNamespace(stat=os.stat))
    with pytest.raises(ValueError, match=r"no os\.urandom"):
        make_key(*places, HOST)


def test_a_key_of_another_secret_is_refused_and_stays(places):
    make_key(*places, HOST)
    sealed = open(places[0], "rb").read()
    with open(places[1], "w") as file:
        file.write("00" * 32)
    with pytest.raises(KeystoreError, match="device secret is wrong"):
        make_key(*places, HOST)
    assert open(places[0], "rb").read() == sealed
