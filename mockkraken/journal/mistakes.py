"""The known mistakes of signing, by id: what each is called, and what cures it.

`gate.signature_doctor` finds them and puts the id into the journal as `scenario`; the doctor of the journal reads
titles and cures here. The ids are ours, in the manner of the nonce scenarios N01 to N34 (kraken/10 §2.3).
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """A known mistake.

    Attributes:
        title: what is wrong, in a few words.
        cure: what to do instead.
    """

    title: str
    cure: str


SIGNATURE_MISTAKES = {
    "S01": Known(
        "The secret is not base64-decoded",
        "Decode the secret from base64 into bytes, once, and use those bytes as the key of the HMAC.",
    ),
    "S02": Known(
        "The nonce is missing in front of the body",
        "Hash the nonce and the body together, SHA-256(nonce + body), though the body has the nonce as well.",
    ),
    "S03": Known(
        "The SHA-256 is signed as text instead of bytes",
        "Put the 32 raw bytes of the SHA-256 behind the path: digest(), not hexdigest(), and no conversion to text.",
    ),
    "S04": Known(
        "Another path is signed than called",
        "Sign the path exactly as called, from /0/private/ on, with its query if it has one: no scheme, no host, "
        "no prefix of a proxy or a sandbox.",
    ),
    "S05": Known(
        "The body is escaped otherwise after signing",
        "Encode the body once, sign those bytes and send the very same ones; give the HTTP library bytes or a ready "
        "text, not a dictionary that it encodes again.",
    ),
    "S06": Known(
        "Blanks and plus signs: +, %20 and %2B are mixed up",
        "Encode the body once and sign and send the same bytes: a blank is + or %20, a plus sign is %2B, and what is "
        "signed must be what is sent.",
    ),
    "S07": Known(
        "Public key and secret are mixed up",
        "API-Key takes the public key, the HMAC takes the secret: exchange the two where they are configured. "
        "A real secret that was sent as API-Key should be replaced.",
    ),
    "S08": Known(
        "The secret has a newline, a blank or quotes around it",
        "Strip what stands around the secret when it is read: the newline at a file's end, quotes of an .env file.",
    ),
    "S09": Known(
        "The secret belongs to another key",
        "Use the secret that was issued together with this public key.",
    ),
    "S10": Known(
        "API-Sign is written in another form",
        "Send the 64 bytes of the HMAC in standard base64 with padding, 88 characters: no hexadecimal, no URL-safe "
        "alphabet, no percent-encoding, no quotes.",
    ),
    "S11": Known(
        "Another formula is used for the signature",
        "API-Sign = base64(HMAC-SHA512(base64-decoded secret, path + SHA256(nonce + body))), in this order and with "
        "these hashes.",
    ),
    "S12": Known(
        "Another nonce is signed than sent",
        "Make the nonce once for each request, as text, and use that same text in the body and in front of it.",
    ),
    "S13": Known(
        "Other fields are signed than sent",
        "Sign last: the finished body with all its fields (nonce and otp too) in the order in which it is sent.",
    ),
    "S14": Known(
        "Form or JSON: the body is signed in another format than sent",
        "Write the body as text once, as a form or as JSON, sign those bytes and send the very same ones, with the "
        "Content-Type that fits.",
    ),
}
"""By id."""
