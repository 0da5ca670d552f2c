"""What a contract says, in words, section by section: the frozen terms and nothing else decide."""

import datetime
import json
import unicodedata
from collections.abc import Iterator
from typing import Any

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from market.catalog.price_texts import reason_text, rule_sentence, unit_price_text
from market.catalog.pricing import SCALE, Line, PriceRule, from_document
from market.catalog.states import Grade, PriceModel, ProductKind, RightsBasis
from market.kernel import clock
from market.kernel.money import to_text
from market.orders.contracts.capitals import capitals
from market.orders.contracts.pages import Contract, Section, Table
from market.orders.models import OrderTerms

Document = dict[str, Any]
Facts = list[tuple[str, str]]


def contract_of(terms: OrderTerms, language: str) -> Contract:
    """The contract in ``language`` (one of ``LANGUAGES``): the same terms give the same contract for ever."""
    document = _visible(json.loads(terms.document))
    with translation.override(language):
        sections = [section for section in _sections(document) if section is not None]
        return Contract(
            title=_("Data product contract"),
            number=document["order"]["number"],
            version=_("version %(version)d") % {"version": terms.version},
            sections=(*sections, _proof(document, terms)),
            language=language,
            sha256=terms.sha256,
            frozen_at=terms.created_at,
            document=terms.document,
        )


def _sections(document: Document) -> Iterator[Section | None]:
    yield _changes(document)
    yield _parties(document)
    yield _product(document)
    yield _scope(document)
    yield _price(document)
    yield _term(document)
    yield _purpose(document)
    yield Section(_("Licence"), paragraphs=tuple(document["offer"]["licence"].splitlines()))
    yield _acceptance(document)


def _parties(document: Document) -> Section:
    names = {"buyer": _("Buyer"), "vendor": _("Vendor")}
    rows = tuple((label, document[side]["name"], document[side]["uscc"]) for side, label in names.items())
    return Section(_("Parties"), table=Table((_("Party"), _("Organization"), _("Unified social credit code")), rows))


def _product(document: Document) -> Section:
    product = document["product"]
    facts = [
        (_("Product"), product["title"]),
        (_("Code"), product["code"]),
        (_("Kind"), _label(ProductKind, product["kind"])),
        (_("Data grade (GB/T 43697-2024)"), _label(Grade, product["grade"])),
        (_("Personal information"), _("yes") if product["has_personal_information"] else _("no")),
        (_("Sold by"), _label(RightsBasis, product["rights_basis"])),
        (_("Registration certificate"), product["certificate_number"] or "-"),
    ]
    return Section(_("Product"), facts=tuple(facts))


def _scope(document: Document) -> Section:
    revision = document["revision"]
    facts = [(_("Revision"), str(revision["number"])), (_("SHA-256 of its list of files"), revision["manifest_sha256"])]
    until = revision.get("later_revisions_until")
    if until is None:
        rule = _("This revision is delivered; later ones are not part of the contract.")
    else:
        rule = _("This revision is delivered, and each one that is published before %(day)s.") % {"day": _day(until)}
    return Section(
        _("What is delivered"),
        facts=tuple(facts),
        paragraphs=(rule, _("The list of files is what sha256sum prints for them, in byte order of their paths.")),
    )


def _price(document: Document) -> Section:
    order, price, rule = document["order"], document.get("price", {}), _rule(document)
    currency, total = order["currency"], price.get("total", order["amount"])
    facts = [
        (_("Price"), rule_sentence(rule, currency, "later_revisions_until" in document["revision"])),
        (_("Quantity"), str(order["quantity"])),
        (_("Total"), _money(total, currency)),
    ]
    if rule.model == PriceModel.METERED:
        facts[-1] = (_("Paid ahead"), _money(total, currency))
    lines = [Line(**line) for line in price.get("lines", ())]
    table = _calculation(lines, currency) if lines else None
    return Section(_("Price"), facts=tuple(facts), table=table, paragraphs=tuple(_payment(order, price, rule, total)))


def _rule(document: Document) -> PriceRule:
    if "price" in document:
        return from_document(document["price"]["rule"])
    return PriceRule(document["offer"]["price_model"], document["offer"]["amount"])


def _calculation(lines: list[Line], currency: str) -> Table:
    rows = tuple(
        (
            reason_text(line),
            str(line.quantity),
            unit_price_text(line.unit_price),
            to_text(line.flat),
            unit_price_text(line.amount),
        )
        for line in lines
    )
    names = (_("Item"), _("Units"), _("Price of a unit"), _("Once"), _("Amount (%(currency)s)"))
    return Table((*names[:-1], names[-1] % {"currency": currency}), rows, numbers_from=1)


def _payment(order: Document, price: Document, rule: PriceRule, total: int) -> Iterator[str]:
    if rule.model == PriceModel.FREE:
        return
    currency = order["currency"]
    yield _("The price contains the value-added tax of the vendor's sale and the exchange's commission.")
    if len(price.get("payments", ())) > 1:
        yield _("%(amount)s go into escrow with the order, the other instalments when they are due.") % {
            "amount": f"{currency} {to_text(order['amount'])}"
        }
    else:
        yield _("%(amount)s go from the buyer's wallet into escrow at the exchange.") % {
            "amount": f"{currency} {to_text(order['amount'])}"
        }
    if rule.model == PriceModel.METERED:
        yield _(
            "Use is drawn from it by the price above, month by month; the total of each month is rounded half up to a "
            "whole fen."
        )
    if any(line["unit_price"] % SCALE for line in price.get("lines", ())):
        yield _("The total is rounded half up to a whole fen, once.")


def _term(document: Document) -> Section | None:
    price = document.get("price", {})
    term = price.get("term")
    if term is None:
        return None
    facts = [(_("First day"), _day(term["starts_on"])), (_("Ends before"), _day(term["ends_before"]))]
    rules = [_("Days are those of Asia/Shanghai.")]
    if "ends_early" in document:
        facts.append((_("By agreement ends before"), _day(document["ends_early"]["ends_before"])))
        rules += _early_end(document)
    payments, table = price.get("payments", ()), None
    if len(payments) > 1:
        rows = tuple((str(part["number"]), _day(part["due_on"]), to_text(part["amount"])) for part in payments)
        amount = _("Amount (%(currency)s)") % {"currency": document["order"]["currency"]}
        table = Table((_("Instalment"), _("Due on"), amount), rows, numbers_from=2)
    return Section(_("Term"), facts=tuple(facts), table=table, paragraphs=tuple(rules))


def _purpose(document: Document) -> Section:
    approval = document["order"].get("purpose_approval")
    facts = ((_("Approval of the purpose"), approval),) if approval else ()
    return Section(_("Purpose"), facts=facts, paragraphs=tuple(document["order"]["purpose"].splitlines()))


def _acceptance(document: Document) -> Section:
    days = document["offer"]["acceptance_days"]
    sentence = ngettext(
        "The buyer accepts or disputes what was delivered within %(days)d day; after that it counts as accepted.",
        "The buyer accepts or disputes what was delivered within %(days)d days; after that it counts as accepted.",
        days,
    )
    return Section(_("Acceptance"), paragraphs=(sentence % {"days": days},))


def _changes(document: Document) -> Section | None:
    amendment = document.get("amendment")
    if amendment is None:
        return None
    sides = {"buyer": _("Buyer"), "vendor": _("Vendor")}
    facts = [
        (_("Proposed by"), sides[amendment["proposed_by"]]),
        (_("Proposed"), _moment(datetime.datetime.fromisoformat(amendment["proposed_at"]))),
        (_("Confirmed by the other side"), _moment(datetime.datetime.fromisoformat(amendment["confirmed_at"]))),
        (_("Replaces the terms with SHA-256"), amendment["amends_sha256"]),
    ]
    rows = tuple(
        (
            _clauses()[change["what"]],
            _clause(change["what"], change["before"]),
            _clause(change["what"], change["after"]),
        )
        for change in amendment["changes"]
    )
    rule = _("What does not stand in this table stays as it was agreed before.")
    table = Table((_("Clause"), _("Before"), _("Now")), rows)
    return Section(_("What this version changes"), facts=tuple(facts), table=table, paragraphs=(rule,))


def _clauses() -> dict[str, str]:
    return {
        "purpose": _("Purpose"),
        "licence": _("Licence"),
        "acceptance_days": _("Acceptance (days)"),
        "ends_on": _("Early end"),
    }


def _clause(what: str, value: Any) -> str:
    if value is None:
        return _("none")
    return _day(value) if what == "ends_on" else str(value)


def _early_end(document: Document) -> Iterator[str]:
    """What becomes of the price when both sides agreed on an early end."""
    unused = document["ends_early"]["unused_amount"]
    if unused is None:
        yield _("What is left of the prepayment after the use until then returns to the buyer.")
        return
    yield _(
        "%(amount)s of the price fall on the days given up: months that are over are paid whole, the month that is cut "
        "by its days, later months not at all. What was paid of it returns to the buyer, the rest is not due any more."
    ) % {"amount": _money(unused, document["order"]["currency"])}


def _proof(document: Document, terms: OrderTerms) -> Section:
    facts = (
        (_("Order"), document["order"]["id"]),
        (_("Buyer's reference"), document["order"]["client_reference"]),
        (_("Placed"), _moment(datetime.datetime.fromisoformat(document["order"]["placed_at"]))),
        (_("These terms frozen"), _moment(terms.created_at)),
        (_("SHA-256 of the terms"), terms.sha256),
    )
    rule = _(
        "This text is made from the frozen terms, a JSON document (RFC 8785) whose SHA-256 stands here and in the "
        "exchange's evidence. Where they differ, the JSON document holds. It is attached to the PDF, and the exchange "
        "hands it out."
    )
    return Section(_("Proof"), facts=facts, paragraphs=(rule,))


def _money(amount: int, currency: str) -> str:
    text = f"{currency} {to_text(amount)}"
    is_chinese = translation.get_language() == "zh-hans" and currency == "CNY"
    return f"{text}（人民币{capitals(amount)}）" if is_chinese else text


def _day(text: str) -> str:
    return date_format(datetime.date.fromisoformat(text), "DATE_FORMAT")


def _moment(moment: datetime.datetime) -> str:
    return f"{moment.astimezone(clock.BUSINESS_ZONE):%Y-%m-%d %H:%M:%S} (UTC+8)"


def _label(choices: type, value: str) -> str:
    """A choice in words; a value that a later release no longer knows stays as it was frozen."""
    return str(choices(value).label) if value in choices.values else value


_HIDDEN = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_TURNS_TEXT = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _visible(value: Any) -> Any:
    """The document with what cannot be seen written out, such as ``[U+202E]``, which would turn the text after it: no
    reader is to be shown other words than were hashed."""
    if isinstance(value, dict):
        return {name: _visible(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_visible(inner) for inner in value]
    if not isinstance(value, str):
        return value
    return "".join(map(_visible_letter, value.replace("\r\n", "\n")))


def _visible_letter(letter: str) -> str:
    is_hidden = letter in _TURNS_TEXT or (unicodedata.category(letter) in _HIDDEN and letter not in "\n\t")
    return f"[U+{ord(letter):04X}]" if is_hidden else letter
