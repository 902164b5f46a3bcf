"""Fetches third-party sources and builds everything native from them, below build/.

shell.py     runs programs, and installs the ones that are missing where that is possible
sources.py   the third-party sources: fetched, checked by hash, unpacked, never patched
debian.py    fetches packages from the machine's own Debian mirrors
native.py    the native Ed25519 module and library
board.py     the firmware of the emulated board, and the bytecode that it runs
pico.py      the firmware of the emulated Raspberry Pi Pico, and the emulator

`python -m joulestream.host_tools.build native` is the Makefile's entry. Finished work is not done
again, and only complete work gets its final name.
"""
