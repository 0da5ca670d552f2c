"""ISO 20022 bank statements, ``camt.053.001.02`` and ``.08``: read as a stream, from files that nobody vouches for.

No DTD, no entity and no network; one entry at a time is in memory. What is read is what a matching needs; the rest of
the message is left alone.
"""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import BinaryIO

from django.utils.translation import gettext as _
from lxml import etree

from market.banking.entries import (
    MAX_ACCOUNT,
    MAX_REFERENCE,
    SIGNS,
    Detail,
    Entries,
    Line,
    fen_of,
    iso_day,
    plain,
    plain_account,
)
from market.banking.errors import refusal
from market.kernel.money import to_text

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."
VERSIONS = ("02", "08")
OPENING, CLOSING = ("OPBD", "PRCD"), ("CLBD",)
MAX_ENTRY_BYTES = 8 * 1024 * 1024


@dataclasses.dataclass(slots=True)
class Statement:
    """The head of a statement; balances are fen. ``lines`` must be used up before the next statement is asked for."""

    version: str
    statement_id: str
    account: str
    currency: str
    opening: int
    closing: int
    opened_on: datetime.date
    closed_on: datetime.date
    announced: int | None
    lines: Iterator[Line]


def read(file: BinaryIO, *, account: str, currency: str) -> Iterator[Statement]:
    """The statements of a file, one after the other, each checked while its lines are drawn.

    Raises ``UnreadableStatement`` as soon as something is wrong: the file is not well-formed or not such a message,
    a statement is of another account or currency, lacks a balance, or its lines do not lead from one to the other.
    """
    yield from _Reader(_Bounded(file), account, currency).statements()


class _Bounded:
    """A file that says no when a single entry goes on and on: a tree of it would fill the memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.since_event = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.since_event += len(piece)
        if self.since_event > MAX_ENTRY_BYTES:
            limit = MAX_ENTRY_BYTES // 2**20
            raise refusal(
                _("One entry, or what stands before the first, is larger than %(limit)d MiB.") % {"limit": limit}
            )
        return piece


class _Reader:
    def __init__(self, file: _Bounded, account: str, currency: str) -> None:
        self._file = file
        self._account = plain_account(account)
        self._currency = currency
        names = [f"{{{NAMESPACE}{version}}}{tag}" for version in VERSIONS for tag in ("Stmt", "Ntry", "TxDtls")]
        self._elements = etree.iterparse(
            file,
            tag=["{*}GrpHdr", *names],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        self._ended = self._every()
        self._version = ""
        self._prefix = ""

    def statements(self) -> Iterator[Statement]:
        """Each statement when its first entry has ended, so that what stands before it is known."""
        found = 0
        for element in self._ended:
            if element.tag == self._prefix + "GrpHdr":
                continue
            found += 1
            whole = next(element.iterancestors(self._prefix + "Stmt"), element)
            statement = self._head(whole)
            statement.lines = self._lines(statement, whole, element)
            yield statement
            for _left in statement.lines:  # whoever asks for the next has not drawn them all
                pass
        if not found:
            raise refusal(_("The file holds no camt.053 statement."))

    def _every(self) -> Iterator[etree._Element]:
        """Each element that has ended."""
        try:
            for _event, element in self._elements:
                self._file.since_event = 0
                if not self._version:
                    self._begin(element.getroottree())
                yield element
        except etree.XMLSyntaxError as error:
            raise refusal(_("The file is not well-formed XML: %(error)s") % {"error": error.msg}) from error

    def _begin(self, tree: etree._ElementTree) -> None:
        if tree.docinfo.internalDTD is not None:
            raise refusal(_("The file has a document type declaration (DTD): no bank's statement has one."))
        root = etree.QName(tree.getroot())
        namespace = root.namespace or ""
        version = namespace.removeprefix(NAMESPACE)
        if root.localname != "Document" or version not in VERSIONS:
            shown = namespace.rpartition(":")[2] or _("no message of ISO 20022")
            raise refusal(
                _("It is %(found)s. Ask the bank for camt.053.001.08 or camt.053.001.02.") % {"found": shown[:80]}
            )
        self._version, self._prefix = version, f"{{{namespace}}}"
        self._entries = Entries(namespace, version, self._currency)

    # --- What stands before the entries ---

    def _path(self, *names: str) -> str:
        return "/".join(self._prefix + name for name in names)

    def _head(self, statement: etree._Element) -> Statement:
        identifier = plain(statement.findtext(self._path("Id")), MAX_REFERENCE)
        if not identifier:
            raise refusal(_("A statement has no identification (Id)."))
        where = _("Statement %(statement)s") % {"statement": identifier}
        self._require_account(statement, where)
        opening, opened_on = self._balance(statement, OPENING, _("opening (OPBD)"), where)
        closing, closed_on = self._balance(statement, CLOSING, _("closing (CLBD)"), where)
        announced = statement.findtext(self._path("TxsSummry", "TtlNtries", "NbOfNtries"))
        return Statement(
            version=self._version,
            statement_id=identifier,
            account=self._account,
            currency=self._currency,
            opening=opening,
            closing=closing,
            opened_on=opened_on,
            closed_on=closed_on,
            # No statement has as many entries as eighteen digits say: longer ones are wrong anyway.
            announced=int(announced.strip()[:18]) if announced and announced.strip().isdecimal() else None,
            lines=iter(()),
        )

    def _require_account(self, statement: etree._Element, where: str) -> None:
        account = statement.find(self._path("Acct", "Id"))
        texts = [] if account is None else [plain(node.text, MAX_ACCOUNT) for node in account.iter()]
        found = next((text for text in texts if text), "")
        if plain_account(found) != self._account:
            raise refusal(
                _("%(where)s is of account %(found)s, not of the exchange's account %(ours)s.")
                % {"where": where, "found": found or "?", "ours": self._account}
            )
        self._require_currency(statement.findtext(self._path("Acct", "Ccy")), where)

    def _require_currency(self, found: str | None, where: str) -> None:
        if found is not None and found.strip() != self._currency:
            raise refusal(
                _("%(where)s is in %(found)s; the account is kept in %(currency)s.")
                % {"where": where, "found": found.strip()[:3], "currency": self._currency}
            )

    def _balance(
        self, statement: etree._Element, codes: tuple[str, ...], name: str, where: str
    ) -> tuple[int, datetime.date]:
        found = {}
        for balance in statement.iterchildren(self._prefix + "Bal"):
            code = next((text for node in balance.iter(self._prefix + "Cd") if (text := plain(node.text, 4))), "")
            if code in codes:
                found.setdefault(code, balance)
        chosen = next((found[code] for code in codes if code in found), None)
        if chosen is None:
            raise refusal(_("%(where)s has no %(balance)s balance.") % {"where": where, "balance": name})
        where = _("%(where)s, %(balance)s balance") % {"where": where, "balance": name}
        amount = chosen.find(self._path("Amt"))
        fen = fen_of("" if amount is None else amount.text or "")
        side = SIGNS.get(plain(chosen.findtext(self._path("CdtDbtInd")), 4))
        day = iso_day(plain(next(chosen.iterfind(self._path("Dt") + "/*"), chosen).text, 40))
        if fen is None or side is None or day is None:
            raise refusal(_("%(where)s: amount, side (CRDT or DBIT) and date are needed.") % {"where": where})
        self._require_currency(amount.get("Ccy"), where)
        return side * fen, datetime.date.fromisoformat(day)

    # --- The entries ---

    def _lines(self, statement: Statement, whole: etree._Element, element: etree._Element) -> Iterator[Line]:
        transaction, total, number = self._prefix + "TxDtls", 0, 0
        details: list[etree._Element | Detail] = []
        while element is not whole:
            if element.tag == transaction:
                details.append(element)
                if len(details) > 1:  # a bank may book a whole file of payments as one entry
                    details[-2:] = [
                        each if isinstance(each, Detail) else self._entries.detail(each) for each in details[-2:]
                    ]
            else:
                number += 1
                for line in self._entries.lines(element, number, details):
                    total += line.amount if line.is_credit else -line.amount
                    yield line
                details = []
                element.clear()
                while element.getprevious() is not None:
                    del whole[0]
            element = next(self._ended, None)
            if element is None:
                raise refusal(_("The file ends within a statement."))
        _require_sums(statement, total, number)


def _require_sums(statement: Statement, total: int, number: int) -> None:
    if statement.announced is not None and statement.announced != number:
        shown = {"statement": statement.statement_id, "announced": statement.announced, "found": number}
        raise refusal(_("Statement %(statement)s announces %(announced)d entries and has %(found)d.") % shown)
    if statement.opening + total != statement.closing:
        raise refusal(
            _(
                "Statement %(statement)s does not add up: opening %(opening)s and booked entries %(total)s come to "
                "%(sum)s, not to the closing balance %(closing)s."
            )
            % {
                "statement": statement.statement_id,
                "opening": to_text(statement.opening),
                "total": to_text(total),
                "sum": to_text(statement.opening + total),
                "closing": to_text(statement.closing),
            }
        )
