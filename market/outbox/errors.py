from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class LeaseLost(BusinessError):
    """Another worker owns the job by now; whatever this one did must roll back."""

    code = "lease_lost"
    status = 409
    title = _("The lease on this job was lost")


class Hopeless(BusinessError):
    """A handler raises this when trying again cannot help: the job is buried at once."""

    code = "hopeless"
    status = 422
    title = _("Trying again cannot help")
