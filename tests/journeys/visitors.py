"""Somebody with a browser's manners but no browser: cookies, a session, CSRF tokens, forms."""

from typing import Any

import httpx

from accounts.models import Membership
from tests import factories

# What a browser sends along for the tables of rows below the form.
TABLES = {
    f"{prefix}-{name}_FORMS": "0"
    for prefix in ("revisions", "offers", "reviews", "assets")
    for name in ("TOTAL", "INITIAL")
}


class Visitor:
    """One person signed in to one workspace of a running exchange."""

    def __init__(self, address: str, workspace: str, membership: Membership) -> None:
        self.client = httpx.Client(base_url=address, follow_redirects=False, timeout=60)
        self.client.get(f"/{workspace}/login/")
        answer = self.submit(
            f"/{workspace}/login/", username=membership.user.email, password=factories.PASSWORD, next=f"/{workspace}/"
        )
        assert answer.headers["Location"] == f"/{workspace}/"

    def read(self, path: str) -> str:
        """A page's text; anything but 200 is an error."""
        answer = self.client.get(path)
        assert answer.status_code == httpx.codes.OK, f"{path}: {answer.status_code}"
        return answer.text

    def submit(self, path: str, files: Any = None, **fields: Any) -> httpx.Response:
        """Post a form; the answer must lead on (a form that comes back was refused)."""
        form = fields | {"csrfmiddlewaretoken": self.client.cookies["csrftoken"]}
        answer = self.client.post(path, data=form, files=files)
        assert answer.status_code == httpx.codes.FOUND, f"{path}: {answer.status_code}\n{answer.text[-3000:]}"
        return answer

    def act(self, path: str, name: str, files: Any = None, **fields: Any) -> httpx.Response:
        """Press a button on an object's page and answer what it asks."""
        self.read(f"{path}acts/{name}/")
        return self.submit(f"{path}acts/{name}/", files=files, confirmed="yes", **fields)
