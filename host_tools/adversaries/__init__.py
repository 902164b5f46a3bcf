"""Scripted liars: each speaks the protocol and breaks it on purpose; its gain is measured.

bank.py                  the real ledger that all channels live on
stage.py                 one honest firmware on its board, the cable, and the energy that flows
peers.py                 a vehicle and a pole played by a script, for liars to change
play.py                  one liar's play, and its gain
liar.py                  the description of a liar
lying_vehicle.py         the frame of all lying vehicles
vehicle_claims.py          claims: old, forged, too small, too large
vehicle_debts.py           credit used up and debts not paid
vehicle_certificates.py    certificates of others, or forged ones
vehicle_tariffs.py         changes of the tariff not accepted
vehicle_deadlines.py       good certificates at the wrong pole or time; payers at the ledger
lying_pole.py            the frame of all lying poles
pole_billing.py            invoices
pole_tariffs.py            energy at the price of another time
pole_debts.py              debt, energy and claims of a channel
pole_offers.py             bytes to sign, prices and identities
lying_issuers.py         issuers
honest.py                honest peers in the same places, which must gain nothing
registry.py              the table of all liars, with the most that each may gain
document.py              the same table, as docs/security.md shows it
"""

from joulestream.host_tools.adversaries.registry import play_all

__all__ = ["play_all"]
