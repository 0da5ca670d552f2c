"""The base of every business failure. A room's ``errors.py`` subclasses it; the HTTP edge renders it."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class BusinessError(Exception):
    """A refusal that the caller can understand and act on. Nothing has changed when it is raised out of a service.

    Class attributes: ``code`` (stable, dotted-free, machine readable), ``status`` (HTTP), ``title`` (short, human,
    translated). ``detail`` says what to do next; ``errors`` maps a JSON pointer to what is wrong there; ``extra``
    adds members to the problem document (RFC 9457, clause 3.2).
    """

    code = "business_error"
    status = 400
    title: str | Promise = _("The request cannot be carried out")

    def __init__(
        self,
        detail: str | Promise = "",
        *,
        errors: Mapping[str, str | Promise] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(str(detail or self.title))
        self.detail = detail
        self.errors = dict(errors or {})
        self.extra = extra


class InvalidInput(BusinessError):
    """A value that no rule of the exchange allows; ``errors`` names the fields."""

    code = "invalid_input"
    status = 422
    title = _("Some values are not valid")


class NotFound(BusinessError):
    """Nothing of that key is visible to the caller. Also the answer for another organisation's object."""

    code = "not_found"
    status = 404
    title = _("Not found")


class Forbidden(BusinessError):
    """The caller is known but its role or scope does not allow the act."""

    code = "forbidden"
    status = 403
    title = _("Your role does not allow this")


class SamePerson(BusinessError):
    """The act needs a second person, and this is the first."""

    code = "same_person"
    status = 403
    title = _("This needs another person")


class IllegalTransition(BusinessError):
    """The object is in a state from which this act is not possible; carries ``state`` and ``legal_moves``."""

    code = "illegal_transition"
    status = 409
    title = _("Not possible in the current state")


class Contended(BusinessError):
    """Two requests waited for each other and the database let the other go on; nothing of this one has happened."""

    code = "contended"
    status = 409
    title = _("Another request is working on the same")

    def __init__(self) -> None:
        super().__init__(_("Repeat the request in a moment."))
