"""A product comes to the market by its people's own hands: pages, forms and buttons of the two workspaces."""

import random
import re
from typing import Any

import httpx

from demo.people import SignIn
from market.catalog.states import REVIEW_CHECKLIST, ProductKind, RightsBasis

TIMEOUT = 60.0
KEY = r"[0-9a-f-]{36}"
LICENCE = "仅限购买方内部使用。Internal use by the buyer only."


class FormRefused(Exception):
    """A page did not lead on: the form came back with what is wrong."""


class Visitor:
    """Somebody with a browser's manners but no browser: cookies, a session, CSRF tokens, forms."""

    def __init__(self, address: str, workspace: str, email: str, password: str) -> None:
        self._client = httpx.Client(base_url=address, follow_redirects=False, timeout=TIMEOUT)
        self.read(f"{workspace}login/")
        self.submit(f"{workspace}login/", username=email, password=password, next=workspace)

    def read(self, path: str) -> str:
        """A page's text."""
        answer = self._client.get(path)
        if answer.status_code != httpx.codes.OK:
            raise FormRefused(f"{path}: {answer.status_code}")
        return answer.text

    def submit(self, path: str, files: Any = None, **fields: Any) -> str:
        """Post a form; the address it leads on to. Raises ``FormRefused`` when it comes back."""
        form = fields | {"csrfmiddlewaretoken": self._client.cookies["csrftoken"]}
        answer = self._client.post(path, data=form, files=files)
        if answer.status_code != httpx.codes.FOUND:
            raise FormRefused(f"{path}: {answer.status_code}\n{_complaints(answer.text)}")
        return answer.headers["Location"]

    def act(self, path: str, name: str, files: Any = None, **fields: Any) -> str:
        """Press a button on an object's page and answer what it asks."""
        self.read(f"{path}acts/{name}/")
        return self.submit(f"{path}acts/{name}/", files=files, confirmed="yes", **fields)


def list_product(address: str, lister: SignIn, code: str) -> str:
    """The lister describes a product, uploads its file, sets a price and submits it; the product's key."""
    visitor = Visitor(address, lister.workspace, lister.email, lister.password)
    page = visitor.submit(
        f"{lister.workspace}catalog/product/add/",
        code=code,
        title=f"贵阳算力现货价格指数（{code}）",
        description="逐日价格，演示时上架。Daily spot prices of compute, listed during the demo.",
        kind=ProductKind.DATASET,
        sector="I",
        grade="general",
        rights_basis=RightsBasis.OPERATION,
    )
    product = page.removesuffix("change/")
    revision = visitor.act(product, "start-revision").removesuffix("change/")
    visitor.act(revision, "upload", files={"files": ("prices.csv", _prices(code), "text/csv")})
    visitor.act(revision, "publish")
    visitor.act(product, "offer", price_model="one_off", amount="388.80", licence=LICENCE, acceptance_days="7")
    visitor.act(product, "submit")
    return re.search(KEY, product)[0]


def offer(address: str, lister: SignIn, product: str, prices: dict[str, dict[str, Any]]) -> None:
    """The lister offers a listed product under more prices, each under its price model."""
    visitor = Visitor(address, lister.workspace, lister.email, lister.password)
    page = f"{lister.workspace}catalog/product/{product}/"
    for model, price in prices.items():
        visitor.act(page, "offer", price_model=model, licence=LICENCE, acceptance_days="7", **price)


def approve(address: str, operator: SignIn, code: str) -> None:
    """The operator finds the submission, reads it and approves it."""
    visitor = Visitor(address, operator.workspace, operator.email, operator.password)
    found = visitor.read(f"{operator.workspace}catalog/review/?q={code}")
    review = re.search(rf"{operator.workspace}catalog/review/{KEY}/", found)[0]
    visitor.read(f"{review}change/")
    visitor.act(review, "approve", reasons="材料已核对。Checked.", **dict.fromkeys(REVIEW_CHECKLIST, "on"))


def _prices(code: str) -> bytes:
    chance = random.Random(code)
    lines = ["date,place,yuan_per_pflops_hour"]
    lines += [f"2026-10-{day:02d},贵阳,{chance.randint(880, 1190) / 100:.2f}" for day in range(1, 32)]
    return ("\n".join(lines) + "\n").encode()


def _complaints(page: str) -> str:
    """What a form that came back says, without its markup."""
    found = re.findall(r'class="[^"]*(?:errorlist|text-red)[^"]*"[^>]*>(.*?)</', page, re.DOTALL)
    return "; ".join(text for text in (re.sub(r"<[^>]+>|\s+", " ", one).strip() for one in found) if text)
