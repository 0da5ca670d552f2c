from django.utils.translation import gettext_lazy as _

from market.kernel.errors import BusinessError


class TooManyReports(BusinessError):
    """The organisation has as many unfinished reports as it may; carries ``limit``."""

    code = "too_many_reports"
    status = 409
    title = _("Too many reports are being written")


class ReportNotReady(BusinessError):
    """The file is asked for before it is whole; carries ``state``."""

    code = "report_not_ready"
    status = 409
    title = _("The report is not ready")


class ReportFileMissing(BusinessError):
    """The report was written, but its file is no longer in the store."""

    code = "report_file_missing"
    status = 410
    title = _("The file of this report is gone")
