"""The command line: `mockkraken serve`, `mockkraken version`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from mockkraken.server import MockKraken

_CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_CONTEXT, invoke_without_command=True)
@click.pass_context
def commands(context: click.Context) -> None:
    """A simulated Kraken exchange for tests: same API, same refusals, no real money and no internet."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option(
    "--port", default=8123, show_default=True, type=click.IntRange(0, 65535), metavar="PORT", help="0: a free one."
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(-(2**63), 2**63 - 1),
    metavar="N",
    help="All randomness comes from it: same seed, same clock, same requests, same answers.",
)
@click.option(
    "--clock", metavar="TIME", help="Freeze the clock there (2026-01-01T00:00:00Z, or unix seconds). Default: it runs."
)
@click.option(
    "--dialect",
    default="documented",
    show_default=True,
    type=click.Choice(["documented", "observed"]),
    help="Which side to take where Kraken's documentation and live traffic disagree.",
)
@click.option(
    "--control-token",
    metavar="TOKEN",
    help="What calls to /mock must bring as 'Authorization: Bearer TOKEN'. Needed to listen beyond this machine.",
)
def serve(host: str, port: int, seed: int, clock: str | None, dialect: str, control_token: str | None) -> None:
    """Run the server until SIGINT (Ctrl-C) or SIGTERM.

    Everything is kept in memory and gone at the end. The last line printed begins with "mockkraken ready" and says
    where the server is and what its default key is.
    """
    import os
    import signal

    from mockkraken.server import BindError, MockKraken

    # The interpreter itself writes to the pipe, whatever this thread is about to do: a handler in Python would wait for
    # the read to return that waits for the handler, if the signal came just before the read began.
    waiting, ended = os.pipe()
    os.set_blocking(ended, False)
    signal.set_wakeup_fd(ended)
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        signal.signal(number, lambda *_: None)
    try:
        kraken = MockKraken(
            seed,
            clock,
            dialect,  # type: ignore[arg-type]  # click has checked it
            host,
            port,
            control_token=control_token,
        )
        kraken.start()
    except (BindError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    try:
        click.echo(_banner(kraken))
        sys.stdout.flush()
        os.read(waiting, 1)
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)  # one is enough: the end must not be cut short
        kraken.stop()


@commands.command()
def version() -> None:
    """Print the version."""
    from mockkraken.version import __version__

    click.echo(f"mockkraken {__version__}")


def _banner(kraken: MockKraken) -> str:
    url, key, secret = kraken.url, kraken.api_key, kraken.api_secret
    return f"""\
mockkraken: a simulated Kraken. Nothing here is real, and Ctrl-C ends it.

  REST        {url}/0/public/Time
  Control     {url}/mock/health
  API key     {key}
  API secret  {secret}

Ready to paste:

  curl '{url}/0/public/Ticker?pair=XBTUSD'
  curl {url}/mock/clock -d '{{"advance": "1h"}}'

  # krakenex
  k = krakenex.API("{key}", "{secret}")
  k.uri = "{url}"

  # ccxt
  exchange = ccxt.kraken({{"apiKey": "{key}", "secret": "{secret}"}})
  exchange.urls["api"]["public"] = exchange.urls["api"]["private"] = "{url}"

mockkraken ready http={url} ws={url.replace("http", "ws", 1)} key={key} secret={secret}"""


def main() -> NoReturn:
    """Run the command line; what is wrong with it is one line on stderr, and exit status 2."""
    try:
        status = commands.main(prog_name="mockkraken", standalone_mode=False)
    except click.Abort:
        status = 130
    except click.ClickException as error:
        click.echo(f"mockkraken: {' '.join(error.format_message().split())}", err=True)
        status = 2
    sys.exit(status)


if __name__ == "__main__":
    main()
