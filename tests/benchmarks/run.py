"""Our figures beside a bare server's and a bare book's, measured in the same run: `python tests/benchmarks/run.py`.

CPU times are the server process's own, per request over one keep-alive connection; ratios are what to compare, since
machines differ, and of several runs the best, since neighbours only ever add. A figure is followed by its target, and
by `over` when it misses that; the exit status is 0 all the same. Give names of benchmarks (`server gate start
control exchange memory sockets`) to run only those.
"""

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bare_book import BareBook, commands
from bare_server import SECRET
from desk import Desk
from load import (
    Connection,
    cpu_per_request,
    cpu_seconds,
    expect,
    free_port,
    get,
    one_core,
    resident,
    send_json,
    server,
    signed_post,
    wait_until_served,
)
from sockets import WebSocket, text

REQUESTS = int(os.environ.get("REQUESTS", "20000"))
RUNS = 5
HERE = Path(__file__).parent
BARE = str(HERE / "bare_server.py")
SERVE = ["-m", "mockkraken", "serve", "--port"]
# What is measured is answers, not how fast the limits refuse.
SERVE_ALL = ["-m", "mockkraken", "serve", "--rate-limits", "off"]
WORLD = json.loads((HERE.parent.parent / "fixtures" / "world.json").read_bytes())
FULL = next(key for key in WORLD["keys"] if key["name"] == "full")
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "60000", "volume": "0.001"}


def row(what: str, ours: float, bare: float | None, unit: str, *, target: float | None = None, note: str = "") -> None:
    """Print a figure; `target` is the most that the ratio may be, or where there is nothing to compare, the figure."""
    figure = ours / bare if bare else ours
    versus = f"{bare:10.1f} {figure:7.2f}x" if bare else " " * 19
    aim = "" if target is None else f"<= {target:g}{'x' if bare else ''}{' over' if figure > target else ''}"
    print(f"{what:38} {ours:10.1f} {versus} {unit:14} {aim:12} {note}".rstrip(), flush=True)


def bench_server() -> None:
    """CPU time per request, against the bare server with the same answers."""
    port, bare_port = free_port(), free_port()
    with one_core(), server([*SERVE_ALL, "--market", "calm", "--port", str(port)], port) as ours:
        nonces = iter(range(1, 10**9))

        def post(method: str, key: str = FULL["api_key"], secret: str = FULL["api_secret"], **fields: str) -> bytes:
            return signed_post(key, secret, method, next(nonces), **fields)

        probe = Connection(port)
        balance, ticker = probe.send(post("Balance")), probe.send(get("/0/public/Ticker?pair=XBTUSD"))
        moment, depth = probe.send(get("/0/public/Time")), probe.send(get("/0/public/Depth?pair=XBTUSD"))
        added = probe.send(post("AddOrder", **ORDER))
        cancelled = probe.send(post("CancelAll"))
        probe.close()
        answers = {
            "signed": {name: json.loads(text) for name, text in (("Balance", balance), ("AddOrder", added))}
            | {"CancelOrder": json.loads(cancelled)},
            "constant": {"Time": moment.decode(), "Ticker": ticker.decode(), "Depth": depth.decode()},
        }
        with server([BARE, str(bare_port), json.dumps(answers)], bare_port) as bare:

            def both(what: str, requests: list[bytes], bare_requests: list[bytes], target: float) -> float:
                mine = floor = float("inf")
                part = len(requests) // RUNS
                for start in range(0, RUNS * part, part):
                    some = slice(start, start + part)
                    mine = min(mine, cpu_per_request(ours, port, requests[some], b'"error":[]'))
                    floor = min(floor, cpu_per_request(bare, bare_port, bare_requests[some], b'"error":[]'))
                row(what, mine, floor, "µs CPU/request", target=target)
                return mine

            def bare_posts(*methods: str, **fields: str) -> list[bytes]:
                return [
                    signed_post("bare", SECRET, methods[number % len(methods)], number, **fields)
                    for number in range(1, REQUESTS + 1)
                ]

            both("signed Balance", [post("Balance") for _ in range(REQUESTS)], bare_posts("Balance"), 1.6)
            orders = []
            for number in range(REQUESTS // 2):
                orders.append(post("AddOrder", cl_ord_id=f"bench-{number}", **ORDER))
                orders.append(post("CancelOrder", cl_ord_id=f"bench-{number}"))
            bare_orders = bare_posts("AddOrder", "CancelOrder", **ORDER)
            order_cpu = both("AddOrder resting + CancelOrder", orders, bare_orders, 2.4)
            for name, target in (("Time", "Time"), ("Ticker, one pair", "Ticker?pair=XBTUSD")):
                requests = [get(f"/0/public/{target}")] * REQUESTS
                both(name, requests, requests, 1.6)
            requests = [get("/0/public/Depth?pair=XBTUSD")] * (REQUESTS // 2)
            both("Depth of 100 levels, unchanged", requests, requests, 1.6)
            alternating = []
            for number in range(REQUESTS // 8):
                alternating += [post("AddOrder", cl_ord_id=f"depth-{number}", **ORDER), requests[0]]
                alternating += [post("CancelOrder", cl_ord_id=f"depth-{number}"), requests[0]]
            mixed = cpu_per_request(ours, port, alternating, b'"error":[]')
            floor = cpu_per_request(bare, bare_port, requests, b'"error":[]')
            row("Depth, a book change before each", 2 * mixed - order_cpu, floor, "µs CPU/request", target=5)


def bench_gate() -> None:
    """What the journal and the rate counters cost a signed Balance: a server with both, and one with neither."""
    port, bare_port = free_port(), free_port()
    # So fast a clock forgets what was counted before it is too much, and both have it.
    pace = send_json("POST", "/mock/clock", b'{"scale": 1000000}')
    neither = {"MOCKKRAKEN_RATE_LIMITS": "off", "MOCKKRAKEN_JOURNAL_SIZE": "0"}
    calm = [*SERVE[:-1], "--market", "calm", "--port"]
    with (
        one_core(),
        server([*calm, str(port)], port) as ours,
        server([*calm, str(bare_port)], bare_port, **neither) as bare,
    ):
        for either in (port, bare_port):
            connection = Connection(either)
            expect(connection.send(pace), b'"scaled"')
            connection.close()
        nonces = iter(range(1, 10**9))
        spent = {port: float("inf"), bare_port: float("inf")}
        for _ in range(2 * RUNS):
            for process, either in ((ours, port), (bare, bare_port)):
                requests = [
                    signed_post(FULL["api_key"], FULL["api_secret"], "Balance", next(nonces))
                    for _ in range(REQUESTS // RUNS)
                ]
                spent[either] = min(spent[either], cpu_per_request(process, either, requests, b'"error":[]'))
    row("Balance with journal and counters", spent[port], spent[bare_port], "µs CPU/request", target=1.12)


def bench_start() -> None:
    """Process start to the first answered request, and SIGTERM to exit."""

    def cold(arguments: list[str]) -> float:
        port = free_port()
        begun = time.perf_counter()
        process = subprocess.Popen([sys.executable, *arguments, str(port)], stdout=subprocess.DEVNULL)
        wait_until_served(port, process)
        took = time.perf_counter() - begun
        ended = time.perf_counter()
        process.terminate()
        process.wait()
        stops.append((time.perf_counter() - ended) * 1000)
        return took * 1000

    stops: list[float] = []
    cold(SERVE), cold([BARE])
    stops.clear()
    # In turn, and the best of each.
    ours, bare = zip(*((cold(SERVE), cold([BARE])) for _ in range(2 * RUNS)), strict=True)
    row("cold start to first answer", min(ours), min(bare), "ms", target=1.8)
    row("SIGTERM to exit", min(stops[::2]), min(stops[1::2]), "ms")


def bench_control() -> None:
    """MockKraken in this process: start, stop, reset over HTTP."""
    from mockkraken import MockKraken

    starts, stops = [], []
    for _ in range(12):
        kraken = MockKraken()
        begun = time.perf_counter()
        kraken.start()
        ready = time.perf_counter()
        connection = Connection(int(kraken.url.rpartition(":")[2]))
        connection.send(get("/0/public/Time"))
        halting = time.perf_counter()
        kraken.stop()
        stops.append((time.perf_counter() - halting) * 1000)
        starts.append((ready - begun) * 1000)
        connection.close()
    row("MockKraken start, first", starts[0], None, "ms")
    row("MockKraken start, later", median(starts[1:]), None, "ms")
    row("MockKraken stop", median(stops), None, "ms", target=50)
    with MockKraken() as kraken:
        connection = Connection(int(kraken.url.rpartition(":")[2]))
        resets = []
        for _ in range(50):
            connection.send(get("/0/public/Depth?pair=XBTUSD"))
            begun = time.perf_counter()
            connection.send(send_json("POST", "/mock/reset", b"{}"))
            resets.append((time.perf_counter() - begun) * 1000)
        connection.close()
    row("reset over HTTP", median(resets), None, "ms", target=3)


def bench_exchange() -> None:
    """The exchange alone, without makers: against a bare book on the same commands, and with little or much in it."""
    mix = commands(40_000)
    spent = bare = float("inf")
    # In turn, and the best of each: what a noisy machine adds is not ours.
    for _ in range(RUNS):
        gc.collect()
        bare = min(bare, BareBook().play(mix))
        gc.collect()
        desk = Desk()
        spent = min(spent, desk.play(mix))
    row("exchange, per command", spent, bare, "µs CPU", target=20, note=f"{desk.fills / len(mix):.1%} fills")
    print(f"{'':38} {1e6 / spent:10.0f} commands a second; the bare book {1e6 / bare:.0f}")

    def among(resting: int, closed: int) -> float:
        desk = Desk()
        desk.rest(resting)
        desk.close(closed)
        gc.collect()
        return desk.play(mix[:8000])

    for what, much, little in (
        ("50,000 resting orders, and 10", (50_000, 0), (10, 0)),
        ("100,000 closed orders, and 1,000", (0, 100_000), (0, 1_000)),
    ):
        figures = [(among(*much), among(*little)) for _ in range(RUNS)]
        row(what, min(more for more, _ in figures), min(less for _, less in figures), "µs CPU", target=1.3)

    def per_stop(fired: int, others: int) -> float:
        """What one fired stop costs, in µs, among others that the same move does not reach."""
        desk = Desk()
        desk.trade_at(0)
        desk.wait(fired, -2000)
        desk.wait(others // 2, -20_000)
        desk.wait(others - others // 2, 0, "+20%")
        gc.collect()
        spent = desk.trade_at(-3000)
        assert desk.waiting == others, desk.waiting
        return spent / fired * 1e6

    for what, much, little in (
        ("1,000 stops fired, and 100", (1_000, 0), (100, 0)),
        ("1,000 stops fired among 50,000, and 0", (1_000, 50_000), (1_000, 0)),
    ):
        figures = [(per_stop(*much), per_stop(*little)) for _ in range(RUNS)]
        row(what, min(more for more, _ in figures), min(less for _, less in figures), "µs CPU a stop", target=1.3)


def bench_memory() -> None:
    """How the server's memory grows by what it is asked, while its journal fills and after."""
    port = free_port()
    with server([*SERVE_ALL, "--port", str(port)], port) as process:
        connection = Connection(port)
        nonces = iter(range(1, 10**9))

        def post(method: str, **fields: str) -> bytes:
            return signed_post(FULL["api_key"], FULL["api_secret"], method, next(nonces), **fields)

        def ask(count: int) -> None:
            """Time, Ticker, Depth, Balance, and orders that are refused: none of them leaves anything to keep."""
            for number in range(count // 6):
                for request in (
                    get("/0/public/Time"),
                    get("/0/public/Ticker?pair=XBTUSD"),
                    get("/0/public/Depth?pair=XBTUSD"),
                    post("Balance"),
                ):
                    expect(connection.send(request), b'"error":[]')
                poor = ORDER | {"price": f"60000.{number % 10}", "volume": "1000000"}
                expect(connection.send(post("AddOrder", **poor)), b"EOrder:Insufficient funds")
                wrong = ORDER | {"cl_ord_id": f"{number:019d}"}
                expect(connection.send(post("AddOrder", **wrong)), b"EGeneral:Invalid arguments")

        def deal(count: int) -> None:
            """Orders that rest and are cancelled: history, which an exchange keeps."""
            for number in range(count):
                expect(connection.send(post("AddOrder", **ORDER | {"cl_ord_id": f"m-{number}"})), b'"txid"')
                expect(connection.send(post("CancelOrder", cl_ord_id=f"m-{number}")), b'"count":1')

        idle = resident(process)
        ask(1_200)  # everything has been there once; the journal has room for nine tenths more
        before = resident(process)
        ask(100_000)
        after = resident(process)
        deal(20_000)
        history = resident(process) - after
        connection.close()
    row("memory, idle", idle / 2**20, None, "MiB")
    row("memory, 100,000 requests later", (after - before) / 2**20, None, "MiB more", target=3)
    row("memory, a closed order", history / 20_000, None, "bytes")


SUBSCRIBERS = 100


def bench_sockets() -> None:
    """One book change told to many subscribers, an order's way to its owner, and connections that just stay."""
    port, bare_port = free_port(), free_port()
    cl_ord_id = "fan-out"

    def request(method: str, **params: object) -> bytes:
        return text(json.dumps({"method": method, "params": params, "req_id": 1}, separators=(",", ":")).encode())

    with one_core(), server([*SERVE_ALL, "--market", "calm", "--port", str(port)], port) as ours:
        connection = Connection(port)
        answer = connection.send(signed_post(FULL["api_key"], FULL["api_secret"], "GetWebSocketsToken", 1))
        connection.close()
        token = json.loads(answer)["result"]["token"]
        trader = WebSocket(port, "/ws-auth/v2").greeted()
        # A heartbeat a second is the same for both ways to measure, and nobody's book change.
        book = {"channel": "book", "symbol": ["BTC/USD"]}
        subscribers = [WebSocket(port, "/ws/v2") for _ in range(SUBSCRIBERS)]
        for subscriber in subscribers:
            subscriber.send(request("subscribe", **book))
            subscriber.until(b'"snapshot","data"')
        ticker = Connection(port)
        best = json.loads(ticker.send(get("/0/public/Ticker?pair=XBTUSD")))["result"]["XXBTZUSD"]["b"][0]
        ticker.close()
        # At the best bid, so that it is in everybody's window.
        order = {"order_type": "limit", "side": "buy", "order_qty": 0.001, "limit_price": float(best)}
        order |= {"symbol": "BTC/USD", "cl_ord_id": cl_ord_id, "token": token}
        changes = [request("add_order", **order), request("cancel_order", cl_ord_id=[cl_ord_id], token=token)]

        def tell(times: int) -> bytes:
            message = b""
            for number in range(times):
                trader.send(changes[number % 2])
                expect(trader.receive(), b'"success":true')
                for subscriber in subscribers:
                    message = subscriber.until(b'"book","type":"update"')
            return message

        prepared = tell(50).decode()
        with server(
            [BARE, str(bare_port), json.dumps({"text": prepared, "constant": {"Time": "{}"}})], bare_port
        ) as bare:
            others = [WebSocket(bare_port, "/ws") for _ in range(SUBSCRIBERS)]
            teller = WebSocket(bare_port, "/ws")

            def tell_bare(times: int) -> None:
                for _ in range(times):
                    teller.send(changes[0])
                    teller.receive()
                    for other in others:
                        other.receive()

            tell_bare(50)
            mine = floor = float("inf")
            times = 200
            for _ in range(RUNS):
                before = cpu_seconds(ours)
                tell(times)
                mine = min(mine, (cpu_seconds(ours) - before) / times / SUBSCRIBERS)
                before = cpu_seconds(bare)
                tell_bare(times)
                floor = min(floor, (cpu_seconds(bare) - before) / times / SUBSCRIBERS)
        note = f"{1 / mine:,.0f} deliveries a core-second"
        row(
            f"book change to {SUBSCRIBERS} subscribers",
            mine * 1e6,
            floor * 1e6,
            "µs CPU/delivery",
            target=1.6,
            note=note,
        )
        for subscriber in subscribers:
            subscriber.close()

        trader.send(request("subscribe", channel="executions", token=token))
        trader.until(b'"type":"snapshot"')
        took = []
        for _ in range(1000):
            begun = time.perf_counter()
            trader.send(changes[0])
            trader.until(b'"exec_type":"new"')
            took.append((time.perf_counter() - begun) * 1000)
            trader.send(changes[1])
            trader.until(b'"exec_type":"canceled"')
        trader.close()
        row("add_order to its `new` report, p50", median(took), None, "ms", target=1)

    port = free_port()
    with server([*SERVE_ALL, "--port", str(port)], port) as ours:
        idle = [WebSocket(port, "/v2") for _ in range(1000)]
        for each in idle:
            each.until(b'"status"')
        row("memory with 1,000 idle connections", resident(ours) / 2**20, None, "MiB", target=150)
        for each in idle:
            each.close()


BENCHMARKS = {
    "server": bench_server,
    "gate": bench_gate,
    "start": bench_start,
    "control": bench_control,
    "exchange": bench_exchange,
    "memory": bench_memory,
    "sockets": bench_sockets,
}

if __name__ == "__main__":
    print(f"{'':38} {'ours':>10} {'bare':>10} {'ratio':>8}")
    for name in sys.argv[1:] or BENCHMARKS:
        BENCHMARKS[name]()
