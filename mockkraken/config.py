"""The options of `serve` and `exec`: from a flag, the environment, a config file, or by default, in that order.

Every setting is an option too, read off `Settings`. All that is given must be right, even if something with precedence
replaces it: a slip of the pen never hides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

import msgspec

from mockkraken.clock import ClockError, parse_time
from mockkraken.settings import SettingError, Settings

PREFIX = "MOCKKRAKEN_"
DEFAULT_PORT = 8123

SERVED = {"market": "walk", "rate_limits": "on"}
"""Settings with another default on the command line than in a test: there the exchange behaves like the real one."""

_NOT_OPTIONS = {"MOCKKRAKEN_CONFIG", "MOCKKRAKEN_URL"}


class ConfigError(ValueError):
    """An option that does not exist, or a value that it does not take; the message names where it came from."""


class Options(msgspec.Struct, kw_only=True):
    """What a server on the command line is started with; each attribute but `settings` is also an option's name."""

    host: Annotated[str, msgspec.Meta(min_length=1, extra={"takes": "an address or a name"})] = "127.0.0.1"
    """The address to listen at."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = DEFAULT_PORT
    """0: a free one."""
    clock: str | int | float | None = None
    """Frozen there; None: it runs with the machine's."""
    control_token: Annotated[str, msgspec.Meta(pattern=r"\A[!-~]+\Z")] | None = None
    """What calls to `/mock` must bring. Never shown."""
    scenario: str | None = None
    """The name of one that comes with us, or a file's path; None: none."""
    log_format: Literal["text", "json"] | None = None
    """How requests are logged on stderr; None: they are not."""
    print_env: bool = False
    """Print what a program needs as lines for a shell."""

    settings: dict[str, Any] = {}
    """All settings."""


_OWN = get_type_hints(Options, include_extras=True)
del _OWN["settings"]

NAMES = (*_OWN, *Settings.__struct_fields__)
"""Every option, as it stands in a config file."""


class _Given(NamedTuple):
    """A value, and where it stands: what an error begins with."""

    where: str
    name: str
    value: object


def gather(flags: Mapping[str, object], environment: Mapping[str, str], *, port: int = DEFAULT_PORT) -> Options:
    """All options, each from the first that gives it: flag, environment, config file, default.

    An empty variable gives nothing: a container often can't leave one out.

    Args:
        flags: by option name, and `config`, the path of the config file; None: not given.
        environment: of the process; what begins with `MOCKKRAKEN_` counts.
        port: the port's default.

    Raises:
        ConfigError: an unknown option, a value that it does not take, or a file that can't be read.
    """
    path = flags.get("config")
    if path is None:
        path = environment.get("MOCKKRAKEN_CONFIG") or None
    found: dict[str, Any] = {"port": port, **msgspec.structs.asdict(Settings()), **SERVED}
    if path is not None:
        found |= {given.name: _checked(given) for given in _in_file(str(path))}
    found |= {given.name: _checked(given) for given in _in_environment(environment)}
    found |= {given.name: _checked(given) for given in _in_flags(flags)}
    settings = {name: found.pop(name) for name in Settings.__struct_fields__}
    return Options(settings=settings, **found)


def _in_flags(flags: Mapping[str, object]) -> Iterator[_Given]:
    for name, value in flags.items():
        if name != "config" and value is not None:
            yield _Given(f"--{name.replace('_', '-')}", name, value)


def _in_environment(environment: Mapping[str, str]) -> Iterator[_Given]:
    names = {f"{PREFIX}{name.upper()}": name for name in NAMES}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in _NOT_OPTIONS:
            continue
        if variable not in names:
            raise ConfigError(f"{variable}: there is no such setting{_nearest(variable.upper(), names)}")
        if environment[variable]:
            yield _Given(variable, names[variable], environment[variable])


def _in_file(path: str) -> Iterator[_Given]:
    import tomllib  # most servers have no file, and need not wait for it
    from pathlib import Path

    try:
        given = tomllib.loads(Path(path).read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not TOML: not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: not TOML that anybody would write: nested too deep") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    for name, value in given.items():
        if name not in NAMES:
            raise ConfigError(f"{path}: there is no setting {name!r}{_nearest(name, NAMES, quote=True)}")
        yield _Given(f"{path}: {name}", name, value)


def _nearest(wrong: str, names: Any, *, quote: bool = False) -> str:
    from difflib import get_close_matches

    near = get_close_matches(wrong, names, n=1)
    if not near:
        return ""
    return f"; did you mean {near[0]!r}?" if quote else f"; did you mean {near[0]}?"


def _checked(given: _Given) -> Any:
    """The value as its type.

    Raises:
        ConfigError: it has another.
    """
    where, name, value = given
    try:
        if name == "clock":
            return _clock(value)
        if name == "scenario":
            return _scenario(where, value)
        if name in _OWN:
            return msgspec.convert(value, _OWN[name], strict=False)
        return getattr(Settings.of(**{name: value}), name)
    except ClockError as error:
        raise ConfigError(f"{where}: {error}") from error
    except (SettingError, msgspec.ValidationError) as error:
        if name == "control_token":
            # Neither the value nor an error that may quote it.
            raise ConfigError(f"{where}: it takes printable ASCII characters without blanks") from None
        raise ConfigError(f"{where}: {_takes(name, error)}, not {str(value)[:100]!r}") from error


def _clock(value: object) -> Any:
    # TOML has times of its own; which of them are moments is for parse_time to say.
    isoformat = getattr(value, "isoformat", None)
    text = value if isoformat is None else isoformat()
    parse_time(text)
    return text


def _scenario(where: str, value: object) -> str:
    from mockkraken.scenarios import shipped
    from mockkraken.scenarios.scenario import ScenarioError

    try:
        shipped.find(str(value))
    except ScenarioError as error:
        raise ConfigError(f"{where}: {error}") from error
    return str(value)


def _takes(name: str, error: Exception) -> str:
    """What the option takes, in words; for what has no words, what the check said."""
    from msgspec import inspect

    fields = {
        field.name: field.type
        for struct in (Options, Settings)
        for field in inspect.type_info(struct).fields  # type: ignore[attr-defined]  # it is a StructType
    }
    kind = fields[name]
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    words: Any = None
    if isinstance(kind, inspect.Metadata):
        words = (kind.extra or {}).get("takes")
        kind = kind.type
    if isinstance(kind, inspect.BoolType):
        words = ("true", "false")
    if isinstance(kind, inspect.LiteralType):
        words = kind.values
    if isinstance(kind, inspect.IntType):
        words = f"a whole number from {kind.ge} to {kind.le}"
    if isinstance(words, tuple):
        words = f"{', '.join(words[:-1])} or {words[-1]}"
    if words:
        return f"it takes {words}"
    return str(error.__cause__ if isinstance(error, SettingError) else error)
