"""A report's file as an HTTP answer, for the API and the workspace alike."""

from django.http import FileResponse, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response

from market.kernel import clock
from market.reports import services
from market.reports.models import Report


def file_response(request: HttpRequest, report: Report) -> HttpResponse:
    """The file of ``report``, streamed, or 304 for whoever has it already. Raises as ``services.open_file``."""
    file = services.open_file(report=report)
    asked = report.created_at.astimezone(clock.BUSINESS_ZONE)
    name = f"{report.exporter}-{asked:%Y%m%d-%H%M%S}.csv"
    response = FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
    response["Content-Length"] = str(report.bytes)
    response["ETag"] = f'"{report.sha256}"'
    response["Cache-Control"] = "private, no-cache"
    shown = get_conditional_response(request, etag=response["ETag"], response=response)
    if shown is not response:
        response.close()
    return shown
