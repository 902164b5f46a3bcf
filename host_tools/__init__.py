"""Tools that run on a computer: simulator, ledger, settlement, builds."""
