"""The admin half of the security matrix, over every registered model and every address of the three sites."""

import json
import re

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db.models import ForeignKey, ManyToManyField
from django.test import RequestFactory

from accounts.models import Membership, User
from accounts.states import Role
from market.settlement.models import FeeSchedule
from market.workspaces.bases import OrganizationScope, WorkspaceAdmin
from market.workspaces.sites import SITES, auditor_site, operator_site, vendor_site
from tests.tables import changed, fingerprint
from tests.workspaces.addresses import addresses

FOR_ALL_VENDORS = {FeeSchedule}
"""Models of the vendor site whose rows belong to no vendor: everybody may read them."""

AUDITORS_MAY = {("reports", "report")}
"""The only models in which an auditor may cause a row: its own exports."""

DOORS = {"operator": {"operator"}, "vendor": {"lister", "owner"}, "auditor": {"auditor"}}
STRANGERS = ["operator", "lister", "owner", "purchaser", "auditor", "nobody"]

OBJECT_LINK = re.compile(r'href="(/[^"?]+/change/)"')

each_site = pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)


def one_row_each(two_markets):
    return {model: sorted(keys, key=str)[:1] for model, keys in two_markets.everything.items()}


@each_site
def test_nobody_else_gets_past_the_sign_in_page(two_markets, site, client, bare_pages):
    """Every address, asked by everybody whom the site does not admit, and sent a form by the anonymous and by each of
    the others in turn: nothing is shown, nothing is done."""
    strangers = {name: two_markets.client(name) for name in STRANGERS if name not in DOORS[site.name]}
    before = fingerprint()
    for number, address in enumerate(addresses(site, one_row_each(two_markets))):
        if address.name == "login":
            continue
        answers = {name: stranger.get(address.path) for name, stranger in strangers.items()}
        answers["anonymous"] = client.get(address.path)
        sender = list(strangers)[number % len(strangers)]
        answers[f"{sender} with a form"] = strangers[sender].post(address.path, {"confirmed": "yes"})
        answers["anonymous with a form"] = client.post(address.path, {"confirmed": "yes"})
        for name, answer in answers.items():
            assert answer.status_code in (302, 403), f"{name} at {address.path}: {answer.status_code}"
            if answer.status_code == 302:
                assert answer.url.startswith(f"/{address.path.split('/')[1]}/"), f"{name} at {address.path}"
    assert changed(before) == []


@each_site
def test_every_page_shows_itself_to_an_insider(two_markets, site, bare_pages):
    """No page of an own object fails, nor does one that it leads to; the same test says when a new model has no row to
    be tried with."""
    insider = two_markets.insider(site)
    request = RequestFactory().get("/")
    request.user = User.objects.get(id=insider.session["_auth_user_id"])
    own = {}
    for model, model_admin in site._registry.items():
        own[model] = list(model_admin.get_queryset(request).values_list("pk", flat=True)[:1])
        assert own[model], f"make a {model._meta.label} in the two markets"
    seen, linked = set(), {}
    for address in addresses(site, own):
        answer = insider.get(address.path)
        assert answer.status_code in expected(address.name), f"{address.path}: {answer.status_code}"
        seen.add(address.path)
        if address.name.endswith("_change"):
            linked |= dict.fromkeys(OBJECT_LINK.findall(answer.content.decode()), address.path)
    for path in linked.keys() - seen:
        assert insider.get(path).status_code == 200, f"{linked[path]} leads to {path}"


def expected(name: str) -> set[int]:
    """What an insider may get from a route of that name: the page, or a refusal that the site means."""
    by_name = {"autocomplete": {403, 404}, "catch_all": {404}, "logout": {405}, "login": {302}, "": {302}}
    # A list of at most one leads to that one; the file of a report that is not ready is a 409.
    by_ending = {"_act": {200, 404}, "_delete": {404}, "_add": {200, 403}, "_changelist": {200, 302}}
    by_ending |= {"_file": {200, 409}}
    for ending, statuses in by_ending.items():
        if name.endswith(ending):
            return statuses
    return by_name.get(name, {200})


@pytest.mark.parametrize("member", ["owner", "lister", "finance"])
def test_what_is_another_vendors_is_not_there(two_markets, member, bare_pages):
    """Each row of the other vendor (for the lesser roles one a model) at each address about an object: 404, or 403
    where the role may not do such a thing to any object at all, the own ones included; and nothing changes."""
    insider = two_markets.client(member)
    before = fingerprint()
    as_many = None if member == "owner" else 1
    foreign = {
        model: sorted(keys, key=str)[:as_many]
        for model, keys in two_markets.foreign.items()
        if model not in FOR_ALL_VENDORS
    }
    tried = 0
    for address in addresses(vendor_site, foreign):
        if not address.is_about_an_object:
            continue
        tried += 1
        for answer in (insider.get(address.path), insider.post(address.path, {"confirmed": "yes"})):
            if address.name == "":  # the old address of an object leads to the new one
                assert answer.status_code == 302
            else:
                assert answer.status_code in (403, 404), f"{member} at {address.path}: {answer.status_code}"
                refused_before_looking = member != "owner" or address.path.endswith("/change/")
                assert answer.status_code == 404 or refused_before_looking, address.path
    assert tried > 20
    assert changed(before) == []


def marks(two_markets) -> list[str]:
    """Everything by which a row of the other market could be known."""
    shared = {str(key) for model in FOR_ALL_VENDORS for key in two_markets.foreign[model]}
    found = {str(key) for keys in two_markets.foreign.values() for key in keys} - shared
    other = two_markets.other
    names = ["外地数据商", "外地买方", other.offer.product.title, other.lister.user.email, other.purchaser.user.email]
    return [*sorted(found), *names]


def text_of(answer) -> str:
    """What an answer says, be it a page or a file that is streamed."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode(errors="replace")


def test_no_page_of_a_vendor_names_anything_of_another(two_markets, bare_pages):
    """Lists, searches, filters, forms and their choices, object pages and histories: not a key, not a name."""
    foreign = marks(two_markets)
    assert len(foreign) > 20
    insider = two_markets.client("owner")
    own = {model: sorted(keys - two_markets.foreign[model], key=str) for model, keys in two_markets.everything.items()}
    for address in addresses(vendor_site, own):
        queries = (
            ["", "?q=a", "?q=外地", "?_facets=True", "?_popup=1"] if address.name.endswith("_changelist") else [""]
        )
        for query in queries:
            page = text_of(insider.get(address.path + query, follow=True))
            shown = [mark for mark in foreign if mark in page]
            assert not shown, f"{address.path}{query} shows {shown[:3]}"


def test_what_stands_beside_every_page_names_nothing_of_another_vendor(two_markets):
    page = text_of(two_markets.client("owner").get("/vendor/"))
    assert not [mark for mark in marks(two_markets) if mark in page]


def test_a_foreign_name_would_be_found(two_markets):
    """The tests above can fail: the operator's pages do name the other vendor."""
    page = two_markets.client("operator").get("/admin/accounts/organization/").content.decode()
    assert [mark for mark in marks(two_markets) if mark in page]


@each_site
def test_autocomplete_offers_only_what_the_site_lists(two_markets, site, bare_pages):
    insider = two_markets.insider(site)
    foreign = {str(key) for keys in two_markets.foreign.values() for key in keys}
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, ForeignKey | ManyToManyField):
                where = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
                for term in ("", "外地", "\x00") if site is vendor_site else ("\x00",):
                    query = where | {"field_name": field.name, "term": term}
                    answer = insider.get(f"/{_first(site)}/autocomplete/", query)
                    assert answer.status_code in (200, 302, 403, 404), f"{query}: {answer.status_code}"
                    if answer.status_code == 200 and site is vendor_site:
                        offered = {result["id"] for result in json.loads(answer.content)["results"]}
                        assert not offered & foreign, query


def _first(site) -> str:
    return {"operator": "admin"}.get(site.name, site.name)


@each_site
def test_nothing_can_be_deleted_from_a_workspace(two_markets, site, bare_pages):
    insider = two_markets.insider(site)
    before = fingerprint()
    for model, model_admin in site._registry.items():
        for key in sorted(two_markets.everything[model], key=str)[:1]:
            base = f"/{_first(site)}/{model._meta.app_label}/{model._meta.model_name}/"
            assert insider.get(f"{base}{key}/delete/").status_code in (403, 404)
            assert insider.post(f"{base}{key}/delete/", {"post": "yes"}).status_code in (403, 404)
            data = {"action": "delete_selected", "_selected_action": str(key), "post": "yes", "index": "0"}
            assert insider.post(base, data).status_code in (200, 302, 403)
        request = type("Request", (), {"user": two_markets.members["operator"].user, "GET": {}})()
        assert not model_admin.has_delete_permission(request)
    assert changed(before) == []


@each_site
def test_no_form_is_taken_without_its_csrf_token(two_markets, site, bare_pages):
    insider = two_markets.insider(site, enforce_csrf_checks=True)
    before = fingerprint()
    for address in addresses(site, one_row_each(two_markets)):
        answer = insider.post(address.path, {"confirmed": "yes"})
        assert answer.status_code == 403, f"{address.path}: {answer.status_code}"
    assert changed(before) == []


@each_site
def test_every_class_stands_on_the_bases(site):
    for model, model_admin in site._registry.items():
        assert isinstance(model_admin, WorkspaceAdmin), model
        assert not model_admin.raw_id_fields, f"{model}: the widget would show any row's label"
        for inline in model_admin.inlines:
            assert not inline.raw_id_fields
        if site is vendor_site and model not in FOR_ALL_VENDORS:
            assert isinstance(model_admin, OrganizationScope), model


def test_auditors_watch_and_touch_nothing():
    for model, model_admin in auditor_site._registry.items():
        if (model._meta.app_label, model._meta.model_name) not in AUDITORS_MAY:
            assert not model_admin.add_roles, model
            assert not model_admin.acts, model
        assert not model_admin.change_roles, model


def test_acts_are_noted_in_the_history(two_markets):
    """An act on the operator's site leaves a line in the object's history that vendors do not see."""
    vendor = two_markets.own.vendor
    operator = two_markets.client("operator")
    base = f"/admin/accounts/organization/{vendor.id}"
    done = operator.post(f"{base}/acts/suspend/", {"reason": "Complaint 17", "confirmed": "yes"})
    assert done.status_code == 302
    entry = LogEntry.objects.get(object_id=str(vendor.id))
    assert entry.user_id == two_markets.members["operator"].user_id
    assert "Complaint 17" in entry.change_message
    assert "Complaint 17" in operator.get(f"{base}/history/").content.decode()
    if type(vendor) in vendor_site._registry:
        page = two_markets.client("owner").get(f"/vendor/accounts/organization/{vendor.id}/history/").content.decode()
        assert "Complaint 17" not in page
    assert operator_site.is_registered(type(vendor))


def test_an_operator_who_is_a_vendor_s_member_too_keeps_the_operator_s_notes(two_markets):
    """The log names no workspace, so whoever has ever served the exchange is left out of a vendor's history."""
    vendor, operator = two_markets.own.vendor, two_markets.members["operator"]
    Membership.objects.create(user=operator.user, organization=vendor, role=Role.LISTER)
    base = f"accounts/organization/{vendor.id}"
    done = two_markets.client("operator").post(
        f"/admin/{base}/acts/suspend/", {"reason": "Complaint 17", "confirmed": "yes"}
    )
    assert done.status_code == 302
    assert "Complaint 17" in two_markets.client("operator").get(f"/admin/{base}/history/").content.decode()
    assert "Complaint 17" not in two_markets.client("owner").get(f"/vendor/{base}/history/").content.decode()
