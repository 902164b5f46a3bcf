"""What a vehicle keeps of each channel in its journal."""

from joulestream.fields import BYTES, UINT, Record


class PayerRecord(Record):
    """The vehicle's record of one channel, and the running total of its budget.

    Money is in claim units, energy in mWh.

    - `signed`: the highest amount that the vehicle signed.
    - `amount_due`, `remainder`, `energy_mwh`: those of the offer or invoice that the vehicle
      accepted last. `remainder` is in millionths of a claim unit; the pole counts the energy.
    - `price_per_kwh`: price of the energy after that. From `next_from_mwh` on the price is
      `next_price_per_kwh`, which is the same price where no change is agreed.
    - `billed_mwh`, `own_mwh`: energy that the pole billed, and that the vehicle's own meter
      counted, in all of the channel's life.
    - `own_total_mwh`: the own meter's total when the vehicle last updated `own_mwh`.
    - `unproven_amount`: money that the vehicle owes on the pole's word alone, with no energy of
      its own meter to prove it (vehicle/carried_debt.py).
    - `period`, `spent`: the budget period, and all that was spent in it so far on any channel.
    """

    signed: int
    amount_due: int
    remainder: int
    energy_mwh: int
    billed_mwh: int
    own_mwh: int
    own_total_mwh: int
    price_per_kwh: int
    next_price_per_kwh: int
    next_from_mwh: int
    unproven_amount: int
    period: bytes
    spent: int
    LAYOUT = (
        ("signed", 8, UINT),
        ("amount_due", 8, UINT),
        ("remainder", 4, UINT),
        ("energy_mwh", 6, UINT),
        ("billed_mwh", 6, UINT),
        ("own_mwh", 6, UINT),
        ("own_total_mwh", 6, UINT),
        ("price_per_kwh", 8, UINT),
        ("next_price_per_kwh", 8, UINT),
        ("next_from_mwh", 6, UINT),
        ("unproven_amount", 8, UINT),
        ("period", 8, BYTES),
        ("spent", 8, UINT),
    )
