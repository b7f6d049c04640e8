"""A scenario is a TOML file: it sets a server up for one kind of trouble, and plays the client that gets into it.

    title = "Two bots share one key"          # one line
    about = "..."                             # optional: what happens and why, in as many lines as it takes
    id = "N05"                                # optional: a short name beside the file's own
    finding = "N05"                           # what the doctor must name; left out: it must find nothing

    # Control calls that come first, as the control API takes them. With `at`, later: on the sandbox's clock.
    setup = [
      {call = "POST /mock/keys", body = {name = "shared", profile = "trading-bot"}},
      {call = "POST /mock/status", body = {status = "maintenance"}, at = "10m"},
    ]

    # What clients do, one step after the other.
    play = [
      {from = "bot A", call = "Balance", nonce = 1497366168277, gives = "ok"},
      {from = "bot B", call = "Balance", nonce = 1497366167838, gives = "EAPI:Invalid nonce"},
      {call = "POST /mock/clock", body = {advance = "15m"}},
    ]

A step of a play is a control call like those of the set-up, or a call to Kraken:

    call      "AddOrder" for /0/private/AddOrder, "public/Time" for /0/public/Time
    gives     the answer that must come: "ok"; an error as Kraken words it; "HTTP 520" for a page that is no JSON;
              "garbage" for broken JSON; "nothing" if none comes (a held request is given up, as after a timeout)
    from      whose call it is: each sender has a connection of its own, and its name for User-Agent, but for what
              follows a #: "bot#1" and "bot#2" are two runs, or two copies, of one program  [default: "client"]
    key       the name of a key that the set-up makes, or of a default key (full, trade, ...)  [default: the only one]
    nonce     a number, or any text                  [default: one more than the highest that was sent with the key]
    fields    the other fields: {pair = "XBTUSD", volume = "0.1"}
    body      the whole body as text, in place of nonce and fields; `nonce` is then what is signed alone
    secret    sign with this secret (base64) and not with the key's
    again     true, in place of all of these but `from` and `gives`: the sender's last request again, the same bytes
    times     how often, each time with a nonce one higher  [default: 1]
    result    what the result must hold: {open = 1} is one open order, or exactly 1 if that is a number

Calls that overlap stand in one step, `{parallel = [...]}`. Each takes a connection of its own, and is sent when the
one before has been answered or is held by a fault, so that they arrive in this order whatever the machine does.
"""
