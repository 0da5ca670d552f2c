"""Pages as a browser sees them: nothing from a foreign host, nothing that the content security policy refuses."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def page(chromium, web):
    context = chromium.new_context(base_url=web)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("response", lambda answer: answer.status >= 400 and page.complaints.append(f"{answer.status} {answer.url}"))
    page.on("requestfailed", lambda request: page.complaints.append(f"{request.url}: {request.failure}"))
    ours = (web, "data:", "blob:")
    page.on("request", lambda request: request.url.startswith(ours) or page.complaints.append(f"foreign {request.url}"))
    yield page
    context.close()


PAGES = {
    "/api/docs/": "Qianshu data exchange",
    "/api/redoc/": "Qianshu data exchange",
    "/admin/": "Qianshu operations",
    "/vendor/": "Qianshu vendors",
    "/auditor/": "Qianshu auditors",
}


def test_pages_show_without_complaint(page):
    for path, words in PAGES.items():
        page.goto(path)
        expect(page.get_by_text(words).first).to_be_visible(timeout=15_000)
        # Redoc asks for a badge of its maker: the policy stops it, as it should.
        assert [complaint for complaint in page.complaints if "logo-mini.svg" not in complaint] == [], path


def test_the_interface_speaks_chinese(client):
    answer = client.get("/vendor/login/", headers={"accept-language": "zh-CN"})
    assert '<html lang="zh-hans"' in answer.content.decode()
