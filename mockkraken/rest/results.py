"""What stands in each answer's `result`, for the OpenAPI document and for whoever reads the endpoints.

Every endpoint has a type here under its own name. No request needs them, and nothing imports them at start-up, where
they would cost milliseconds; a test holds the answers against them, member by member.

Amounts, prices and rates are decimal texts; times are unix seconds unless it says otherwise. Reference: kraken/20,
kraken/30, kraken/40.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, NotRequired, TypedDict

from msgspec import Meta

from mockkraken.catalog.records import PairStatus
from mockkraken.exchange.orders import AmendType, OrderType, Side, Status, TimeInForce
from mockkraken.gate.permissions import Code

# Texts

Decimal = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$")]
SignedDecimal = Annotated[str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
Profit = Annotated[str, Meta(pattern=r"^[+-][0-9]+(\.[0-9]+)?$")]
WrittenPrice = Annotated[str, Meta(pattern=r"^[+-]?[0-9]+(\.[0-9]+)?%?$")]
"""A price, or a distance from one: `60000.0`, `+1.0000%`."""
Whole = Annotated[str, Meta(pattern=r"^[0-9]+$")]
OrderId = Annotated[str, Meta(pattern=r"^O[A-Z2-7]{5}-[A-Z2-7]{5}-[A-Z2-7]{6}$")]
TradeId = Annotated[str, Meta(pattern=r"^T[A-Z2-7]{5}-[A-Z2-7]{5}-[A-Z2-7]{6}$")]
LedgerId = Annotated[str, Meta(pattern=r"^L[A-Z2-7]{5}-[A-Z2-7]{5}-[A-Z2-7]{6}$")]
RefId = Annotated[str, Meta(pattern=r"^[A-Z][A-Z2-7]{5,6}-[A-Z2-7]{5,6}-[A-Z2-7]{6}$")]
Rfc3339Seconds = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]

AssetClass = Literal["currency", "tokenized_asset"]

# Public: the exchange and what it trades


class Time(TypedDict):
    """The exchange's time: in seconds, and as a text with a year of two digits."""

    unixtime: int
    rfc1123: str


class SystemStatus(TypedDict):
    """Whether trading goes on."""

    status: Literal["online", "maintenance", "cancel_only", "post_only"]
    timestamp: Rfc3339Seconds


class AssetInfo(TypedDict):
    """An asset; `decimals` is the scale of balances, `collateral_value` the part that counts for margin."""

    aclass: AssetClass
    altname: str
    decimals: int
    display_decimals: int
    collateral_value: NotRequired[float]
    status: Literal["enabled", "deposit_only", "withdrawal_only", "funding_temporarily_disabled"]
    margin_rate: NotRequired[Decimal]


class PairLeverage(TypedDict):
    """A pair with `info=leverage`."""

    leverage_buy: list[int]
    leverage_sell: list[int]


class PairFees(TypedDict):
    """A pair with `info=fees`: from which 30-day volume which percentage holds."""

    fees: list[tuple[int, float]]
    fees_maker: list[tuple[int, float]]
    fee_volume_currency: str


class PairMargin(TypedDict):
    """A pair with `info=margin`: the margin levels in percent that call and that liquidate."""

    margin_call: int
    margin_stop: int


class PairInfo(PairLeverage, PairFees, PairMargin):
    """A pair; `ordermin` in base, `costmin` and `tick_size` in quote currency."""

    altname: str
    wsname: str
    aclass_base: AssetClass
    base: str
    aclass_quote: AssetClass
    quote: str
    lot: str
    cost_decimals: int
    pair_decimals: int
    lot_decimals: int
    lot_multiplier: int
    ordermin: Decimal
    costmin: Decimal
    tick_size: Decimal
    status: PairStatus
    execution_venue: Literal["international", "bitnomial_exchange"]
    long_position_limit: NotRequired[int]
    short_position_limit: NotRequired[int]


Assets = dict[str, AssetInfo]
AssetPairs = dict[str, PairInfo | PairLeverage | PairFees | PairMargin]

# Public: market data


class TickerRow(TypedDict):
    """A pair's day: best ask and bid, last trade, then [today, last 24 hours] of volume, vwap, trades, low, high."""

    a: tuple[Decimal, Whole, Decimal]
    b: tuple[Decimal, Whole, Decimal]
    c: tuple[Decimal, Decimal]
    v: tuple[Decimal, Decimal]
    p: tuple[Decimal, Decimal]
    t: tuple[int, int]
    l: tuple[Decimal, Decimal]  # noqa: E741  # Kraken's name
    h: tuple[Decimal, Decimal]
    o: Decimal


Ticker = dict[str, TickerRow]


class Candle(NamedTuple):
    """What was traded from `time` on; `volume` in base currency."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    vwap: Decimal
    volume: Decimal
    trades: int


class Level(NamedTuple):
    """A price, the volume there in base currency, and when it changed last."""

    price: Decimal
    volume: Decimal
    time: int


class Print(NamedTuple):
    """A trade as everybody sees it: the side and the order type are the taker's."""

    price: Decimal
    volume: Decimal
    time: float
    side: Literal["b", "s"]
    ordertype: Literal["m", "l"]
    misc: str
    trade_id: int


class Quotes(NamedTuple):
    """The best prices at a time."""

    time: int
    bid: Decimal
    ask: Decimal


class Book(TypedDict):
    """An order book, best levels first."""

    asks: list[Level]
    bids: list[Level]


Depth = dict[str, Book]


# Beside the pair stands `last`, which no type of Python's says; the document does.
_LAST_NUMBER = Meta(extra_json_schema={"properties": {"last": {"type": "integer"}}, "required": ["last"]})
# The text's pattern stands here: msgspec 0.22 crashes over a union of a list and a text with one.
_LAST_TEXT = Meta(
    extra_json_schema={"properties": {"last": {"type": "string", "pattern": "^[0-9]+$"}}, "required": ["last"]}
)

OHLC = Annotated[dict[str, list[Candle] | int], _LAST_NUMBER]
"""Candles by pair, and `last`: the start of the newest that is complete."""

Trades = Annotated[dict[str, list[Print] | str], _LAST_TEXT]
"""Trades by pair, and `last`: the time of the last one in ns, to go on from."""

Spread = Annotated[dict[str, list[Quotes] | int], _LAST_NUMBER]
"""Best prices by pair, and `last`: the time to go on from."""

# Private: balances

Balance = dict[str, Decimal]
"""Balances by asset, what open orders hold included."""


class ExtendedBalance(TypedDict):
    """A balance, and what of it open orders hold."""

    balance: Decimal
    hold_trade: Decimal


BalanceEx = dict[str, ExtendedBalance]


class TradeBalance(TypedDict):
    """Equity in one asset: all balances, those that count as collateral, margin used, unexecuted orders, and so on."""

    eb: SignedDecimal
    tb: SignedDecimal
    m: SignedDecimal
    uv: SignedDecimal
    n: SignedDecimal
    c: SignedDecimal
    v: SignedDecimal
    e: SignedDecimal
    mf: SignedDecimal
    ml: NotRequired[SignedDecimal]
    mfo: SignedDecimal


# Private: orders


class OrderDescription(TypedDict):
    """What an order asks for; `order` says it in one sentence."""

    pair: str
    aclass: str
    type: Side
    ordertype: OrderType
    price: WrittenPrice
    price2: WrittenPrice
    leverage: str
    order: str
    close: str


class OpenOrder(TypedDict):
    """An order: `vol` in base, `cost` and `fee` in quote currency; `price` is the average of what was executed.

    With the flag viqc `vol` and `vol_exec` are in quote currency, too.
    """

    refid: OrderId | None
    userref: int | None
    cl_ord_id: NotRequired[str]
    status: Status
    opentm: float
    starttm: float
    expiretm: float
    descr: OrderDescription
    vol: Decimal
    vol_exec: Decimal
    cost: Decimal
    fee: SignedDecimal
    price: Decimal
    stopprice: Decimal
    limitprice: Decimal
    misc: str
    oflags: str
    time_in_force: TimeInForce
    trigger: NotRequired[Literal["index"]]
    margin: NotRequired[bool]
    reduce_only: NotRequired[bool]
    sender_sub_id: NotRequired[str]
    display_volume: NotRequired[Decimal]
    trades: NotRequired[list[TradeId]]


class Order(OpenOrder):
    """An order with the reason for its end; `closetm` once it has ended."""

    reason: str | None
    closetm: NotRequired[float]


class OpenOrders(TypedDict):
    """Open orders by txid, newest first."""

    open: dict[OrderId, OpenOrder]


class ClosedOrders(TypedDict):
    """A page of ended orders by txid, and how many there are in all."""

    closed: dict[OrderId, Order]
    count: NotRequired[int]


QueryOrders = dict[OrderId, Order]


class Amend(TypedDict):
    """An order's terms from a time on, which is in milliseconds: first the original ones, then each change."""

    amend_id: TradeId
    amend_type: AmendType
    order_qty: Decimal
    display_qty: NotRequired[Decimal]
    remaining_qty: Decimal
    limit_price: NotRequired[Decimal]
    trigger_price: NotRequired[Decimal]
    reason: NotRequired[str]
    post_only: bool
    timestamp: int


class OrderAmends(TypedDict):
    """What became of an order's terms, the oldest first."""

    count: int
    amends: list[Amend]


# Private: trades and ledger


class Trade(TypedDict):
    """A trade: `vol` in base, `cost` and `fee` in quote currency.

    From `posstatus` on it is about the margin position that the trade opened, once parts are closed: average price,
    cost, fee, volume and margin of those, and the profit.
    """

    ordertxid: OrderId
    postxid: RefId
    pair: str
    aclass: str
    time: float
    type: Side
    ordertype: OrderType | Literal["liquidation market", "settle position"]
    tradeordertype: Literal["market", "limit"]
    price: Decimal
    cost: Decimal
    fee: SignedDecimal
    vol: Decimal
    margin: Decimal
    leverage: str
    misc: str
    trade_id: int
    maker: bool
    posstatus: NotRequired[Literal["open", "closed"]]
    cprice: NotRequired[Decimal]
    ccost: NotRequired[Decimal]
    cfee: NotRequired[SignedDecimal]
    cvol: NotRequired[Decimal]
    cmargin: NotRequired[Decimal]
    net: NotRequired[Profit]
    trades: NotRequired[list[TradeId]]
    ledgers: NotRequired[list[LedgerId]]


class TradesHistory(TypedDict):
    """A page of trades by id, and how many there are in all."""

    trades: dict[TradeId, Trade]
    count: NotRequired[int]


QueryTrades = dict[TradeId, Trade]


# One member is a word of Python's.
_Class = TypedDict("_Class", {"class": str})


class OpenPosition(_Class):
    """A margin position as it was opened, and how much of it is closed; with `docalcs` what the rest is worth."""

    ordertxid: OrderId
    posstatus: Literal["open"]
    pair: str
    time: float
    type: Side
    ordertype: OrderType
    cost: Decimal
    fee: SignedDecimal
    vol: Decimal
    vol_closed: Decimal
    margin: Decimal
    value: NotRequired[Decimal]
    net: NotRequired[Profit]
    terms: str
    rollovertm: Whole
    misc: str
    oflags: str


class ConsolidatedPosition(TypedDict):
    """All positions on a pair, summed up; `positions` says how many there are."""

    pair: str
    positions: Whole
    type: Side
    leverage: Decimal
    cost: Decimal
    fee: SignedDecimal
    vol: Decimal
    vol_closed: Decimal
    margin: Decimal
    value: NotRequired[Decimal]
    net: NotRequired[Profit]


OpenPositions = dict[TradeId, OpenPosition] | list[ConsolidatedPosition]
"""Positions by id, the oldest first; with `consolidation` a row for each pair."""


class LedgerEntry(TypedDict):
    """A movement of one asset; `balance` is what there was after it."""

    refid: RefId
    time: float
    type: str
    subtype: str
    aclass: AssetClass
    asset: str
    amount: SignedDecimal
    fee: SignedDecimal
    balance: Decimal


class Ledgers(TypedDict):
    """A page of the ledger by id, and how many entries there are in all."""

    ledger: dict[LedgerId, LedgerEntry]
    count: NotRequired[int]


QueryLedgers = dict[LedgerId, LedgerEntry]


# Private: fees and the key


class FeeTier(TypedDict):
    """Where an account stands on a pair's fee ladder: fees in percent, volumes of 30 days in USD."""

    fee: SignedDecimal
    minfee: SignedDecimal
    maxfee: SignedDecimal
    nextfee: SignedDecimal | None
    nextvolume: Decimal | None
    tiervolume: Decimal


class TradeVolume(TypedDict):
    """The volume of 30 days, and the fees that follow from it for the pairs asked for."""

    currency: str
    volume: Decimal
    fees: dict[str, FeeTier] | None
    fees_maker: dict[str, FeeTier] | None


class CamelKeyInfo(TypedDict):
    """The key's own properties, as documented; `0`: no such limit."""

    apiKeyName: str
    apiKey: str
    nonce: Whole
    nonceWindow: int
    permissions: list[Code]
    iban: str
    validUntil: Whole
    queryFrom: Whole
    queryTo: Whole
    createdTime: Whole
    modifiedTime: Whole
    ipAllowlist: list[str]
    lastUsed: Whole | None


class SnakeKeyInfo(TypedDict):
    """The key's own properties, as observed; `0`: no such limit."""

    api_key_name: str
    api_key: str
    nonce: Whole
    nonce_window: Whole
    permissions: list[Code]
    iban: str
    valid_until: Whole
    query_from: Whole
    query_to: Whole
    created_time: Whole
    modified_time: Whole
    ip_allowlist: list[str]
    last_used: Whole | None


class BothKeyInfo(CamelKeyInfo, SnakeKeyInfo):
    """The key's own properties in both spellings."""


GetApiKeyInfo = CamelKeyInfo | SnakeKeyInfo | BothKeyInfo

# Private: trading


class OrderText(TypedDict):
    """An order in one sentence, and its conditional close in another."""

    order: str
    close: NotRequired[str]


class AddOrder(TypedDict):
    """The order that was placed; one that was only validated has no txid."""

    descr: OrderText
    txid: NotRequired[list[OrderId]]


class BatchRow(TypedDict):
    """What became of one order of a batch: it was placed, or validated, or refused.

    Empty: it was in order, but another one was not, and so none was placed.
    """

    txid: NotRequired[OrderId]
    descr: NotRequired[OrderText]
    error: NotRequired[str]


class AddOrderBatch(TypedDict):
    """A row for each order, as they were sent."""

    orders: list[BatchRow]


class AmendOrder(TypedDict):
    """The change, as OrderAmends lists it."""

    amend_id: TradeId


class EditOrder(TypedDict):
    """The order that takes the place of the old one, with its prices as they were sent.

    One that was only validated has no txid. The userrefs are there if one was sent.
    """

    status: Literal["ok"]
    txid: NotRequired[OrderId]
    originaltxid: OrderId
    newuserref: NotRequired[int]
    olduserref: NotRequired[int]
    volume: Decimal
    price: NotRequired[str]
    price2: NotRequired[str]
    orders_cancelled: int
    descr: OrderText


class CancelledOrders(TypedDict):
    """How many orders were cancelled."""

    count: int


CancelOrder = CancelOrderBatch = CancelAll = CancelledOrders


class CancelAllOrdersAfter(TypedDict):
    """When all orders will be cancelled; `0`: they will not."""

    currentTime: Rfc3339Seconds
    triggerTime: Rfc3339Seconds | Literal["0"]


class GetWebSocketsToken(TypedDict):
    """A token for the private WebSocket, and the seconds within which to use it."""

    token: str
    expires: int
