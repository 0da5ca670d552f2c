"""A contract as an HTTP answer, for the API and the workspaces alike."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

from market.orders.contracts import CONTENT_TYPES, POLICY, as_html, as_pdf, contract_of
from market.orders.models import OrderTerms


def contract_response(request: HttpRequest, terms: OrderTerms, language: str, form: str) -> HttpResponse:
    """The contract of one version in ``language``, as ``html`` or ``pdf``; 304 for whoever has it already."""
    contract = contract_of(terms, language)
    body = as_pdf(contract) if form == "pdf" else as_html(contract).encode()
    name = f"{contract.number}-v{terms.version}-{language}.{form}"
    headers = {
        "Content-Type": CONTENT_TYPES[form],
        "Content-Disposition": content_disposition_header(as_attachment=False, filename=name),
        "Content-Language": language,
        "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
        "Cache-Control": "private, no-cache",
    }
    if form == "html":
        headers["Content-Security-Policy"] = POLICY
    response = HttpResponse(body, headers=headers)
    return get_conditional_response(request, etag=headers["ETag"], response=response)
