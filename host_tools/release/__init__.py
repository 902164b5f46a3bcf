"""`make release`: the files for every board, in build/release, the same bytes at every build.

bundles.py     an archive for each board: bytecode and the native module that fits it
materials.py   the bill of materials: everything that is in the bundles, and the tools that made it
signature.py   the signature over the checksums
release.py     makes all of them, or nothing

`python -m joulestream.host_tools.release` is the Makefile's entry. RELEASE_KEY names the file with
the key that signs.
"""
