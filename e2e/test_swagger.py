"""The Swagger page in a real browser: it signs in by the headers of `AUTH_MODE=dev` and sends calls of
every surface, with the examples that the description has."""

import json
import time

from browser_tab import Tab
from test_embedding import stored_file


class Page(Tab):
    """A tab whose fields are filled in."""

    def until(self, expression, seconds=60):
        """Waits until an expression is true, and returns its value."""
        value = self.wait(expression, seconds)
        assert value, (expression, self.events[-3:], self.value("document.body.innerText")[:2000])
        return value

    def type(self, element, text):
        """Types into the field that a JavaScript expression finds, instead of what is in it."""
        self.value(f"(() => {{ const field = {element}; field.focus(); field.select(); }})()")
        self.call("Input.insertText", text=text)
        # Some fields take over what was typed only after a while, or when they lose the focus.
        self.value("document.activeElement.blur()")


class Swagger:
    """The page at `/docs`, as somebody uses it by hand."""

    def __init__(self, browser, server):
        self.browser = browser
        browser.open(f"{server.api}/docs/")
        browser.until("document.querySelectorAll('.opblock').length > 100")

    def sign_in(self, **headers):
        self.browser.value("document.querySelector('.scheme-container .authorize').click()")
        for name, value in headers.items():
            name = json.dumps(name.replace("_", "-"))
            container = f"[...document.querySelectorAll('.auth-container')].find((one) => one.innerText.includes({name}))"
            self.browser.until(f"!!{container}")
            self.browser.type(f"{container}.querySelector('input')", value)
            self.browser.value(f"{container}.querySelector('button.authorize').click()")
            self.browser.until(f"!{container}.querySelector('input')")
        self.browser.value("document.querySelector('.btn-done').click()")

    def call(self, tag, id, **parameters):
        """Tries an operation out. Parameters that are not given, and the body, are the examples that the
        page filled in. Returns the status and the body that the page shows."""
        block = f"document.getElementById('operations-{tag}-{id}')"
        self.browser.value(f"{block}.querySelector('.opblock-summary-control').click()")
        self.browser.until(f"!!{block}.querySelector('.try-out__btn')")
        self.browser.value(f"{block}.querySelector('.try-out__btn').click()")
        for name, value in parameters.items():
            field = f"{block}.querySelector('tr[data-param-name={json.dumps(name)}] input')"
            self.browser.until(f"!!{field}")
            self.browser.type(field, value)
        self.browser.until(f"!!{block}.querySelector('button.execute')")
        self.browser.value(f"{block}.querySelector('button.execute').click()")
        status = f"{block}.querySelector('.live-responses-table tbody .response-col_status')?.innerText"
        text = self.browser.until(status, 30)
        body = f"{block}.querySelector('.live-responses-table tbody .response-col_description pre')?.innerText"
        answer = int(text.split()[0]), self.browser.until(body)
        # The page draws all open operations anew with every change.
        self.browser.value(f"{block}.querySelector('.opblock-summary-control').click()")
        return answer


def test_the_page_calls_every_surface(server, tmp_path):
    key, began = stored_file(server, b"Hello"), time.monotonic()
    with Page(tmp_path, "--window-size=1280,1000") as browser:
        page = Swagger(browser, server)
        status, body = page.call("images", "list_images")
        assert status == 401, body
        page.sign_in(X_User_Id="alice", X_Org_Id="lab")

        def answered(wanted, tag, id, **parameters):
            status, body = page.call(tag, id, **parameters)
            print(f"{time.monotonic() - began:.1f} s: {tag}/{id} {status}")
            assert status == wanted, (tag, id, status, body)
            return json.loads(body)

        answered(200, "images", "create_image")
        space = answered(201, "spaces", "create_space")["id"]
        answered(200, "spaces", "list_space_images", spaceId=space)
        answered(201, "sessions", "create_session")
        answered(201, "packages", "create_dataset")
        answered(200, "files", "get_file_metadata", key=key)
        answered(200, "operations", "list_audit_events")
        said = [event for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
        assert not [entry for entry in said if "Content Security Policy" in str(entry)], said
