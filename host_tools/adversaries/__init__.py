"""Scripted liars: each speaks the protocol and breaks it on purpose; what it gains is measured.

bank.py            the real ledger that all channels live on
stage.py           one honest firmware on its board, the cable, and what really flows
peers.py           a vehicle and a pole by hand, ready to be bent
play.py            one liar's play, and what it gains
liar.py            what there is to know of a liar
lying_vehicles.py  vehicles, and payers at the ledger
lying_poles.py     poles
lying_issuers.py   issuers
honest.py          honest peers in their place, who must gain nothing
registry.py        the table of all of them, with what each gains at most
document.py        the same table, as docs/security.md shows it
"""

from joulestream.host_tools.adversaries.registry import play_all

__all__ = ["play_all"]
