"""Firefox ESR with Tor Browser's settings, driven by Mozilla's own Marionette client through a SOCKS port.

Its security levels:

- *Safest*: no JavaScript, SVG, MathML, web fonts, media or WebGL, anywhere.
- *Safer*: no just-in-time compilation, WebAssembly, MathML, Graphite or WebGL; JavaScript is off on http. An onion is no such
  site: its address authenticates it and its way is encrypted, so NoScript treats it as https there. So scripts stay on.
- *Standard*: everything is on.
"""

import json
import os
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

from deploy.trial import processes, tor_browser
from tests.support.browser import MAIN, PAGE_SECONDS, NoPageError, NotInstalledError, Received
from tests.support.waiting import runs, wait_until

with warnings.catch_warnings():
    # One of its own dependencies asks another for something old, when it is loaded.
    warnings.simplefilter("ignore", DeprecationWarning)
    from marionette_driver import errors
    from marionette_driver.by import By
    from marionette_driver.keys import Keys
    from marionette_driver.marionette import Marionette, WebElement

FIREFOX = shutil.which("firefox-esr")
# What is raised when a page that asks for itself anew has just done so.
REPLACED = (errors.StaleElementException, errors.NoSuchElementException)
_START_SECONDS = 120
_END_SECONDS = 15
_OWN_PREFERENCES: dict[str, object] = {
    "browser.startup.homepage": "about:blank",
    "browser.newtabpage.enabled": False,
    "browser.newtabpage.activity-stream.feeds.system.topstories": False,
    # What would go out by itself.
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "app.update.auto": False,
    "browser.discovery.enabled": False,
    "browser.region.network.url": "",
    "browser.region.update.enabled": False,
    "browser.safebrowsing.blockedURIs.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "browser.topsites.contile.enabled": False,
    "browser.translations.enable": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.usage.uploadEnabled": False,
    "dom.push.enabled": False,
    "dom.push.connection.enabled": False,
    "extensions.blocklist.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "identity.fxaccounts.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "messaging-system.rsexperimentloader.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.sntp.pools": "",
    "security.remote_settings.crlite_filters.enabled": False,
    "security.remote_settings.intermediates.enabled": False,
    "services.settings.server": "data:,#nothing",
    "signon.rememberSignons": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "",
    # For the driver.
    "marionette.port": 0,
    "dom.file.createInChild": True,  # the driver chooses files from inside the page's process
    "remote.prefs.recommended": False,
    "ui.useOverlayScrollbars": 1,  # as on a telephone: they take no width from the page
}
# Keeps, in the browser's own process, each answer that came over the network.
_RECORD = """
if (!Services.luwteReceived) {
  Services.luwteReceived = [];
  Services.obs.addObserver(subject => {
    const channel = subject.QueryInterface(Ci.nsIHttpChannel);
    let status = 0;
    try { status = channel.responseStatus; } catch (none) {}
    Services.luwteReceived.push([channel.URI.spec, status, channel.encodedBodySize]);
  }, "http-on-stop-request");
}
"""


class Level(Enum):
    """Tor Browser's security levels, each with the preferences that make it."""

    SAFEST = tor_browser.SAFEST
    SAFER = tor_browser.SAFER
    STANDARD = {"javascript.enabled": True}


class Firefox:
    """One Firefox with a fresh profile in `folder`, from construction to `end`.

    `socks_port` is that of a tor on this machine; without one the browser connects directly, to show that it would be seen.
    `before` are words to put before the command, a tracer's for one.
    """

    def __init__(
        self, folder: Path, level: Level, socks_port: int | None = None, before: Sequence[str | Path] = ()
    ) -> None:
        if FIREFOX is None:
            raise NotInstalledError("firefox-esr is not installed: install Debian's package 'firefox-esr'")
        self.name = f"firefox-{level.name.lower()}"
        self._folder = folder
        profile = folder / "profile"
        profile.mkdir(parents=True)
        preferences = {
            **tor_browser.ALWAYS,
            **tor_browser.FIRST_START,
            **_OWN_PREFERENCES,
            **_proxy(socks_port),
            **level.value,
        }
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
        (profile / "user.js").write_text("".join(lines))
        options = ("--headless", "--no-remote", "--marionette", "--remote-allow-system-access", "--profile", profile)
        self._command = ["env", *_environment(folder), *before, FIREFOX, *options]
        self._process = processes.start(self._command, folder / "log")
        try:
            self._driver = self._connect(profile / "MarionetteActivePort")
            self._pid = int(self._system("return Services.appinfo.processID"))
        except BaseException:
            processes.end([self._process])
            raise

    @property
    def pid(self) -> int:
        return self._pid

    def _connect(self, port_file: Path) -> Marionette:
        try:
            port = self._await_port(port_file)
        except AssertionError:
            if self._process.returncode != -signal.SIGSEGV:
                raise
            # Firefox's own crash before it has seen anything of ours, rarely, on a busy machine.
            self._process = processes.start(self._command, self._folder / "log")
            port = self._await_port(port_file)
        driver = Marionette(port=int(port), socket_timeout=PAGE_SECONDS + 60)
        driver.start_session({"pageLoadStrategy": "none"})
        driver.timeout.implicit = 0
        with driver.using_context(driver.CONTEXT_CHROME):
            driver.execute_script(_RECORD)
        return driver

    def _await_port(self, port_file: Path) -> str:
        return wait_until(
            lambda: port_file.read_text().strip() if port_file.exists() else "",
            _START_SECONDS,
            check=runs(self._process, (self._folder / "log").read_text),
        )

    def open(self, url: str) -> None:
        before = self._page()[0]
        self._driver.navigate(url)
        self._await_page(before, url)

    def press(self, selector: str) -> None:
        before = self._page()[0]
        self._find(selector).click()
        self._await_page(before, f"after {selector}")
        if not self._driver.find_elements(By.CSS_SELECTOR, MAIN):
            raise NoPageError(f"after {selector}: that is none of our pages")

    def click(self, selector: str) -> None:
        """Where no other page comes of it."""
        self._find(selector).click()

    def back(self) -> None:
        """To the page before, if the browser still shows one: an error of its own is as good as any."""
        before = self._page()[0]
        self._system("gBrowser.selectedBrowser.goBack();")
        wait_until(lambda: self._page()[0] != before and not self._page()[2], PAGE_SECONDS)

    def leave_by_keyboard(self) -> None:
        """With the keys for "Leave now", wherever the cursor is."""
        before = self._page()[0]
        self._find("html").send_keys(Keys.ALT + Keys.SHIFT + "x")
        self._await_page(before, "after the keys")

    def cookies(self) -> list[str]:
        """What the browser keeps for the site shown, by its own book: the driver does not see into first parties' compartments."""
        values = self._system(
            "const site = gBrowser.selectedBrowser.contentPrincipal;"
            "return Services.cookies.getCookiesFromHost(site.host, site.originAttributes).map(one => one.value);"
        )
        return [str(value) for value in values]

    def show_tab(self, number: int) -> None:
        """Bring this tab to the front, the first being 0, once it is there."""
        tabs = wait_until(lambda: self._driver.window_handles[number:])
        self._driver.switch_to_window(tabs[0])

    def close_tab(self) -> None:
        """And show the first one."""
        self._driver.close()
        self.show_tab(0)

    def _await_page(self, before: int, what: str) -> None:
        """Asks the browser's own process alone, which knows when all of a page has come; a page being replaced does not."""
        end = time.monotonic() + PAGE_SECONDS
        while True:
            page, address, is_loading = self._page()
            if page != before and address != "about:blank" and not is_loading:
                break
            if time.monotonic() > end:
                raise NoPageError(f"{what}: no page came within {PAGE_SECONDS} seconds")
            time.sleep(0.1)
        if address.startswith("about:"):
            raise NoPageError(f"{what}: {address}")

    def _page(self) -> tuple[int, str, bool]:
        """What shows now: a number that no other page has, its address (`about:` with an error's), whether more comes."""
        number, address, is_loading = self._system(
            "const shown = gBrowser.selectedBrowser, page = shown.browsingContext.currentWindowGlobal;"
            "return [page ? page.innerWindowId : 0, page ? page.documentURI.spec : 'about:blank',"
            " shown.webProgress.isLoadingDocument];"
        )
        return int(number), str(address), bool(is_loading)

    def fill(self, selector: str, text: str) -> None:
        field = self._find(selector)
        field.clear()
        field.send_keys(text)

    def choose(self, selector: str, files: Sequence[Path]) -> None:
        for file in files:
            self._find(selector).send_keys(str(file))

    def texts(self, selector: str) -> list[str]:
        return [element.text for element in self._driver.find_elements(By.CSS_SELECTOR, selector)]

    def attributes(self, selector: str, name: str) -> list[str]:
        found = self._driver.find_elements(By.CSS_SELECTOR, selector)
        return [element.get_attribute(name) or "" for element in found]

    @property
    def url(self) -> str:
        return str(self._driver.get_url())

    @property
    def text(self) -> str:
        return str(self._find("body").text)

    @property
    def source(self) -> str:
        return str(self._driver.page_source)

    def screenshot(self, path: Path, width: int) -> None:
        self._be_wide(width)
        with path.open("wb") as image:
            self._driver.save_screenshot(image)

    def too_wide(self, width: int) -> bool:
        self._be_wide(width)
        html = self._find("html")
        return int(html.get_property("scrollWidth")) > int(html.get_property("clientWidth"))

    def _be_wide(self, width: int) -> None:
        """A headless window cannot be as narrow as a telephone; what shows the page in it can."""
        self._system(
            "const shown = gBrowser.selectedBrowser, width = arguments[0] + 'px';"
            "for (const name of ['width', 'min-width', 'max-width']) shown.style.setProperty(name, width, 'important');",
            width,
        )
        wait_until(lambda: self._find("html").get_property("clientWidth") in range(width - 20, width + 1))

    def received(self) -> list[Received]:
        found = self._system("return Services.luwteReceived.splice(0)")
        return [Received(url, status, size) for url, status, size in found if url.startswith("http")]

    def preference(self, name: str) -> Any:
        return self._driver.get_pref(name)

    def end(self) -> None:
        try:
            self._driver.delete_session()
        except (OSError, errors.MarionetteException):
            self._driver.client.close()  # it has gone by itself
        finally:
            self._driver.cleanup_ran = True
            with suppress(subprocess.TimeoutExpired, ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)  # a tracer ends with it, but would not end it
                self._process.wait(_END_SECONDS)
            processes.end([self._process])

    def _find(self, selector: str) -> WebElement:
        return self._driver.find_element(By.CSS_SELECTOR, selector)

    def _system(self, script: str, *arguments: object) -> Any:
        with self._driver.using_context(self._driver.CONTEXT_CHROME):
            return self._driver.execute_script(script, script_args=arguments)


def _proxy(socks_port: int | None) -> dict[str, object]:
    if socks_port is None:
        return {"network.proxy.type": 0}
    return {**tor_browser.through(socks_port), "network.proxy.allow_hijacking_localhost": True}


def _environment(folder: Path) -> list[str]:
    """Nothing of the session that the tests run in; its home is the folder."""
    unset = [f"--unset={name}" for name in os.environ if name.lower().endswith("_proxy") or name.startswith("DBUS_")]
    own = ("MOZ_CRASHREPORTER_DISABLE=1", "DBUS_SESSION_BUS_ADDRESS=disabled:")
    # Only with this does it heed services.settings.server.
    return [*unset, f"HOME={folder}", f"TMPDIR={folder}", "MOZ_REMOTE_SETTINGS_DEVTOOLS=1", *own]
