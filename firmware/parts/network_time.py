"""The time from the network: micropython-lib's `ntptime` over Wi-Fi, as stock images freeze it.

Not run on hardware.
"""

import time

from joulestream.compat import const
from joulestream.runtime import BUILT_S

TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# MicroPython's epoch on some ports is 2000-01-01.
_Y2000 = const(2000)
_Y2000_S = const(946_684_800)
# A server that has no time itself answers 0, which `ntptime` takes for the start of the second NTP
# era: 2036-02-07 6:28:16 UTC. From there on one day counts for nothing.
_ERA_S = 2_085_978_496
_DAY_S = const(86_400)
# An answer of 1970 means 2106-02-07 to `ntptime`.
_END_S = 1 << 32
_TIMEOUT_S = const(1)


def plausible(time_s: int) -> bool:
    """Return whether a server that knows the time can have answered `time_s`."""
    return BUILT_S <= time_s < _END_S and not _ERA_S <= time_s < _ERA_S + _DAY_S


class NetworkTime:
    """Joins the Wi-Fi network `ssid` and asks the NTP server `host`."""

    def __init__(self, ssid: str, password: str, host: str) -> None:
        self._ssid = ssid
        self._password = password
        self._host = host
        self._wlan: Any = None

    def join(self) -> None:
        """Switch the radio on and begin to join the network. Does not wait for it.

        Raises ValueError, in one sentence, when the board has no Wi-Fi.
        """
        try:
            import network

            self._wlan = network.WLAN(network.WLAN.IF_STA)
            self._wlan.active(True)
            if not self._wlan.isconnected():
                self._wlan.connect(self._ssid, self._password)
        except (AttributeError, ImportError, OSError, RuntimeError) as error:
            raise ValueError("the board cannot use Wi-Fi: %r; remove 'board.wifi'" % error)

    def time_s(self) -> "int | None":
        """Return the unix time in s, or None. Blocks until a server answers or none does.

        The name server may take 20 s until it is given up (lwIP: four queries to each of three).
        """
        try:
            if not self._wlan.isconnected():
                return None
            import ntptime

            ntptime.host = self._host
            ntptime.timeout = _TIMEOUT_S
            time_s: int = ntptime.time()
            if time.gmtime(0)[0] == _Y2000:
                time_s += _Y2000_S
        except Exception:  # whatever a server or a name server answers, it is no time
            return None
        return time_s if plausible(time_s) else None
