"""The host's side of the service protocol (docs/service.md): questions to a device that runs.

client.py     the protocol, without any input or output: generators that yield requests
line.py       a serial port that carries them
poles.py      a pole's claims: from a flash image of a stopped pole, or from one that runs
wallets.py    the channels of a vehicle that runs
settings.py   the time and the prices of a pole that runs
monitor.py    the table, lines and JSON of `joulestream monitor`
options.py    the options of every command that asks a device
"""
