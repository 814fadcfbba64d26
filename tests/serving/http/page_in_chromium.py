"""The page of the service in headless Chromium: `make test-page`.

Not part of `make test`, since Chromium comes with the system and not from the package index.
"""

import shutil
import threading
import time

import pytest
import uvicorn
from playwright.sync_api import Page, expect, sync_playwright

import mtframework as mtf
from mtframework.serving.http.app import create_app
from mtframework.serving.http.models import Models
from mtframework.serving.http.service import Service

BROWSERS = ("chromium", "chromium-headless-shell", "google-chrome")


@pytest.fixture(scope="session")
def chromium():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.fail("There is no Chromium; on Debian, install it by: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def app(recommender, log):
    turned = mtf.Recommender(recommender.model, mtf.Fusion({"rating": -1.0}))
    services = Service(recommender, "usual", log), Service(turned, "turned", log)
    return create_app(lambda: Models(*services, share=0.4), "shop")


@pytest.fixture
def address(app):
    """Where the application is served, on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    [socket] = server.servers[0].sockets
    yield f"http://127.0.0.1:{socket.getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.fixture(params=[(1280, "light"), (375, "dark")], ids=["desk", "phone"])
def page(request, chromium, address):
    width, scheme = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    wrong, hosts = [], set()
    page.on("console", lambda message: wrong.append(message.text))  # 404: a query that is unknown
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda sent: hosts.add(sent.url.split("/")[2]))
    page.goto(address)
    expect(page.get_by_label("shopper")).to_be_visible()
    yield page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [text for text in wrong if "404" not in text] == []
    assert hosts == {address.split("/")[2]}
    context.close()


def shown(page: Page, title: str) -> list[str]:
    texts = page.get_by_role("list", name=title).locator("strong").all_inner_texts()
    return [text.split(". ", 1)[1] for text in texts]


def tab_to(page: Page, wanted) -> None:
    for _ in range(40):
        if wanted.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab does not come to {wanted}.")


def ids(recommender, weights=None, exclude=()):
    fusion = mtf.Fusion(weights) if weights else None
    found = recommender.recommend({"shopper": ["3"]}, 10, exclude=[list(exclude)], fusion=fusion)
    return [each for each in found.ids[0].tolist() if each]


def test_two_models_are_compared_by_keyboard(page, recommender, log):
    tab_to(page, page.get_by_label("shopper"))
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    usual, turned = ids(recommender), ids(recommender, {"rating": -1.0})
    num = len(set(usual) & set(turned))
    expect(page.locator("#message")).to_have_text(f"{num} of 10 in both lists")
    assert (shown(page, "usual"), shown(page, "turned")) == (usual, turned)
    assert page.get_by_text("only here").count() == 2 * (10 - num)
    own = page.request.post(f"{page.url}recommend", data={"queries": [{"shopper": "3"}]})
    expect(page.get_by_text("this one among them")).to_have_count(1)
    [share] = [text for text in page.locator(".model").all_inner_texts() if "among" in text]
    [version] = own.json()["versions"]
    assert share.startswith(version)

    slider = page.get_by_role("slider", name="buy")  # one task's weight changes both lists' order
    tab_to(page, slider)
    page.keyboard.press("End")
    weights = {"find": 1.0, "rating": 0.5, "buy": 2.0}
    expected = ids(recommender, weights)
    expect(page.get_by_role("list", name="turned").locator("strong").first).to_have_text(
        f"1. {expected[0]}"
    )
    assert shown(page, "usual") == shown(page, "turned") == expected
    tab_to(page, page.get_by_role("button", name="own weights"))
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_have_text(f"{num} of 10 in both lists")
    assert shown(page, "usual") == usual

    tab_to(page, page.get_by_role("button", name=f"It happened: {usual[0]}").first)
    page.keyboard.press("Enter")
    expect(page.locator("#known")).to_contain_text(usual[0])
    expect(page.get_by_role("button", name=f"It happened: {usual[0]}")).to_have_count(0)
    assert log.candidates_of("3") == [usual[0]]
    assert shown(page, "usual") == ids(recommender, exclude=usual[:1])

    box = page.get_by_label("compare both models")
    tab_to(page, box)
    page.keyboard.press("Space")
    expect(page.locator("#message")).to_have_text(f"10 candidates, by {version}")
    assert page.get_by_role("list", name="Recommended").count() == 1


def test_what_is_typed_is_shown_as_text(page):
    name = "<img src=x onerror=alert(1)>"
    page.get_by_label("shopper").fill(name)
    page.keyboard.press("Enter")
    expect(page.locator("#known dt").first).to_have_text(name)
    assert page.locator("img").count() == 0
