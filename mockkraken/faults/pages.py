"""The pages that the edge in front of Kraken serves when it gets no answer from behind, or wants no more requests.

They look as Cloudflare's do (kraken/10 §1.10): what clients meet is HTML that begins with `<` and has a known title.
"""

from __future__ import annotations

CONTENT_TYPE = b"text/html; charset=UTF-8"

_HOST = "api.kraken.com"
_RAY = "8c0ffee0mockkrkn"  # [guess] each answer of the real edge has another

# [inf] What Cloudflare calls them on its pages; 503 is the origin's own.
_CAUSES = {
    502: "Bad gateway",
    504: "Gateway time-out",
    520: "Web server is returning an unknown error",
    521: "Web server is down",
    522: "Connection timed out",
    524: "A timeout occurred",
    525: "SSL handshake failed",
}
_UNAVAILABLE = "503 Service Temporarily Unavailable"
_LIMITED = "Access denied"  # [guess] kraken/10 §1.9: flood protection, "error 1015"

STATUSES = (429, 502, 503, 504, 520, 521, 522, 524, 525)


def page(status: int) -> bytes:
    """The page of one of STATUSES."""
    if status == 503:
        return _page(_UNAVAILABLE, f"<center><h1>{_UNAVAILABLE}</h1></center>\n<hr><center>cloudflare</center>")
    if status == 429:
        title = f"{_LIMITED} | {_HOST} used Cloudflare to restrict access"
        return _page(title, _body("Error", 1015, "You are being rate limited", "The owner of this website has banned"))
    cause = _CAUSES[status]
    return _page(f"{_HOST} | {status}: {cause}", _body(cause, status, "", "There is no answer from the origin of"))


def _body(heading: str, code: int, what: str, why: str) -> str:
    return (
        '<div id="cf-wrapper">\n<div id="cf-error-details">\n'
        f'<h1><span class="inline-block">{heading}</span> <span class="code-label">Error code {code}</span></h1>\n'
        f"<h2>{what or _HOST}</h2>\n<p>{why} {_HOST}.</p>\n"
        f'<p class="cf-error-footer">Cloudflare Ray ID: <strong>{_RAY}</strong></p>\n</div>\n</div>'
    )


def _page(title: str, body: str) -> bytes:
    return (
        '<!DOCTYPE html>\n<html lang="en-US">\n<head>\n'
        f'<title>{title}</title>\n<meta charset="UTF-8" />\n</head>\n<body>\n{body}\n</body>\n</html>\n'
    ).encode()
