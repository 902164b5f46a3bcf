"""Whether signatures are right, and how long they take. It runs on the board.

Source of key, message and signature: RFC 8032, section 7.1, test 2.
"""

import time
from binascii import unhexlify

from joulestream.signing import TABLE_SIZE, Verifier, public_key, sign

_SEED = unhexlify("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
_KEY = unhexlify("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
_SIGNATURE = unhexlify(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
_ROUNDS = 10


def measure(board, config, asked):
    """Return whether all answers are right, and the mean times in us."""
    is_right = public_key(_SEED) == _KEY
    verifier = Verifier(_KEY, bytearray(TABLE_SIZE))
    begun_us = time.ticks_us()
    for _ in range(_ROUNDS):
        is_right = sign(_SEED, b"\x72") == _SIGNATURE and is_right
    sign_us = time.ticks_diff(time.ticks_us(), begun_us) // _ROUNDS
    begun_us = time.ticks_us()
    for _ in range(_ROUNDS):
        is_right = verifier.verify(b"\x72", _SIGNATURE) and is_right
    verify_us = time.ticks_diff(time.ticks_us(), begun_us) // _ROUNDS
    wrong = bytearray(_SIGNATURE)
    for at in range(0, len(wrong), 7):
        wrong[at] ^= 1
        is_right = is_right and not verifier.verify(b"\x72", bytes(wrong))
        wrong[at] ^= 1
    return {"is_right": bool(is_right), "sign_us": sign_us, "verify_us": verify_us}
