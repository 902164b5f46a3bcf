"""The part of micropython-lib's module `ntptime` that boards use."""

host: str
timeout: int

def time() -> int: ...
