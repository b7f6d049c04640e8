"""`mockkraken serve` and `exec`: a server, alone or beside a program."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mockkraken.cli.options import examples, server_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mockkraken.config import Options
    from mockkraken.server import MockKraken

# What shells say of a command that is not there, or there and no program.
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126


@click.command(epilog=examples("mockkraken serve", "mockkraken serve --clock 2026-01-01T00:00:00Z --seed 7"))
@server_options
def serve(**flags: Any) -> None:
    """Run the server until SIGINT (Ctrl-C) or SIGTERM.

    Everything is kept in memory and gone at the end. The last line printed begins with "mockkraken ready" and says
    where the server is and what its default key is.

    Each option may also come from the environment (MOCKKRAKEN_PORT for --port), or by its name from the config file
    (port = 8123); so may every setting that has no flag. A flag goes before the environment, and that before the file.
    """
    import signal

    wakeups = _signals_to_pipe(signal.SIGINT, signal.SIGTERM)
    options = _gathered(flags)
    with _server(options) as kraken:
        click.echo("\n".join(_exports(kraken)) if options.print_env else _banner(kraken, options))
        click.echo(_ready(kraken))
        sys.stdout.flush()
        os.read(wakeups, 1)


@click.command(
    "exec",
    context_settings={"allow_interspersed_args": False},
    epilog=examples("mockkraken exec -- python bot.py", "mockkraken exec --rate-limits off -- pytest"),
)
@server_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD [ARG]...")
def execute(command: tuple[str, ...], **flags: Any) -> int:
    """Run CMD beside a server of its own, and exit with CMD's status.

    CMD gets KRAKEN_API_KEY, KRAKEN_API_SECRET, KRAKEN_SECRET_KEY, KRAKEN_REST_URL, KRAKEN_WS_URL, KRAKEN_WS_AUTH_URL
    and MOCKKRAKEN_URL in its environment, and what it reads and prints is left alone. The server takes a free port
    unless one is given, and ends with CMD. Options come from the same places as those of `mockkraken serve`.
    """
    import signal

    if not command:
        raise click.UsageError("there is no command to run: mockkraken exec [OPTIONS] -- CMD [ARG]...")
    # One that is ignored already, as a shell does for what it starts in the background, stays so for CMD too.
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32":
        numbers.append(signal.SIGHUP)
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    if sys.platform != "win32":
        numbers.append(signal.SIGCHLD)
    wakeups = _signals_to_pipe(*numbers)
    options = _gathered(flags, port=0)
    with _server(options) as kraken:
        if options.print_env:
            click.echo("\n".join(_exports(kraken)), err=True)
        environment = {**os.environ, **kraken.environment(), **_past_proxies(kraken)}
        if options.control_token is not None:
            environment["MOCKKRAKEN_CONTROL_TOKEN"] = options.control_token  # it may have come by flag or file
        return _run(command, environment, wakeups)


def _gathered(flags: dict[str, Any], **defaults: int) -> Options:
    from mockkraken.config import ConfigError, gather

    try:
        return gather(flags, os.environ, **defaults)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def _server(options: Options) -> Iterator[MockKraken]:
    """A server that runs while the block does; its end is not cut short by another signal."""
    import signal

    from mockkraken.listening import BindError
    from mockkraken.server import MockKraken

    log = None
    try:
        kraken = MockKraken(
            clock=options.clock,
            host=options.host,
            port=options.port,
            control_token=options.control_token,
            scenario=options.scenario,
            **options.settings,
        )
        # Whoever has closed stderr wants no log; its number may belong to something else by now.
        if options.log_format is not None and sys.stderr is not None:
            from mockkraken.request_log import RequestLog

            log = RequestLog(options.log_format, sys.stderr.fileno())
            kraken.on_record(log.add)
        kraken.start()
    except (BindError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    try:
        yield kraken
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        kraken.stop()
        if log is not None:
            log.close()


def _signals_to_pipe(*numbers: int) -> int:
    """From now on these signals do nothing but put their number into a pipe; the end to read from."""
    import signal

    # The interpreter itself writes to the pipe, whatever this thread is about to do: a handler in Python would wait for
    # the read to return that waits for the handler, if the signal came just before the read began.
    waiting, ended = os.pipe()
    os.set_blocking(ended, False)
    signal.set_wakeup_fd(ended)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return waiting


def _past_proxies(kraken: MockKraken) -> dict[str, str]:
    """What keeps programs from asking a proxy for the server, if there is a proxy."""
    if not any(name.lower() in ("http_proxy", "all_proxy") for name in os.environ):
        return {}
    host = kraken.url.removeprefix("http://").rpartition(":")[0]
    names = ("NO_PROXY", "no_proxy")
    return {name: ",".join(filter(None, (os.environ.get(name), host))) for name in names}


def _run(command: Sequence[str], environment: Mapping[str, str], wakeups: int) -> int:
    """Run the command and pass signals on to it; its exit status, as a shell would give it."""
    import signal
    import subprocess

    try:
        # It also gets the open files that we were started with: a shell's <(...), make's job server.
        child = subprocess.Popen(command, env=environment, close_fds=False)
    except OSError as error:
        click.echo(f"mockkraken: can't run {command[0]}: {error.strerror or error}", err=True)
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    if sys.platform == "win32":
        return child.wait()
    while child.poll() is None:
        number = os.read(wakeups, 1)[0]
        if number in (signal.SIGTERM, signal.SIGHUP) or (number == signal.SIGINT and not _in_front_of_terminal()):
            child.send_signal(number)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _in_front_of_terminal() -> bool:
    """Whether Ctrl-C reaches us, and so the command that we run, from the terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _exports(kraken: MockKraken) -> list[str]:
    from shlex import quote

    return [f"export {name}={quote(value)}" for name, value in kraken.environment().items()]


def _ready(kraken: MockKraken) -> str:
    url = kraken.url
    ws = url.replace("http", "ws", 1)
    return f"mockkraken ready http={url} ws={ws} key={kraken.api_key} secret={kraken.api_secret}"


def _banner(kraken: MockKraken, options: Options) -> str:
    url, key, secret = kraken.url, kraken.api_key, kraken.api_secret
    # The token itself stays out of terminals and logs.
    token = ' -H "Authorization: Bearer $MOCKKRAKEN_CONTROL_TOKEN"' if options.control_token else ""
    return f"""\
mockkraken: a simulated Kraken. Nothing here is real, and Ctrl-C ends it.

  REST        {url}/0/public/Time
  WebSocket   {kraken.ws_url}, {kraken.ws_auth_url}
  Control     {url}/mock/health
  API key     {key}
  API secret  {secret}

Ready to paste:

  curl '{url}/0/public/Ticker?pair=XBTUSD'
  curl{token} {url}/mock/clock -d '{{"advance": "1h"}}'

  # krakenex
  k = krakenex.API("{key}", "{secret}")
  k.uri = "{url}"

  # ccxt
  exchange = ccxt.kraken({{"apiKey": "{key}", "secret": "{secret}"}})
  exchange.urls["api"]["public"] = exchange.urls["api"]["private"] = "{url}"
"""
