"""What an entry of a bank statement says: references, amount, words, and who is on the other side. Pure."""

import datetime
import functools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _
from lxml import etree

from market.banking.errors import UnreadableStatement, refusal
from market.kernel import clock
from market.kernel.money import MAX_AMOUNT

SIGNS = {"CRDT": 1, "DBIT": -1}
RETURN_CODES = frozenset({"RRTN", "RPCR"})
"""Bank transaction sub-families for a payment that comes back (ISO 20022 external code set)."""

MAX_REFERENCE, MAX_NAME, MAX_ACCOUNT, MAX_TEXT, MAX_JOINED = 35, 140, 34, 2000, 20
AMOUNT = re.compile(r"\+?(\d{1,18})(?:\.(\d{0,5}))?|\+?()\.(\d{1,5})", re.ASCII)

# What is asked of an entry and of a transaction in it. libxml2 answers all at once, while Python would look
# at three elements. The separator means nothing to anybody (private use); a file in which it stands is refused.
SEPARATOR = "\ue01f"
ENTRY = (
    "n:Amt",
    "n:Amt/@Ccy",
    "n:CdtDbtInd",
    "n:Sts",
    "n:BookgDt",
    "n:ValDt",
    "n:AcctSvcrRef",
    "n:RvslInd",
    "n:BkTxCd/n:Domn/n:Fmly/n:SubFmlyCd",
    "n:AddtlNtryInf",
)
DETAIL = (
    "n:Refs/n:EndToEndId",
    "n:RltdPties/n:{party}/{name}",
    "n:RltdPties/n:{party}Acct/n:Id/n:Othr/n:Id",
    "n:RmtInf",
    "count(n:RmtInf/*)",
    "count(n:RtrInf)",
    "n:AddtlTxInf",
)
NAME = {"02": "n:Nm", "08": "n:Pty/n:Nm"}
PARTY = {1: "Dbtr", -1: "Cdtr"}


class Line(NamedTuple):
    """One movement on the account. ``amount`` is fen, more than 0; ``detail`` is 0 unless the entry has several."""

    entry: int
    detail: int
    bank_reference: str
    is_credit: bool
    amount: int
    booked_on: str
    value_on: str | None
    end_to_end_id: str
    text: str
    party_name: str
    party_account: str
    is_return: bool
    return_reason: str
    is_whole: bool


Told = tuple[str, str, str, str, str | None]
"""Of a transaction: end-to-end reference, the other side's name and account, words, and why it came back if it did."""


class Detail(NamedTuple):
    """One of several transactions in an entry: fen (debits negative, 0 when it does not say), the bank's reference."""

    money: int
    reference: str
    told: Told


class Entries:
    """Reads the entries of one message; ``namespace`` is its version's, ``currency`` the account's."""

    def __init__(self, namespace: str, version: str, currency: str) -> None:
        self._prefix = f"{{{namespace}}}"
        self._currency = currency
        self._asked = _together(ENTRY, namespace)
        self._asked_of_detail = {
            side: _together([path.format(party=party, name=NAME[version]) for path in DETAIL], namespace)
            for side, party in PARTY.items()
        }

    def _path(self, *names: str) -> str:
        return "/".join(self._prefix + name for name in names)

    def lines(self, entry: etree._Element, number: int, details: list) -> Iterator[Line]:
        """The lines of an entry that is booked and of an amount; ``details`` are its transactions."""
        asked = _answers(self._asked, entry, len(ENTRY))
        amount, currency, side, status, booked_on, value_on, reference, reversal, family, more = asked
        if status.strip() != "BOOK":
            return
        money, sign, day = fen_of(amount), SIGNS.get(side.strip()), iso_day(booked_on)
        if money is None or sign is None or day is None or currency != self._currency:
            raise self._faulty(entry, number, asked)
        if not money:
            return
        reference = plain(reference, MAX_REFERENCE)
        comes_back = reversal.strip() in ("true", "1") or (sign > 0 and family.strip() in RETURN_CODES)
        if len(details) == 1:
            parts = [(sign * money, self._told(details[0], sign))]
            reference = reference or plain(details[0].findtext(self._path("Refs", "AcctSvcrRef")), MAX_REFERENCE)
        else:
            parts = _parts(sign * money, details)
        several = len(parts) > 1
        for position, (part, detail) in enumerate(parts, start=1):
            end_to_end_id, name, account, words, return_reason = detail
            own = details[position - 1].reference if several and not reference else ""
            line = Line(
                number,
                position if several else 0,
                own or (f"{reference}/{position}" if several and reference else reference),
                part > 0,
                abs(part),
                day,
                iso_day(value_on),
                plain(end_to_end_id, MAX_REFERENCE),
                (f"{words}\n{more}" if more else words).strip()[:MAX_TEXT],
                plain(name, MAX_NAME),
                plain(account, MAX_ACCOUNT),
                comes_back or return_reason is not None,
                return_reason or "",
                several or len(details) < 2,
            )
            if not line.bank_reference:
                raise refusal(
                    _("%(where)s has no reference of the bank (AcctSvcrRef), so nobody could tell it from another.")
                    % {"where": _where(entry, number)}
                )
            yield line

    def _told(self, detail: etree._Element, sign: int) -> Told:
        """What the transaction tells of the other side: reference, name, account, words, and why it came back."""
        answers = _answers(self._asked_of_detail[sign], detail, len(DETAIL))
        end_to_end_id, name, account, words, how_many_words, returns, more = answers
        if not account:
            account = detail.findtext(self._path("RltdPties", f"{PARTY[sign]}Acct", "Id", "IBAN")) or ""
        if how_many_words not in ("0", "1"):
            words = "\n".join(each.text for each in self._every(detail, "RmtInf") if each.text)
        reason = None
        if returns != "0":
            said = " ".join(each.text for each in self._every(detail, "RtrInf") if each.text)
            reason = " ".join(said.split())[:MAX_TEXT]
        return end_to_end_id, name, account, f"{words}\n{more}" if more else words, reason

    def _every(self, detail: etree._Element, name: str) -> Iterator[etree._Element]:
        return (each for found in detail.iterchildren(self._prefix + name) for each in found.iterdescendants())

    def detail(self, detail: etree._Element) -> "Detail":
        """One transaction of several, so that the element may go."""
        amount = detail.findtext(self._path("Amt")) or detail.findtext(self._path("AmtDtls", "TxAmt", "Amt"))
        entry = next(detail.iterancestors(self._prefix + "Ntry"))
        side = detail.findtext(self._path("CdtDbtInd")) or entry.findtext(self._path("CdtDbtInd")) or ""
        sign = SIGNS.get(side.strip(), 1)
        reference = plain(detail.findtext(self._path("Refs", "AcctSvcrRef")), MAX_REFERENCE)
        told = Detail(sign * (fen_of(amount or "") or 0), reference, self._told(detail, sign))
        detail.clear()
        return told

    def _faulty(self, entry: etree._Element, number: int, asked: list[str]) -> UnreadableStatement:
        """What is wrong with an entry that cannot be read."""
        amount, currency, side, _status, booked_on, *_rest = asked
        shown = {"where": _where(entry, number), "amount": amount[:40] or "?", "currency": self._currency}
        shown |= {"found": currency[:3] or "?", "day": booked_on.strip()[:40] or "?"}
        if fen_of(amount) is None:
            return refusal(_("%(where)s: %(amount)s is no amount in %(currency)s.") % shown)
        if currency != self._currency:
            return refusal(_("%(where)s is in %(found)s; the account is kept in %(currency)s.") % shown)
        if side.strip() not in SIGNS:
            return refusal(_("%(where)s does not say whether it is a credit or a debit.") % shown)
        return refusal(_("%(where)s: %(day)s is no booking date.") % shown)


def _together(paths: Iterable[str], namespace: str) -> etree.XPath:
    """One question for the texts of all these paths."""
    joined = f", '{SEPARATOR}', ".join(f"string({path})" for path in paths)
    return etree.XPath(f"concat({joined})", namespaces={"n": namespace}, smart_strings=False)


def _answers(asked: etree.XPath, element: etree._Element, count: int) -> list[str]:
    answers = asked(element).split(SEPARATOR)
    if len(answers) != count:
        raise refusal(_("Line %(line)s has a character for private use.") % {"line": element.sourceline or "?"})
    return answers


def _where(entry: etree._Element, number: int) -> str:
    return _("Entry %(number)d (line %(line)s)") % {"number": number, "line": entry.sourceline or "?"}


def _parts(money: int, details: list["Detail"]) -> list[tuple[int, Told]]:
    """The entry as its transactions, when they add up to it; else as one part that somebody must look at."""
    amounts = [detail.money for detail in details]
    if not details or 0 in amounts or sum(amounts) != money:
        words = "\n".join(detail.told[3] for detail in details[:MAX_JOINED])
        return [(money, ("", "", "", words, None))]
    return [(detail.money, detail.told) for detail in details]


def plain_account(account: str) -> str:
    """An account number as it is compared: without spaces, capital letters."""
    return "".join(account.split()).upper()


def plain(text: str | None, most: int) -> str:
    """In one line, and not longer than the message allows."""
    return " ".join(text.split())[:most] if text else ""


@functools.lru_cache(maxsize=4096)
def fen_of(text: str) -> int | None:
    """None for what is no amount of money with at most two decimals that count."""
    found = AMOUNT.fullmatch(text.strip())
    if found is None:
        return None
    whole, fraction = found[1] or "0", found[2] or found[4] or ""
    fen = int(whole) * 100 + int(fraction[:2].ljust(2, "0"))
    return fen if not fraction[2:].strip("0") and fen <= MAX_AMOUNT else None


@functools.lru_cache(maxsize=512)
def iso_day(text: str) -> str | None:
    """A date or a time as the business day it lies on (Asia/Shanghai), ISO 8601; a date's own zone is left aside."""
    text = text.strip()
    try:
        if "T" not in text:
            return datetime.date.fromisoformat(text[:10]).isoformat()
        moment = datetime.datetime.fromisoformat(text)
        return (clock.business_date(moment) if moment.tzinfo else moment.date()).isoformat()
    except (ValueError, OverflowError):
        return None
