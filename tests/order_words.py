"""Random orders on two pairs, in the words of REST and of both WebSocket versions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from mockkraken.clock import SECOND, rfc3339

if TYPE_CHECKING:
    import random

    from mockkraken.exchange import Market


class Traded(NamedTuple):
    """A pair: its names on both versions, how much is traded at once, and how far apart the levels of big books are."""

    v2: str
    v1: str
    unit: Decimal
    step: Decimal


PAIRS = {
    "XBTUSD": Traded("BTC/USD", "XBT/USD", Decimal("0.05"), Decimal("0.3")),
    "XDGUSD": Traded("DOGE/USD", "XDG/USD", Decimal("700"), Decimal("0.0000007")),
}

TRIGGERED = ("stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit", "trailing-stop", "trailing-stop-limit")
KINDS = ("limit",) * 9 + ("market",) * 4 + ("iceberg",) * 3 + TRIGGERED + ("settle-position",)
# How far from the best price, as a part of it.
NEAR = (0.0, 0.0, 0.00002, -0.00002, 0.0001, -0.0001, 0.0005, -0.0005, 0.002, -0.002, -0.006, -0.02)
CLOSES: tuple[dict[str, str], ...] = (
    {"ordertype": "stop-loss", "price": "-0.3%"},
    {"ordertype": "limit", "price": "+0.4%"},
    {"ordertype": "take-profit-limit", "price": "+0.3%", "price2": "+0.4%"},
    {"ordertype": "trailing-stop", "price": "+0.2%"},
)


class Orders:
    """Draws orders, around the prices that there are.

    Args:
        rng: where they come from.
        markets: by pair.
    """

    def __init__(self, rng: random.Random, markets: dict[str, Market]) -> None:
        self.rng = rng
        self.markets = markets
        self._names = 0

    def price(self, name: str, side: str, away: float | None = None) -> str:
        """A price near the best of that side, or of the other."""
        market = self.markets[name]
        best = market.book.best_opposite("sell" if (side == "buy") == (self.rng.random() < 0.7) else "buy")
        units = best.price if best is not None else market.reference() or market.pair.tick
        away = self.rng.choice(NEAR) if away is None else away
        ticks = max(round(units * (1 + (away if side == "buy" else -away))) // market.pair.tick, 1)
        price = Decimal(ticks * market.pair.tick).scaleb(-market.pair.price_scale)
        return str(price.quantize(Decimal(1).scaleb(-market.pair.pair_decimals)))

    def volume(self, name: str) -> str:
        unit = PAIRS[name].unit
        return str((unit * Decimal(self.rng.choice((0.2, 0.5, 1, 1, 1, 2.2, 7.77)))).quantize(Decimal("0.0001")))

    def order(self, name: str) -> dict[str, Any]:
        """An order in REST's words."""
        rng = self.rng
        side, kind = rng.choice(("buy", "sell")), rng.choice(KINDS)
        fields: dict[str, Any] = {"type": side, "ordertype": kind, "volume": self.volume(name)}
        if kind in ("limit", "iceberg"):
            fields["price"] = self.price(name, side)
        if kind == "iceberg":
            fields["displayvol"] = str((Decimal(fields["volume"]) / rng.choice((2, 4, 9))).quantize(Decimal("0.00001")))
        if kind in TRIGGERED:
            self._trigger(fields, name)
        if kind == "settle-position" or rng.random() < 0.15:
            fields["leverage"] = rng.choice(("2", "3"))
        self._extras(fields, name)
        return fields

    def _trigger(self, fields: dict[str, Any], name: str) -> None:
        side, kind = fields["type"], fields["ordertype"]
        if kind.startswith("trailing"):
            fields["price"] = self.rng.choice(("+0.05%", "+0.2%", "+1%"))
            if kind.endswith("limit"):
                fields["price2"] = self.rng.choice(("+0", "-0.1%", "+0.1%"))
            return
        up = (side == "buy") == kind.startswith("stop")
        away = self.rng.choice((0.0005, 0.002, 0.005)) * (1 if up else -1)
        fields["price"] = self.price(name, "buy", away)
        if self.rng.random() < 0.3:
            fields["price"] = f"{away * 100:+.2f}%"
        if kind.endswith("limit"):
            fields["price2"] = self.price(name, "buy", away * self.rng.choice((1, 1.2, 0.5)))
        if self.rng.random() < 0.2:
            fields["trigger"] = "index"

    def _extras(self, fields: dict[str, Any], name: str) -> None:
        rng, kind = self.rng, fields["ordertype"]
        if kind == "market" and fields["type"] == "buy" and "leverage" not in fields and rng.random() < 0.3:
            fields["oflags"] = "viqc"
            fields["volume"] = str(rng.choice((20, 700, 5000)))
        elif kind in ("limit", "iceberg"):
            extra = rng.choice(("", "", "", "", "post", "IOC", "FOK", "expire", "expire", "start", "close", "close"))
            if extra == "post":
                fields["oflags"] = "post"
            elif extra in ("IOC", "FOK"):
                fields["timeinforce"] = extra
            elif extra == "expire":
                fields |= {"timeinforce": "GTD", "expiretm": f"+{rng.choice((6, 20, 600))}"}
            elif extra == "start":
                fields["starttm"] = f"+{rng.choice((3, 30))}"
            elif extra == "close":
                fields["close"] = rng.choice(CLOSES)
        if rng.random() < 0.4:
            fields["stptype"] = rng.choice(("cancel-oldest", "cancel-both"))
        if rng.random() < 0.1 and "oflags" not in fields:
            fields["oflags"] = "fcib"
        which = rng.random()
        if which < 0.2:
            fields["userref"] = str(rng.randint(1, 4))
        elif which < 0.45 and "close" not in fields:
            self._names += 1
            fields["cl_ord_id"] = f"order-{self._names}"


def flat(fields: dict[str, Any]) -> dict[str, Any]:
    """An order's fields as a form has them."""
    found = dict(fields)
    for key, value in found.pop("close", {}).items():
        found[f"close[{key}]"] = value
    return found


def in_words_of_v1(fields: dict[str, Any]) -> dict[str, Any]:
    """An order's fields as version 1 has them; it knows no index."""
    found = flat(fields)
    found.pop("trigger", None)
    if "stptype" in found:
        found["stp_type"] = found.pop("stptype").replace("-", "_")
    return found


def in_words_of_v2(fields: dict[str, Any], now: int) -> dict[str, Any]:
    """An order's fields as version 2 has them, at a time (ns)."""
    kind, flags = fields["ordertype"], fields.get("oflags", "")
    found: dict[str, Any] = {"order_type": kind, "side": fields["type"]}
    found["cash_order_qty" if flags == "viqc" else "order_qty"] = float(fields["volume"])
    if kind in TRIGGERED:
        price, price_type = relative(fields["price"])
        found["triggers"] = {"price": price, "price_type": price_type, "reference": fields.get("trigger", "last")}
        if "price2" in fields:
            found["limit_price"], found["limit_price_type"] = relative(fields["price2"])
    elif "price" in fields:
        found["limit_price"] = float(fields["price"])
    if "displayvol" in fields:
        found["display_qty"] = float(fields["displayvol"])
    if "leverage" in fields:
        found["margin"] = True
    if flags == "post":
        found["post_only"] = True
    if flags == "fcib":
        found["fee_preference"] = "base"
    if "timeinforce" in fields:
        found["time_in_force"] = fields["timeinforce"].lower()
    for key, name in (("starttm", "effective_time"), ("expiretm", "expire_time")):
        if key in fields:
            found[name] = rfc3339(now // SECOND * SECOND + int(fields[key]) * SECOND)
    if "stptype" in fields:
        found["stp_type"] = fields["stptype"].replace("-", "_")
    if "userref" in fields:
        found["order_userref"] = int(fields["userref"])
    if "cl_ord_id" in fields:
        found["cl_ord_id"] = fields["cl_ord_id"]
    if "close" in fields:
        found["conditional"] = close_of_v2(fields["close"])
    return found


def close_of_v2(close: dict[str, str]) -> dict[str, Any]:
    price, price_type = relative(close["price"])
    found: dict[str, Any] = {"order_type": close["ordertype"]}
    if close["ordertype"] == "limit":
        return found | {"limit_price": price, "limit_price_type": price_type}
    found |= {"trigger_price": price, "trigger_price_type": price_type}
    if "price2" in close:
        found["limit_price"], found["limit_price_type"] = relative(close["price2"])
    return found


def relative(text: str) -> tuple[float, str]:
    """A price of REST, and its type."""
    if text.endswith("%"):
        return float(text[:-1]), "pct"
    return float(text), "quote" if text[0] in "+-" else "static"
