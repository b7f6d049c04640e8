"""The edge before the API: refusals in HTTP and HTML, as a proxy in front of Kraken words them (kraken/10 §1.9)."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

URL_MAX = 8192  # [guess] bytes of path and query; above: HTTP 414
BODY_MAX = 1 << 20  # [guess] bytes; above: HTTP 413

JSON = b"application/json"
HTML = b"text/html"


class Answer(NamedTuple):
    """What goes back to the client."""

    status: int
    content_type: bytes
    body: bytes


def page(status: int, phrase: str | None = None) -> Answer:
    """An HTML page as nginx serves it for a status."""
    title = f"{status} {phrase or HTTPStatus(status).phrase}"
    html = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, HTML, html.encode())


NOT_ALLOWED = page(405, "Not Allowed")
FORBIDDEN = page(403)
URL_TOO_LONG = page(414, "Request-URI Too Large")  # [obs] kraken/10 §1.9, long_url_response: it has also been a 520
BODY_TOO_LARGE = page(413, "Request Entity Too Large")
