"""Who may register, verify and employ whom; and that a refused act changes nothing."""

import datetime

import pytest

from accounts import services
from accounts.errors import AlreadyRegistered, ScopeTooWide
from accounts.models import ApiToken, Membership, Organization, User
from accounts.states import Capacity, OrganizationState, Role
from market.audit.models import AuditEvent
from market.kernel.actors import SYSTEM, Actor
from market.kernel.errors import Forbidden, IllegalTransition, InvalidInput, NotFound
from market.ledger.models import Account
from market.outbox import services as outbox
from market.outbox.models import Job
from tests import factories

pytestmark = pytest.mark.django_db
STRONG = "a long and winding road 7"


@pytest.fixture
def operator() -> Actor:
    return factories.actor_of(factories.member(factories.organization(Capacity.OPERATOR), Role.OPERATOR))


def new(number: int = 1, **fields) -> Organization:
    return Organization(
        **{
            "name": "毕节农业数据有限公司",
            "uscc": factories.valid_uscc(9_000_000 + number),
            "region": "毕节市",
            "capacities": [Capacity.VENDOR],
        }
        | fields
    )


@pytest.mark.parametrize(
    "fields, pointer",
    [
        ({"uscc": "91350100M000100Y44"}, "/0/uscc"),
        ({"uscc": ""}, "/0/uscc"),
        ({"name": "  "}, "/0/name"),
        ({"capacities": []}, "/0/capacities"),
        ({"capacities": ["wizard"]}, "/0/capacities"),
        ({"capacities": [Capacity.OPERATOR, Capacity.VENDOR]}, "/0/capacities"),
        ({"taxpayer_type": "none"}, "/0/taxpayer_type"),
    ],
)
def test_a_faulty_organisation_is_refused_with_a_pointer(operator, fields, pointer):
    before = Organization.objects.count()
    with pytest.raises(InvalidInput) as refused:
        services.register_organizations(actor=operator, organizations=[new(**fields), new(2)])
    assert list(refused.value.errors) == [pointer]
    assert Organization.objects.count() == before


def test_a_code_is_registered_once(operator):
    services.register_organizations(actor=operator, organizations=[new()])
    before = (Organization.objects.count(), AuditEvent.objects.count())
    with pytest.raises(AlreadyRegistered) as refused:
        services.register_organizations(actor=operator, organizations=[new(), new(2)])
    assert list(refused.value.errors) == ["/uscc"]
    assert (Organization.objects.count(), AuditEvent.objects.count()) == before


def test_thousands_are_registered_in_a_handful_of_statements(operator, django_assert_max_num_queries):
    """2,800 in one INSERT would be more parameters than PostgreSQL takes."""
    with django_assert_max_num_queries(4):
        made = services.register_organizations(actor=operator, organizations=[new(number) for number in range(2800)])
    assert AuditEvent.objects.filter(name="organization.registered").count() >= 2800
    people = [(User(email=f"{organization.uscc}@example.cn"), organization, Role.LISTER) for organization in made]
    with django_assert_max_num_queries(5):
        memberships = services.add_members(actor=operator, members=people)
    assert Membership.objects.count() == 2801
    assert len(set(services.issue_tokens(actor=operator, memberships=memberships, name="bulk"))) == 2800


def test_among_thousands_a_code_that_exists_refuses_all(operator):
    services.register_organizations(actor=operator, organizations=[new(2000)])
    before = (Organization.objects.count(), AuditEvent.objects.count())
    with pytest.raises(AlreadyRegistered):
        services.register_organizations(actor=operator, organizations=[new(number) for number in range(2800)])
    assert (Organization.objects.count(), AuditEvent.objects.count()) == before


@pytest.mark.parametrize("role, capacity", [(Role.OWNER, Capacity.OPERATOR), (Role.OWNER, Capacity.VENDOR)])
def test_only_operators_register(role, capacity):
    actor = factories.actor_of(factories.member(factories.organization(capacity), role))
    with pytest.raises(Forbidden):
        services.register_organizations(actor=actor, organizations=[new()])


def test_the_operators_role_counts_in_the_operators_organisation_only(operator):
    forged = Actor(label="x", role=Role.OPERATOR, user_id=operator.user_id, capacities=frozenset({Capacity.VENDOR}))
    with pytest.raises(Forbidden):
        services.register_organizations(actor=forged, organizations=[new()])
    with pytest.raises(NotFound):
        services.issue_tokens(actor=forged, memberships=[factories.market().purchaser], name="theft")


def test_verification_opens_the_accounts(operator, django_capture_on_commit_callbacks):
    (made,) = services.register_organizations(actor=operator, organizations=[new()])
    assert not Account.objects.filter(organization=made).exists()
    services.change_organization_state(actor=operator, organization_id=made.id, state=OrganizationState.VERIFIED)
    outbox.perform(Job.objects.get(subject_id=made.id).id)
    assert set(Account.objects.filter(organization=made).values_list("kind", flat=True)) == {
        "payable",
        "receivable",
        "commission",
        "vat",
    }
    services.edit_organization(
        actor=operator, organization_id=made.id, capacities=[Capacity.VENDOR, Capacity.BUYER], name="新名有限公司"
    )
    for job in Job.objects.filter(subject_id=made.id):
        outbox.perform(job.id)
    assert Account.objects.filter(organization=made).count() == 6
    made.refresh_from_db()
    assert made.name == "新名有限公司"
    proof = AuditEvent.objects.get(name="organization.edited", subject_id=made.id).payload
    assert proof["name"] == ["毕节农业数据有限公司", "新名有限公司"]


def test_a_refused_edit_changes_nothing(operator):
    (made,) = services.register_organizations(actor=operator, organizations=[new()])
    before = AuditEvent.objects.count()
    for changes in ({"uscc": factories.valid_uscc(1)}, {"state": "verified"}, {"capacities": []}, {"name": ""}):
        with pytest.raises(InvalidInput):
            services.edit_organization(actor=operator, organization_id=made.id, **changes)
    services.edit_organization(actor=operator, organization_id=made.id, name=made.name)
    assert AuditEvent.objects.count() == before
    with pytest.raises(NotFound):
        services.edit_organization(actor=operator, organization_id=operator.user_id, name="x")


def test_states_move_as_the_table_says(operator):
    (made,) = services.register_organizations(actor=operator, organizations=[new()])

    def move(state: str, reason: str = "checked") -> None:
        services.change_organization_state(actor=operator, organization_id=made.id, state=state, reason=reason)

    with pytest.raises(IllegalTransition):
        move(OrganizationState.SUSPENDED)
    move(OrganizationState.VERIFIED)
    for state in (OrganizationState.SUSPENDED, OrganizationState.CLOSED):
        with pytest.raises(InvalidInput):
            move(state, reason="  ")
    move(OrganizationState.SUSPENDED)
    move(OrganizationState.VERIFIED)
    move(OrganizationState.CLOSED)
    with pytest.raises(IllegalTransition):
        move(OrganizationState.VERIFIED)
    names = AuditEvent.objects.filter(subject_id=made.id).order_by("id").values_list("name", flat=True)
    assert list(names) == [
        "organization.registered",
        "organization.verified",
        "organization.suspended",
        "organization.verified",
        "organization.closed",
    ]


def test_nobody_suspends_the_organisation_they_act_for(operator):
    with pytest.raises(Forbidden):
        services.change_organization_state(
            actor=operator, organization_id=operator.organization_id, state=OrganizationState.CLOSED, reason="oops"
        )


@pytest.mark.parametrize(
    "capacity, role, allowed",
    [
        (Capacity.VENDOR, Role.OPERATOR, False),
        (Capacity.BUYER, Role.AUDITOR, False),
        (Capacity.VENDOR, Role.PURCHASER, False),
        (Capacity.BUYER, Role.LISTER, False),
        (Capacity.VENDOR, Role.LISTER, True),
        (Capacity.REGULATOR, Role.AUDITOR, True),
        (Capacity.OPERATOR, Role.AUDITOR, True),
    ],
)
def test_an_organisation_gives_the_roles_of_its_kind(operator, capacity, role, allowed):
    organization = factories.organization(capacity)
    rows = [(User(email="Someone@Example.cn"), organization, role)]
    if allowed:
        (made,) = services.add_members(actor=operator, members=rows)
        assert made.user.email == "someone@example.cn" and not made.user.has_usable_password()
    else:
        with pytest.raises(InvalidInput) as refused:
            services.add_members(actor=operator, members=rows)
        assert list(refused.value.errors) == ["/0/role"]
        assert not User.objects.filter(email__iexact="someone@example.cn").exists()


def test_a_new_person_signs_in_with_the_first_password(operator):
    organization = factories.organization(Capacity.VENDOR)
    made = services.add_member(
        actor=operator, organization=organization, role=Role.LISTER, email="New@Example.cn", password=STRONG
    )
    assert User.objects.get(email="new@example.cn").check_password(STRONG)
    services.add_member(actor=operator, organization=organization, role=Role.FINANCE, email="new@example.cn")
    assert Membership.objects.filter(user=made.user).count() == 2
    with pytest.raises(AlreadyRegistered):
        services.add_member(actor=operator, organization=organization, role=Role.LISTER, email="new@example.cn")
    services.set_password(actor=operator, user_id=made.user_id, password=STRONG[::-1])
    assert User.objects.get(email="new@example.cn").check_password(STRONG[::-1])


@pytest.mark.parametrize("password", ["", "short", "123456789012345", "password1234", "weak@example.cn"])
def test_a_weak_password_is_refused(operator, password):
    organization = factories.organization(Capacity.VENDOR)
    with pytest.raises(InvalidInput) as refused:
        services.add_member(
            actor=operator, organization=organization, role=Role.LISTER, email="weak@example.cn", password=password
        )
    assert list(refused.value.errors) == ["/password"]
    assert not User.objects.filter(email="weak@example.cn").exists()


def test_nobody_locks_out_themselves(operator):
    own = Membership.objects.get(user_id=operator.user_id)
    with pytest.raises(Forbidden):
        services.change_user_activity(actor=operator, user_id=operator.user_id, is_active=False, reason="oops")
    with pytest.raises(Forbidden):
        services.change_membership_activity(actor=operator, membership_id=own.id, is_active=False, reason="oops")
    with pytest.raises(NotFound):
        services.change_user_activity(actor=operator, user_id=operator.organization_id, is_active=False, reason="?")


def test_tokens_of_others_and_wider_ones_are_refused():
    market = factories.market()
    lister = factories.actor_of(market.lister)
    for membership in (market.purchaser, market.vendor_finance):
        with pytest.raises(NotFound):
            services.issue_tokens(actor=lister, memberships=[membership], name="theft")
    with pytest.raises(ScopeTooWide):
        services.issue_tokens(actor=lister, memberships=[market.lister], name="wide", scopes=["orders:write"])
    for days in (0, -1, 367):
        with pytest.raises(InvalidInput):
            services.issue_tokens(
                actor=lister, memberships=[market.lister], name="long", lifetime=datetime.timedelta(days=days)
            )
    assert not ApiToken.objects.exists()
    services.issue_tokens(actor=SYSTEM, memberships=[market.lister, market.purchaser], name="bulk")
    assert ApiToken.objects.count() == 2
