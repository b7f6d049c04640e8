"""The exchange: accounts, books, matching, fees and the ledger, as a pure state machine."""

from mockkraken.exchange.accounts import Account
from mockkraken.exchange.exchange import BalanceError, Exchange
from mockkraken.exchange.intake import OrderRequest
from mockkraken.exchange.market import Market
from mockkraken.exchange.orders import Order

__all__ = ["Account", "BalanceError", "Exchange", "Market", "Order", "OrderRequest"]
