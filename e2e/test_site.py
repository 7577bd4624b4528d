"""The documentation in a browser: as a server shows it, and as `tidegate docs` wrote it into a folder."""

import subprocess

import pytest
from browser_tab import Tab
from server import BINARY

RESULTS = "document.querySelectorAll('#results a').length"


def type_text(tab, text):
    for key in text:
        tab.call("Input.dispatchKeyEvent", type="keyDown", text=key, key=key)
        tab.call("Input.dispatchKeyEvent", type="keyUp", key=key)


def press(tab, key):
    tab.call("Input.dispatchKeyEvent", type="rawKeyDown", key=key, windowsVirtualKeyCode={"ArrowDown": 40, "Enter": 13, "Escape": 27}[key])
    if key == "Enter":
        tab.call("Input.dispatchKeyEvent", type="char", text="\r", key=key)
    tab.call("Input.dispatchKeyEvent", type="keyUp", key=key)


def complaints(tab):
    return [event for event in tab.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]


@pytest.fixture(params=["served", "written"])
def site(request, tmp_path):
    """The address of the site's first page."""
    if request.param == "served":
        return request.getfixturevalue("server").api + "/manual/"
    folder = tmp_path / "site"
    subprocess.run([BINARY, "docs", folder], check=True, capture_output=True, timeout=60)
    return f"file://{folder}/index.html"


def test_a_search_is_typed_and_a_result_opened(site, tmp_path):
    with Tab(tmp_path, "--window-size=1280,900") as tab:
        tab.open(site)
        assert tab.wait("document.readyState === 'complete' && !document.querySelector('.search').hidden")
        type_text(tab, "/quota")
        assert tab.wait(f"{RESULTS} > 3"), tab.value("document.body.innerText")[:500]
        assert tab.value("document.getElementById('search').value") == "quota"
        assert "found" in tab.value("document.getElementById('count').innerText")
        press(tab, "ArrowDown")
        first = tab.value("document.activeElement.querySelector('b').innerText")
        assert "quota" in first.lower(), first
        press(tab, "Enter")
        assert tab.wait("location.hash.length > 1 && document.readyState === 'complete' && document.querySelector(':target')?.innerText")
        assert "quota" in tab.value("document.querySelector(':target').innerText").lower()
        assert tab.value("document.getElementById('found').hidden")
        # From a page in a folder, links and the index lead to the same places.
        type_text(tab, "/zzzz")
        assert tab.wait("document.getElementById('count').innerText === 'Nothing found'")
        press(tab, "Escape")
        assert tab.value("document.getElementById('found').hidden")
        assert complaints(tab) == []


def test_code_is_copied_and_the_narrow_page_has_a_menu(server, tmp_path):
    with Tab(tmp_path) as tab:
        tab.call("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=True)
        tab.open(f"{server.api}/manual/guides/files.html")
        assert tab.wait("document.querySelectorAll('.copy').length > 5")
        assert tab.value("document.documentElement.scrollWidth") == 400
        tab.call("Browser.grantPermissions", origin=server.api, permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        tab.call("Emulation.setFocusEmulationEnabled", enabled=True)
        tab.call("Runtime.evaluate", expression="document.querySelector('.copy').click()", userGesture=True)
        assert tab.wait("document.querySelector('.copy').innerText === 'Copied'")
        assert not tab.value("document.querySelector('.menu nav').checkVisibility()")
        tab.value("document.querySelector('.menu summary').click()")
        assert tab.wait("document.querySelector('.menu nav').checkVisibility()")
        assert tab.value("document.querySelector('.menu [aria-current]').innerText") == "Users' files"
        assert complaints(tab) == []


def test_a_page_that_is_not_there_offers_the_search(server, tmp_path):
    with Tab(tmp_path, "--window-size=1280,900") as tab:
        tab.open(f"{server.api}/manual/guides/none/at/all.html")
        assert tab.wait("document.querySelector('h1')?.innerText === 'Page not found'")
        assert tab.wait("!document.querySelector('.search').hidden")
        type_text(tab, "/presigned")
        assert tab.wait(f"{RESULTS} > 3")
        tab.value("document.querySelector('#results a').click()")
        assert tab.wait("!location.pathname.includes('none') && document.querySelector('h1') && document.readyState === 'complete'")
        assert tab.value("document.querySelector('h1').innerText") != "Page not found"
