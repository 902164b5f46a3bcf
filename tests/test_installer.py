"""A release goes into the directory that does not run. Files stay, come or go; power fails."""

import hashlib
from binascii import b2a_base64, hexlify

from dual_runtime import raised
from joulestream.runtime import chooser, installer, update
from joulestream.signing import public_key, sign
from joulestream.testkit.memory_files import MemoryFiles, Mounted, PowerCut

MODULES = (chooser, installer, update)
OLD = {"main.mpy": b"old main", "joulestream/a.mpy": b"same" * 300, "joulestream/b.mpy": b"old b"}
NEW = {
    "main.mpy": b"new main",
    "joulestream/a.mpy": b"same" * 300,
    "joulestream/pole/c.mpy": b"new c" * 200,
}
CONFIG, NEW_CONFIG = b'{"old": 1}', b'{"new": 1}'
SEED = bytes(range(32))


def sha(data):
    return hexlify(hashlib.sha256(data).digest()).decode()


def listing(files, version="0.1.0", board="rp2040", role="pole"):
    """Return the list of a release, as host_tools/release/listing.py makes it."""
    lines = ["joulestream 1", "version " + version, "board " + board, "role " + role]
    lines += ["file %s %d %s" % (sha(files[name]), len(files[name]), name) for name in files]
    return ("\n".join(lines) + "\n").encode()


def board(blocks=1_000):
    """Return the files of a board that runs OLD from /a."""
    files = MemoryFiles(blocks)
    files.contents["/a"] = files.contents["/a/joulestream"] = None
    for name, data in OLD.items():
        files.contents["/a/" + name] = data
    files.contents["/a/config.json"] = CONFIG
    files.contents["/a/release"] = listing(OLD)
    files.contents["/seed"] = b"secret"
    return files


def bring(files, names, new=NEW, number=1):
    """Bring files as mpremote does: its folders are there already."""
    for name in names:
        with files.open("%s/%s" % (chooser.DIRECTORIES[number], name), "wb") as file:
            file.write(new[name][:7])
            file.write(new[name][7:])


def flash(files, config=None):
    """Install NEW as the host does."""
    with files.open("/incoming.release", "wb") as file:
        file.write(listing(NEW))
    if config is not None:
        with files.open("/incoming.json", "wb") as file:
            file.write(config)
    number = installer.target()
    bring(files, installer.prepare(number), NEW, number)
    assert installer.finish(number) == []
    chooser.switch(number)


def holds(files, directory, release, config):
    """Return whether a directory has exactly this release."""
    expected = {"release": listing(release), "config.json": config}
    expected.update(release)
    found = {
        path[len(directory) + 1 :]: data
        for path, data in files.contents.items()
        if path.startswith(directory + "/") and data is not None
    }
    return found == expected


def test_only_missing_files_are_asked_for():
    with Mounted(board(), MODULES) as files:
        files.contents["/incoming.release"] = listing(NEW)
        assert sorted(installer.prepare(1)) == ["joulestream/pole/c.mpy", "main.mpy"]
        assert files.contents["/b/joulestream/a.mpy"] == NEW["joulestream/a.mpy"]
        assert sorted(installer.finish(1)) == ["joulestream/pole/c.mpy", "main.mpy"]
        assert not chooser.is_complete("/b")


def test_a_release_is_complete_when_every_hash_is_right():
    with Mounted(board(), MODULES) as files:
        flash(files)
        assert holds(files, "/b", NEW, CONFIG) and holds(files, "/a", OLD, CONFIG)
        assert chooser.load() == 1 | chooser.TRIAL
        assert files.contents["/seed"] == b"secret"
        assert "/incoming.release" not in files.contents


def test_a_damaged_file_is_noticed():
    with Mounted(board(), MODULES) as files:
        files.contents["/incoming.release"] = listing(NEW)
        bring(files, installer.prepare(1))
        files.contents["/b/main.mpy"] = b"new mail"
        assert installer.finish(1) == ["main.mpy"]
        assert not chooser.is_complete("/b")
        assert installer.prepare(1) == ["main.mpy"]


def test_a_file_of_no_release_goes():
    with Mounted(board(), MODULES) as files:
        files.contents["/b"] = None
        files.contents["/b/stale.mpy"] = b"stale"
        flash(files)
        assert "/b/stale.mpy" not in files.contents


def test_the_configuration_goes_with_its_release():
    with Mounted(board(), MODULES) as files:
        flash(files, NEW_CONFIG)
        assert holds(files, "/b", NEW, NEW_CONFIG) and holds(files, "/a", OLD, CONFIG)
        assert "/incoming.json" not in files.contents


def test_a_release_that_does_not_fit_is_one_sentence():
    with Mounted(board(20), MODULES) as files:
        files.contents["/incoming.release"] = listing({"big.mpy": bytes(90_000)})
        fault = raised(installer.prepare, 1)
        assert isinstance(fault, ValueError) and "bytes free" in str(fault), fault
        assert chooser.choose(chooser.load(), (True, False)) == (0, 0)


def test_a_path_out_of_the_release_is_refused():
    for path in ("../a/main.mpy", "/main.py", "x/../../seed"):
        with Mounted(board(), MODULES) as files:
            files.contents["/incoming.release"] = listing({path: b"x"})
            assert isinstance(raised(installer.prepare, 1), ValueError), path
            assert files.contents["/seed"] == b"secret"


def test_a_board_changed_by_hand_is_noticed():
    with Mounted(board(), MODULES) as files:
        assert installer.look([])["releases"][0]["wrong"] == []
        files.contents["/a/main.mpy"] = b"my main"
        del files.contents["/a/joulestream/b.mpy"]
        release = installer.look(["/seed", "/none"])
        assert sorted(release["releases"][0]["wrong"]) == ["joulestream/b.mpy", "main.mpy"]
        assert release["releases"][1] is None
        assert release["files"] == {"/seed": sha(b"secret"), "/none": None}


def test_a_power_cut_at_every_write_leaves_the_old_release_or_the_new_one():
    """Before the switch the old one starts, with its configuration; and a second run finishes."""
    whole = board()
    with Mounted(whole, MODULES):
        flash(whole, NEW_CONFIG)
    assert whole.operations > 20
    for cut in range(whole.operations + 1):
        with Mounted(board(), MODULES) as files:
            files.cut_at = cut
            fault = raised(flash, files, NEW_CONFIG)
            assert isinstance(fault, PowerCut) == (cut < whole.operations), (cut, fault)
            files.cut_at = None
            complete = (chooser.is_complete("/a"), chooser.is_complete("/b"))
            _, number = chooser.choose(chooser.load(), complete)
            assert holds(files, "/a", OLD, CONFIG)
            assert number == (0 if fault else 1), cut
            if number:
                assert holds(files, "/b", NEW, NEW_CONFIG)
            else:
                flash(files, NEW_CONFIG)
                assert holds(files, "/b", NEW, NEW_CONFIG), cut


def signature(listed, seed=SEED):
    """Return a signature as ssh-keygen writes it; its other fields are not looked at."""
    signed = sign(seed, update.signed_bytes(hashlib.sha256(listed).digest()))
    text = b2a_base64(b"SSHSIG" + bytes(90) + signed).strip()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    first, last = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
    return b"\n".join([first] + lines + [last]) + b"\n"


def begin(files, listed, signed):
    """Send a release; return the sentence of the board's refusal, None if it is taken."""
    files.contents["/release.key"] = hexlify(public_key(SEED))
    files.contents["/incoming.release"] = listed
    if signed is not None:
        files.contents["/incoming.sig"] = signed
    fault = raised(update.begin)
    assert fault is None or isinstance(fault, ValueError), fault
    return fault and str(fault)


def test_a_signed_release_is_taken():
    listed = listing(NEW, "0.2.0")
    with Mounted(board(), MODULES) as files:
        assert begin(files, listed, signature(listed)) is None
        bring(files, ["main.mpy", "joulestream/pole/c.mpy"])
        assert update.finish() == 1
        assert files.contents["/b/release"] == listed and "/incoming.sig" not in files.contents


def test_releases_are_refused_in_one_sentence():
    good = listing(NEW)
    other = bytes(32)
    cases = (
        (good, None, "not signed"),
        (good, b"", "not signed"),
        (good, b"rubbish\nrubbish\nrubbish", "cannot be read"),
        (good, signature(good, other), "not signed with the board's release key"),
        (good, signature(listing(OLD)), "not signed with the board's release key"),
        (good.replace(b"pole", b"pole "), signature(good), "not signed with the board's"),
        (listing(NEW, "0.0.9"), 0, "older than this board's 0.1.0"),
        (listing(NEW, "0.0.10"), 0, "older"),
        (listing(NEW, "new"), 0, "no version"),
        (listing(NEW, board="esp32s3"), 0, "for the board 'esp32s3' and this is 'rp2040'"),
        (listing(NEW, role="vehicle"), 0, "for the role 'vehicle' and this is 'pole'"),
    )
    for listed, signed, words in cases:
        with Mounted(board(), MODULES) as files:
            said = begin(files, listed, signature(listed) if signed == 0 else signed)
            assert said and words in said, (words, said)
            assert isinstance(raised(update.finish), ValueError)
            assert holds(files, "/a", OLD, CONFIG) and not chooser.is_complete("/b")
            assert chooser.load() == 0


def test_the_same_and_a_newer_version_are_taken():
    for version in ("0.1.0", "0.1.1", "0.10.0", "1.0"):
        listed = listing(NEW, version)
        with Mounted(board(), MODULES) as files:
            assert begin(files, listed, signature(listed)) is None, version


def test_a_board_without_a_release_key_takes_no_update():
    with Mounted(board(), MODULES) as files:
        files.contents["/incoming.release"] = listing(NEW)
        fault = raised(update.begin)
        assert isinstance(fault, ValueError) and "no release key" in str(fault)
