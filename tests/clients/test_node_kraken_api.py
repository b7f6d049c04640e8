"""node's kraken-api, over REST, and node-kraken-api, over the WebSocket v1: as npm has them, unmodified.

They are installed anew for each run, into a directory that goes with it. Each test is one program of theirs, which
prints what it has seen as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import krakenex
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mockkraken import MockKraken
from mockkraken.control.market_client import PairHandle

PACKAGES = ("kraken-api@1.0.2", "node-kraken-api@2.2.2")

Node = Callable[..., Any]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    home = tmp_path_factory.mktemp("node")
    install = [npm, "install", "--prefix", str(home), "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"]
    done = subprocess.run([*install, *PACKAGES], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (home / "here.js").write_text(HERE)
    return home


@pytest.fixture
def kraken(server: MockKraken, market: PairHandle) -> MockKraken:
    """With a quiet BTC/USD, and a clock that stands still. Public calls may be POSTs: so both of them make them."""
    server.settings.patch(public_post_response="allow")
    return server


@pytest.fixture
def node(installed: Path, kraken: MockKraken) -> Node:
    """Runs a program: what it has put into `seen`."""

    def run(program: str, key: str = "full") -> Any:
        account = {"KEY": kraken.keys[key].api_key, "SECRET": kraken.keys[key].api_secret}
        done = subprocess.run(
            ["node", "--require", "./here.js", "--eval", f"(async () => {{\n{program}\n}})().then(done, failed)"],
            cwd=installed,
            env={**os.environ, **account, "URL": kraken.url},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


HERE = """
// What the programs share. And node-kraken-api has its hosts built in: a connection to them is made to here instead,
// and in the clear, while the client believes that it speaks TLS with api.kraken.com, ws.kraken.com or
// ws-auth.kraken.com.
const net = require("net"), tls = require("tls");
const { hostname, port } = new URL(process.env.URL);
const elsewhere = tls.connect;
tls.connect = (options, ...more) =>
  /[.]kraken[.]com$/.test(options.host) ? net.connect({ host: hostname, port }) : elsewhere(options, ...more);

global.seen = {};
global.mock = async (path, body) => {
  const answer = await fetch(process.env.URL + "/mock/" + path, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};
global.until = async (condition) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
};
global.refusal = (call) => call.then(() => "none", (error) => error.message);
global.done = () => process.stdout.write(JSON.stringify(seen), () => process.exit(0));
global.failed = (error) => { console.error(error); process.exit(1); };
setTimeout(() => failed(new Error("it waits for what does not come; seen: " + JSON.stringify(seen))), 15000);
"""


def test_kraken_api_beside_sockets(node: Node, kraken: MockKraken) -> None:
    """What it does over REST, others hear on their sockets, of both versions."""
    listener = krakenex.API(kraken.keys["trade"].api_key, kraken.keys["trade"].api_secret)
    listener.uri = kraken.url
    token = listener.query_private("GetWebSocketsToken")["result"]["token"]
    with connect(kraken.ws_auth_url) as v2, connect(kraken.ws_auth_url.removesuffix("/v2")) as v1:
        v2.send(json.dumps({"method": "subscribe", "params": {"channel": "executions", "token": token}}))
        for name in ("openOrders", "ownTrades"):
            v1.send(json.dumps({"event": "subscribe", "subscription": {"name": name, "token": token}}))
        first = [json.loads(v2.recv(5)) for _ in range(3)]  # status, acknowledgement, snapshot
        assert [first[1]["success"], first[2]["data"]] == [True, []]
        greeting, *_ = [json.loads(v1.recv(5)) for _ in range(5)]  # two acknowledgements, two snapshots
        assert greeting["event"] == "systemStatus"

        seen = node(
            """
            const Client = require("kraken-api");
            const kraken = new Client(process.env.KEY, process.env.SECRET, { url: process.env.URL });
            seen.last = (await kraken.api("Ticker", { pair: "XBTUSD" })).result.XXBTZUSD.c[0];
            const order = { pair: "XBTUSD", type: "buy", ordertype: "limit", price: "45000", volume: "0.5",
                            close: { ordertype: "stop-loss-limit", price: "40000", price2: "39000" } };
            const placed = (await kraken.api("AddOrder", order)).result;
            seen.close = placed.descr.close;
            seen.txid = placed.txid[0];
            seen.open = Object.keys((await kraken.api("OpenOrders")).result.open);
            seen.cancelled = (await kraken.api("CancelOrder", { txid: seen.txid })).result.count;
            const market = { pair: "XBTUSD", type: "sell", ordertype: "market", volume: "0.25" };
            const poor = { ...market, volume: "1000" };
            seen.sold = (await kraken.api("AddOrder", market)).result.txid[0];
            seen.balance = (await kraken.api("Balance")).result.XXBT;
            seen.token = (await kraken.api("GetWebSocketsToken")).result.expires;

            seen.poor = await refusal(kraken.api("AddOrder", poor));
            seen.stale = await refusal(kraken.api("Balance", { nonce: 1 }));
            const thief = new Client(process.env.KEY, "c2VjcmV0", { url: process.env.URL });
            seen.thief = await refusal(thief.api("Balance"));
            await mock("reset", {});
            seen.today = await refusal(kraken.api("Time"));
            """
        )
        reports = [message["data"][0] for message in heard(v2) if message["channel"] == "executions"]
        rows = [message for message in heard(v1) if isinstance(message, list)]

    txid, sold = seen.pop("txid"), seen.pop("sold")
    assert seen == {
        "last": "50100.00000",
        "close": "close position @ stop loss 40000.0 -> limit 39000.0",
        "open": [txid],
        "cancelled": 1,
        "balance": "99.7500000000",
        "token": 900,
        "poor": "Order:Insufficient funds",
        "stale": "API:Invalid nonce",
        "thief": "API:Invalid signature",
        "today": "Response code 405 (Method Not Allowed)",
    }
    assert [(row["order_id"], row["exec_type"]) for row in reports] == [
        (txid, "pending_new"),
        (txid, "new"),
        (txid, "canceled"),
        (sold, "pending_new"),
        (sold, "new"),
        (sold, "trade"),
        (sold, "filled"),
    ]
    [trade] = [row for message in rows if message[1] == "ownTrades" for part in message[0] for row in part.values()]
    assert (trade["ordertxid"], trade["vol"], trade["price"]) == (sold, "0.25000000", "50000.00000")
    changes = [
        change for message in rows if message[1] == "openOrders" for part in message[0] for change in part.items()
    ]
    assert [(order, row["status"]) for order, row in changes if "status" in row] == [
        (txid, "pending"),
        (txid, "open"),
        (txid, "canceled"),
        (sold, "pending"),
        (sold, "open"),
        (sold, "closed"),
    ]


def heard(socket: ClientConnection) -> list[Any]:
    """All that is there until the server hangs up."""
    messages = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            messages.append(json.loads(socket.recv(5)))
    return messages


CLIENT = """
const { Kraken } = require("node-kraken-api");
const kraken = new Kraken({ key: process.env.KEY, secret: process.env.SECRET, timeout: 10000 });
"""


def test_node_kraken_api_hears_each_public_channel(node: Node) -> None:
    seen = node(
        CLIENT
        + """
        Object.assign(seen, { status: [], pairs: {}, updates: {} });
        kraken.ws.pub.on("systemStatus", ({ status }) => seen.status.push(status));
        const last = (await kraken.ticker({ pair: "XBTUSD" })).XXBTZUSD.c[0];
        const feeds = {};
        for (const [name, options] of [["ticker"], ["trade"], ["spread"], ["ohlc", { interval: 5 }]]) {
            feeds[name] = kraken.ws[name](options);
            feeds[name].on("update", (update, pair) => { if (pair == "XBT/USD") seen.updates[name] = update; });
            feeds[name].on("error", (error) => failed(error));
            await feeds[name].subscribe("XBT/USD", "ETH/USD");
            seen.pairs[name] = [...feeds[name].subscriptions].map(({ status }) => status.pair);
        }
        await kraken.ws.pub.ping();
        await until(() => seen.updates.ticker && seen.updates.spread && seen.updates.ohlc);
        seen.snapshot = [seen.updates.ticker.c[0] == last, seen.updates.spread.slice(0, 2), seen.updates.ohlc[5]];
        seen.updates = {};
        await mock("market/XBTUSD", { trade: { side: "sell", volume: "0.25" } });
        await until(() => Object.keys(seen.updates).length == 4);

        for (const name in feeds) await feeds[name].unsubscribe("XBT/USD");
        seen.left = [...feeds.ticker.subscriptions].map(({ status }) => status.pair);
        seen.unknown = await new Promise((resolve) => {
            kraken.ws.ticker().on("error", (error) => resolve(error.message)).subscribe("BTC/USD");
        });
        """
    )
    assert seen["status"] == ["online"]
    assert seen["pairs"] == {name: ["XBT/USD", "ETH/USD"] for name in ("ticker", "trade", "spread", "ohlc")}
    assert seen["snapshot"] == [True, ["50000.00000", "50100.00000"], "50100.00000"]
    updates = seen["updates"]
    assert (updates["ticker"]["b"], updates["ticker"]["c"]) == (
        ["50000.00000", 0, "0.75000000"],
        ["50000.00000", "0.25000000"],
    )
    assert updates["trade"] == [["50000.00000", "0.25000000", "1768478400.000000", "s", "m", ""]]
    assert updates["spread"] == ["50000.00000", "50100.00000", "1768478400.000000", "0.75000000", "1.00000000"]
    assert updates["ohlc"][1:6] == ["1768478700.000000", "50100.00000", "50100.00000", "50000.00000", "50000.00000"]
    assert seen["left"] == ["ETH/USD"]
    assert seen["unknown"] == "Currency pair not supported BTC/USD"


def test_node_kraken_api_finds_each_checksum_right(node: Node) -> None:
    """Over a hundred updates of each book, with prices of 1 to 9 decimals and lots of 5 and 8.

    On a checksum of another value it subscribes anew, to another snapshot.
    """
    seen = node(
        CLIENT
        + """
        Object.assign(seen, { snapshots: [], mirrors: {} });
        const volumes = { "XBT/USD": "0.125", "XRP/USD": "100", "VET/USD": "10000", "XDG/XBT": "1000" };
        const market = (pair, change) => mock("market/" + pair.replace("/", "%2F"), change);
        for (const pair in volumes) await market(pair, { model: "walk" });
        await mock("clock", { advance: "1s" });
        const books = kraken.ws.book({ depth: 10 });
        books.on("snapshot", (_, pair) => seen.snapshots.push(pair));
        books.on("mirror", (_, pair) => { seen.mirrors[pair] = (seen.mirrors[pair] || 0) + 1; });
        books.on("error", (error) => failed(error));
        await books.subscribe(...Object.keys(volumes));
        for (let side = "buy"; Object.keys(volumes).some((pair) => !(seen.mirrors[pair] >= 100)); ) {
            await mock("clock", { advance: "1s" });
            for (const pair in volumes) await market(pair, { trade: { side, volume: volumes[pair] } });
            side = side == "buy" ? "sell" : "buy";
        }
        """
    )
    assert seen["snapshots"] == ["XBT/USD", "XRP/USD", "VET/USD", "XDG/XBT"]
    assert min(seen["mirrors"].values()) >= 100


def test_node_kraken_api_trades(node: Node, kraken: MockKraken) -> None:
    seen = node(
        CLIENT
        + """
        Object.assign(seen, { orders: [], trades: [] });
        const { token } = await kraken.getWebSocketsToken();
        const orders = kraken.ws.openOrders({ token }), trades = kraken.ws.ownTrades({ token, snapshot: false });
        orders.on("update", (part, sequence) => seen.orders.push([part, sequence]));
        trades.on("update", (part) => seen.trades.push(part));
        await orders.subscribe();
        await trades.subscribe();

        const limit = { token, pair: "XBT/USD", type: "buy", ordertype: "limit", price: "45000", volume: "0.5" };
        const first = await kraken.ws.addOrder(limit);
        seen.first = first;
        const ids = [first.txid];
        for (let number = 0; number < 3; number++) ids.push((await kraken.ws.addOrder(limit)).txid);
        seen.cancelled = (await kraken.ws.cancelOrder({ token, txid: ids.slice(0, 2) })).map(({ status }) => status);
        seen.unknown = (await kraken.ws.cancelOrder({ token, txid: [ids[0]] })).map((reply) => reply.errorMessage);
        const market = { token, pair: "XBT/USD", type: "sell", ordertype: "market", volume: "0.25" };
        seen.sold = await kraken.ws.addOrder(market);
        seen.after = await kraken.ws.cancelAllOrdersAfter({ token, timeout: 60 });
        seen.all = (await kraken.ws.cancelAll({ token })).count;
        seen.poor = await refusal(kraken.ws.addOrder({ ...limit, volume: "1000" }));
        seen.nobody = await refusal(kraken.ws.addOrder({ ...limit, token: "none" }));
        seen.open = Object.keys((await kraken.openOrders()).open);
        seen.ids = ids;
        await until(() => seen.trades.length && seen.orders.length >= 17);
        """
    )
    [first, second, third, fourth], sold = seen["ids"], seen["sold"]["txid"]
    assert seen["first"]["descr"] == "buy 0.50000000 XBTUSD @ limit 45000.0"
    assert seen["sold"]["descr"] == "sell 0.25000000 XBTUSD @ market"
    assert (seen["cancelled"], seen["unknown"], seen["all"]) == (["ok", "ok"], ["EOrder:Unknown order"], 2)
    assert seen["after"]["triggerTime"] == "2026-01-15T12:01:00Z"
    assert (seen["poor"], seen["nobody"]) == ("EOrder:Insufficient funds", "ESession:Invalid session")
    assert seen["open"] == []
    assert [sequence for _, sequence in seen["orders"]] == list(range(1, len(seen["orders"]) + 1))
    changes = [change for part, _ in seen["orders"] for row in part for change in row.items()]
    assert [(order, row["status"]) for order, row in changes if "status" in row] == [
        *((order, status) for order in (first, second, third, fourth) for status in ("pending", "open")),
        (first, "canceled"),
        (second, "canceled"),
        (sold, "pending"),
        (sold, "open"),
        (sold, "closed"),
        (third, "canceled"),
        (fourth, "canceled"),
    ]
    [trade] = [row for part in seen["trades"] for trades in part for row in trades.values()]
    assert (trade["ordertxid"], trade["price"], trade["vol"], trade["pair"]) == (
        sold,
        "50000.00000",
        "0.25000000",
        "XBT/USD",
    )
