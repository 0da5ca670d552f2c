"""What a vendor shows of itself."""

from collections.abc import Sequence

from django.db import transaction

from accounts.selectors import organization
from accounts.states import Capacity, Role
from market.audit.models import AuditEvent
from market.audit.services import event
from market.catalog.models import VendorProfile
from market.catalog.services.rules import Findings
from market.catalog.validators import clean_row
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import copy_together, insert_together

PROFILE_FIELDS = ("sector", "introduction", "website", "contact_email")


def import_vendor_profiles(*, actor: Actor, profiles: Sequence[VendorProfile]) -> None:
    """Write the first public profile of any number of vendors, with an audit event each, by ``COPY``.

    For organisations that come from elsewhere with what they say about themselves. The instances are unsaved; the
    database refuses one for a vendor that has a profile.

    Raises ``Forbidden`` unless the actor operates the exchange; ``InvalidInput`` (``/17/website``).
    """
    actor.require_role(Role.OPERATOR)
    actor.require_capacity(Capacity.OPERATOR)
    findings = Findings()
    for index, profile in enumerate(profiles):
        for name, mistake in clean_row(profile, PROFILE_FIELDS).items():
            findings.errors[f"/{index}/{name}"] = mistake
    findings.raise_if_any()
    with transaction.atomic():
        copy_together(profiles)
        copy_together(_edited(actor, profile) for profile in profiles)


def edit_vendor_profile(
    *, actor: Actor, sector: str, introduction: str = "", website: str = "", contact_email: str = ""
) -> VendorProfile:
    """Write the public profile of the actor's vendor, the first time or anew.

    Raises ``Forbidden`` unless the actor owns or lists for a vendor; ``InvalidInput``.
    """
    actor.require_role(Role.OWNER, Role.LISTER)
    actor.require_capacity(Capacity.VENDOR)
    vendor = organization(actor.organization_id)
    profile = VendorProfile(
        organization=vendor,
        sector=sector,
        introduction=introduction,
        website=website,
        contact_email=contact_email,
        updated_at=clock.now(),
    )
    findings = Findings()
    for name, mistake in clean_row(profile, PROFILE_FIELDS).items():
        findings.errors[f"/{name}"] = mistake
    findings.raise_if_any()
    with transaction.atomic():
        VendorProfile.objects.bulk_create(
            [profile],
            update_conflicts=True,
            unique_fields=["organization"],
            update_fields=[*PROFILE_FIELDS, "updated_at"],
        )
        insert_together(_edited(actor, profile))
    return profile


def _edited(actor: Actor, profile: VendorProfile) -> AuditEvent:
    return event(
        "vendor_profile.edited",
        actor=actor,
        subject=("organization", profile.organization_id),
        on_behalf_of=profile.organization_id,
        vendor_org_id=profile.organization_id,
        payload={"sector": profile.sector, "website": profile.website},
    )
