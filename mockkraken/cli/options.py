"""Options that several commands take, and how they ask a server that runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What they take is checked by mockkraken.config, alike for flags, environment and file.
_FLAGS = (
    click.option("--host", metavar="ADDRESS", help="Where to listen.  [default: 127.0.0.1]"),
    click.option("--port", metavar="PORT", help="0: a free one.  [default: serve 8123, exec 0]"),
    click.option("--config", metavar="FILE", help="A TOML file with any of these options, and every other setting."),
    click.option(
        "--seed",
        metavar="N",
        help="All randomness comes from it: same seed, same clock, same requests, same answers.  [default: 0]",
    ),
    click.option(
        "--clock",
        metavar="TIME",
        help="Freeze the clock there (2026-01-01T00:00:00Z, or unix seconds).  [default: it runs]",
    ),
    click.option(
        "--market", metavar="calm|walk|static", help="How the simulated market makers behave.  [default: walk]"
    ),
    click.option("--rate-limits", metavar="on|off", help="Whether too many calls are refused.  [default: on]"),
    click.option(
        "--control-token",
        metavar="TOKEN",
        help="What calls to /mock must bring as 'Authorization: Bearer TOKEN'. Needed to listen beyond this machine.",
    ),
    click.option(
        "--dialect",
        metavar="documented|observed",
        help="Which side to take where Kraken's documentation and live traffic disagree.  [default: documented]",
    ),
    click.option(
        "--scenario",
        metavar="NAME",
        help="Set it up for one kind of trouble; `mockkraken scenarios list` shows all. Or the path of a TOML file.",
    ),
    click.option(
        "--log-format", metavar="text|json", help="Log each request on stderr, a line each.  [default: no log]"
    ),
    click.option(
        "--print-env",
        is_flag=True,
        default=None,
        help="Print a program's environment as export lines: serve in place of its banner, exec on stderr.",
    ),
)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that starts a server."""
    for option in reversed(_FLAGS):
        command = option(command)
    return command


def remote_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--url` and `--control-token`, of a command that asks a server which runs."""
    url = click.option(
        "--url",
        envvar="MOCKKRAKEN_URL",
        default="http://127.0.0.1:8123",
        show_default=True,
        metavar="URL",
        help="Where the server is; also MOCKKRAKEN_URL.",
    )
    token = click.option(
        "--control-token",
        envvar="MOCKKRAKEN_CONTROL_TOKEN",
        metavar="TOKEN",
        help="What the server was given by that name; also MOCKKRAKEN_CONTROL_TOKEN.",
    )
    return url(token(command))


json_option = click.option("--json", "as_json", is_flag=True, help="Print what the control API answers, for programs.")


class Ordered(click.Group):
    """A group that lists its commands in the order of their making."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.commands)


@contextmanager
def told() -> Iterator[None]:
    """Tell the user in one sentence why a server was not asked (exit status 2) or did not do it (1)."""
    from mockkraken.remote import BadAddress, Refused, Unreachable

    try:
        yield
    except BadAddress as error:
        raise click.UsageError(str(error)) from error
    except (Refused, Unreachable) as error:
        raise click.ClickException(str(error)) from error


def examples(*lines: str) -> str:
    """What stands below a command's options: how to use it, a line each."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])  # click leaves alone what follows a \\b
