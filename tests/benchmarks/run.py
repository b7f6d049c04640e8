"""Our figures beside a bare server's and a bare book's, measured in the same run: `python tests/benchmarks/run.py`.

CPU times are the server process's own, per request over one keep-alive connection; ratios are what to compare, since
machines differ. Give names of benchmarks (`server start control exchange`) to run only those.
"""

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bare_book import BareBook, Command, commands
from bare_server import SECRET
from load import (
    Connection,
    cpu_per_request,
    free_port,
    get,
    median_of,
    post_json,
    server,
    signed_post,
    wait_until_served,
)

REQUESTS = int(os.environ.get("REQUESTS", "20000"))
HERE = Path(__file__).parent
BARE = str(HERE / "bare_server.py")
SERVE = ["-m", "mockkraken", "serve", "--port"]
WORLD = json.loads((HERE.parent.parent / "fixtures" / "world.json").read_bytes())
FULL = next(key for key in WORLD["keys"] if key["name"] == "full")
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "60000", "volume": "0.001"}


def row(what: str, ours: float, bare: float | None, unit: str, note: str = "") -> None:
    versus = f"{bare:10.1f} {ours / bare:7.2f}x" if bare else " " * 19
    print(f"{what:38} {ours:10.1f} {versus} {unit:14} {note}", flush=True)


def bench_server() -> None:
    """CPU time per request, against the bare server with the same answers."""
    port, bare_port = free_port(), free_port()
    with server([*SERVE, str(port)], port) as ours:
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

            def both(what: str, requests: list[bytes], bare_requests: list[bytes], note: str = "") -> float:
                figures = []
                for _ in range(3):
                    third = slice(len(figures) * len(requests) // 3, (len(figures) + 1) * len(requests) // 3)
                    figures.append(
                        (
                            cpu_per_request(ours, port, requests[third], b'"error":[]'),
                            cpu_per_request(bare, bare_port, bare_requests[third], b'"error":[]'),
                        )
                    )
                mine, floor = sorted(figures, key=lambda pair: pair[0] / pair[1])[1]
                row(what, mine, floor, "µs CPU/request", note)
                return mine

            def bare_posts(*methods: str, **fields: str) -> list[bytes]:
                return [
                    signed_post("bare", SECRET, methods[number % len(methods)], number, **fields)
                    for number in range(1, REQUESTS + 1)
                ]

            both("signed Balance", [post("Balance") for _ in range(REQUESTS)], bare_posts("Balance"))
            orders = []
            for number in range(REQUESTS // 2):
                orders.append(post("AddOrder", cl_ord_id=f"bench-{number}", **ORDER))
                orders.append(post("CancelOrder", cl_ord_id=f"bench-{number}"))
            order_cpu = both("AddOrder resting + CancelOrder", orders, bare_posts("AddOrder", "CancelOrder", **ORDER))
            for name, target in (("Time", "Time"), ("Ticker, one pair", "Ticker?pair=XBTUSD")):
                requests = [get(f"/0/public/{target}")] * REQUESTS
                both(name, requests, requests)
            requests = [get("/0/public/Depth?pair=XBTUSD")] * (REQUESTS // 2)
            both("Depth of 100 levels, unchanged", requests, requests)
            alternating = []
            for number in range(REQUESTS // 8):
                alternating += [post("AddOrder", cl_ord_id=f"depth-{number}", **ORDER), requests[0]]
                alternating += [post("CancelOrder", cl_ord_id=f"depth-{number}"), requests[0]]
            mixed = cpu_per_request(ours, port, alternating, b'"error":[]')
            floor = cpu_per_request(bare, bare_port, requests, b'"error":[]')
            row("Depth, a book change before each", 2 * mixed - order_cpu, floor, "µs CPU/request")


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
    bare = median_of(7, lambda: cold([BARE]))
    stops.clear()
    row("cold start to first answer", median_of(7, lambda: cold(SERVE)), bare, "ms")
    row("SIGTERM to exit", sorted(stops)[len(stops) // 2], None, "ms")


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
    row("MockKraken start, later", sorted(starts[1:])[5], None, "ms")
    row("MockKraken stop", sorted(stops)[6], None, "ms")
    with MockKraken() as kraken:
        connection = Connection(int(kraken.url.rpartition(":")[2]))
        resets = []
        for _ in range(50):
            connection.send(get("/0/public/Depth?pair=XBTUSD"))
            begun = time.perf_counter()
            connection.send(post_json("/mock/reset", b"{}"))
            resets.append((time.perf_counter() - begun) * 1000)
        connection.close()
    row("reset over HTTP", sorted(resets)[25], None, "ms")


def bench_exchange() -> None:
    """The exchange alone, without makers, against a bare book on the same commands."""
    from mockkraken.catalog import Catalog
    from mockkraken.clock import Clock
    from mockkraken.exchange import Account, Exchange, OrderRequest
    from mockkraken.ids import Ids, generator
    from mockkraken.settings import Settings

    def play_exchange(mix: list[Command]) -> tuple[float, int]:
        clock, catalog = Clock(0), Catalog()
        exchange = Exchange(clock, Settings(), catalog, Ids(generator(0, "ids")))
        pair = catalog.pair("XXBTZUSD")
        traders = [exchange.open_account(Account(name)) for name in ("buyer", "seller")]
        for trader in traders:
            for name in ("ZUSD", "XXBT"):
                asset = catalog.assets[name]
                exchange.set_balance(trader, asset, 10**12 * 10**asset.decimals)
        # Requests are made beforehand: what is measured is reading, checking and doing them.
        requests = [
            None
            if command.kind == "cancel"
            else OrderRequest(
                ordertype="limit",
                type=command.kind,
                volume=f"0.{command.volume:04d}",
                price=f"{60000 + command.price / 10:.1f}",
            )
            for command in mix
        ]
        resting: list[str] = []
        begun = time.process_time()
        for command, request in zip(mix, requests, strict=True):
            if request is not None:
                trader = traders[command.kind == "sell"]
                order = exchange.submit(exchange.prepare(trader, pair, request))
                if order.status == "open":
                    resting.append(order.txid)
                continue
            while resting:
                index = int(command.pick * len(resting))
                resting[index], resting[-1] = resting[-1], resting[index]
                txid = resting.pop()
                owner = next((trader for trader in traders if txid in trader.open), None)
                if owner:
                    exchange.cancel_order(owner, txid=txid)
                    break
        return time.process_time() - begun, len(exchange.market(pair).tape.prints)

    def play_bare(mix: list[Command]) -> tuple[float, int]:
        book = BareBook()
        begun = time.process_time()
        for number, command in enumerate(mix):
            if command.kind == "cancel":
                book.cancel(command.pick)
            else:
                book.add(number, command.kind == "buy", command.price, command.volume)
        return time.process_time() - begun, book.fills

    mix = commands(40_000)
    spent = bare = float("inf")
    # In turn, and the best of each: what a noisy machine adds is not ours.
    for _ in range(5):
        gc.collect()
        bare = min(bare, play_bare(mix)[0])
        gc.collect()
        took, fills = play_exchange(mix)
        spent = min(spent, took)
    row(
        "exchange, per command",
        spent / len(mix) * 1e6,
        bare / len(mix) * 1e6,
        "µs CPU",
        f"{fills / len(mix):.1%} fills",
    )
    print(f"{'':38} {len(mix) / spent:10.0f} commands a second; the bare book {len(mix) / bare:.0f}")


BENCHMARKS = {"server": bench_server, "start": bench_start, "control": bench_control, "exchange": bench_exchange}

if __name__ == "__main__":
    print(f"{'':38} {'ours':>10} {'bare':>10} {'ratio':>8}")
    for name in sys.argv[1:] or BENCHMARKS:
        BENCHMARKS[name]()
