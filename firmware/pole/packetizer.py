"""When a packet ends: at its energy or at its time, whichever comes first."""

from joulestream.units import small_int, ticks_diff


class Packetizer:
    """Cuts a running total of energy into packets of `energy_mwh` or `packet_ms`."""

    def __init__(self, energy_mwh, packet_ms, start_mwh, now_ms):
        self._energy_mwh = energy_mwh
        self._packet_ms = packet_ms
        self.invoiced_mwh = start_mwh
        self._since_ms = now_ms

    def end_of_packet(self, total_mwh, now_ms):
        """Return the total up to which packets are complete at `now_ms`, or None."""
        flowed_mwh = small_int(total_mwh - self.invoiced_mwh)
        if flowed_mwh >= self._energy_mwh:
            return total_mwh - flowed_mwh % self._energy_mwh
        if ticks_diff(now_ms, self._since_ms) >= self._packet_ms:
            return total_mwh
        return None

    def invoice(self, total_mwh, now_ms):
        """Begin the next packet at `total_mwh`."""
        self.invoiced_mwh = total_mwh
        self._since_ms = now_ms
