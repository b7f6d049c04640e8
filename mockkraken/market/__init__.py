"""Simulated liquidity: who quotes on the other side of a client's order."""

from mockkraken.market.makers import CalmMakers, Glance, Quote

__all__ = ["CalmMakers", "Glance", "Quote"]
