"""The words of a statement, the same in every form that people read."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from market.documents.selectors.statements import Line, Statement
from market.kernel import clock
from market.kernel.money import to_text
from market.ledger.states import AccountKind, TransferKind

_ACTS = dict(TransferKind.choices)


def title() -> str:
    """What the document is."""
    return _("Account statement")


def facts(statement: Statement) -> Iterator[tuple[str, str]]:
    """Whose account it is, which, and for which days."""
    account = statement.account
    yield _("Organisation"), account.organization.name
    yield _("Unified social credit code"), account.organization.uscc
    yield _("Account"), str(AccountKind(account.kind).label)
    yield _("Period"), f"{statement.period.first} – {statement.period.last} (UTC+8)"
    yield _("Currency"), account.currency


def sums(statement: Statement) -> Iterator[tuple[str, int]]:
    """The figures of the whole period, in fen."""
    yield _("Opening balance"), statement.opening
    yield _("Came in"), statement.credited
    yield _("Went out"), statement.debited
    yield _("Closing balance"), statement.closing


def sales(statement: Statement) -> Iterator[tuple[str, int]]:
    """Of a vendor's account: what was sold, and what of it never arrives here (fen)."""
    if statement.account.kind == AccountKind.PAYABLE:
        yield _("Captured sales"), statement.sold
        yield _("of it commission"), statement.commission
        yield _("of it VAT"), statement.vat


def header() -> tuple[str, ...]:
    """The heads of the columns of ``cells``, then of money in, money out and the balance."""
    return _("Time"), _("Act"), _("Reference"), _("Counterparty"), _("In"), _("Out"), _("Balance")


def cells(line: Line) -> tuple[str, str, str, str]:
    """What a line says besides its money."""
    moment = line.posted_at.astimezone(clock.BUSINESS_ZONE)
    return f"{moment:%Y-%m-%d %H:%M:%S}", act(line), line.reference, line.counterparty


def act(line: Line) -> str:
    """Why the money moved, in the reader's language."""
    return str(_ACTS.get(line.kind, line.kind))


def grouped(amount: int) -> str:
    """Fen as yuan for people: ``1,234,567.89``."""
    whole, fen = to_text(abs(amount)).split(".")
    return f"{'-' if amount < 0 else ''}{int(whole):,}.{fen}"
