"""EnergyPacket: a packet ends at its energy or at its time, whichever comes first."""

from joulestream.units import Timer


class Packetizer:
    """Cuts a running total of energy into packets.

    Args:
        energy_mwh: the energy of a full packet, in mWh.
        packet_ms: the longest time of a packet, in ms.
        late_ms: the time from the beginning of a packet to the moment at which its invoice is
            late, in ms.
        worth_mwh: the least energy whose payment is worth a write to the flash, in mWh.
        start_mwh: the channel's energy when the session starts, in mWh.
        now_ms: the present tick.

    Attributes:
        is_worth: whether the last packet has energy enough to be worth a write.
        invoiced_mwh: the channel's energy at the end of the last packet, in mWh.
    """

    def __init__(
        self,
        energy_mwh: int,
        packet_ms: int,
        late_ms: int,
        worth_mwh: int,
        start_mwh: int,
        now_ms: int,
    ) -> None:
        self._energy_mwh = energy_mwh
        self._packet_ms = packet_ms
        self._late_ms = late_ms
        self._worth_mwh = min(worth_mwh, energy_mwh)
        self.is_worth = False
        self._longest = Timer()
        self._in_time = Timer()
        self.begin(start_mwh, now_ms)

    def end_of_packet(self, flowed_mwh: int, now_ms: int) -> "int | None":
        """Return the energy of all complete packets, None if there is none.

        Several full packets become one: a slow payer gets one invoice for all of them.

        Args:
            flowed_mwh: the energy since the last packet, in mWh.
            now_ms: the present tick.
        """
        self.is_worth = flowed_mwh >= self._worth_mwh
        if flowed_mwh >= self._energy_mwh:
            return flowed_mwh - flowed_mwh % self._energy_mwh
        if self._longest.is_over(now_ms):
            return flowed_mwh
        return None

    def begin(self, total_mwh: int, now_ms: int) -> None:
        """Begin the next packet at the channel's energy `total_mwh`."""
        self.invoiced_mwh = total_mwh
        self._longest.start(now_ms, self._packet_ms)
        self._in_time.start(now_ms, self._late_ms)

    def is_late(self, now_ms: int) -> bool:
        """Return whether the packet began so long ago that its invoice is late."""
        return self._in_time.is_over(now_ms)
