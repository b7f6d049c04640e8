"""Markets and resting orders as a test moves them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from mockkraken import decimals
from mockkraken.control import bodies
from mockkraken.control.bodies import read
from mockkraken.control.errors import conflict, invalid, unknown
from mockkraken.control.values import units
from mockkraken.exchange import service
from mockkraken.exchange.intake import VOLUME_MAX
from mockkraken.exchange.prices import PRICE_MAX
from mockkraken.market import MarketError
from mockkraken.market.ladder import Quote

if TYPE_CHECKING:
    from mockkraken.catalog import Pair
    from mockkraken.control.operations import Control
    from mockkraken.exchange import Market, Order
    from mockkraken.exchange.orders import Side
    from mockkraken.market.recording import Recording

LEVELS_MAX = 10_000  # of a book that is given
_GAP = re.compile(r"([+-]?)([0-9]{1,6}(?:\.[0-9]{1,6})?)%", re.ASCII)
_PERCENT = 100 * 10**6


def market(control: Control, name: str) -> dict[str, Any]:
    """How a pair's market stands: its makers' model, best bid and ask, last trade, index price."""
    return _row(control, _market(control, name))


def change_market(control: Control, name: str, body: object) -> dict[str, Any]:
    """Move a market: its price, its book, its makers; or trade on it once."""
    given = read(bodies.MarketChange, body)
    sandbox = control.sandbox
    pair = pair_named(control, name)
    actions = [action for action in ("price", "gap", "trade", "book") if getattr(given, action) is not UNSET]
    if len(actions) > 1:
        raise invalid(actions[1], f"{actions[0]} and {actions[1]} don't go together: one after the other")
    if given.trade is not UNSET and (given.model is not UNSET or given.pause is not UNSET):
        raise invalid("trade", "a trade stands alone: change the model or pause in a call of its own")
    if given.model == "static" and actions and actions[0] in ("price", "gap"):
        raise invalid("model", f"a static market has nobody who moves it: no {actions[0]} with that model")
    if given.model == "replay" and actions:
        raise invalid("model", f"a replay goes where its tape goes: no {actions[0]} with that model")
    if given.model == "replay" and given.file is UNSET:
        raise invalid("file", "file is missing: a replay plays a tape, yours by its path or sample_tape.csv")
    if given.model != "replay" and given.file is not UNSET:
        raise invalid("file", 'a file is for the model "replay"')
    if not actions and given.model is UNSET and given.pause is UNSET:
        raise invalid(None, "give one of price, gap, trade, book, model and pause")

    levels = None if given.book is UNSET else _levels(given.book, pair)
    price = None if given.price is UNSET else _price("price", given.price, pair)
    gap = None if given.gap is UNSET else _gap(given.gap)
    trade = None if given.trade is UNSET else _trade(given.trade, pair)
    recording = None if given.file is UNSET else _recording(given.file, pair)
    if actions:
        _check_trading(control, pair, actions[0])

    found, makers = sandbox.exchange.market(pair), sandbox.makers
    if gap is not None:
        price = _after(gap, found)
    answer: dict[str, Any] = {}
    if recording is not None:
        makers.replay(found, recording)
    elif given.model is not UNSET and given.model != "replay":
        makers.set_model(found, given.model)
    if levels is not None:
        makers.set_book(found, levels)
    if price is not None:
        try:
            makers.move(found, price)
        except MarketError as error:
            raise conflict("model", str(error)) from error
    if trade is not None:
        side, volume, limit = trade
        try:
            taken = makers.trade(found, side, volume, limit)
        except MarketError as error:
            raise conflict("trade", str(error)) from error
        answer["traded"] = decimals.fmt(taken.vol_exec, pair.lot_decimals)
    if given.pause is not UNSET:
        makers.pause(found, given.pause)
    return _row(control, found) | answer


def order(control: Control, txid: str) -> dict[str, Any]:
    """How a client's order stands."""
    return _order_row(_order(control, txid))


def fill_order(control: Control, txid: str, body: object) -> dict[str, Any]:
    """Let a counterparty trade with a resting order, at its price."""
    given = read(bodies.Fill, body)
    found = _order(control, txid)
    if found.status in ("closed", "canceled", "expired"):
        raise conflict("txid", f"order {txid} is {found.status}, and rests no more")
    if found.place != "book":
        raise conflict(
            "txid", f"order {txid} does not rest in the book yet: it waits for its start time or its trigger"
        )
    pair = found.market.pair
    _check_trading(control, pair, "txid")
    volume = found.remaining if given.volume is UNSET else _volume("volume", given.volume, pair)
    if volume > found.remaining:
        left = decimals.fmt(found.remaining, pair.lot_decimals)
        raise conflict("volume", f"only {left} of order {txid} is left")
    control.sandbox.makers.fill(found, volume)
    return _order_row(found)


def pair_named(control: Control, name: str) -> Pair:
    """The pair of that name, any of its five; in either asset class.

    Raises:
        ControlError: there is none.
    """
    catalog = control.sandbox.catalog
    found = catalog.trading_pair(name) or catalog.trading_pair(name, tokenized=True)
    if found is None:
        raise unknown("pair", f"there is no pair {name[:40]!r}")
    return found


def _check_trading(control: Control, pair: Pair, field: str) -> None:
    system = control.sandbox.exchange.status
    if not service.matches(system, pair):
        states = f"the exchange is {system}, the pair is {pair.status}"
        raise conflict(field, f"nobody trades on {pair.altname} now: {states} (/mock/status changes that)")


def _market(control: Control, name: str) -> Market:
    return control.sandbox.exchange.market(pair_named(control, name))


def _row(control: Control, found: Market) -> dict[str, Any]:
    pair, makers = found.pair, control.sandbox.makers
    best_bid, best_ask = found.book.best_bid, found.book.best_ask
    prices = (
        best_bid.price if best_bid else None,
        best_ask.price if best_ask else None,
        found.tape.last_price,
        found.index,
    )
    bid, ask, last, index = (None if price is None else pair.price_text(price) for price in prices)
    row: dict[str, Any] = {
        "pair": pair.altname,
        "model": makers.model(found),
        "paused": makers.paused(found),
        "bid": bid,
        "ask": ask,
        "last": last,
        "index": index,
    }
    replay = makers.replaying(found)
    if replay is not None:
        tape = replay.recording
        row["replay"] = {"file": tape.name, "rows": len(tape.rows), "played": replay.played}
    return row


def _order(control: Control, txid: str) -> Order:
    for account in control.sandbox.exchange.accounts.values():
        if txid in account.orders:
            return account.orders[txid]
    raise unknown("txid", f"there is no order {txid[:40]!r}")


def _order_row(found: Order) -> dict[str, Any]:
    lots = found.market.pair.lot_decimals
    return {
        "txid": found.txid,
        "pair": found.market.pair.altname,
        "account": found.account.name,
        "status": found.status,
        "vol": decimals.fmt(found.vol, lots),
        "vol_exec": decimals.fmt(found.vol_exec, lots),
    }


def price_units(field: str, value: object, pair: Pair) -> int:
    """A price in price units, on the pair's ticks or between them.

    Raises:
        ControlError: it is none, or out of bounds.
    """
    price = units(field, value, pair.price_scale)
    if not 0 < price <= PRICE_MAX * 10**pair.price_scale:
        raise invalid(field, f"a price lies above 0 and at most at {PRICE_MAX}")
    return price


def _price(field: str, value: object, pair: Pair) -> int:
    price = price_units(field, value, pair)
    if price % pair.tick:
        raise invalid(field, f"prices of {pair.altname} are multiples of {pair.price_text(pair.tick)}")
    return price


def _volume(field: str, value: object, pair: Pair) -> int:
    volume = units(field, value, pair.lot_decimals)
    if not 0 < volume <= VOLUME_MAX * 10**pair.lot_decimals:
        raise invalid(field, f"a volume lies above 0 and at most at {VOLUME_MAX}")
    return volume


def _gap(text: str) -> int:
    """A change in millionths of a percent."""
    match = _GAP.fullmatch(text)
    if match is None:
        raise invalid("gap", f'a gap is a text like "-5%" or "+0.5%", not {text[:40]!r}')
    change = decimals.parse(match[2], 6)
    return -change if match[1] == "-" else change


def _after(gap: int, found: Market) -> int:
    last, pair = found.tape.last_price, found.pair
    if last is None:
        raise conflict("gap", f"{pair.altname} has no price yet to go on from: give one")
    ticks = decimals.half_up(last * (_PERCENT + gap), _PERCENT * pair.tick)
    if ticks <= 0 or ticks * pair.tick > PRICE_MAX * 10**pair.price_scale:
        raise invalid("gap", f"that would bring the price out of 0 to {PRICE_MAX}")
    return ticks * pair.tick


def _trade(body: object, pair: Pair) -> tuple[Side, int, int | None]:
    given = read(bodies.Trade, body)
    limit = None if given.price is UNSET else _price("price", given.price, pair)
    return given.side, _volume("volume", given.volume, pair), limit


def _recording(file: str, pair: Pair) -> Recording:
    # What reads tapes is imported when one is wanted: most servers play none.
    from mockkraken.market import recording

    try:
        return recording.load(file, pair)
    except recording.RecordingError as error:
        raise invalid("file", str(error)) from error


def _levels(body: object, pair: Pair) -> list[tuple[Side, Quote]]:
    given = read(bodies.Book, body)
    if len(given.bids) + len(given.asks) > LEVELS_MAX:
        raise invalid("book", f"a book has at most {LEVELS_MAX} levels")
    sides: tuple[tuple[Side, list[tuple[Any, Any]]], ...] = (("buy", given.bids), ("sell", given.asks))
    levels: list[tuple[Side, Quote]] = []
    for side, rows in sides:
        prices = set()
        for price_given, volume_given in rows:
            price = _price("book", price_given, pair)
            if price in prices:
                raise invalid("book", f"{pair.price_text(price)} is there twice on one side")
            prices.add(price)
            levels.append((side, Quote(price, _volume("book", volume_given, pair))))
    best_bid = max((quote.price for side, quote in levels if side == "buy"), default=0)
    if any(quote.price <= best_bid for side, quote in levels if side == "sell"):
        raise invalid("book", "the bids lie below the asks")
    return levels
