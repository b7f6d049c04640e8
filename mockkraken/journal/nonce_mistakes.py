"""The known troubles of nonces and keys, by id: what each is called, what cures it, and what looks the same.

The ids are those of kraken/10 §2.3. What has none there goes by the name of the check that refuses it.
"""

from __future__ import annotations

from typing import NamedTuple

_WINDOW = "give the key a nonce window of {window}"
_KEY_EACH = "Give each program, each process and each worker a key of its own"


class Trouble(NamedTuple):
    """A known trouble.

    Attributes:
        title: what is wrong, in a few words.
        cure: what to do instead; `{window}` says which nonce window would have let these requests pass, `{unit}`
            what the refused nonces count.
        related: what else looks like it from a server.
    """

    title: str
    cure: str
    related: tuple[str, ...] = ()


TROUBLES = {
    # What may have cost money, and what lasts for ever, comes first; findings are sorted in this order. A lockout comes
    # after what has led to it.
    "N15": Trouble(
        "An order followed one whose answer was lost, without a look: it may stand there twice",
        "A lost answer says nothing about the order. Give each order a cl_ord_id, and ask OpenOrders, ClosedOrders or "
        "QueryOrders for it before sending another.",
    ),
    "N14": Trouble(
        "Sent again after its answer was lost: the first one had taken effect",
        "That the repeat's nonce is invalid means that the first one arrived. Ask what became of it (OpenOrders, "
        "QueryOrders) before anything else; what is sent again needs a new nonce and a new signature.",
        ("N13",),
    ),
    "N26": Trouble(
        "One far too high nonce has used the key up",
        "Make a new key: this one will refuse every ordinary nonce for ever, and Kraken can't reset it. Then find "
        "where that nonce was made; a test or a typing error is likely.",
    ),
    "N06": Trouble(
        "The key has seen a finer unit, and refuses this one for ever",
        "Make a new key for the client that counts {unit}, and use each key with one kind of client only. Waiting does "
        "not help, and Kraken can't reset the nonce of a key.",
    ),
    "N08": Trouble(
        "Nonces in seconds, on a key that has seen a finer unit: refused for ever",
        "Count milliseconds or finer, at least as fine as what has used this key before, or make a new key for the "
        "client that counts seconds. Waiting does not help, and Kraken can't reset the nonce of a key.",
    ),
    "N21": Trouble(
        "The nonce is missing from the body",
        "Put the nonce into the body as a field of its own, the same that is signed; a header does not count.",
    ),
    "N22": Trouble(
        "The nonce can't be read: the body is broken",
        "Look at the body as it is sent: fields are separated by &, and the nonce is plain digits.",
        ("N21", "N32"),
    ),
    "N32": Trouble(
        "The nonce is no whole number",
        "Turn the time into an integer before it becomes text: no decimal point, no exponent.",
        ("N22",),
    ),
    "N33": Trouble(
        "The nonce is negative, as when a counter of 32 bits has run over",
        "Keep the nonce in 64 bits, unsigned where the language has that; what comes next must be above "
        "the highest that the key has accepted.",
    ),
    "N27": Trouble(
        "The nonce is larger than 64 bits hold",
        "Stay at or below 18446744073709551615. Nanoseconds have 19 digits; what is longer than 20 is no time.",
    ),
    "N23": Trouble(
        "The nonce window is far too small: it is counted in the client's own unit",
        f"A window is no number of seconds: with milliseconds 5000 are 5 seconds. For these requests, {_WINDOW}.",
        ("N03", "N05"),
    ),
    "N25": Trouble(
        "The nonce window was meant for a coarser unit: here it bridges next to nothing",
        f"A window counts in the client's own unit: 5 seconds are 5000 in milliseconds, 5000000 in microseconds, "
        f"5000000000 in nanoseconds. For these requests, {_WINDOW}.",
        ("N03", "N05"),
    ),
    "N05": Trouble(
        "Two senders share one key and overtake each other",
        f"{_KEY_EACH}. Where that can't be, let one of them send for all, or {_WINDOW}.",
        ("N18", "N34"),
    ),
    "N12": Trouble(
        "Two senders share one key, and one of them counts from the start of each second",
        f"{_KEY_EACH}: nonces made of the second and a small counter always lie behind those in milliseconds. Where "
        f"that can't be, {_WINDOW}.",
        ("N05",),
    ),
    "N03": Trouble(
        "Parallel requests of one program overtake each other",
        f"Draw the nonce, sign and send under one lock, one request of a key at a time; or {_WINDOW}; or give each "
        f"worker a key of its own.",
        ("N19", "N20"),
    ),
    "N11": Trouble(
        "Two requests have drawn the same nonce",
        "Draw nonces under a lock as max(time, last + 1), or count finer. A window does not help: what was used is "
        "refused within it too.",
        ("N19",),
    ),
    "N09": Trouble(
        "Nonces in seconds ran ahead of the clock, and then began lower again",
        "Count milliseconds or finer: in seconds, a burst of calls runs ahead of the clock, and a restart falls "
        "behind. Or keep the last nonce over a restart. It recovers by itself once the clock has caught up; a window "
        "hardly helps, since the numbers in between were used.",
        ("N16",),
    ),
    "N10": Trouble(
        "The program was started again, perhaps with a counter that began anew: nonces begin lower",
        "Keep the last nonce over a restart, and begin above it: max(time, last + 1).",
        ("N17", "N16", "N05"),
    ),
    "N17": Trouble(
        "The program was started again, and its nonces begin lower than before",
        "Correct the time alike in every run (in ccxt adjustForTimeDifference: always or never), or keep the last "
        f"nonce over a restart: max(time, last + 1). Or {_WINDOW}.",
        ("N16", "N05"),
    ),
    "N16": Trouble(
        "The sender's clock has stepped back",
        "Send max(time, last + 1), so that a step of the clock does not show, and take the time in UTC. It recovers by "
        f"itself once the clock has caught up; to bridge it, {_WINDOW}.",
        ("N17", "N05"),
    ),
    "N13": Trouble(
        "The same request was sent twice, to the byte",
        "Make the nonce, the body and the signature anew for every request; don't keep the parameters of the last one.",
        ("N01", "N11"),
    ),
    "N04": Trouble(
        "A nonce within the window that was used before",
        "A window lets lower nonces pass, but each only once: make a new one for every request.",
        ("N01", "N13"),
    ),
    "N01": Trouble(
        "The same nonce again",
        "Make a new nonce for every request: max(time, last + 1).",
        ("N11", "N13"),
    ),
    "N02": Trouble(
        "A nonce below the highest that the key has accepted",
        "Let nonces only rise, over restarts and across programs: max(time, last + 1), and the last one kept.",
        ("N03", "N05"),
    ),
    "signature": Trouble(
        "The signature does not fit",
        "Compare each step with what POST /mock/signature answers for the same path, body and key.",
    ),
    "key": Trouble(
        "The API key is not known, or disabled",
        "Send the public key of an existing key in the header API-Key, raw. `mockkraken keys list` shows them.",
    ),
    "address": Trouble(
        "The key may not be used from this address",
        "Add the sender's address to the key's allowlist, or send from an address that is on it.",
    ),
    "expiry": Trouble(
        "The key has expired",
        "Make a new key, or move its valid_until.",
    ),
    "token": Trouble(
        "A WebSocket token is not good, or no longer",
        "Ask GetWebSocketsToken for another. A token must be used within 15 minutes; on the connection where it was "
        "used for a subscription in time it stays good, on a new one it does not.",
    ),
    "N31": Trouble(
        "Calls came during a lockout",
        "Stop calling: each attempt starts the time anew. Stay quiet until the lockout is over, cure what was refused "
        "before it, and let a client give up after two or three refusals in a row instead of trying on. Here, a reset "
        "ends it at once, and so does POST /mock/lockout with clear.",
    ),
    "otp": Trouble(
        "The second factor is missing or wrong",
        "Send the field otp with each private call: the code of this moment, or the key's password. For a program, a "
        "key without second factor is the usual way.",
    ),
    "permission": Trouble(
        "The key lacks a permission",
        "Give the key the permission that the reason names, and no more than it needs.",
    ),
    "rate": Trouble(
        "Calls come faster than the counter falls",
        "Leave more time between calls; a key's refused calls count too. Ask fewer, larger queries; on Kraken, the "
        "WebSocket feeds replace polling.",
    ),
    "throttle": Trouble(
        "Too many calls are under way at once",
        "Wait for answers before sending more, and after this error until the time that it names.",
    ),
    "trading_rate": Trouble(
        "Orders are changed or cancelled too soon after they were placed",
        "Let orders rest longer before they are amended or cancelled, or spread them over pairs: the counter of each "
        "pair falls by itself.",
    ),
}
"""By id, worst first."""

NAMES = {
    "N18": "several instances of one client in a process",
    "N19": "threads that share a client without a lock",
    "N20": "a nonce drawn before the request waits for its turn",
    "N24": "a nonce window that is a little too small",
    "N30": "a call that is refused later has used up its nonce",
    "N34": "several machines or pods behind one key",
}
"""What a server can't tell from its neighbours, and what therefore is never a finding's own id."""


def name_of(scenario: str) -> str:
    """A scenario in a few words."""
    trouble = TROUBLES.get(scenario)
    return trouble.title if trouble else NAMES.get(scenario, "")
