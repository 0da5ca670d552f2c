"""What accounts look like over HTTP."""

from rest_framework import serializers

from accounts.models import ApiToken, Organization, User
from accounts.services import DEFAULT_LIFETIME, MAX_LIFETIME
from accounts.states import Role, Scope
from market.api.serializers import StrictSerializer


class UserSerializer(serializers.ModelSerializer):
    """The person behind the token."""

    class Meta:
        model = User
        fields = ["id", "email", "name"]


class OrganizationSerializer(serializers.ModelSerializer):
    """The organisation the token acts for."""

    class Meta:
        model = Organization
        fields = ["id", "name", "uscc", "region", "taxpayer_type", "capacities", "state"]


class MeSerializer(serializers.Serializer):
    """Who the bearer of this token is, and what it may do until when."""

    user = UserSerializer(source="membership.user")
    organization = OrganizationSerializer(source="membership.organization")
    role = serializers.ChoiceField(choices=Role.choices, source="membership.role")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    token_id = serializers.UUIDField(source="id")
    token_name = serializers.CharField(source="name")
    token_expires_at = serializers.DateTimeField(source="expires_at")


class TokenSerializer(serializers.ModelSerializer):
    """A token as its owner sees it: never the secret."""

    role = serializers.ChoiceField(choices=Role.choices, source="membership.role")
    held_by = serializers.EmailField(source="membership.user.email")

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "prefix",
            "role",
            "held_by",
            "scopes",
            "created_at",
            "expires_at",
            "revoked_at",
            "derived_from",
        ]


class NewTokenSerializer(TokenSerializer):
    """A token with its secret, in the one answer that has it."""

    secret = serializers.CharField()

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "secret"]


class TokenRequestSerializer(StrictSerializer):
    """A narrower token of the same membership."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices), min_length=1)
    days = serializers.IntegerField(min_value=1, max_value=MAX_LIFETIME.days, default=DEFAULT_LIFETIME.days)
