"""The server: one sandbox behind one port, on an event loop and in a thread of its own."""

from __future__ import annotations

import logging
import re
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from mockkraken.clock import SECOND, Clock, parse_time
from mockkraken.control import scenarios
from mockkraken.control.client import (
    AccountsControl,
    ClockControl,
    JournalControl,
    KeysControl,
    LockoutControl,
    SettingsControl,
    TokensControl,
)
from mockkraken.control.counters_client import CountersControl
from mockkraken.control.fault_client import FaultHandle, FaultsControl
from mockkraken.control.market_client import OrdersControl, PairsControl, StatusControl
from mockkraken.control.operations import Control
from mockkraken.control.scenario_client import ScenariosControl
from mockkraken.listening import BACKLOG, listen, shown_address
from mockkraken.sandbox import Sandbox
from mockkraken.settings import Settings

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp

    from mockkraken.control.diagnosis import Report
    from mockkraken.rest.call import Receive, Scope, Send

DEFAULT_KEY = "full"

_TOKEN = re.compile(r"[!-~]+")

_KEEP_ALIVE = 75  # seconds, as nginx: a bot that polls each ten seconds must not meet a connection just closed
_LONGEST_ALARM = 86_400.0  # seconds; no event loop need look further ahead

_log = logging.getLogger("mockkraken")


class App:
    """One ASGI application: `/mock` is the control API's, everything else the exchange's.

    Args:
        sandbox: whose API it is.
        control: the operations on it.
        token: what a control call must show; None: nothing.
    """

    def __init__(self, sandbox: Sandbox, control: Control, token: str | None = None) -> None:
        self._sandbox = sandbox
        self._rest = sandbox.rest
        self._control = control
        self._token = token
        self._mock: ASGIApp | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "websocket":
            return self._sandbox.ws(scope, receive, send)
        path: str = scope["path"]
        if path.startswith("/mock") and path[5:6] in ("", "/"):
            return self._mock_app()(scope, receive, send)
        return self._rest(scope, receive, send)

    def _mock_app(self) -> ASGIApp:
        # Made when it is first asked for: a bot that is merely served does not pay for it.
        if self._mock is None:
            from mockkraken.control.http import control_app

            self._mock = control_app(self._control, self._token)
        return self._mock


class _Alarm:
    """Wakes the event loop when the sandbox's next timer falls due in the machine's time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sandbox: Sandbox) -> None:
        self._loop = loop
        self._sandbox = sandbox
        self._handle: asyncio.TimerHandle | None = None
        sandbox.on_reset.append(self._follow)
        self._follow()

    def off(self) -> None:
        """Ring no more."""
        self._sandbox.on_reset.remove(self._follow)
        self._sandbox.clock.on_change = _nothing
        self._cancel()

    def _follow(self) -> None:
        # A reset brings a new clock.
        self._sandbox.clock.on_change = self._arm
        self._arm()

    def _arm(self) -> None:
        self._cancel()
        seconds = self._sandbox.clock.seconds_to_next()
        if seconds is not None:
            self._handle = self._loop.call_later(min(seconds, _LONGEST_ALARM), self._ring)

    def _ring(self) -> None:
        try:
            self._sandbox.clock.run_due()
        finally:
            self._arm()

    def _cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class _Running(NamedTuple):
    """A server that runs."""

    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event


class MockKraken:
    """A simulated Kraken in a thread, to be used as a context manager or with `start` and `stop`.

    Its sandbox is touched only on the server's event loop: what its attributes offer is done there, and done when the
    call returns, whichever thread it comes from. While it does not run, it is done at once.

    Args:
        seed: all randomness comes from it.
        clock: frozen there, RFC 3339 text or unix seconds; None: it runs with the machine's.
        dialect: which side to take where Kraken's documentation and live traffic disagree.
        host: the address to listen at.
        port: 0: a free one.
        control_token: what `/mock` calls must bring as `Authorization: Bearer`; without one, `host` must be loopback.
        scenario: the name of the scenario that it is set up with, or the path of its file; so it is after each reset.
        settings: any of `Settings`. Only here `rate_limits` is `"off"` unless it is given: tests freeze the clock, and
            then no counter would ever fall.

    Attributes:
        api_key, api_secret: of the default key, `full`, which may do everything.
        clock, settings, accounts, keys, pairs, orders, status, counters, lockout, tokens, faults, journal: the
            control API.

    Raises:
        SettingError: there is no such setting, or it does not take that value.
        ClockError: `clock` is no time.
        ControlError: there is no such scenario, or a step of its set-up is refused.
        ValueError: `control_token` can't stand in a header.
    """

    def __init__(
        self,
        seed: int = 0,
        clock: str | float | None = None,
        dialect: Literal["documented", "observed"] = "documented",
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        control_token: str | None = None,
        scenario: str | None = None,
        **settings: Any,
    ) -> None:
        if control_token is not None and not _TOKEN.fullmatch(control_token):
            raise ValueError("a control token is one or more printable ASCII characters without blanks")
        start = None if clock is None else parse_time(clock)
        chosen = {"rate_limits": "off", **settings}
        self._sandbox = Sandbox(settings=Settings.of(seed=seed, dialect=dialect, **chosen), start=start)
        self._control = Control(self._sandbox, None if scenario is None else scenarios.found(scenario))
        self._app = App(self._sandbox, self._control, control_token)
        self._host, self._port = host, port
        self._open = control_token is not None
        self._address = ""
        self._running: _Running | None = None
        # Held while the server starts, stops, or is called: nobody touches the sandbox beside its loop.
        self._lock = threading.Lock()

        key = self._sandbox.keys.find(DEFAULT_KEY)
        assert key is not None
        self.api_key, self.api_secret = key.api_key, key.api_secret
        self.clock = ClockControl(self._perform)
        self.settings = SettingsControl(self._perform)
        self.accounts = AccountsControl(self._perform)
        self.keys = KeysControl(self._perform)
        self.pairs = PairsControl(self._perform)
        self.orders = OrdersControl(self._perform)
        self.status = StatusControl(self._perform)
        self.counters = CountersControl(self._perform)
        self.lockout = LockoutControl(self._perform)
        self.tokens = TokensControl(self._perform)
        self.faults = FaultsControl(self._perform)
        self.journal = JournalControl(self._perform)
        self.scenarios = ScenariosControl(self._perform)

    def __setattr__(self, name: str, value: object) -> None:
        # `kraken.status = "maintenance"` would do nothing, and spoil the object for all that come after.
        if not name.startswith("_") and name in self.__dict__:
            raise AttributeError(f"{name} is not for assigning to: it has methods and items for that")
        super().__setattr__(name, value)

    @property
    def url(self) -> str:
        """Where it serves REST and the control API: `http://127.0.0.1:PORT`."""
        return f"http://{self._address_of_server()}"

    @property
    def ws_url(self) -> str:
        """Where it serves the public WebSocket v2; v1 is one `/v2` less."""
        return f"ws://{self._address_of_server()}/ws/v2"

    @property
    def ws_auth_url(self) -> str:
        """Where it serves the private WebSocket v2; v1 is one `/v2` less."""
        return f"ws://{self._address_of_server()}/ws-auth/v2"

    def environment(self) -> dict[str, str]:
        """What points a program here, under the names by which programs read it: URLs and the default key."""
        return {
            "KRAKEN_API_KEY": self.api_key,
            "KRAKEN_API_SECRET": self.api_secret,
            "KRAKEN_SECRET_KEY": self.api_secret,
            "KRAKEN_REST_URL": self.url,
            "KRAKEN_WS_URL": self.ws_url,
            "KRAKEN_WS_AUTH_URL": self.ws_auth_url,
            "MOCKKRAKEN_URL": self.url,
        }

    def on_record(self, listener: Callable[[dict[str, Any]], None]) -> None:
        """Call `listener` with each new record of the journal, also after a reset; it holds up the server's loop.

        Args:
            listener: gets the record as `/mock/journal` shows it. What it raises goes to the log.
        """

        def tell(record: dict[str, Any]) -> None:
            try:
                listener(record)
            except Exception:
                # The request is done: its answer must not be lost.
                _log.exception("a listener of on_record failed")

        def follow() -> None:
            # A reset brings a new journal.
            self._sandbox.journal.on_record.append(tell)

        self._sandbox.on_reset.append(follow)
        follow()

    def reset(self, *, seed: int | None = None, clock: str | float | None = None, scenario: str | None = None) -> None:
        """Back to the start state of everything; with another seed, start time or scenario if given.

        Args:
            seed: all randomness comes from it.
            clock: frozen there.
            scenario: its name, or the path of its file.

        Raises:
            ControlError: `clock` is no time; or there is no such scenario, or a step of its set-up is refused.
        """
        chosen = None if scenario is None else scenarios.found(scenario)
        self._perform(Control.reset, {"seed": seed, "clock": clock}, chosen)

    def fault(self, endpoint: str = "*", **what: Any) -> FaultHandle:
        """Let something go wrong from now on: `with kraken.fault("AddOrder", hang="30s", applied=True, times=1): ...`.

        Args:
            endpoint: for which endpoints.
            what: the rest that `FaultsControl.add` takes.

        Raises:
            ControlError: that can't go wrong.
        """
        return self.faults.add(endpoint, **what)

    def doctor(self, key: str | None = None) -> Report:
        """Why requests were refused: findings with evidence and cure, worst first; printed, a drawn report.

        Args:
            key: only this key's requests, by name or public key; None: all.

        Raises:
            ControlError: there is no such key, nor has the journal one (404).
        """
        from mockkraken.control.diagnosis import Report, doctor

        found = self._perform(doctor, {} if key is None else {"key": key})
        return Report(found["findings"], found["timelines"])

    def connections(self) -> list[dict[str, Any]]:
        """The sockets that are open: who connected where, and what each has subscribed to."""
        from mockkraken.control.connections import connections

        found: list[dict[str, Any]] = self._perform(connections)["connections"]
        return found

    def wait_for_subscription(self, channel: str, count: int = 1, timeout: float = 5.0) -> None:
        """Wait until clients have subscribed to a channel: from then on they miss nothing.

        Args:
            channel: `executions`, `book`, or any other of v2 or v1.
            count: how many subscriptions there must be.
            timeout: seconds of the machine to wait for them.

        Raises:
            TimeoutError: there were not so many in time.
        """
        machine = Clock()
        until = machine.now() + int(timeout * SECOND)
        pause = threading.Event()
        while True:
            found = [subscribed for each in self.connections() for subscribed in each["subscriptions"]]
            if sum(subscribed["channel"] == channel for subscribed in found) >= count:
                return
            if machine.now() >= until:
                wanted = f"{count} subscriptions to {channel!r}"
                raise TimeoutError(f"{timeout:g} s have passed without {wanted}; there are {found}")
            pause.wait(0.002)

    def disconnect(self, number: int | None = None) -> int:
        """Close one socket by its number, or all, with 1001 as Kraken's proxy does when it restarts.

        Returns:
            How many there were.

        Raises:
            ControlError: there is none of that number (404).
        """
        from mockkraken.control.connections import disconnect, disconnect_all

        given = (disconnect_all,) if number is None else (disconnect, str(number))
        closed: int = self._perform(*given)["closed"]
        return closed

    def signature(
        self, path: str, body: str, api_key: str | None = None, *, content_type: str | None = None
    ) -> dict[str, str]:
        """The API-Sign that a private call must carry, and each step to it; no nonce is used up.

        Args:
            path: from `/0/` on, with `?query` if there is one, or a whole URL.
            body: as it is sent, nonce included.
            api_key: the name or public key of the key that signs; None: the default key.
            content_type: None: the body tells whether it is JSON.

        Returns:
            `api_sign`, `nonce`, `sha256_hex` (of nonce and body), `path` (what is signed of it) and `message_hex`
            (path and SHA-256, what the HMAC covers).

        Raises:
            ControlError: there is no such key (404), no nonce in the body, or no `/0/` in the path.
        """
        from mockkraken.control.signing import signature

        given = {"path": path, "body": body, "api_key": api_key or self.api_key, "content_type": content_type}
        signed: dict[str, str] = self._perform(signature, given)
        return signed

    def start(self) -> Self:
        """Listen and serve; when it returns, connections are accepted.

        Raises:
            BindError: it can't listen at that address, or must not without a control token.
            RuntimeError: it runs already.
        """
        with self._lock:
            if self._running is not None:
                raise RuntimeError("this server runs already")
            sock = listen(self._host, self._port, anywhere=self._open)
            started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
            thread = threading.Thread(target=self._run, args=(sock, started), name="mockkraken", daemon=True)
            thread.start()
            try:
                loop, stop = started.result()
            except BaseException:
                thread.join(1)
                raise
            self._address = shown_address(sock)
            self._running = _Running(thread, loop, stop)
        return self

    def stop(self) -> None:
        """Answer what is being answered, close every connection, and end the thread. The sandbox keeps its state."""
        with self._lock:
            if self._running is None:
                return
            running, self._running = self._running, None
            running.loop.call_soon_threadsafe(running.stop.set)
            running.thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _address_of_server(self) -> str:
        if not self._address:
            raise RuntimeError("the server has no address before it was started")
        return self._address

    def _perform(self, operation: Callable[..., Any], /, *given: Any) -> Any:
        """Do a control operation where the sandbox lives."""
        running = self._running
        if running is not None and threading.current_thread() is running.thread:
            return self._control.perform(operation, *given)  # asked by a listener of on_record: it is there already
        with self._lock:
            running = self._running
            if running is None:
                return self._control.perform(operation, *given)
            answer: Future[Any] = Future()
            running.loop.call_soon_threadsafe(self._answer, answer, operation, given)
            # Waited for under the lock: a stop must not overtake it, nor another start.
            return answer.result()

    def _answer(self, answer: Future[Any], operation: Callable[..., Any], given: tuple[Any, ...]) -> None:
        try:
            answer.set_result(self._control.perform(operation, *given))
        except BaseException as error:
            answer.set_exception(error)

    def _run(self, sock: socket.socket, started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        """What the thread does."""
        import asyncio

        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve(sock, started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            sock.close()

    async def _serve(
        self, sock: socket.socket, started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]
    ) -> None:
        import asyncio

        from uvicorn.config import Config
        from uvicorn.server import ServerState

        from mockkraken import protocols

        config = Config(
            self._app,
            interface="asgi3",
            ws="none",  # protocols.py brings its own when the first client asks for it
            ws_max_size=protocols.MESSAGE_MAX,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()

        protocol: Any = protocols.http(config.http_protocol_class)

        def connection() -> asyncio.Protocol:
            made: asyncio.Protocol = protocol(config=config, server_state=state, app_state={}, _loop=loop)
            made.access_log = False  # type: ignore[attr-defined]  # uvicorn's own switch is global to the process
            return made

        server = await loop.create_server(connection, sock=sock, backlog=BACKLOG)
        alarm = _Alarm(loop, self._sandbox)
        stop = asyncio.Event()
        started.set_result((loop, stop))
        try:
            await stop.wait()
        finally:
            alarm.off()
            server.close()
            await protocols.close_connections(state, self._sandbox.faults)
            await server.wait_closed()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        import asyncio

        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _nothing() -> None:
    """Nobody listens."""
