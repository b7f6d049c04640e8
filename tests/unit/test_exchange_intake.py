"""Every rule that an order breaks before the engine sees it, and which answers when it breaks two.

Reference: kraken/30 §2.2, §2.5 to §2.7, §5.2, §5.3.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from mockkraken import clock
from mockkraken.clock import MINUTE, SECOND
from mockkraken.errors import KrakenError
from mockkraken.exchange import OrderRequest

if TYPE_CHECKING:
    from conftest import Floor

    from mockkraken.exchange import Account

ARGUMENTS = "EGeneral:Invalid arguments"
UUID = "6d1b345e-2821-40e2-ad83-4ecb18a06876"


class TestOneFault:
    """kraken/30 §5.2, row by row, for market and limit orders."""

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"type": None}, f"{ARGUMENTS}:type"),
            ({"type": "hold"}, f"{ARGUMENTS}:type"),
            ({"type": "BUY"}, f"{ARGUMENTS}:type"),
            ({"ordertype": None}, f"{ARGUMENTS}:ordertype"),
            ({"ordertype": ""}, f"{ARGUMENTS}:ordertype"),
            ({"ordertype": "limited"}, f"{ARGUMENTS}:ordertype"),
            *(
                ({"volume": text}, f"{ARGUMENTS}:volume")
                for text in (None, "", "0", "0.0", "-1", "+1", "1e3", "1,5", " 1", "abc", "NaN", ".", "1" * 17)
            ),
            ({"volume": "0.00004999"}, "EOrder:Order minimum not met"),
            ({"volume": "0.000000009"}, "EOrder:Order minimum not met"),
            ({"volume": "0.0000499999"}, "EOrder:Order minimum not met"),
            ({"volume": "0.00005", "price": "9999.7"}, "EOrder:Cost minimum not met"),
            ({"price": None}, f"{ARGUMENTS}:price"),
            ({"price": ""}, f"{ARGUMENTS}:price"),
            *(
                ({"price": text}, "EOrder:Invalid price:Invalid price argument")
                for text in ("6.4e-7", "abc", "1,000", " 1", "inf", ".")
            ),
            ({"price": "0"}, "EOrder:Invalid price"),
            ({"price": "0.0"}, "EOrder:Invalid price"),
            ({"price": "1" * 17}, "EOrder:Invalid price"),
            (
                {"price": "50000.05"},
                "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals.",
            ),
            ({"timeinforce": "GTX"}, f"{ARGUMENTS}:timeinforce"),
            ({"timeinforce": "GTD"}, f"{ARGUMENTS}:timeinforce"),
            ({"timeinforce": "FOK", "ordertype": "market"}, f"{ARGUMENTS}:timeinforce"),
            ({"timeinforce": "IOC", "oflags": "post"}, f"{ARGUMENTS}:timeinforce"),
            ({"timeinforce": "FOK", "oflags": "post"}, f"{ARGUMENTS}:timeinforce"),
            ({"oflags": "fcib,fciq"}, f"{ARGUMENTS}:oflags"),
            ({"oflags": "post,hidden"}, f"{ARGUMENTS}:oflags"),
            ({"oflags": "post", "ordertype": "market"}, f"{ARGUMENTS}:postonly"),
            ({"oflags": "viqc"}, f"{ARGUMENTS}:viqc"),
            ({"oflags": "viqc", "ordertype": "market", "type": "sell"}, f"{ARGUMENTS}:viqc"),
            ({"trigger": "last"}, f"{ARGUMENTS}:trigger"),
            ({"displayvol": "0.01"}, f"{ARGUMENTS}:display-volume"),
            ({"leverage": "11"}, f"{ARGUMENTS}:leverage"),
            ({"starttm": "soon"}, f"{ARGUMENTS}:starttm"),
            ({"expiretm": "+4"}, f"{ARGUMENTS}:expiretm"),
            ({"stptype": "cancel_newest"}, f"{ARGUMENTS}:stptype"),
            *(({"userref": text}, f"{ARGUMENTS}:userref") for text in ("x", "1.5", "2147483648", "-2147483649")),
            *(
                ({"cl_ord_id": text}, f"{ARGUMENTS}:cl_ord_id")
                for text in ("", "a" * 19, "café", "tab\there", UUID[:-1], UUID.replace("-", "")[:-1] + "g")
            ),
            ({"cl_ord_id": "mine", "userref": "1"}, ARGUMENTS),
            ({"deadline": "tomorrow"}, f"{ARGUMENTS}:deadline"),
        ],
    )
    def test_is_named_in_krakens_words(self, floor: Floor, ann: Account, fields: dict[str, Any], message: str) -> None:
        request: dict[str, Any] = {"ordertype": "limit", "type": "buy", "volume": "0.01", "price": "50000"}
        with pytest.raises(KrakenError) as refused:
            floor.exchange.prepare(ann, floor.pair(), OrderRequest(**request | fields))
        assert refused.value.message == message
        assert refused.value.reason

    def test_what_is_not_there_is_called_missing(self, floor: Floor, ann: Account) -> None:
        with pytest.raises(KrakenError) as refused:
            floor.exchange.prepare(ann, floor.pair(), OrderRequest(ordertype="market", type="buy"))
        assert (refused.value.reason or "").startswith("volume is missing; it takes a decimal number above 0")

    def test_reduce_only_without_leverage_passes_validation_but_not_the_engine(
        self, floor: Floor, ann: Account
    ) -> None:
        request = OrderRequest(ordertype="limit", type="buy", volume="0.01", price="50000", reduce_only=True)
        order = floor.exchange.prepare(ann, floor.pair(), request)
        with pytest.raises(KrakenError, match=r"^EOrder:Reduce only:Non-PC$"):
            floor.exchange.submit(order)
        assert not ann.orders

    def test_a_price_off_the_tick(self, floor: Floor, ann: Account) -> None:
        floor.catalog.with_record("XXBTZUSD", tick_size="0.5")
        assert floor.refusal(ann, "buy", "1", "50000.1") == "EOrder:Tick size check failed"
        assert floor.buy(ann, "1", "50000.5").status == "open"

    def test_the_text_for_too_many_decimals_names_pair_and_decimals(self, floor: Floor, ann: Account) -> None:
        text = "EOrder:Invalid price:ETH/USD price can only be specified up to 2 decimals."
        assert floor.refusal(ann, "buy", "1", "2000.001", pair="ETHUSD") == text

    def test_below_ordermin_in_the_other_dialect(self, open_floor: type[Floor]) -> None:
        floor = open_floor(dialect="observed")
        refused = floor.refusal(floor.trader("ann"), "buy", "0.00001", "50000")
        assert refused == "EGeneral:Invalid arguments:volume minimum not met"

    @pytest.mark.parametrize("cost", ["0.49999", "0.5"])
    def test_a_market_orders_cost_is_reckoned_at_the_best_price(
        self, floor: Floor, ann: Account, bob: Account, cost: str
    ) -> None:
        floor.sell(bob, "1", f"{float(cost) * 10_000:.1f}")
        if cost == "0.5":
            assert floor.buy(ann, "0.0001").status == "closed"
        else:
            assert floor.refusal(ann, "buy", "0.0001") == "EOrder:Cost minimum not met"

    @pytest.mark.parametrize(
        ("ahead", "message"),
        [
            (-SECOND, "EService:Deadline elapsed"),
            (0, "EService:Deadline elapsed"),
            (1, f"{ARGUMENTS}:deadline"),
            (2 * SECOND - 1, f"{ARGUMENTS}:deadline"),
            (MINUTE + 1, f"{ARGUMENTS}:deadline"),
        ],
    )
    def test_deadlines_lie_two_seconds_to_a_minute_ahead(
        self, floor: Floor, ann: Account, ahead: int, message: str
    ) -> None:
        deadline = clock.rfc3339(floor.clock.now() + ahead)
        assert floor.refusal(ann, "buy", "1", "50000", deadline=deadline) == message

    @pytest.mark.parametrize("ahead", [2 * SECOND, MINUTE])
    def test_and_both_ends_will_do(self, floor: Floor, ann: Account, ahead: int) -> None:
        deadline = clock.rfc3339(floor.clock.now() + ahead)
        assert floor.buy(ann, "1", "50000", deadline=deadline).status == "open"


class TestNoFault:
    @pytest.mark.parametrize(
        "fields",
        [
            {"volume": "0.00005", "price": "10000"},
            {"volume": "1."},
            {"volume": ".01"},
            {"price": "50000.00000000"},
            {"timeinforce": "gtc"},
            {"timeinforce": "Ioc"},
            {"timeinforce": ""},
            {"oflags": ""},
            {"oflags": "post, fciq"},
            {"oflags": "nompp"},
            {"starttm": "0", "expiretm": "0", "leverage": "none", "trigger": "", "close_ordertype": ""},
            {"leverage": "0"},
            {"userref": "2147483647"},
            {"userref": "-2147483648"},
            {"userref": "0"},
            {"cl_ord_id": UUID},
            {"cl_ord_id": UUID.upper()},
            {"cl_ord_id": UUID.replace("-", "")},
            {"cl_ord_id": "My_order-1, 2nd/18"},
            {"ordertype": "market", "price": None},
            {"ordertype": "market", "price": "not looked at"},
        ],
    )
    def test_passes(self, floor: Floor, ann: Account, fields: dict[str, Any]) -> None:
        request: dict[str, Any] = {"ordertype": "limit", "type": "buy", "volume": "0.01", "price": "50000"}
        order = floor.exchange.submit(floor.exchange.prepare(ann, floor.pair(), OrderRequest(**request | fields)))
        assert order.txid

    def test_digits_beyond_the_lots_are_cut_off(self, floor: Floor, ann: Account) -> None:
        assert floor.buy(ann, "0.123456789999", "50000").vol == 12_345_678

    def test_what_was_asked_for_is_kept(self, floor: Floor, ann: Account) -> None:
        order = floor.prepare(
            ann, "sell", "0.5", "50000", oflags="post,fcib,nompp", userref="-7", stptype="cancel-both"
        )
        assert (order.vol, order.limit, order.side, order.ordertype) == (50_000_000, 50_000_00000, "sell", "limit")
        assert (order.post, order.fee_in_base, order.nompp, order.time_in_force) == (True, True, True, "gtc")
        assert (order.userref, order.cl_ord_id, order.stptype) == (-7, None, "cancel-both")

    def test_defaults(self, floor: Floor, ann: Account) -> None:
        for order in (floor.prepare(ann, "buy", "1"), floor.prepare(ann, "sell", "1", "50000")):
            assert (order.time_in_force, order.stptype) == ("gtc", "cancel-newest")
            assert (order.userref, order.cl_ord_id) == (None, None)
            assert (order.post, order.fee_in_base, order.nompp) == (False, False, False)


LIMIT = {"oflags": None, "ordertype": "limit"}
POST = {"oflags": "post", "ordertype": "limit"}
MARKET = {"oflags": None, "ordertype": "market"}


class TestMarketStatus:
    @pytest.mark.parametrize(
        ("status", "taken"),
        [
            ("online", [LIMIT, POST, MARKET]),
            ("post_only", [POST]),
            ("limit_only", [LIMIT, POST]),
            ("cancel_only", []),
            ("reduce_only", []),
            ("maintenance", []),
            ("delisted", []),
            ("work_in_progress", []),
        ],
    )
    def test_says_which_orders_a_pair_takes(
        self, floor: Floor, ann: Account, status: str, taken: list[dict[str, str | None]]
    ) -> None:
        floor.catalog.with_record("XXBTZUSD", status=status)
        for kind in (LIMIT, POST, MARKET):
            if kind in taken:
                assert floor.buy(ann, "1", "50000", **kind).txid
            else:
                closed = "Unavailable" if status == "maintenance" else f"Market in {status} mode"
                assert floor.refusal(ann, "buy", "1", "50000", **kind) == f"EService:{closed}"


class TestRulesThatChange:
    """A pair's rules may change while it trades: what comes then is held to the new ones, what rests stays."""

    def test_from_one_order_to_the_next(self, floor: Floor, ann: Account, bob: Account) -> None:
        early = floor.buy(ann, "0.0001", "50000.1")
        floor.catalog.with_record("XXBTZUSD", ordermin="0.001", tick_size="0.5", costmin="60", fees=[[0, 1]])
        assert floor.refusal(ann, "buy", "0.0001", "50000") == "EOrder:Order minimum not met"
        assert floor.refusal(ann, "buy", "1", "50000.1") == "EOrder:Tick size check failed"
        assert floor.refusal(ann, "buy", "0.001", "50000") == "EOrder:Cost minimum not met"
        taken = floor.sell(bob, "0.0012", "50000")
        assert floor.fills(taken) == ["0.0001@50000.1 ann"]
        assert early.status == "closed"
        assert taken.fee == taken.cost // 100

    def test_a_halted_pair_takes_cancels_only(self, floor: Floor, ann: Account) -> None:
        order = floor.buy(ann, "1", "50000")
        floor.catalog.with_record("XXBTZUSD", status="cancel_only")
        assert floor.refusal(ann, "buy", "1", "50000") == "EService:Market in cancel_only mode"
        assert floor.exchange.cancel_order(ann, txid=order.txid) == 1
        floor.catalog.with_record("XXBTZUSD", status="online")
        assert floor.buy(ann, "1", "50000").status == "open"


class TestReferences:
    def test_a_cl_ord_id_is_unique_among_the_accounts_open_orders(
        self, floor: Floor, ann: Account, bob: Account
    ) -> None:
        taken = f"{ARGUMENTS}:cl_ord_id not unique"
        first = floor.buy(ann, "1", "50000", cl_ord_id="mine")
        assert floor.refusal(ann, "sell", "1", "60000", cl_ord_id="mine") == taken
        with pytest.raises(KrakenError, match=taken):
            floor.prepare(ann, "buy", "1", "50000", cl_ord_id="mine")
        assert floor.buy(bob, "1", "49000", cl_ord_id="mine").status == "open"
        floor.exchange.cancel_order(ann, cl_ord_id="mine")
        again = floor.buy(ann, "1", "50000", cl_ord_id="mine")
        assert first is not again
        assert ann.open_by_cl_ord_id == {"mine": again}

    def test_and_free_again_when_the_order_fills(self, floor: Floor, ann: Account, bob: Account) -> None:
        floor.buy(ann, "1", "50000", cl_ord_id="mine")
        floor.sell(bob, "1", "50000")
        assert floor.buy(ann, "1", "50000", cl_ord_id="mine", timeinforce="IOC").status == "canceled"
        assert floor.buy(ann, "1", "50000", cl_ord_id="mine").status == "open"

    def test_a_refused_or_validated_order_does_not_use_it_up(self, floor: Floor) -> None:
        poor = floor.trader("poor", ZUSD="100")
        floor.prepare(poor, "buy", "0.001", "50000", cl_ord_id="mine")
        assert floor.refusal(poor, "buy", "1", "50000", cl_ord_id="mine") == "EOrder:Insufficient funds"
        assert floor.buy(poor, "0.001", "50000", cl_ord_id="mine").cl_ord_id == "mine"

    def test_userrefs_need_not_be_unique(self, floor: Floor, ann: Account) -> None:
        orders = [floor.buy(ann, "1", "50000", userref="5") for _ in range(2)]
        assert [order.userref for order in orders] == [5, 5]


# One fault for each check, in the order of kraken/30 §5.3: its name, the request's fields, the pair's, the answer. The
# healthy request buys below the best ask of 60000.
FAULTS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("status", {}, {"status": "cancel_only"}, "EService:Market in cancel_only mode"),
    ("ordertype", {"ordertype": "stop"}, {}, f"{ARGUMENTS}:ordertype"),
    ("type", {"type": "hold"}, {}, f"{ARGUMENTS}:type"),
    ("volume", {"volume": "1e2"}, {}, f"{ARGUMENTS}:volume"),
    ("price missing", {"price": None}, {}, f"{ARGUMENTS}:price"),
    ("price unreadable", {"price": "1e2"}, {}, "EOrder:Invalid price:Invalid price argument"),
    (
        "price decimals",
        {"price": "50000.01"},
        {},
        "EOrder:Invalid price:XBT/USD price can only be specified up to 1 decimals.",
    ),
    ("price zero", {"price": "0"}, {}, "EOrder:Invalid price"),
    ("flags", {"oflags": "nothing"}, {}, f"{ARGUMENTS}:oflags"),
    ("time in force", {"timeinforce": "GTX"}, {}, f"{ARGUMENTS}:timeinforce"),
    ("start", {"starttm": "soon"}, {}, f"{ARGUMENTS}:starttm"),
    ("expiry", {"expiretm": "soon"}, {}, f"{ARGUMENTS}:expiretm"),
    ("trigger", {"trigger": "index"}, {}, f"{ARGUMENTS}:trigger"),
    ("leverage", {"leverage": "77"}, {}, f"{ARGUMENTS}:leverage"),
    ("displayvol", {"displayvol": "1"}, {}, f"{ARGUMENTS}:display-volume"),
    ("close", {"close_ordertype": "nothing"}, {}, f"{ARGUMENTS}:close"),
    ("userref", {"userref": "x"}, {}, f"{ARGUMENTS}:userref"),
    ("cl_ord_id", {"cl_ord_id": "x" * 19}, {}, f"{ARGUMENTS}:cl_ord_id"),
    ("cl_ord_id in use", {"cl_ord_id": "used"}, {}, f"{ARGUMENTS}:cl_ord_id not unique"),
    ("ordermin", {"volume": "0.00001"}, {}, "EOrder:Order minimum not met"),
    ("tick", {"price": "50000.1"}, {"tick_size": "0.5"}, "EOrder:Tick size check failed"),
    ("costmin", {}, {"costmin": "1000000"}, "EOrder:Cost minimum not met"),
    ("deadline", {"deadline": "1999-12-31T23:59:59Z"}, {}, "EService:Deadline elapsed"),
    ("funds", {"type": "sell", "volume": "10.5"}, {}, "EOrder:Insufficient funds"),
    ("post-only", {"price": "60000", "oflags": "post"}, {}, "EOrder:Post only order"),
]


def alone(number: int) -> list[int]:
    """The later faults that a request can have at the same time."""
    fields = FAULTS[number][1]
    return [
        later
        for later in range(number + 1, len(FAULTS))
        if all(fields.get(name, value) == value for name, value in FAULTS[later][1].items())
    ]


class TestTwoFaults:
    """The earlier check of kraken/30 §5.3 answers."""

    @staticmethod
    def answer(open_floor: type[Floor], fields: dict[str, Any], rules: dict[str, Any]) -> str:
        floor = open_floor()
        ann = floor.trader("ann")
        floor.buy(ann, "1", "100", pair="ETHUSD", cl_ord_id="used")
        pair = floor.catalog.with_record("XXBTZUSD", **rules)
        floor.quote("sell", "1", "60000")
        request: dict[str, Any] = {"ordertype": "limit", "type": "buy", "volume": "0.01", "price": "50000"}
        with pytest.raises(KrakenError) as refused:
            floor.exchange.submit(floor.exchange.prepare(ann, pair, OrderRequest(**request | fields)))
        return refused.value.message

    @pytest.mark.parametrize("number", range(len(FAULTS)), ids=[fault[0] for fault in FAULTS])
    def test_the_earlier_check_answers(self, open_floor: type[Floor], number: int) -> None:
        _, fields, rules, message = FAULTS[number]
        assert self.answer(open_floor, fields, rules) == message
        for later in alone(number):
            name, more, more_rules, _ = FAULTS[later]
            assert self.answer(open_floor, more | fields, more_rules | rules) == message, f"with {name}"

    def test_nearly_all_pairs_of_faults_are_tried(self) -> None:
        tried = sum(len(alone(number)) for number in range(len(FAULTS)))
        assert tried > 0.85 * len(list(itertools.combinations(FAULTS, 2)))
