"""Who gets what at every address of the API. An address without a row here fails: somebody must think about it."""

import pytest
from django.db import transaction

from tests import factories
from tests.architecture.access import METHODS, api_routes, build_world
from tests.tables import changed, fingerprint

# 409 and 422: admitted, and refused for the state of things or for an empty body. Whoever may not know that an object
# exists gets 404. A stranger gets 401 everywhere but at the addresses of OPEN.
#        address                                          buyer   lister  finance auditor operator
#                                                         own oth own oth own oth own oth
MATRIX = """
GET    account-statements                               200 200 403 403 200 200 200 200 200
GET    account-statements/<uuid:account_id>             200 404 403 403 404 404 200 200 200
GET    account-statements/<uuid:account_id>/lines       200 404 403 403 404 404 200 200 200
GET    account-statements/<uuid:account_id>/statement.csv    200 404 403 403 404 404 200 200 200
GET    account-statements/<uuid:account_id>/statement.pdf    200 404 403 403 404 404 200 200 200
GET    account-statements/<uuid:account_id>/statement.xlsx   200 404 403 403 404 404 200 200 200
GET    amendments                                       200 200 200 200 200 200 200 200 200
GET    amendments/<uuid:amendment_id>                   200 404 200 404 200 404 200 200 200
POST   amendments/<uuid:amendment_id>/confirm           200 404 403 403 403 403 403 403 403
POST   amendments/<uuid:amendment_id>/decline           200 404 403 403 403 403 403 403 403
POST   amendments/<uuid:amendment_id>/withdraw          403 404 403 403 403 403 403 403 403
GET    balances                                         200 200 403 403 200 200 200 200 200
GET    downloads/<str:token>                            403 403 403 403 403 403 403 403 403
GET    entitlements                                     200 200 200 200 200 200 200 200 200
GET    entitlements/<uuid:entitlement_id>               200 404 200 404 200 404 200 200 200
POST   entitlements/<uuid:entitlement_id>/links         200 404 403 403 403 403 403 403 403
GET    entitlements/<uuid:entitlement_id>/receipts      200 404 200 404 200 404 200 200 200
GET    events                                           403 403 403 403 403 403 200 200 200
GET    invoice-profile                                  200 404 403 403 404 404 404 404 404
PUT    invoice-profile                                  422 422 403 403 422 422 403 403 403
GET    invoiceable-orders                               200 200 403 403 200 200 200 200 200
GET    invoices                                         200 200 403 403 200 200 200 200 200
POST   invoices                                         422 422 403 403 422 422 403 403 403
GET    invoices/<uuid:invoice_id>                       200 404 403 403 200 404 200 200 200
GET    invoices/<uuid:invoice_id>/documents/<uuid:document_id>/file   200 404 403 403 200 404 200 200 200
POST   invoices/<uuid:invoice_id>/withdraw              409 404 403 403 403 404 403 403 403
GET    me                                               200 200 200 200 200 200 200 200 200
GET    order-groups/<uuid:group_id>                     200 404 200 404 200 404 200 200 200
GET    orders                                           200 200 200 200 200 200 200 200 200
POST   orders                                           422 422 403 403 403 403 403 403 403
GET    orders/<uuid:order_id>                           200 404 200 404 200 404 200 200 200
POST   orders/<uuid:order_id>/accept                    409 404 403 403 403 403 403 403 403
POST   orders/<uuid:order_id>/amendments                422 404 403 403 403 403 403 403 403
POST   orders/<uuid:order_id>/approve                   403 403 403 403 403 404 403 403 403
POST   orders/<uuid:order_id>/cancel                    409 404 403 403 403 403 403 403 403
POST   order-groups/<uuid:group_id>/accept              404 404 403 403 403 403 403 403 403
GET    orders/<uuid:order_id>/dispute                   200 404 200 404 200 404 200 200 200
POST   orders/<uuid:order_id>/dispute                   409 404 403 403 403 403 403 403 403
POST   orders/<uuid:order_id>/dispute/answer            403 403 409 404 403 403 403 403 403
POST   orders/<uuid:order_id>/dispute/decision          403 403 403 403 403 403 403 403 409
GET    orders/<uuid:order_id>/contract.html             200 404 200 404 200 404 200 200 200
GET    orders/<uuid:order_id>/contract.pdf              200 404 200 404 200 404 200 200 200
POST   orders/<uuid:order_id>/decline                   403 403 403 403 403 404 403 403 403
POST   orders/<uuid:order_id>/meter/end                 409 404 403 403 403 403 403 403 403
POST   orders/<uuid:order_id>/meter/top-up              409 404 403 403 403 403 403 403 403
POST   orders/<uuid:order_id>/refund                    409 404 403 403 403 403 403 403 403
GET    orders/<uuid:order_id>/terms                     200 404 200 404 200 404 200 200 200
GET    orders/<uuid:order_id>/terms/versions            200 404 200 404 200 404 200 200 200
GET    orders/<uuid:order_id>/timeline                  200 404 200 404 200 404 200 200 200
GET    orders/<uuid:order_id>/usage                     409 404 409 404 409 404 409 409 409
POST   orders/<uuid:order_id>/usage                     403 403 409 404 403 403 403 403 403
GET    orders/<uuid:order_id>/usage/records             409 404 409 404 409 404 409 409 409
POST   orders/bulk                                      409 409 403 403 403 403 403 403 403
GET    payments                                         200 200 403 403 200 200 200 200 200
POST   payments                                         422 422 403 403 422 422 403 403 403
GET    payments/<uuid:payment_id>                       200 404 403 403 404 404 200 200 200
POST   payments/notifications/<str:provider>            404 404 404 404 404 404 404 404 404
GET    products                                         200 200 200 200 200 200 200 200 200
GET    products/<uuid:product_id>                       200 200 200 200 200 200 200 200 200
GET    purpose-approvals                                200 200 200 200 200 200 200 200 200
POST   purpose-approvals                                422 422 403 403 403 403 403 403 403
GET    purpose-approvals/<uuid:approval_id>             200 404 200 404 200 404 200 200 200
POST   purpose-approvals/<uuid:approval_id>/withdraw    200 404 403 403 403 403 403 403 403
GET    quotes                                           200 200 200 200 200 200 200 200 200
POST   quotes                                           422 422 403 403 403 403 403 403 403
GET    quotes/<uuid:quote_id>                           200 404 200 404 200 404 200 200 200
POST   quotes/<uuid:quote_id>/accept                    409 404 403 403 403 403 403 403 403
POST   quotes/<uuid:quote_id>/counter                   409 404 403 403 403 403 403 403 403
POST   quotes/<uuid:quote_id>/decline                   409 404 403 403 403 403 403 403 403
POST   quotes/<uuid:quote_id>/withdraw                  200 404 403 403 403 403 403 403 403
POST   quotes/preview                                   422 422 422 422 422 422 422 422 422
GET    reports                                          403 403 403 403 403 403 200 200 200
POST   reports                                          403 403 403 403 403 403 422 422 422
GET    reports/<uuid:report_id>                         403 403 403 403 403 403 200 404 404
GET    reports/<uuid:report_id>/file                    403 403 403 403 403 403 409 404 404
GET    schema/                                          200 200 200 200 200 200 200 200 200
GET    settlement/batches                               403 403 403 403 200 200 200 200 200
GET    settlement/batches/<uuid:batch_id>               403 403 403 403 200 404 200 200 200
GET    settlement/fee-schedules                         403 403 403 403 200 200 200 200 200
GET    settlement/payouts                               403 403 403 403 200 200 200 200 200
GET    settlement/payouts/<uuid:payout_id>              403 403 403 403 200 404 200 200 200
GET    statements                                       200 200 200 200 200 200 200 200 200
GET    statements/<uuid:statement_id>                   200 404 200 404 200 404 200 200 200
GET    subscriptions                                    200 200 200 200 200 200 200 200 200
GET    subscriptions/<uuid:subscription_id>             200 404 200 404 200 404 200 200 200
POST   subscriptions/<uuid:subscription_id>/cancel      409 404 403 403 403 403 403 403 403
POST   subscriptions/<uuid:subscription_id>/resume      409 404 403 403 403 403 403 403 403
GET    settlement/refunds                               403 403 403 403 200 200 200 200 200
POST   settlement/refunds                               403 403 403 403 403 403 403 403 422
GET    tokens                                           200 200 200 200 200 200 200 200 200
POST   tokens                                           422 422 422 422 422 422 422 422 422
DELETE tokens/<uuid:token_id>                           204 404 404 404 404 404 404 404 204
GET    transfers                                        200 200 403 403 200 200 200 200 200
GET    vendors                                          200 200 200 200 200 200 200 200 200
GET    vendors/<uuid:vendor_id>                         200 200 200 200 200 200 200 200 200
GET    spending-limits                                  200 200 403 403 403 403 403 403 403
PUT    spending-limits                                  403 403 403 403 422 422 403 403 403
DELETE spending-limits/<uuid:limit_id>                  403 403 403 403 403 403 403 403 403
"""
OPEN = {"schema/": 200, "downloads/<str:token>": 403, "payments/notifications/<str:provider>": 404}
PEOPLE = (
    "buyer",
    "other buyer",
    "lister",
    "other lister",
    "vendor finance",
    "other finance",
    "auditor",
    "other auditor",
    "operator",
)
EVERYBODY = ("stranger", *PEOPLE)
EXPECTED: dict[str, dict[str, tuple[int, ...]]] = {}
for _method, _route, *_statuses in (line.split() for line in MATRIX.strip().splitlines()):
    EXPECTED.setdefault(_route, {})[_method] = tuple(map(int, _statuses))


def test_every_address_and_method_has_its_row():
    offered = {
        (route, method) for route, view in api_routes().items() for method in METHODS if hasattr(view, method.lower())
    }
    assert offered == {(route, method) for route, row in EXPECTED.items() for method in row}


@pytest.mark.django_db
def test_everybody_gets_what_the_matrix_says_and_a_refusal_changes_nothing():
    world, wrong = build_world(), []

    def ask(people: list[str], method: str, route: str) -> None:
        for person in people:
            status, expected = world.status(person, method, route), _expected(person, method, route)
            if status != expected:
                wrong.append(f"{method} {route}: {person} got {status}, not {expected}")

    before = fingerprint()
    for number, route in enumerate(EXPECTED):
        for method in METHODS:
            offered = method in EXPECTED[route]
            # A method that the view does not have is the same to all: the stranger asks for it, and one more in turn.
            people = EVERYBODY if offered else ("stranger", PEOPLE[number % len(PEOPLE)])
            refused = [person for person in people if _expected(person, method, route) >= 400]
            ask(refused, method, route)
            if offered and (tables := changed(before)):
                wrong.append(f"{method} {route}: a refusal changed {', '.join(tables)}")
            for person in set(people) - set(refused):
                with transaction.atomic():
                    ask([person], method, route)
                    # What one was allowed to do must not stand in the way of the next.
                    transaction.set_rollback(True)
    assert changed(before) == []
    assert not wrong, "\n".join(wrong)


def _expected(person: str, method: str, route: str) -> int:
    if person == "stranger":
        if route in OPEN:
            return OPEN[route] if method in EXPECTED[route] else 405
        return 401
    if method not in EXPECTED[route]:
        return 405
    return EXPECTED[route][method][PEOPLE.index(person)]


@pytest.mark.django_db
def test_the_fingerprint_sees_a_change():
    made = factories.organization("buyer")
    before = fingerprint()
    type(made).objects.filter(id=made.id).update(region="elsewhere")
    assert fingerprint() != before
