"""Subscriptions over HTTP: buyers follow, cancel and resume theirs; vendors and auditors read."""

import uuid
from collections.abc import Callable

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.states import Scope
from market.api.filters import filters_of
from market.api.idempotency import act_once
from market.api.openapi import IDEMPOTENCY_KEY, problems
from market.billing import selectors, services
from market.billing.api import subscription_examples as examples
from market.billing.api import subscription_serializers as serializers
from market.billing.models import Subscription

TAGS = ["subscriptions"]


class Subscriptions(ListAPIView):
    """The subscriptions you may see."""

    scopes = {"GET": Scope.ORDERS_READ}
    serializer_class = serializers.SubscriptionSerializer

    @extend_schema(
        operation_id="subscriptions_list",
        summary="List subscriptions",
        description="Yours, those to your products, or all for auditors; newest first. An order has one from the "
        "moment it is accepted.",
        tags=TAGS,
        parameters=[serializers.SubscriptionQuery],
        responses={200: serializers.SubscriptionSerializer(many=True), **problems(400, 422)},
        examples=[examples.SUBSCRIPTION],
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """A page of subscriptions."""
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Subscription]:
        filters = filters_of(self.request, serializers.SubscriptionQuery)
        return selectors.filter_subscriptions(selectors.subscriptions_visible_to(self.request.auth.actor), **filters)

    def paginate_queryset(self, queryset: QuerySet[Subscription]) -> list[Subscription]:
        page = super().paginate_queryset(queryset)
        for subscription in page:
            subscription.reader = self.request.auth.actor
        return page


class SubscriptionDetail(APIView):
    """One subscription."""

    scopes = {"GET": Scope.ORDERS_READ}

    @extend_schema(
        operation_id="subscriptions_read",
        summary="Read a subscription",
        description="With its months, the next payment, the day of notice and what you may do with it now.",
        tags=TAGS,
        responses={200: serializers.SubscriptionDetailSerializer, **problems(404)},
        examples=[examples.SUBSCRIPTION_DETAIL],
    )
    def get(self, request: Request, subscription_id: uuid.UUID) -> Response:
        """One subscription with its months."""
        actor = request.auth.actor
        return Response(serializers.rendered(selectors.subscription_visible_to(actor, subscription_id), actor))


def act_schema(operation_id: str, summary: str, description: str, conflict: str) -> Callable:
    """The OpenAPI description of an act on a subscription."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={
            200: serializers.SubscriptionDetailSerializer,
            **problems(400, 404, 422, s409=f"{conflict} Or the same key is being worked on."),
        },
        examples=[examples.SUBSCRIPTION_DETAIL],
    )


class SubscriptionAct(APIView):
    """A POST about one subscription, once a key."""

    scopes = {"POST": Scope.ORDERS_WRITE}
    operation: str
    perform: Callable[..., Subscription]

    def respond(self, request: Request, subscription_id: uuid.UUID) -> Response:
        """Perform the act and answer with the changed subscription."""
        perform = type(self).perform
        return act_once(request, self.operation, perform, serializers.rendered, subscription_id=subscription_id)


class CancelSubscription(SubscriptionAct):
    """No other term."""

    operation = "subscriptions.cancel"
    perform = staticmethod(services.cancel_subscription)

    @act_schema(
        "subscriptions_cancel",
        "Cancel a subscription",
        "It ends with its term; until then nothing changes, and `resume` takes it back. Within the trial it ends at "
        "once, and everything you paid returns to your wallet. For an earlier end, agree with the vendor.",
        "It has ended, or is not renewed anyway.",
    )
    def post(self, request: Request, subscription_id: uuid.UUID) -> Response:
        """Cancel once."""
        return self.respond(request, subscription_id)


class ResumeSubscription(SubscriptionAct):
    """Another term after all."""

    operation = "subscriptions.resume"
    perform = staticmethod(services.resume_subscription)

    @act_schema(
        "subscriptions_resume",
        "Take a cancellation back",
        "As long as the term runs: it is renewed at its end.",
        "It has ended, was not cancelled by you, or its earlier end was agreed with the vendor.",
    )
    def post(self, request: Request, subscription_id: uuid.UUID) -> Response:
        """Resume once."""
        return self.respond(request, subscription_id)
