"""Liars: peers that speak the protocol and break it on purpose, each with its measured gain.

A liar meets the real firmware of the other side, on a board in virtual time. The peer at its end
of the cable is a script. A method of the script is replaced by the lie. After each attempt all
claims go to a real ledger. The gain is the value of the energy that flowed against the money that
the ledger paid, seen from the liar's side. Each liar has a limit that its gain must not exceed.

bank.py                  the real ledger that all channels live on
stage.py                 one honest firmware on its board, the cable, and the energy
peers.py                 a vehicle and a pole as scripts, whose methods a liar replaces
play.py                  the attempts of one liar, and its gain after each
liar.py                  the description of a liar
lying_vehicle.py         the base class of lying vehicles
vehicle_claims.py          claims: old, forged, too small, too large
vehicle_debts.py           credit that is used up, debts that are not paid
vehicle_certificates.py    certificates of others, or forged ones
vehicle_tariffs.py         new tariffs that are not accepted
vehicle_deadlines.py       good certificates at a wrong pole or time; payers at the ledger
lying_pole.py            the base class of lying poles
pole_billing.py            invoices
pole_tariffs.py            energy that flowed at another price
pole_debts.py              debt, energy and best claim of a channel
pole_offers.py             bytes to sign, prices, identities
lying_issuers.py         issuers
honest.py                honest peers in a liar's place, which must gain nothing
registry.py              the table of all liars, and the code that plays them
document.py              the table of docs/security.md, made from the registry
"""

from joulestream.host_tools.adversaries.registry import play_all

__all__ = ["play_all"]
