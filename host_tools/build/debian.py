"""Fetches packages of Debian trixie, with apt and the machine's own mirrors. Nothing is installed.

The system's own lists of packages are left alone: apt gets a private directory for everything
that it writes.
"""

import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from joulestream.host_tools.build.shell import ToolchainError, run


def source_of(package: str, hint: str = "") -> Callable[[Path], None]:
    """Return a function that downloads the source of a package into a directory.

    Args:
        package: the name of the source package.
        hint: what else a person can do, for the message of a failure.
    """
    words = ["source", "--download-only", "--tar-only", package]
    return lambda directory: _download(directory, package, words, hint)


def binary_of(package: str) -> Callable[[Path], None]:
    """Return a function that downloads a package that fits all machines into a directory.

    Args:
        package: the name of the package.
    """
    return lambda directory: _download(directory, package, ["download", package], "")


def _download(directory: Path, package: str, words: list[str], hint: str) -> None:
    """Let apt carry out `words` in a directory, touching none of the system's lists."""
    advice = f": {hint}" if hint else ""
    if shutil.which("apt-get") is None:
        raise ToolchainError(f"fetching {package} needs apt-get{advice}")
    stanzas = list(_debian_sources())
    if not stanzas:
        raise ToolchainError(f"fetching {package}: apt has no Debian mirror here{advice}")
    private = {
        "sources": "Dir::Etc::SourceParts",
        "lists": "Dir::State::Lists",
        "cache": "Dir::Cache",
    }
    settings = {
        "Dir::Etc::SourceList": "/dev/null",
        "APT::Sandbox::User": "root",  # apt's own user may have no access to this directory
        "Acquire::http::Timeout": "30",
        "Acquire::https::Timeout": "30",
    }
    for name, option in private.items():
        (directory / name).mkdir()
        settings[option] = str(directory / name)
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    (directory / "sources" / "source.sources").write_text("\n".join(stanzas), encoding="utf-8")
    apt = ["apt-get", "-q", *options]
    problem = None
    try:
        run([*apt, "update"], "fetching Debian's list of packages")
    except ToolchainError as error:
        problem = error  # perhaps only one mirror of several: the next step tells
    try:
        run([*apt, *words], f"fetching {package}", cwd=directory)
    except ToolchainError as error:
        raise ToolchainError(f"{problem or error}{advice}") from error


def _debian_sources() -> Iterator[str]:
    """Yield the machine's own Debian mirrors as deb822 stanzas for trixie, with its sources."""
    suites = {"trixie", "stable", "oldstable", "testing", "unstable", "sid"}
    try:
        suites.add(platform.freedesktop_os_release().get("VERSION_CODENAME", "trixie"))
    except OSError:
        pass
    for fields in _apt_entries():
        main = "main" in fields.pop("components", "").split()
        known = suites & set(fields.pop("suites", "").split())
        enabled = fields.pop("enabled", "yes").lower() not in ("no", "false", "0", "off")
        binary_only = {"types", "architectures", "languages", "targets", "by-hash", "pdiffs"}
        if main and known and enabled and fields.get("uris"):
            wanted = {"types": "deb deb-src", "suites": "trixie", "components": "main"}
            wanted.update((key, fields[key]) for key in fields if key not in binary_only)
            yield "".join(f"{key}: {value}\n" for key, value in wanted.items())


def _apt_entries() -> Iterator[dict[str, str]]:
    """Yield every entry of apt's source lists, of either format, as fields in lower case."""
    etc = Path("/etc/apt")
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if path.suffix == ".list":
            yield from filter(None, map(_parse_line, text.splitlines()))
        elif path.suffix == ".sources":
            lines = [line for line in text.splitlines() if not line.startswith("#")]
            paragraphs = "\n".join(lines).split("\n\n")
            yield from filter(None, map(_parse_paragraph, paragraphs))


def _parse_line(line: str) -> dict[str, str]:
    """Parse `deb [option=value ...] uri suite component...`; an empty result is no entry."""
    kind, rest = [*line.partition("#")[0].split(None, 1), "", ""][:2]
    fields = {}
    if rest.startswith("["):
        options, _, rest = rest[1:].partition("]")
        for option in options.split():
            key, _, value = option.partition("=")
            key = {"arch": "architectures", "lang": "languages"}.get(key, key)
            fields[key] = value.replace(",", " ")
    words = rest.split()
    if kind not in ("deb", "deb-src") or len(words) < 3:
        return {}
    components = " ".join(words[2:])
    return {
        **fields,
        "types": kind,
        "uris": words[0],
        "suites": words[1],
        "components": components,
    }


def _parse_paragraph(text: str) -> dict[str, str]:
    """Parse one deb822 stanza, keeping the continuation lines of a value as they are."""
    fields: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t") and key:
            fields[key] += "\n" + line
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()
    return fields
