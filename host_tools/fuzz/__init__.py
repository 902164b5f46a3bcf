"""Coverage-guided fuzzing of the protocol, the firmwares' rules and the journal.

A target is a function of bytes. It turns them into decisions, lets the code under test act on
these, and checks invariants after each act. The fuzzer, atheris, changes the bytes and keeps the
inputs that reach new code. Inputs worth keeping are the corpus, which every test run replays.

choices.py      turns an input's bytes into decisions
framing.py      target: the bytes of a UART
messages.py     target: payloads
session.py      target: two sessions, a bad wire, anything injected
charging.py     target: the real payee and payer, one of them lying
journal.py      target: histories on a flash that is then damaged
service.py      target: requests of liars on the service line
targets.py      all targets by name
corpus.py       inputs kept in the repository, as text
make_corpus.py  writes the part of the corpus that can be made anew
engine.py       one target under atheris, in a process of its own
run.py          all targets, two at a time
gather.py       adds inputs found by runs to the corpus
replay.py       one input, or the whole corpus, without atheris
"""
