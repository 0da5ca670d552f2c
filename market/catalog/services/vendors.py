"""What a vendor shows of itself."""

from django.db import transaction

from accounts.selectors import organization
from accounts.states import Capacity, Role
from market.audit.services import event
from market.catalog.models import VendorProfile
from market.catalog.services.rules import Findings
from market.catalog.validators import clean_row
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.database import insert_together

PROFILE_FIELDS = ("sector", "introduction", "website", "contact_email")


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
        insert_together(
            event(
                "vendor_profile.edited",
                actor=actor,
                subject=("organization", vendor.id),
                on_behalf_of=vendor.id,
                vendor_org_id=vendor.id,
                payload={"sector": profile.sector, "website": profile.website},
            )
        )
    return profile
