"""Reasons in words for the person at a pole or a vehicle: the fault, and the remedy.

Each reason of joulestream.errors has a row, and so has each word of a firmware's status that says
why no energy flows. A test holds the table to the codes.
"""

# name: (the state of things, the remedy; empty where it passes by itself)
WORDS: dict[str, tuple[str, str]] = {
    "CHARGING": ("energy flows", ""),
    "PAYING": ("the vehicle pays", ""),
    "IDLE": ("no vehicle has asked for energy", "plug a vehicle in"),
    "WAITING_FOR_PAYMENT": ("the pole waits for a payment", ""),
    "CONTACTOR_RESTS": ("the contactor rests before it closes again", ""),
    "GREETED": ("the vehicle waits for an offer", "check the link and the pole"),
    "OFFERED": ("the offer waits for the vehicle", ""),
    "ACCEPTED": ("the vehicle waits for the first invoice", ""),
    "OPEN": ("the session is open", ""),
    "STOPPING": ("the session ends", ""),
    "RECEIPTED": ("the receipt waits for its acknowledgement", ""),
    "CLOSED": ("the session has ended", ""),
    "OWNER_STOP": ("the owner asked to stop", ""),
    "ENERGY_REACHED": ("the vehicle has the energy that it wanted", ""),
    "BUDGET_EXHAUSTED": ("the vehicle's budget is spent", "raise 'budget', or begin a new period"),
    "CAPACITY_EXHAUSTED": (
        "the channel's money is spent",
        "top the channel up, and give the vehicle the new certificate",
    ),
    "UNPLUGGED": ("the vehicle was unplugged", "plug it in again"),
    "LINK_TIMEOUT": (
        "the other side fell silent",
        "check the link's wires, then run 'joulestream bench run link'",
    ),
    "PAYMENT_TIMEOUT": ("an invoice was not paid in time", "check the link and the vehicle"),
    "RESTARTED": ("a side started anew during the session", "check its power supply"),
    "UNKNOWN_VERSION": ("the other side speaks another version", "update the older side"),
    "UNEXPECTED_MESSAGE": ("a message came out of turn", "update both sides"),
    "BAD_FIELD": ("a message holds a value that makes no sense", "update both sides"),
    "CERTIFICATE_FORGED": ("the issuer did not sign the certificate", "get another certificate"),
    "CERTIFICATE_EXPIRED": ("the certificate is not valid now", "get a new certificate"),
    "CERTIFICATE_WINDOW": (
        "the certificate ends too close to its dispute window",
        "get a shorter certificate, or collect the pole more often",
    ),
    "WRONG_CHANNEL": ("certificate, key and channel do not fit", "check the vehicle's key"),
    "WRONG_PAYEE": ("the channel pays another pole", "open a channel to this pole"),
    "WRONG_LEDGER": ("the pole takes no channel of this ledger", "open one on its ledger"),
    "UNTRUSTED_ISSUER": ("the pole does not trust the issuer", "use an issuer that it names"),
    "ISSUER_LIMIT": ("the issuer owes the pole too much", "collect the pole, or raise 'limit'"),
    "BAD_PROOF": ("the vehicle's proof of its key is wrong", "check the vehicle's key"),
    "TIME_UNKNOWN": (
        "the pole does not know the time",
        "tell it the time with 'joulestream service set-time'",
    ),
    "BAD_TIME": ("the proof of the time is not acceptable", "check the issuer's clock"),
    "PREPAY_TOO_SMALL": (
        "credit and prepayment are too small for a steady current",
        "raise the vehicle's 'prepay' or the pole's 'credit'",
    ),
    "CHANNELS_FULL": (
        "the pole has no room for another channel",
        "collect and settle: paid channels make room",
    ),
    "CERTIFICATE_OLD": ("the pole needs a newer certificate", "get a new certificate"),
    "CAPACITY_TOO_SMALL": ("the channel is too small for the pole", "open a larger channel"),
    "BAD_SIGNATURE": (
        "a signature is wrong",
        "run 'joulestream bench run signatures', then check both keys",
    ),
    "AMOUNT_SHRINKS": ("the vehicle pays less than before", "check the vehicle's wallet"),
    "OVER_CAPACITY": ("the vehicle signs more than its channel holds", "fill up the channel"),
    "UNDERPAID": ("the vehicle pays less than the invoice", "check the vehicle"),
    "PRICE_TOO_HIGH": ("the price is above the vehicle's limit", "raise 'max_price_per_kwh'"),
    "TARIFF_REFUSED": ("the vehicle did not accept the new price", "check the vehicle's limits"),
    "OVERBILLED": (
        "the invoice is above the vehicle's own meter",
        "compare both meters with 'joulestream bench run meter'",
    ),
    "WRONG_AMOUNT": ("the invoice is not energy times price", "do not trust this pole"),
    "CARRIED_DEBT": (
        "the pole asks for a debt that the vehicle does not know",
        "decide on it with 'joulestream wallet'",
    ),
    "NO_CHANNEL": (
        "the vehicle has no channel that pays this pole",
        "open a channel that pays this pole",
    ),
    "WALLET_UNABLE": ("the wallet could not sign", "check the vehicle's storage"),
    "POLE_TOO_COARSE": ("the pole's meter counts in too large steps", "raise the packet's energy"),
    "POLE_TOO_SLOW": ("packets and timeouts of both sides do not fit", "compare their timeouts"),
    "METER_SILENT": (
        "the meter does not answer",
        "check wires A and B and the supply, then run 'joulestream bench meter --probe'",
    ),
    "METER_STALE": (
        "the meter's last reading is too old",
        "check wires A and B and the supply, then run 'joulestream bench meter --probe'",
    ),
    "METER_FROZEN": (
        "the meter's register stands still while power flows",
        "check that the meter is in the circuit that charges",
    ),
    "METER_BACKWARD": ("the meter runs backwards", "swap the meter's sides of line and load"),
    "METER_JUMP": (
        "the meter jumped further than the power allows",
        "check 'meter.model' with 'joulestream bench meter --probe'",
    ),
    "METER_OUT_OF_RANGE": (
        "the meter shows figures that make no sense",
        "check 'meter.model' with 'joulestream bench meter --probe'",
    ),
    "CONTACTOR_WELDED": (
        "current flows though the contactor is open",
        "switch the mains off, replace the contactor, then set 'contactor_checked'",
    ),
    "CONTACTOR_STUCK": (
        "the contacts stay open though the contactor is driven",
        "check coil, gate and auxiliary contact, then run 'joulestream bench run gate'",
    ),
    "RESIDUAL_CURRENT": (
        "the residual-current device has tripped",
        "unplug, find the leak, and plug in again",
    ),
    "RESIDUAL_TEST_FAILED": (
        "the residual-current device has failed its test",
        "run 'joulestream bench run residual', and replace the device",
    ),
    "PILOT_SHORTED": ("the control pilot is shorted", "check plug and cable"),
    "PILOT_FAULTY": (
        "the control pilot has no diode behind it",
        "check the vehicle's plug, then run 'joulestream bench run pilot'",
    ),
    "OVER_CURRENT": ("the vehicle draws more than the pilot allows", "check the vehicle"),
    "OVER_TEMPERATURE": ("the pole is too hot, or its sensor is broken", "let it cool down"),
    "EMERGENCY_STOP": ("somebody has pressed the emergency stop", "release it once it is safe"),
    "DESK_LIMIT": (
        "no gate is identified, and the desk's 60 V or 10 A are exceeded",
        "wire a gate, or a smaller load",
    ),
    "RESIDUAL_TEST": ("the pole tests its residual-current device", ""),
    "WAKING_VEHICLE": ("the pole wakes the vehicle", ""),
    "RESTING_AFTER_FAULT": ("the pole rests after a fault", ""),
    "VENTILATION_MISSING": (
        "the vehicle asks for ventilation that the place lacks",
        "set 'ventilation' where there is some",
    ),
    "VEHICLE_NOT_READY": ("the vehicle does not want power yet", "check the vehicle's timer"),
    "CONFIGURATION": ("the configuration is broken", "correct it"),
    "STORE_FAILED": ("a claim could not be stored", "check the storage"),
    "INTERNAL": ("an internal fault", "report it"),
    "MEMORY_LOW": ("the memory is filling up", "use an image with a ROMFS, or frozen"),
}


def in_words(name: str) -> str:
    """Return a reason in words, with the remedy; an unknown name stays as it is."""
    state, remedy = WORDS.get(name, (name, ""))
    return f"{state}; {remedy}" if remedy else state
