"""The commands of the embedded ledger: `joulestream ledger ...`."""

from pathlib import Path
from typing import Annotated

import typer

from joulestream.channel import CERTIFICATE_SIZE, MAX_AMOUNT, SIGNATURE_SIZE
from joulestream.host_tools import keys
from joulestream.host_tools.certificate_files import check_replaceable, write_certificate
from joulestream.host_tools.commands import COMMANDS
from joulestream.host_tools.files import NewFile
from joulestream.host_tools.ledger import requests, views
from joulestream.host_tools.ledger.arguments import (
    DEFAULT_ASSET,
    DEFAULT_LOCATION,
    AssetOption,
    CertificateOption,
    ChannelArgument,
    LedgerOption,
    NowOption,
    SeedOption,
    UnitsOption,
    ValidityOption,
    account_from,
    bytes_from,
    channel_from,
    seed_path,
    signer_from,
)
from joulestream.host_tools.ledger.book import asset_id
from joulestream.host_tools.ledger.creation import create_ledger
from joulestream.host_tools.ledger.errors import LedgerError
from joulestream.host_tools.ledger.ledger import Ledger
from joulestream.host_tools.ledger.schema import ID_SIZE
from joulestream.host_tools.terminal import JsonOption, print_fields, print_json, print_list
from joulestream.host_tools.unlock import DeviceSecretOption, Unlock
from joulestream.messages import NONCE_SIZE

app = typer.Typer(help=COMMANDS["ledger"].summary, no_args_is_help=True, add_completion=False)
account_app = typer.Typer(help="Create and list accounts.", no_args_is_help=True)
close_app = typer.Typer(help="Close a channel.", no_args_is_help=True)
# 100 euro of the default asset: an operator who trusts a ledger with more says so.
_DEFAULT_LIMIT = 100_000_000

app.add_typer(account_app, name="account")
app.add_typer(close_app, name="close")


@app.command()
def init(
    ledger: LedgerOption = DEFAULT_LOCATION,
    number: Annotated[
        int, typer.Option(help="The ledger's number. Channel ids depend on it.")
    ] = 1,
    seed_file: SeedOption = None,
    device_secret: DeviceSecretOption = None,
    json: JsonOption = False,
) -> None:
    """Make an empty ledger, and its seed file if there is none."""
    path = seed_path(ledger, seed_file)
    with create_ledger(ledger, number, path, Unlock(device_secret)) as opened:
        fields = {**views.ledger_fields(opened), "seed_file": str(path)}
    print_fields("New ledger", fields, json)


@app.command()
def issuer(
    limit: Annotated[
        int,
        typer.Option(
            help="Sum in claim units up to which the pole trusts all channels of this ledger.",
            min=1,
            max=MAX_AMOUNT,
        ),
    ] = _DEFAULT_LIMIT,
    asset: AssetOption = DEFAULT_ASSET,
    base_units_per_claim_unit: UnitsOption = 1,
    ledger: LedgerOption = DEFAULT_LOCATION,
    json: JsonOption = False,
) -> None:
    """Print this ledger's block in 'issuers' of a pole's configuration: JSON in any case."""
    with Ledger.open(ledger) as opened:
        print_json(views.issuer_block(opened, asset, base_units_per_claim_unit, limit))


@app.command("time")
def sign_time(
    nonce: Annotated[
        str, typer.Argument(metavar="NONCE", help="The nonce of the pole's OFFER (hex).")
    ],
    payee_key: Annotated[str, typer.Option(help="The pole's public key (hex).")],
    ledger: LedgerOption = DEFAULT_LOCATION,
    seed_file: SeedOption = None,
    device_secret: DeviceSecretOption = None,
    now_s: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Sign the time for a pole without a clock, over the nonce of its OFFER."""
    payee_nonce = bytes_from("nonce", nonce, NONCE_SIZE)
    key = bytes_from("payee key", payee_key, ID_SIZE)
    with Ledger.open(ledger, signer_from(ledger, seed_file, device_secret)) as opened:
        proof = opened.sign_time(payee_nonce, key, now_s)
    print_fields("Time", views.time_fields(proof), json)


@account_app.command("create")
def create_account(
    name: Annotated[str, typer.Argument(help="The account's name.")],
    balance: Annotated[int, typer.Option(help="First balance, in base units.")] = 0,
    asset: AssetOption = DEFAULT_ASSET,
    ledger: LedgerOption = DEFAULT_LOCATION,
    now_s: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Create an account and issue its first balance."""
    with Ledger.open(ledger) as opened:
        account = opened.create_account(name, asset_id(asset), balance, now_s)
    print_fields("New account", views.account_fields(account), json)


@account_app.command("list")
def list_accounts(ledger: LedgerOption = DEFAULT_LOCATION, json: JsonOption = False) -> None:
    """List all accounts."""
    with Ledger.open(ledger) as opened:
        accounts = opened.accounts()
    if json:
        print_json([views.account_fields(account) for account in accounts])
    else:
        print_list("Accounts", views.accounts_for_people(accounts))


@app.command("open")
def open_channel(
    payer_key: Annotated[str, typer.Option(help="The vehicle's public key (hex).")],
    refund_account: Annotated[
        str, typer.Option(help="Account that pays the deposit and gets the rest: name or id.")
    ],
    payee_key: Annotated[str, typer.Option(help="The pole's public key (hex).")],
    payout_account: Annotated[str, typer.Option(help="Account that gets the claims: name or id.")],
    deposit: Annotated[int, typer.Option(help="Deposit, in claim units.")],
    dispute_window_s: Annotated[
        int, typer.Option(help="Time for the payee to claim after the payer asked to close.")
    ],
    certificate: CertificateOption,
    base_units_per_claim_unit: UnitsOption = 1,
    asset: AssetOption = DEFAULT_ASSET,
    validity_s: ValidityOption = None,
    ledger: LedgerOption = DEFAULT_LOCATION,
    seed_file: SeedOption = None,
    device_secret: DeviceSecretOption = None,
    now_s: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Open a channel and write its certificate."""
    with Ledger.open(ledger, signer_from(ledger, seed_file, device_secret)) as opened:
        terms = opened.terms(
            payer_key=bytes_from("payer key", payer_key, ID_SIZE),
            refund_account=account_from(opened, refund_account),
            payee_key=bytes_from("payee key", payee_key, ID_SIZE),
            payout_account=account_from(opened, payout_account),
            asset=asset_id(asset),
            dispute_window_s=dispute_window_s,
            base_units_per_claim_unit=base_units_per_claim_unit,
        )
        valid_s = _validity(validity_s, dispute_window_s)
        try:
            # The file takes its room on the disk before any money moves.
            with NewFile(certificate, reserve=CERTIFICATE_SIZE) as file:
                channel, issued = opened.open_certified(terms, deposit, now_s, valid_s)
                try:
                    file.write(issued.to_bytes())
                    file.publish()
                except OSError as error:
                    raise LedgerError(
                        f"channel {channel.id.hex()} is open, but {certificate} cannot be "
                        f"written: {error.strerror}; 'ledger certificate' writes another"
                    ) from None
        except FileExistsError:
            raise LedgerError(
                f"{certificate} exists already and is not overwritten; name another file"
            ) from None
        except OSError as error:
            raise LedgerError(f"{certificate} cannot be written: {error.strerror}") from None
    limits = views.certificate_fields(issued)
    fields = {**views.channel_fields(channel), **limits, "certificate": str(certificate)}
    print_fields("New channel", fields, json)


@app.command("certificate")
def renew_certificate(
    channel: ChannelArgument,
    certificate: CertificateOption,
    validity_s: ValidityOption = None,
    ledger: LedgerOption = DEFAULT_LOCATION,
    seed_file: SeedOption = None,
    device_secret: DeviceSecretOption = None,
    now_s: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Renew an open channel's certificate."""
    with Ledger.open(ledger, signer_from(ledger, seed_file, device_secret)) as opened:
        found = opened.channel(channel_from(opened, channel))
        check_replaceable(certificate, found.id)
        valid_s = _validity(validity_s, found.terms.dispute_window_s)
        issued = opened.issue_certificate(found.id, now_s, valid_s)
        write_certificate(certificate, issued)
    fields = {**views.certificate_fields(issued), "certificate": str(certificate)}
    print_fields("New certificate", fields, json)


@app.command()
def show(
    channel: Annotated[
        str | None,
        typer.Argument(metavar="[CHANNEL]", help="Channel id (hex) or certificate file."),
    ] = None,
    ledger: LedgerOption = DEFAULT_LOCATION,
    json: JsonOption = False,
) -> None:
    """Show one channel, or the whole ledger."""
    with Ledger.open(ledger) as opened:
        if channel is not None:
            found = opened.channel(channel_from(opened, channel))
            print_fields("Channel", views.channel_fields(found), json)
            return
        identity = views.ledger_fields(opened)
        accounts, channels = opened.accounts(), opened.channels()
    if json:
        everything = {
            **identity,
            "accounts": [views.account_fields(account) for account in accounts],
            "channels": [views.channel_fields(channel) for channel in channels],
        }
        print_json(everything)
        return
    print_fields("Ledger", identity, json)
    print_list("Accounts", views.accounts_for_people(accounts))
    print_list("Channels", views.channels_for_people(channels))


@app.command()
def claim(
    channel: ChannelArgument,
    amount: Annotated[int, typer.Argument(help="The total ever paid, in claim units.")],
    signature: Annotated[str, typer.Argument(help="The payer's signature (hex).")],
    ledger: LedgerOption = DEFAULT_LOCATION,
    now_s: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Pay a claim to the channel's payout account."""
    signed = bytes_from("signature", signature, SIGNATURE_SIZE)
    with Ledger.open(ledger) as opened:
        payment = opened.claim(channel_from(opened, channel), amount, signed, now_s)
    print_fields("Claim", views.payment_fields(payment), json)


@close_app.command("request")
def request_close(
    channel: ChannelArgument,
    by: Annotated[str, typer.Option(help="The side that closes: 'payer' or 'payee'.")],
    key_file: Annotated[
        Path | None, typer.Option(help="Key file of that side, to sign the request with.")
    ] = None,
    device_secret: DeviceSecretOption = None,
    time_s: Annotated[
        int | None, typer.Option(help="Unix time in a request that was signed elsewhere.")
    ] = None,
    signature: Annotated[
        str | None, typer.Option(help="Signature (hex) of a request that was signed elsewhere.")
    ] = None,
    ledger: LedgerOption = DEFAULT_LOCATION,
    now_s: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Ask to close a channel: the payer starts the dispute window, the payee closes at once.

    --key-file signs the request here. --time-s and --signature bring one signed elsewhere.
    """
    actions = {side: action for action, (side, _) in requests.ACTIONS.items()}
    if by not in actions:
        raise LedgerError(f"--by is {by!r}; it must be 'payer' or 'payee'")
    with Ledger.open(ledger) as opened:
        found = opened.channel(channel_from(opened, channel))
        if key_file is not None and signature is None and time_s is None:
            time_s = opened.time_s(now_s)
            request = requests.close_request(found.terms, actions[by], time_s)
            signer = keys.read_signer(key_file, Unlock(device_secret))
            signed = signer.sign(request.signed_bytes())
        elif key_file is None and signature is not None and time_s is not None:
            signed = bytes_from("signature", signature, SIGNATURE_SIZE)
        else:
            raise LedgerError("give either --key-file, or --time-s and --signature")
        closed = opened.close_channel(found.id, actions[by], time_s, signed, now_s)
    print_fields("Channel", views.channel_fields(closed), json)


@close_app.command("finalise")
def finalise(
    channel: ChannelArgument,
    ledger: LedgerOption = DEFAULT_LOCATION,
    now_s: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Refund the rest after the dispute window."""
    with Ledger.open(ledger) as opened:
        closed = opened.finalise(channel_from(opened, channel), now_s)
    print_fields("Channel", views.channel_fields(closed), json)


@app.command()
def check(ledger: LedgerOption = DEFAULT_LOCATION, json: JsonOption = False) -> None:
    """Check that no unit of the ledger's money was lost or made."""
    with Ledger.open(ledger) as opened:
        found = opened.check()
        name = opened.name
    print_fields("Check", views.check_fields(found), json)
    if found.faults:
        raise LedgerError(f"{name} is not sound: {found.faults[0]}; restore it from a backup")


def _validity(validity_s: int | None, dispute_window_s: int) -> int:
    """Return the time from issue to expiry in s: half the window, if none is given."""
    return max(dispute_window_s // 2, 1) if validity_s is None else validity_s
