"""Acts: buttons on an object's page that ask what they need to know and call a service."""

import dataclasses
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from market.kernel.actors import Actor
from market.kernel.database import deadlock_refused
from market.kernel.errors import BusinessError
from market.kernel.words import MAX_REASON


class NoQuestions(forms.Form):
    """An act that only wants to be confirmed."""


class ReasonForm(forms.Form):
    """An act that must be explained."""

    reason = forms.CharField(label=_("Reason"), min_length=2, max_length=MAX_REASON, widget=UnfoldAdminTextareaWidget)


@dataclasses.dataclass(frozen=True)
class Act:
    """One act on one object.

    ``perform(actor, object, cleaned data)`` calls the service, and may return another object whose page to open
    next; ``is_offered(actor, object)`` decides whether the button shows (the service decides again). ``name`` is the
    last part of its address. ``initial(actor, object)`` fills the form in beforehand.
    """

    name: str
    label: str | Promise
    perform: Callable[[Actor, Any, dict[str, Any]], Model | None]
    is_offered: Callable[[Actor, Any], bool]
    form_class: type[forms.Form] = NoQuestions
    explanation: str | Promise = ""
    is_dangerous: bool = False
    initial: Callable[[Actor, Any], dict[str, Any]] = lambda actor, subject: {}


class ActsMixin:
    """Gives an admin class its ``acts``: a page each under the object, and buttons on the object's page."""

    acts: tuple[Act, ...] = ()
    change_form_outer_before_template = "workspaces/act_buttons.html"

    def get_urls(self) -> list[URLPattern]:
        route = path(
            "<path:object_id>/acts/<slug:act_name>/",
            self.admin_site.admin_view(self.act_view),
            name=f"{self.opts.app_label}_{self.opts.model_name}_act",
        )
        return [route, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any) -> HttpResponse:
        subject = kwargs.get("obj")
        context["act_buttons"] = self._buttons(request, subject) if subject is not None else []
        return super().render_change_form(request, context, *args, **kwargs)

    def _buttons(self, request: HttpRequest, subject: Model) -> list[dict[str, Any]]:
        actor = self.admin_site.actor(request)
        view_name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_act"
        return [
            {"label": act.label, "url": reverse(view_name, args=[subject.pk, act.name]), "danger": act.is_dangerous}
            for act in self.acts
            if act.is_offered(actor, subject)
        ]

    def act_view(self, request: HttpRequest, object_id: str, act_name: str) -> HttpResponse:
        """Ask, then act. An object outside the actor's scope, an unknown act, or one not offered now is a 404."""
        subject = self.get_object(request, unquote(object_id))
        act = next((act for act in self.acts if act.name == act_name), None)
        actor = self.admin_site.actor(request)
        if subject is None or act is None or not act.is_offered(actor, subject):
            raise Http404
        back = self._page_of(subject)
        form = act.form_class(request.POST or None, request.FILES or None, initial=act.initial(actor, subject))
        if request.method == "POST" and form.is_valid():
            outcome = self._performed(request, act, actor, subject, form)
            if outcome is not None:
                messages.success(request, _("Done: %(act)s.") % {"act": act.label})
                return HttpResponseRedirect(self._page_of(outcome))
        # The admin's templates reverse their addresses on the site that is named here.
        request.current_app = self.admin_site.name
        context = self.admin_site.each_context(request) | {
            "title": act.label,
            "opts": self.opts,
            "media": form.media,
            "subject": subject,
            "act": act,
            "form": form,
            "back": back,
        }
        return TemplateResponse(request, "workspaces/act.html", context)

    def _performed(
        self, request: HttpRequest, act: Act, actor: Actor, subject: Model, form: forms.Form
    ) -> Model | None:
        """Do the act, note it in the object's history, and return the object to show next.

        None when the service refused; what it said is then among the form's errors.
        """
        try:
            with deadlock_refused(), transaction.atomic():
                outcome = act.perform(actor, subject, form.cleaned_data)
                self.log_change(request, subject, _noted(act, form))
        except BusinessError as error:
            show_refusal(form, error)
            return None
        return outcome if isinstance(outcome, Model) and type(outcome) in self.admin_site._registry else subject

    def _page_of(self, subject: Model) -> str:
        opts = subject._meta
        return reverse(f"{self.admin_site.name}:{opts.app_label}_{opts.model_name}_change", args=[subject.pk])


def show_refusal(form: forms.BaseForm, refusal: BusinessError) -> None:
    """Put what a service said on the form: beside the fields that ``errors`` points to, else above them all: what is
    wrong, and what to do about it."""
    for pointer, reason in refusal.errors.items():
        name = pointer.strip("/").split("/")[0]
        form.add_error(name if name in form.fields else None, reason)
    if not refusal.errors:
        form.add_error(None, [str(text) for text in (refusal.title, refusal.detail) if text])


def _noted(act: Act, form: forms.Form) -> str:
    """One line for the history: the act, and the reason when one was given."""
    reason = str(form.cleaned_data.get("reason") or "")
    return f"{act.label}: {reason}" if reason else str(act.label)
