import hashlib
import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import bank_numbers, uscc
from accounts.states import (
    OPEN_ACCOUNT_CHANGES,
    AccountChangeState,
    Capacity,
    OrganizationState,
    Role,
    TaxpayerType,
)
from accounts.validators import validate_bank_code, validate_uscc
from market.kernel import clock
from market.kernel.actors import Actor
from market.kernel.encryption import EncryptedField, masked
from market.kernel.identifiers import uuid7
from market.kernel.words import MAX_REASON
from market.workspaces.access import Workspace


class Organization(models.Model):
    """WHY: the legal person that lists, buys, operates or supervises, and that every row of business belongs to."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=200)
    uscc = models.CharField(_("unified social credit code"), max_length=18, unique=True, validators=[validate_uscc])
    region = models.CharField(_("region"), max_length=64)
    taxpayer_type = models.CharField(
        _("taxpayer type"), max_length=16, choices=TaxpayerType, default=TaxpayerType.GENERAL
    )
    bank_account = EncryptedField(_("bank account"), max_length=34, blank=True)
    bank_code = models.CharField(
        _("bank code"),
        max_length=bank_numbers.CODE_LENGTH,
        blank=True,
        default="",
        db_default="",
        validators=[validate_bank_code],
        help_text=_("The bank of the account: its CNAPS code (联行号), 12 digits, or its BIC beside an IBAN."),
    )
    capacities = ArrayField(models.CharField(max_length=32, choices=Capacity), verbose_name=_("capacities"))
    state = models.CharField(_("state"), max_length=16, choices=OrganizationState, default=OrganizationState.PENDING)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="organization_uscc_format",
                condition=models.Q(uscc__regex=uscc.PATTERN),
                violation_error_message=_("Not a valid Unified Social Credit Code: check its 18 characters."),
            ),
            # 数据二十条: the exchange's own function and the vendor's are separate.
            models.CheckConstraint(
                name="organization_operator_is_no_vendor",
                condition=~models.Q(capacities__contains=[Capacity.OPERATOR, Capacity.VENDOR]),
                violation_error_message=_("The operator of an exchange may not sell on it."),
            ),
            models.CheckConstraint(
                name="organization_capacities_known",
                condition=models.Q(capacities__contained_by=Capacity.values, capacities__len__gt=0),
            ),
            models.CheckConstraint(
                name="organization_bank_code_goes_with_the_account",
                condition=models.Q(bank_code="")
                | (models.Q(bank_code__regex=bank_numbers.CODE_PATTERN) & ~models.Q(bank_account="")),
                violation_error_message=_("A bank code goes with a bank account: write that, too."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_bank_account(self) -> str:
        """The bank account as people see it: masked."""
        return masked(self.bank_account)

    @property
    def shown_bank_code(self) -> str:
        """The bank code as people see it."""
        return str(bank_numbers.shown_code(self.bank_account, self.bank_code))


class BankAccountChange(models.Model):
    """WHY: a vendor is paid to another account only when its owner has asked for it, an operator who is not of the
    vendor has approved it, and a time has passed in which the vendor can still take it back. The history of a vendor's
    accounts: what was asked never changes, what became of it is decided once. Account and bank code go together, and
    a change may be of the code only.

    ``is_old_lost`` says that the old account can receive nothing: payouts are then held until the change has ended.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    vendor_org = models.ForeignKey(
        Organization, models.PROTECT, related_name="bank_account_changes", verbose_name=_("vendor")
    )
    bank_account = EncryptedField(_("new bank account"), max_length=34)
    bank_code = models.CharField(
        _("new bank code"),
        max_length=bank_numbers.CODE_LENGTH,
        blank=True,
        default="",
        db_default="",
        validators=[validate_bank_code],
    )
    replaced = EncryptedField(_("bank account before"), max_length=34, blank=True)
    replaced_code = models.CharField(
        _("bank code before"), max_length=bank_numbers.CODE_LENGTH, blank=True, default="", db_default=""
    )
    is_old_lost = models.BooleanField(_("the old account can receive nothing"), default=False)
    reason = models.CharField(_("reason"), max_length=MAX_REASON)
    state = models.CharField(_("state"), max_length=16, choices=AccountChangeState, default=AccountChangeState.PROPOSED)
    proposed_by = models.ForeignKey(
        "User", models.PROTECT, related_name="+", verbose_name=_("asked for by"), db_index=False
    )
    proposed_at = models.DateTimeField(_("asked for at"), default=clock.now)
    approved_by = models.ForeignKey(
        "User", models.PROTECT, null=True, related_name="+", verbose_name=_("approved by"), db_index=False
    )
    approved_at = models.DateTimeField(_("approved"), null=True)
    effective_at = models.DateTimeField(_("in force from"), null=True)
    ended_by = models.ForeignKey(
        "User", models.PROTECT, null=True, related_name="+", verbose_name=_("ended by"), db_index=False
    )
    ended_at = models.DateTimeField(_("ended"), null=True)
    end_reason = models.CharField(_("why it ended"), max_length=MAX_REASON, blank=True)

    class Meta:
        verbose_name = _("change of a bank account")
        verbose_name_plural = _("changes of bank accounts")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["vendor_org"],
                condition=models.Q(state__in=OPEN_ACCOUNT_CHANGES),
                name="bank_account_change_one_open",
            ),
            models.CheckConstraint(
                name="bank_account_change_two_people",
                condition=models.Q(approved_by=None) | ~models.Q(approved_by=models.F("proposed_by")),
            ),
            models.CheckConstraint(
                name="bank_account_change_state_tells_the_rest",
                condition=models.Q(state=AccountChangeState.PROPOSED, approved_at=None, ended_at=None)
                | models.Q(state=AccountChangeState.COOLING, approved_at__isnull=False, ended_at=None)
                | models.Q(
                    state=AccountChangeState.IN_FORCE,
                    approved_at__isnull=False,
                    ended_at__gte=models.F("effective_at"),
                )
                | (models.Q(state=AccountChangeState.REFUSED, ended_at__isnull=False) & ~models.Q(end_reason=""))
                | models.Q(state=AccountChangeState.WITHDRAWN, ended_at__isnull=False),
            ),
            models.CheckConstraint(
                name="bank_account_change_approval_whole",
                condition=models.Q(approved_by=None, approved_at=None, effective_at=None)
                | models.Q(approved_by__isnull=False, effective_at__gte=models.F("approved_at")),
            ),
            models.CheckConstraint(
                name="bank_account_change_bank_code_format",
                condition=models.Q(bank_code__regex=bank_numbers.CODE_PATTERN),
            ),
        ]

    def __str__(self) -> str:
        return self.shown_bank_account

    @property
    def shown_bank_account(self) -> str:
        """The new account as people see it: masked."""
        return masked(self.bank_account)

    @property
    def shown_bank_code(self) -> str:
        """The new bank code as people see it."""
        return str(bank_numbers.shown_code(self.bank_account, self.bank_code))

    @property
    def shown_replaced(self) -> str:
        """The account before as people see it: masked."""
        return masked(self.replaced)

    @property
    def shown_replaced_code(self) -> str:
        """The bank code before as people see it."""
        return str(bank_numbers.shown_code(self.replaced, self.replaced_code))


class UserManager(BaseUserManager):
    """Creates users whose e-mail is the sign-in name, always in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields) -> "User":
        """A user with a hashed password (none: cannot sign in until one is set)."""
        user = self.model(email=email.lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields) -> "User":
        """A user who passes Django's permission checks; it still needs a membership to enter a workspace."""
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, email: str) -> "User":
        """Sign-in ignores the case of the e-mail address."""
        return self.get(email=email.lower())


class User(AbstractBaseUser, PermissionsMixin):
    """WHY: a person who signs in by e-mail. What they may do comes from their memberships, never from this row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(pgettext_lazy("person", "name"), max_length=100, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(name="user_email_lower_case", condition=models.Q(email=Lower("email"))),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_staff(self) -> bool:
        """Django's admin asks; each workspace decides by membership instead (``actor_in``)."""
        return self.is_active

    def actor_in(self, workspace: Workspace) -> Actor | None:
        """The actor this user is in an admin workspace, by its first fitting membership, or None.

        One query the first time; kept for the life of this instance, that is one request.
        """
        if not self.is_active:
            return None
        if not hasattr(self, "_active_memberships"):
            self._active_memberships = list(
                self.memberships.filter(is_active=True).select_related("organization").order_by("id")
            )
        for membership in self._active_memberships:
            if workspace.admits(membership.role, membership.organization.capacities) and membership.is_usable:
                return membership.actor(label=self.email)
        return None


class Membership(models.Model):
    """WHY: ties a person to an organisation in one role; every act names the membership it was done under."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships", verbose_name=_("user"))
    organization = models.ForeignKey(
        Organization, models.PROTECT, related_name="memberships", verbose_name=_("organisation")
    )
    role = models.CharField(_("role"), max_length=16, choices=Role)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["user", "organization", "role"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organization} · {self.get_role_display()}"

    @property
    def is_usable(self) -> bool:
        """Whether the membership and its organisation are open: a closed organisation's members are out."""
        return self.is_active and self.organization.state in (
            OrganizationState.PENDING,
            OrganizationState.VERIFIED,
            OrganizationState.SUSPENDED,
        )

    def actor(self, label: str) -> Actor:
        """The actor for an act under this membership; ``organization`` must be loaded."""
        return Actor(
            label=label,
            role=self.role,
            user_id=self.user_id,
            organization_id=self.organization_id,
            capacities=frozenset(self.organization.capacities),
        )


class ApiToken(models.Model):
    """WHY: lets a program act under a membership. Only a digest is kept: the secret has 256 random bits, so a fast
    hash is as safe as a slow one, and a request costs one indexed query.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    membership = models.ForeignKey(Membership, models.PROTECT, related_name="api_tokens", verbose_name=_("membership"))
    derived_from = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="derived", verbose_name=_("derived from")
    )
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=12, unique=True)
    digest = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=32), verbose_name=_("scopes"))
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(pgettext_lazy("time", "revoked"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                name="api_token_expires_after_creation", condition=models.Q(expires_at__gt=models.F("created_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def digest_of(secret: str) -> bytes:
        """SHA-256 of the secret part: 32 bytes."""
        return hashlib.sha256(secret.encode()).digest()

    @property
    def is_usable(self) -> bool:
        """Whether the token, its user, membership and organisation are all good at this moment."""
        return (
            self.revoked_at is None
            and self.expires_at > clock.now()
            and self.membership.is_usable
            and self.membership.user.is_active
        )

    @property
    def actor(self) -> Actor:
        """Who acts when this token is used."""
        return self.membership.actor(label=self.membership.user.email)

    @property
    def organization_id(self) -> uuid.UUID:
        """The organisation the token acts for."""
        return self.membership.organization_id
