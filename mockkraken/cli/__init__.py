"""The command line: `mockkraken serve`, `exec`, `health`, `keys`, `doctor`, `scenarios`, `version`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

import click

from mockkraken.cli.options import examples, remote_options, told
from mockkraken.cli.server import execute, serve
from mockkraken.version import __version__

# Imported when they are wanted, each from a module of that name with a `command`: a server starts without them.
_LATER = ("keys", "doctor", "scenarios")


class _Commands(click.Group):
    """A group that imports some of its commands when they are wanted, and lists all in the order of their making."""

    def list_commands(self, _: click.Context) -> list[str]:
        return [*self.commands, *_LATER]

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name in _LATER:
            found: click.Command = import_module(f"mockkraken.cli.{name}").command
            return found
        return self.commands.get(name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(__version__, message="mockkraken %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """A simulated Kraken exchange for tests: same API, same refusals, no real money and no internet."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


commands.add_command(serve)
commands.add_command(execute)


@commands.command(epilog=examples("mockkraken health --url http://127.0.0.1:8123"))
@remote_options
def health(url: str, control_token: str | None) -> None:
    """Ask a server whether it works.

    Exit status 0: it does. 1: it does not, or is not there.
    """
    from mockkraken.health import ask

    with told():
        version = ask(url, control_token)
    click.echo(f"mockkraken {version} is up at {url}")


@commands.command()
def version() -> None:
    """Print the version."""
    click.echo(f"mockkraken {__version__}")


def main() -> NoReturn:
    """Run the command line; what is wrong is one line on stderr, with exit status 2 if it is in the command itself."""
    try:
        status = commands.main(prog_name="mockkraken", standalone_mode=False)
    except click.Abort:
        status = 130
    except click.ClickException as error:
        click.echo(f"mockkraken: {' '.join(error.format_message().split())}", err=True)
        status = error.exit_code
    except OSError as error:
        click.echo(f"mockkraken: {error.strerror or error}", err=True)
        status = 1
    sys.exit(status)
