"""What the control API refuses with."""

from __future__ import annotations

INVALID = "invalid"
UNAUTHORIZED = "unauthorized"
UNKNOWN = "unknown"
METHOD_NOT_ALLOWED = "method_not_allowed"
CONFLICT = "conflict"
TOO_LARGE = "too_large"
INTERNAL = "internal"


class ControlError(ValueError):
    """A control call can't be done; nothing was changed.

    Attributes:
        status: the HTTP status: 400 invalid, 404 unknown, 409 conflict, ...
        code: the same in a word, as it stands in the answer.
        message: one sentence for people.
        field: the member of the body or query, or the part of the path, that is wrong; None when it is no single one.
    """

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


def invalid(field: str | None, message: str) -> ControlError:
    """What was given makes no sense."""
    return ControlError(400, INVALID, message, field)


def unknown(field: str | None, message: str) -> ControlError:
    """There is nothing of that name or at that path."""
    return ControlError(404, UNKNOWN, message, field)


def conflict(field: str | None, message: str) -> ControlError:
    """It makes sense, but not with the state that the sandbox is in."""
    return ControlError(409, CONFLICT, message, field)
