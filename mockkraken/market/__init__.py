"""The other side of every trade: what was before, and the simulated market makers."""

from mockkraken.market.makers import Glance, Makers, MarketError, Model

__all__ = ["Glance", "Makers", "MarketError", "Model"]
