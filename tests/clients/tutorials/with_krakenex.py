"""A first program with krakenex: look at the balance, place an order, see it rest, take it back."""

import os
import time

import krakenex

kraken = krakenex.API(key=os.environ["KRAKEN_API_KEY"], secret=os.environ["KRAKEN_API_SECRET"])
kraken.uri = os.environ["KRAKEN_REST_URL"]


def ask(method, data=None):
    time.sleep(0.002)  # krakenex counts its nonces in milliseconds: never two calls within one
    answer = kraken.query_private(method, data)
    if answer["error"]:
        raise SystemExit(f"{method}: {answer['error']}")
    return answer["result"]


print("balance:", ask("Balance")["ZUSD"], "USD")

order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.01"}
placed = ask("AddOrder", order)
txid = placed["txid"][0]
print("placed:", placed["descr"]["order"])

print("open:", [txid] == list(ask("OpenOrders")["open"]))
print("cancelled:", ask("CancelOrder", {"txid": txid})["count"])
print("open:", len(ask("OpenOrders")["open"]))
