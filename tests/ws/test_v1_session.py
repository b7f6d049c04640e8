"""WebSocket version 1, the dialect: events, subscriptions and refusals to the byte (kraken/60 §1, §2, §5)."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken.control.operations import Control

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Wire
    from traders import Pit

    from mockkraken.sandbox import Sandbox

    Connect = Callable[..., Wire]

HEARTBEAT = b'{"event":"heartbeat"}'
PRIVATE_ELSEWHERE = "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
PUBLIC_ELSEWHERE = "Public market data subscriptions are unavailable on this endpoint. Try ws.kraken.com"
BAD_TOKEN = "ESession:Invalid session"
NO_TOKEN = "0" * 43


@pytest.fixture
def v1(wire: Connect) -> Wire:
    """A client where both kinds of channels are served."""
    return wire("/")


def subscribe(wire: Wire, name: str, *pairs: str, **options: Any) -> list[Any]:
    return _subscription(wire, "subscribe", name, pairs, options)


def unsubscribe(wire: Wire, name: str, *pairs: str, **options: Any) -> list[Any]:
    return _subscription(wire, "unsubscribe", name, pairs, options)


def _subscription(wire: Wire, event: str, name: str, pairs: tuple[str, ...], options: dict[str, Any]) -> list[Any]:
    message = {"event": event, **({"pair": list(pairs)} if pairs else {}), "subscription": {"name": name, **options}}
    return wire.say(message)


def statuses(frames: list[Any]) -> list[Any]:
    return [frame for frame in frames if isinstance(frame, dict)]


def refusals(frames: list[Any]) -> list[tuple[str | None, str]]:
    """(pair, text) of answers, all of which must be refusals of a subscription."""
    assert all(frame["event"] == "subscriptionStatus" and frame["status"] == "error" for frame in frames), frames
    return [(frame.get("pair"), frame["errorMessage"]) for frame in frames]


def refusal(frames: list[Any]) -> str:
    ((_, text),) = refusals(frames)
    return text


def journal(sandbox: Sandbox) -> dict[str, Any]:
    record: dict[str, Any] = sandbox.journal.records()[0][-1]
    return record


def advance(sandbox: Sandbox, span: str) -> None:
    Control(sandbox).perform(Control.move_clock, {"advance": span})


class TestEvents:
    def test_the_greeting(self, v1: Wire) -> None:
        (greeting,) = v1.greeting
        number = greeting["connectionID"]
        assert isinstance(number, int) and number > 0
        assert v1.raw == [b'{"connectionID":%d,"event":"systemStatus","status":"online","version":"1.9.1"}' % number]

    @pytest.mark.parametrize("status", ["maintenance", "cancel_only", "limit_only", "post_only"])
    def test_the_status_is_told_when_it_changes(self, v1: Wire, pit: Pit, status: str) -> None:
        pit.status.set(status)
        (frame,) = v1.take()
        assert frame == {"event": "systemStatus", "status": status, "version": v1.greeting[0]["version"]}

    @pytest.mark.parametrize("reqid", [0, -1, 42, 1_700_000_000_000, 2**63 + 5])
    def test_pong_repeats_any_whole_reqid(self, v1: Wire, reqid: int) -> None:
        v1.say({"event": "ping", "reqid": reqid})
        assert v1.raw == [b'{"event":"pong","reqid":%d}' % reqid]

    def test_pong_without_reqid(self, v1: Wire) -> None:
        v1.say({"event": "ping"})
        assert v1.raw == [b'{"event":"pong"}']

    def test_a_binary_frame_is_no_message(self, v1: Wire) -> None:
        v1.say_raw(b'{"event":"ping"}')
        assert v1.raw == [b'{"errorMessage":"Malformed request","event":"error"}']

    @pytest.mark.parametrize(
        ("message", "answer"),
        [
            ("", '{"errorMessage":"Malformed request","event":"error"}'),
            ("ping", '{"errorMessage":"Malformed request","event":"error"}'),
            ('{"event":"ping"', '{"errorMessage":"Malformed request","event":"error"}'),
            ('{"event":"ping"}{}', '{"errorMessage":"Malformed request","event":"error"}'),
            (b"\xff\xfe", '{"errorMessage":"Malformed request","event":"error"}'),
            ("[]", '{"errorMessage":"Malformed request","event":"error"}'),
            ("null", '{"errorMessage":"Malformed request","event":"error"}'),
            ("[" * 100_000, '{"errorMessage":"Malformed request","event":"error"}'),
            (
                '{"reqid":5,"event":' + "[" * 900 + "]" * 900 + "}",
                '{"errorMessage":"Malformed request","event":"error"}',
            ),
            ('{"event":7,"reqid":5}', '{"errorMessage":"Malformed request","event":"error","reqid":5}'),
            ('{"event":"ping","reqid":"5"}', '{"errorMessage":"Malformed request","event":"error"}'),
            ('{"event":"ping","reqid":5.0}', '{"errorMessage":"Malformed request","event":"error"}'),
            ('{"event":"ping","reqid":true}', '{"errorMessage":"Malformed request","event":"error"}'),
            ('{"event":"ping","reqid":null}', '{"errorMessage":"Malformed request","event":"error"}'),
            ("{}", '{"errorMessage":"Event(s) not found","event":"error"}'),
            ('{"reqid":5}', '{"errorMessage":"Event(s) not found","event":"error","reqid":5}'),
            ('{"method":"ping"}', '{"errorMessage":"Event(s) not found","event":"error"}'),
            ('{"event":"pong","reqid":5}', '{"errorMessage":"Unsupported event","event":"error","reqid":5}'),
            ('{"event":"Subscribe"}', '{"errorMessage":"Unsupported event","event":"error"}'),
            (
                '{"event":"ping","x":1}',
                '{"errorMessage":"Unsupported field: \'x\' for the given msg type: ping","event":"error"}',
            ),
        ],
    )
    def test_what_can_not_be_followed(self, v1: Wire, sandbox: Sandbox, message: str | bytes, answer: str) -> None:
        v1.say_raw(message)
        assert v1.raw == [answer.encode()]
        record = journal(sandbox)
        assert (record["transport"], record["outcome"]) == ("ws1", "refused")
        assert record["error"] == json.loads(answer)["errorMessage"]
        v1.say({"event": "ping"})
        assert v1.raw == [b'{"event":"pong"}']

    @pytest.mark.parametrize(
        ("message", "endpoint", "check", "reason"),
        [
            ("{", "unknown", "body", "the message is no JSON: DecodeError"),
            ("[]", "unknown", "body", "the message is no JSON object"),
            ("[" * 101, "unknown", "body", "the message has more than 100 brackets"),
            (b"{}", "unknown", "body", "messages come in text frames, not in binary ones"),
            ("{}", "unknown", "routing", "event is missing"),
            ('{"event":7}', "unknown", "routing", "event is no text"),
            ('{"event":"addorder"}', "unknown", "routing", "there is no event 'addorder'"),
            ('{"event":"ping","reqid":"5"}', "unknown", "arguments", "reqid is no whole number"),
            ('{"event":"ping","x":1}', "ping", "arguments", "'x' is none of event, reqid"),
        ],
    )
    def test_the_journal_says_what_was_wrong(
        self, v1: Wire, sandbox: Sandbox, message: str | bytes, endpoint: str, check: str, reason: str
    ) -> None:
        v1.say_raw(message)
        record = journal(sandbox)
        assert (record["endpoint"], record["check"], record["reason"]) == (endpoint, check, reason)

    def test_a_message_with_very_many_brackets(self, v1: Wire) -> None:
        """None of the exchange's has a tenth of it; what is nested too deep could not be repeated."""
        fits = '{"event":"subscribe","pair":[' + ",".join(["[]"] * 97) + '],"subscription":{}}'
        assert len(v1.say_raw(fits)) == 97
        v1.say_raw(fits.replace("[]", "[{}]", 1))
        assert v1.raw == [b'{"errorMessage":"Malformed request","event":"error"}']

    @pytest.mark.parametrize("settings", [{"rate_limits": "on"}])
    def test_one_message_too_many(self, v1: Wire, sandbox: Sandbox) -> None:
        for reqid in range(50):
            v1.say({"event": "ping", "reqid": reqid})
            assert v1.raw == [b'{"event":"pong","reqid":%d}' % reqid]
        v1.say({"event": "ping", "reqid": 50})
        assert v1.raw == [b'{"errorMessage":"Exceeded msg rate","event":"error","reqid":50}']
        assert journal(sandbox)["check"] == "rate"
        subscribe(v1, "trade", "XBT/USD")
        assert v1.raw == [b'{"errorMessage":"Exceeded msg rate","event":"error"}']
        assert not v1.connection.subscriptions
        v1.say_raw("not even JSON")
        assert v1.raw == [b'{"errorMessage":"Exceeded msg rate","event":"error"}']
        advance(sandbox, "50ms")
        v1.say({"event": "ping"})
        assert v1.raw == [b'{"event":"pong"}']


class TestSubscribing:
    @pytest.mark.parametrize(
        ("subscription", "described", "name", "offset"),
        [
            ({"name": "ticker"}, '{"name":"ticker"}', "ticker", 4),
            ({"name": "trade"}, '{"name":"trade"}', "trade", 1),
            ({"name": "spread"}, '{"name":"spread"}', "spread", 5),
            ({"name": "book"}, '{"depth":10,"name":"book"}', "book-10", 0),
            ({"name": "book", "depth": 1000}, '{"depth":1000,"name":"book"}', "book-1000", 16),
            ({"name": "ohlc"}, '{"interval":1,"name":"ohlc"}', "ohlc-1", 7),
            ({"interval": 5, "name": "ohlc"}, '{"interval":5,"name":"ohlc"}', "ohlc-5", 8),
            ({"name": "trade", "rebased": False}, '{"name":"trade"}', "trade", 1),
        ],
    )
    def test_the_acknowledgement(
        self, v1: Wire, subscription: dict[str, Any], described: str, name: str, offset: int
    ) -> None:
        message = {"event": "subscribe", "reqid": 1, "pair": ["XBT/USD"], "subscription": subscription}
        number = v1.say(message)[0]["channelID"]
        assert number % 32 == offset
        expected = '{"channelID":%d,"channelName":"%s","event":"subscriptionStatus","pair":"XBT/USD",'
        expected += '"reqid":1,"status":"%s","subscription":%s}'
        assert v1.raw[0].decode() == expected % (number, name, "subscribed", described)
        assert len(v1.raw) == (1 if name == "trade" else 2)
        v1.say({**message, "event": "unsubscribe"})
        assert [raw.decode() for raw in v1.raw] == [expected % (number, name, "unsubscribed", described)]

    def test_each_channel_of_each_pair_has_a_number_of_its_own(self, wire: Connect) -> None:
        def numbers(client: Wire) -> list[int]:
            found = []
            for name, option, values in (
                ("ticker", "", [0]),
                ("trade", "", [0]),
                ("spread", "", [0]),
                ("book", "depth", [10, 25, 100, 500, 1000]),
                ("ohlc", "interval", [1, 5, 15, 30, 60, 240, 1440, 10080, 21600]),
            ):
                for value in values:
                    options = {option: value} if option else {}
                    frames = subscribe(client, name, "XBT/USD", "ETH/XBT", "AAPLx/USD", **options)
                    acks, messages = frames[:3], frames[3:]
                    assert [ack["status"] for ack in acks] == ["subscribed"] * 3
                    assert {(m[0], m[-2], m[-1]) for m in messages} <= {
                        (ack["channelID"], ack["channelName"], ack["pair"]) for ack in acks
                    }
                    found += [ack["channelID"] for ack in acks]
            return found

        first = numbers(wire("/"))
        assert len(set(first)) == len(first) == 17 * 3
        assert numbers(wire("/ws")) == first

    def test_one_answer_for_each_pair_in_their_order_and_then_the_snapshots(self, v1: Wire) -> None:
        frames = subscribe(v1, "book", "XBT/EUR", "FOO/USD", "XBT/USD", "XBT/EUR", "foobar", "ETH/USD")
        told = [
            frame.get("errorMessage", frame["status"]) if isinstance(frame, dict) else frame[-1] for frame in frames
        ]
        assert told == [
            "subscribed",
            "Currency pair not supported FOO/USD",
            "subscribed",
            "Already subscribed",
            "Currency pair not in ISO 4217-A3 format foobar",
            "subscribed",
            "XBT/EUR",
            "XBT/USD",
            "ETH/USD",
        ]
        assert [frame["pair"] for frame in statuses(frames)] == [
            "XBT/EUR",
            "FOO/USD",
            "XBT/USD",
            "XBT/EUR",
            "foobar",
            "ETH/USD",
        ]

    def test_a_refusal_repeats_what_was_sent(self, v1: Wire) -> None:
        v1.say_raw(
            '{"event":"subscribe","reqid":9,"pair":["XBT/USD"],"subscription":{"name":"book","depth":42,"rebased":true}}'
        )
        assert v1.raw == [
            b'{"errorMessage":"Subscription depth not supported","event":"subscriptionStatus","pair":"XBT/USD",'
            b'"reqid":9,"status":"error","subscription":{"depth":42,"name":"book","rebased":true}}'
        ]

    @pytest.mark.parametrize(
        "name", ["BTC/USD", "xbt/usd", "XBTUSD", "XXBTZUSD", "", "/", "XBT/", "XBT USD", "XBT-USD", "FOO/BAR", "Ö/USD"]
    )
    def test_pairs_go_by_their_wsname_only(self, v1: Wire, name: str) -> None:
        ((pair, text),) = refusals(subscribe(v1, "trade", name))
        known = name in ("BTC/USD", "xbt/usd", "FOO/BAR")
        assert pair == name
        assert text == f"Currency pair not {'supported' if known else 'in ISO 4217-A3 format'} {name}"

    @pytest.mark.parametrize(
        ("members", "text"),
        [
            ({}, "Subscription(s) not found"),
            ({"subscription": "book"}, "Subscription field must be an object"),
            ({"subscription": ["book"]}, "Subscription field must be an object"),
            ({"subscription": None}, "Subscription field must be an object"),
            ({"subscription": {}}, "Subscription name invalid"),
            ({"subscription": {"name": "level3"}}, "Subscription name invalid"),
            ({"subscription": {"name": "Book"}}, "Subscription name invalid"),
            ({"subscription": {"name": 5}}, "Subscription name invalid"),
            ({"subscription": {"name": ["book"]}}, "Subscription name invalid"),
            ({"subscription": {"name": "book", "depth": 0}}, "Subscription depth not supported"),
            ({"subscription": {"name": "book", "depth": 2**70}}, "Subscription depth not supported"),
            ({"subscription": {"name": "book", "depth": "10"}}, "Subscription book depth must be an integer"),
            ({"subscription": {"name": "book", "depth": 10.0}}, "Subscription book depth must be an integer"),
            ({"subscription": {"name": "book", "depth": True}}, "Subscription book depth must be an integer"),
            ({"subscription": {"name": "book", "depth": None}}, "Subscription book depth must be an integer"),
            ({"subscription": {"name": "ohlc", "interval": 2}}, "Subscription ohlc interval not supported"),
            ({"subscription": {"name": "ohlc", "interval": "5"}}, "Subscription ohlc interval must be an integer"),
            ({"subscription": {"name": "ohlc", "interval": None}}, "Subscription ohlc requires interval"),
            ({"subscription": {"name": "ticker", "depth": 10}}, "Subscription object unsupported field"),
            ({"subscription": {"name": "book", "interval": 1}}, "Subscription object unsupported field"),
            ({"subscription": {"name": "trade", "snapshot": True}}, "Subscription object unsupported field"),
            ({"subscription": {"name": "trade", "token": "x"}}, "Subscription object unsupported field"),
            ({"subscription": {"name": "trade", "rebased": 1}}, "Rebased field must be a boolean"),
            (
                {"subscription": {"name": "ohlc"}, "interval": 5},
                "Unsupported field: 'interval' for the given msg type: subscribe",
            ),
            (
                {"subscription": {"name": "trade"}, "channelID": 5},
                "Unsupported field: 'channelID' for the given msg type: subscribe",
            ),
        ],
    )
    def test_refused_whole_and_answered_for_each_pair(self, v1: Wire, members: dict[str, Any], text: str) -> None:
        v1.say({"event": "subscribe", "reqid": 3, "pair": ["XBT/USD", "ETH/USD"], **members})
        frames = [json.loads(raw) for raw in v1.raw]
        assert refusals(frames) == [("XBT/USD", text), ("ETH/USD", text)]
        for frame in frames:
            assert list(frame) == sorted(frame)
            assert frame["reqid"] == 3
            assert ("subscription" in frame) == ("subscription" in members)
            assert json.dumps(frame.get("subscription")) == json.dumps(members.get("subscription"), sort_keys=True)
        assert not v1.connection.subscriptions

    @pytest.mark.parametrize(
        ("pair", "text", "named"),
        [
            (..., "Pair(s) not found", None),
            ([], "Pair(s) not found", None),
            ("XBT/USD", "Pair field must be an array", "XBT/USD"),
            (None, "Pair field must be an array", None),
            ({"XBT/USD": 1}, "Pair field must be an array", None),
            ([7], "Currency pair not in ISO 4217-A3 format 7", 7),
            ([None], "Currency pair not in ISO 4217-A3 format null", None),
            ([["XBT/USD"]], 'Currency pair not in ISO 4217-A3 format ["XBT/USD"]', ["XBT/USD"]),
        ],
    )
    @pytest.mark.parametrize("event", ["subscribe", "unsubscribe"])
    def test_pairs_that_are_none(self, v1: Wire, event: str, pair: Any, text: str, named: Any) -> None:
        message = {"event": event, "subscription": {"name": "trade"}}
        assert refusals(v1.say(message if pair is ... else {**message, "pair": pair})) == [(named, text)]

    def test_a_fraction_is_repeated_with_its_digits(self, v1: Wire) -> None:
        v1.say_raw('{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"book","depth":1.50e1}}')
        assert v1.raw[0].endswith(b'"subscription":{"depth":1.50e1,"name":"book"}}')

    def test_the_same_with_another_depth_or_interval_is_another(self, v1: Wire) -> None:
        assert [frame["status"] for frame in statuses(subscribe(v1, "book", "XBT/USD", depth=25))] == ["subscribed"]
        assert [frame["status"] for frame in statuses(subscribe(v1, "book", "XBT/USD"))] == ["subscribed"]
        assert refusal(subscribe(v1, "book", "XBT/USD", depth=10)) == "Already subscribed"
        assert refusal(subscribe(v1, "book", "XBT/USD", depth=25)) == "Already subscribed"
        assert [frame["status"] for frame in statuses(subscribe(v1, "ohlc", "XBT/USD", interval=5))] == ["subscribed"]
        assert refusal(unsubscribe(v1, "ohlc", "XBT/USD")) == "Subscription Not Found"

    def test_a_request_that_would_be_answered_too_often_or_at_too_great_length(self, v1: Wire) -> None:
        subscribe(v1, "trade", *["XBT/USD"] * 2001)
        assert v1.raw == [b'{"errorMessage":"Malformed request","event":"error"}']
        assert len(subscribe(v1, "trade", *["XBT/USD"] * 2000)) == 2000
        subscribe(v1, "x" * 2000, *["XBT/USD"] * 2000)
        assert v1.raw == [b'{"errorMessage":"Malformed request","event":"error"}']


class TestDoors:
    @pytest.mark.parametrize("name", ["ticker", "ohlc", "trade", "spread", "book"])
    def test_public_channels_are_not_on_the_auth_host(self, wire: Connect, name: str) -> None:
        assert refusals(subscribe(wire("/ws-auth"), name, "XBT/USD")) == [("XBT/USD", PUBLIC_ELSEWHERE)]
        assert refusals(unsubscribe(wire("/ws-auth"), name, "XBT/USD")) == [("XBT/USD", PUBLIC_ELSEWHERE)]
        assert statuses(subscribe(wire("/ws"), name, "XBT/USD"))[0]["status"] == "subscribed"

    @pytest.mark.parametrize("name", ["openOrders", "ownTrades"])
    def test_private_channels_are_only_there(self, wire: Connect, name: str) -> None:
        public, private = wire("/ws"), wire("/", host="ws-auth.kraken.com")
        token = public.token()
        public.say({"event": "subscribe", "subscription": {"name": name, "token": token}})
        # The token too is repeated.
        assert public.raw[0].decode() == (
            f'{{"errorMessage":"{PRIVATE_ELSEWHERE}","event":"subscriptionStatus","status":"error",'
            f'"subscription":{{"name":"{name}","token":"{token}"}}}}'
        )
        assert statuses(subscribe(private, name, token=token))[0]["status"] == "subscribed"

    def test_trading_is_only_there(self, wire: Connect) -> None:
        public = wire("/ws")
        public.say({"event": "cancelAll", "token": public.token(), "reqid": 4})
        assert public.raw[0].decode() == (
            f'{{"errorMessage":"{PRIVATE_ELSEWHERE}","event":"cancelAllStatus","reqid":4,"status":"error"}}'
        )

    def test_everything_is_what_the_host_serves(self, wire: Connect) -> None:
        names = [frame["channelName"] for frame in statuses(subscribe(wire("/ws"), "*", "XBT/USD", "ETH/USD"))]
        assert names == ["ticker", "ohlc-1", "trade", "spread", "book-10"] * 2
        private = wire("/ws-auth")
        with_a_pair = subscribe(private, "*", "XBT/USD", token=private.token())
        assert refusals(with_a_pair) == [("XBT/USD", "Pair field unsupported for this subscription type")]
        frames = statuses(subscribe(private, "*", token=private.token()))
        assert [frame["channelName"] for frame in frames] == ["openOrders", "ownTrades"]

    def test_where_both_are_served_a_pair_decides(self, v1: Wire) -> None:
        frames = statuses(subscribe(v1, "*", "XBT/USD", depth=25, interval=60))
        assert [frame["channelName"] for frame in frames] == ["ticker", "ohlc-60", "trade", "spread", "book-25"]
        frames = statuses(subscribe(v1, "*", token=v1.token()))
        assert [frame["channelName"] for frame in frames] == ["openOrders", "ownTrades"]
        assert refusals(subscribe(v1, "*", "FOO/USD")) == [("FOO/USD", "Currency pair not supported FOO/USD")]

    def test_everything_but_what_there_is_already(self, v1: Wire) -> None:
        subscribe(v1, "trade", "XBT/USD")
        frames = statuses(subscribe(v1, "*", "XBT/USD"))
        assert [frame.get("errorMessage") for frame in frames] == [None, None, "Already subscribed", None, None]


class TestTokens:
    def test_private_channels_have_no_pair(self, v1: Wire) -> None:
        frames = subscribe(v1, "openOrders", "XBT/USD", token=v1.token())
        assert refusals(frames) == [("XBT/USD", "Pair field unsupported for this subscription type")]
        message = {"event": "subscribe", "pair": [], "subscription": {"name": "ownTrades", "token": v1.token()}}
        assert refusals(v1.say(message)) == [(None, "Pair field unsupported for this subscription type")]

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({}, "Token(s) not found"),
            ({"token": 5}, "Token field must be a string"),
            ({"token": None}, "Token field must be a string"),
            ({"token": ""}, BAD_TOKEN),
            ({"token": NO_TOKEN}, BAD_TOKEN),
            ({"token": NO_TOKEN, "depth": 10}, "Subscription object unsupported field"),
            ({"token": NO_TOKEN, "snapshot": "no"}, "Snapshot field must be a boolean"),
        ],
    )
    def test_refused(self, v1: Wire, options: dict[str, Any], text: str) -> None:
        assert refusal(subscribe(v1, "ownTrades", **options)) == text

    def test_a_token_that_was_not_used_in_time(self, v1: Wire, sandbox: Sandbox) -> None:
        token, kept = v1.token(), v1.token()
        assert statuses(subscribe(v1, "ownTrades", token=kept))[0]["status"] == "subscribed"
        advance(sandbox, "15m")
        v1.take()
        assert refusal(subscribe(v1, "openOrders", token=token)) == BAD_TOKEN
        assert statuses(subscribe(v1, "openOrders", token=kept))[0]["status"] == "subscribed"

    @pytest.mark.parametrize(
        ("name", "needs"), [("openOrders", "query-open-trades"), ("ownTrades", "query-closed-trades")]
    )
    def test_permissions(self, v1: Wire, sandbox: Sandbox, name: str, needs: str) -> None:
        now = sandbox.clock.now()
        sandbox.keys.create("main", "lacking", now=now, permissions={"create-ws-token", "modify-trades", "query-funds"})
        sandbox.keys.create("main", "having", now=now, permissions={"create-ws-token", needs})
        assert refusal(subscribe(v1, name, token=v1.token("lacking"))) == "EGeneral:Permission denied"
        record = journal(sandbox)
        assert (record["check"], record["key"], record["account"]) == ("permission", "lacking", "main")
        assert statuses(subscribe(v1, name, token=v1.token("having")))[0]["status"] == "subscribed"
        both = [frame.get("errorMessage") for frame in statuses(subscribe(v1, "*", token=v1.token("having")))]
        assert sorted(both, key=str) == ["Already subscribed", "EGeneral:Permission denied"]

    def test_an_account_that_may_do_nothing(self, v1: Wire, pit: Pit) -> None:
        pit.accounts["main"].patch(state="disabled")
        assert refusal(subscribe(v1, "openOrders", token=v1.token())) == "EAuth:Account temporary disabled"

    def test_texts_of_truths_are_taken(self, v1: Wire) -> None:
        frames = subscribe(v1, "openOrders", token=v1.token(), ratecounter="true")
        assert statuses(frames)[0]["status"] == "subscribed"

    def test_the_journal_says_who_and_what_but_no_token(self, v1: Wire, sandbox: Sandbox) -> None:
        token = v1.token("second")
        subscribe(v1, "openOrders", token=token)
        record = journal(sandbox)
        shown = ("ws1", "subscribe openOrders", "second", "second", "accepted")
        assert tuple(record[name] for name in ("transport", "endpoint", "key", "account", "outcome")) == shown
        # In every place where one may be put by mistake.
        subscribe(v1, "ownTrades", token=token, depth=5)
        subscribe(v1, "ownTrades", token=[token])
        subscribe(v1, "ownTrades", snapshot=token, token=token)
        subscribe(v1, token, token=token)
        subscribe(v1, "trade", token)
        subscribe(v1, "trade", f"{token[:20]}/{token[20:]}")
        v1.say({"event": token, "token": token})
        v1.say({"event": "subscribe", token: token})
        v1.say({"event": "subscribe", "subscription": {token: token, "name": "trade"}})
        v1.say({"event": "addOrder", "token": [token], "pair": token})
        v1.say({"event": "addOrder", "token": token, "pair": token, token: 1})
        v1.say({"event": "unsubscribe", "channelID": token})
        said = json.dumps(sandbox.journal.records()[0])
        assert token not in said
        assert token[:33] not in said


class TestUnsubscribing:
    def test_by_number(self, v1: Wire, sandbox: Sandbox) -> None:
        acks = statuses(subscribe(v1, "*", "XBT/USD", "ETH/USD", depth=100, interval=5))
        for ack in acks:
            (answer,) = v1.say({"event": "unsubscribe", "reqid": 3, "channelID": ack["channelID"]})
            assert answer == {**ack, "reqid": 3, "status": "unsubscribed"}
            assert journal(sandbox)["endpoint"] == f"unsubscribe {ack['subscription']['name']}"
            v1.say({"event": "unsubscribe", "channelID": ack["channelID"]})
            assert v1.raw == [
                b'{"errorMessage":"Subscription Not Found","event":"subscriptionStatus","status":"error"}'
            ]
        assert not v1.connection.subscriptions

    @pytest.mark.parametrize(
        ("members", "text"),
        [
            ({"channelID": 1}, "Subscription Not Found"),
            ({"channelID": "1"}, "ChannelID field must be a number_integer"),
            ({"channelID": True}, "ChannelID field must be a number_integer"),
            ({"channelID": 1, "depth": 10}, "Unsupported field: 'depth' for the given msg type: unsubscribe"),
        ],
    )
    def test_by_a_number_that_is_none(self, v1: Wire, members: dict[str, Any], text: str) -> None:
        subscribe(v1, "openOrders", token=v1.token())
        assert refusals(v1.say({"event": "unsubscribe", **members})) == [(None, text)]

    def test_what_is_not_there(self, v1: Wire) -> None:
        subscribe(v1, "trade", "XBT/USD")
        frames = unsubscribe(v1, "trade", "ETH/USD", "FOO/USD", "XBT/USD", "XBT/USD")
        assert [frame.get("errorMessage") for frame in frames] == [
            "Subscription Not Found",
            "Currency pair not supported FOO/USD",
            None,
            "Subscription Not Found",
        ]
        assert refusal(unsubscribe(v1, "openOrders", token=v1.token())) == "Subscription Not Found"
        assert refusal(unsubscribe(v1, "*")) == "Subscription Not Found"
        assert refusals(unsubscribe(v1, "*", "XBT/USD")) == [("XBT/USD", "Subscription Not Found")]

    @pytest.mark.parametrize("options", [{}, {"token": NO_TOKEN}])
    def test_private_channels_with_any_token(self, v1: Wire, options: dict[str, Any]) -> None:
        subscribe(v1, "ownTrades", token=v1.token())
        unsubscribe(v1, "ownTrades", **options)
        assert v1.raw == [
            b'{"channelName":"ownTrades","event":"subscriptionStatus","status":"unsubscribed",'
            b'"subscription":{"name":"ownTrades"}}'
        ]

    def test_everything_of_a_pair_with_whatever_option(self, v1: Wire) -> None:
        subscribe(v1, "book", "XBT/USD", "ETH/USD", depth=500)
        subscribe(v1, "book", "XBT/USD")
        subscribe(v1, "openOrders", token=v1.token())
        subscribe(v1, "ohlc", "XBT/USD", interval=15)
        gone = [(frame["channelName"], frame["pair"]) for frame in unsubscribe(v1, "*", "XBT/USD")]
        assert gone == [("book-500", "XBT/USD"), ("book-10", "XBT/USD"), ("ohlc-15", "XBT/USD")]
        assert [frame["channelName"] for frame in unsubscribe(v1, "*")] == ["openOrders"]
        assert [subscription.shown for subscription in v1.connection.subscriptions.values()] == [
            {"channel": "book", "pair": "ETH/USD", "depth": 500}
        ]

    def test_then_nothing_more_is_told(self, v1: Wire, pit: Pit) -> None:
        subscribe(v1, "*", "XBT/USD")
        pit.pair.trade("buy", "1")
        assert len(v1.take()) == 5
        unsubscribe(v1, "*", "XBT/USD")
        pit.pair.trade("buy", "1")
        assert v1.take() == []


class TestHeartbeats:
    def test_from_the_first_subscribe_on_even_a_refused_one(self, v1: Wire, sandbox: Sandbox) -> None:
        v1.say({"event": "ping"})
        v1.say({"event": "unsubscribe", "pair": ["XBT/USD"], "subscription": {"name": "trade"}})
        advance(sandbox, "5s")
        assert v1.take() == []
        subscribe(v1, "nonsense", "XBT/USD")
        advance(sandbox, "3s")
        v1.take()
        assert v1.raw == [HEARTBEAT] * 3

    def test_until_the_last_unsubscribe(self, v1: Wire, sandbox: Sandbox) -> None:
        subscribe(v1, "trade", "XBT/USD", "ETH/USD")
        unsubscribe(v1, "trade", "XBT/USD", "FOO/USD")
        advance(sandbox, "2s")
        v1.take()
        assert v1.raw == [HEARTBEAT] * 2
        unsubscribe(v1, "trade", "ETH/USD")
        advance(sandbox, "5s")
        assert v1.take() == []
        advance(sandbox, "55s")
        assert v1.socket.closed is not None


class TestTrading:
    @pytest.mark.parametrize(
        ("event", "kind"),
        [
            ("addOrder", "add order"),
            ("amendOrder", "amend order"),
            ("editOrder", "edit order"),
            ("cancelOrder", "cancel order"),
            ("cancelAll", "cancel all"),
            ("cancelAllOrdersAfter", "cancel all orders after"),
        ],
    )
    def test_what_the_gateway_refuses_names_the_pair(self, v1: Wire, event: str, kind: str) -> None:
        v1.say({"event": event, "refid": "x", "reqid": 20, "token": v1.token()})
        text = f"Unsupported field: 'refid' for the given msg type: {kind}"
        expected = f'{{"errorMessage":"{text}","event":"{event}Status","reqid":20,"status":"error"}}'
        assert [raw.decode() for raw in v1.raw] == [expected]
        if event != "cancelAll":
            v1.say({"event": "addOrder", "pair": "USDT/USD", "refid": "x", "reqid": 20})
            assert [raw.decode() for raw in v1.raw] == [
                '{"errorMessage":"Unsupported field: \'refid\' for the given msg type: add order",'
                '"event":"addOrderStatus","pair":"USDT/USD","reqid":20,"status":"error"}'
            ]

    @pytest.mark.parametrize(
        ("members", "text"),
        [
            ({"token": ...}, "Token(s) not found"),
            ({"token": 7}, "Token field must be a string"),
            ({"token": NO_TOKEN}, BAD_TOKEN),
            ({"pair": ...}, "Pair(s) not found"),
            ({"pair": True}, "Pair field must be a string"),
            ({"volume": None}, "Volume field must be a string"),
            ({"volume": ["1"]}, "Volume field must be a string"),
            ({"validate": "maybe"}, "Validate field must be a boolean"),
            ({"validate": 1}, "Validate field must be a boolean"),
        ],
    )
    def test_gateway_refusals(self, v1: Wire, members: dict[str, Any], text: str) -> None:
        order = {"ordertype": "limit", "type": "buy", "pair": "XBT/USD", "price": "9000", "volume": "1"}
        whole = {"event": "addOrder", "token": v1.token(), "validate": True, **order, **members}
        (reply,) = v1.say({name: value for name, value in whole.items() if value is not ...})
        assert (reply["event"], reply["status"], reply["errorMessage"]) == ("addOrderStatus", "error", text)
        assert reply.get("pair") == (order["pair"] if "pair" not in members else None)

    def test_a_permission_is_missing(self, v1: Wire, sandbox: Sandbox) -> None:
        (reply,) = v1.say({"event": "cancelAll", "token": v1.token("readonly"), "reqid": 1})
        assert reply == {
            "errorMessage": "EGeneral:Permission denied",
            "event": "cancelAllStatus",
            "reqid": 1,
            "status": "error",
        }
        assert journal(sandbox)["key"] == "readonly"

    @pytest.mark.parametrize("sent", ['"10.123"', "10.123", "1.0123e1", "1012.3E-2", "10.1230"])
    def test_numbers_are_taken_as_such_and_as_texts(self, v1: Wire, sent: str) -> None:
        (reply,) = v1.say_raw(
            '{"event":"addOrder","ordertype":"limit","pair":"XBT/USD","price":9000,"reqid":5,"type":"buy",'
            f'"token":"{v1.token()}","volume":{sent},"validate":"true","leverage":2}}'
        )
        assert v1.raw == [
            b'{"descr":"buy 10.12300000 XBTUSD @ limit 9000.0 with 2:1 leverage","event":"addOrderStatus","reqid":5,'
            b'"status":"ok"}'
        ]
        assert reply["status"] == "ok"

    def test_absurd_numbers_are_refused_and_not_written_out(self, v1: Wire) -> None:
        (reply,) = v1.say_raw(
            '{"event":"addOrder","ordertype":"limit","pair":"XBT/USD","price":1e999999999,"type":"buy","volume":1,'
            f'"token":"{v1.token()}"}}'
        )
        assert reply["errorMessage"] == "Price field must be a string"

    def test_the_exchange_refuses_without_the_pair(self, v1: Wire) -> None:
        v1.say(
            {
                "event": "addOrder",
                "ordertype": "limit",
                "pair": "XBT/USD",
                "price": "9000",
                "reqid": 5,
                "token": v1.token(),
                "type": "buy",
                "volume": "100000",
            }
        )
        assert v1.raw == [
            b'{"errorMessage":"EOrder:Insufficient funds","event":"addOrderStatus","reqid":5,"status":"error"}'
        ]

    def test_the_reply_comes_before_what_it_tells_of(self, v1: Wire) -> None:
        token = v1.token()
        subscribe(v1, "openOrders", token=token)
        order = {"ordertype": "limit", "type": "buy", "pair": "XBT/USD", "price": "9000", "volume": "1"}
        reply, told, *_ = v1.say({"event": "addOrder", "token": token, "reqid": 5, **order})
        assert list(told[0][0]) == [reply["txid"]]
        assert v1.raw[0].decode() == (
            '{"descr":"buy 1.00000000 XBTUSD @ limit 9000.0","event":"addOrderStatus","reqid":5,"status":"ok",'
            f'"txid":"{reply["txid"]}"}}'
        )


class TestAnything:
    """Whatever is sent is answered, the connection lives on, and we have no bug."""

    PARTS: tuple[Any, ...] = (
        *(None, True, False, 0, -1, 10, 1.5, 1e300, 10**30, "", "x", "XBT/USD", "*", "book", "ownTrades", "true", "10"),
        *([], ["XBT/USD"], ["XBT/USD", "ETH/USD", 5], {}, {"name": "book"}, {"name": "*", "token": "x"}, [[[]]]),
    )
    NAMES = ("event", "reqid", "pair", "subscription", "token", "channelID", "price", "volume", "txid", "x")
    INSIDE = ("name", "depth", "interval", "token", "snapshot", "rebased", "ratecounter", "y")
    EVENTS = ("ping", "subscribe", "unsubscribe", "addOrder", "amendOrder", "editOrder", "cancelOrder", "cancelAll")

    @pytest.mark.parametrize("seed", range(4))
    def test_is_answered(self, v1: Wire, sandbox: Sandbox, seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(400):
            message = {name: rng.choice(self.PARTS) for name in rng.sample(self.NAMES, rng.randint(0, 5))}
            if rng.random() < 0.8:
                message["event"] = rng.choice(self.EVENTS)
            if rng.random() < 0.6:
                inside = rng.sample(self.INSIDE, rng.randint(0, 3))
                message["subscription"] = {name: rng.choice(self.PARTS) for name in inside}
                if rng.random() < 0.7:
                    message["subscription"]["name"] = rng.choice(("book", "ohlc", "trade", "*", "openOrders"))
            if rng.random() < 0.3:
                message["token"] = v1.token()
            assert v1.say(message), message
            error = journal(sandbox)["error"]
            assert error is None or not error.startswith("EGeneral:Internal error"), message
        assert v1.say({"event": "ping"}) == [{"event": "pong"}]
        assert v1.socket.open
