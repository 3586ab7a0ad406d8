"""Browsers without a screen: Debian's Chromium by its driver, and Debian's Firefox, which has no driver there, by its own protocol."""

import base64
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

from programs import tied
from waiting import wait_until

CHROMIUM, CHROMEDRIVER, FIREFOX = (shutil.which(name) for name in ("chromium", "chromedriver", "firefox-esr"))


class Chromium:
    """Use it in a with block. width and height are the page's."""

    def __init__(self, folder, width=1600, height=1000, dark=False):
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service

        options = Options()
        options.binary_location = CHROMIUM
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en",
                         "--no-proxy-server", "--disable-background-networking", f"--user-data-dir={folder}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._driver = webdriver.Chrome(service=Service(CHROMEDRIVER), options=options)
        self._driver.set_script_timeout(30)
        self._tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self._tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._driver.quit()

    def _tell(self, command, **parameters):
        return self._driver.execute_cdp_cmd(command, parameters)

    def open(self, url):
        self._driver.get(url)

    def run(self, script, *arguments):
        """Runs the body of a JavaScript function and returns what it returns."""
        return self._driver.execute_script(script, *arguments)

    def press(self, *names):
        """Presses keys, named as in KeyboardEvent."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39}
        for name in names:
            for kind in ("rawKeyDown", "keyUp"):
                self._tell("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=codes[name])

    def screenshot(self, path):
        """Saves a picture of the whole page."""
        path.write_bytes(base64.b64decode(self._tell("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def errors(self):
        """The page's errors: of scripts, by its policy, for missing files."""
        return [entry["message"] for entry in self._driver.get_log("browser") if entry["level"] == "SEVERE"]


class Firefox:
    """Use it in a with block. It speaks Marionette (firefox-source-docs.mozilla.org/testing/marionette/Protocol.html)."""

    def __init__(self, folder, width=1600, height=1000, dark=False):
        folder.mkdir(parents=True, exist_ok=True)
        preferences = {"marionette.port": 0, "browser.dom.window.dump.enabled": True, "browser.shell.checkDefaultBrowser": False,
                       "datareporting.policy.dataSubmissionEnabled": False, "app.update.enabled": False, "network.proxy.type": 0,
                       "layout.css.prefers-color-scheme.content-override": 0 if dark else 1, "browser.aboutwelcome.enabled": False}
        (folder / "user.js").write_text("".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()))
        self._log = folder / "log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(tied([FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", folder, "about:blank"]),
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder), "MOZ_HEADLESS": "1"})
        try:
            port = folder / "MarionetteActivePort"
            wait_until(lambda: port.exists() and port.read_text().strip(), 90, lambda: f"Firefox starts:\n{self._log.read_text(errors='replace')[-2000:]}")
            self._socket = socket.create_connection(("127.0.0.1", int(port.read_text())), timeout=90)
            self._number = 0
            self._read()
            self._tell("WebDriver:NewSession", capabilities={"alwaysMatch": {"pageLoadStrategy": "normal"}})
            self._tell("WebDriver:SetWindowRect", width=width, height=height)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self):
        length = b""
        while not length.endswith(b":"):
            length += self._socket.recv(1) or self._gone()
        wanted, data = int(length[:-1]), b""
        while len(data) < wanted:
            data += self._socket.recv(wanted - len(data)) or self._gone()
        return json.loads(data)

    @staticmethod
    def _gone():
        raise ConnectionError("Firefox has closed the connection")

    def _tell(self, command, **parameters):
        self._number += 1
        data = json.dumps([0, self._number, command, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(data), data))
        _, _, error, result = self._read()
        assert not error, error
        return result.get("value") if isinstance(result, dict) and "value" in result else result

    def open(self, url):
        """This method and the following ones are those of Chromium."""
        self._tell("WebDriver:Navigate", url=url)

    def run(self, script, *arguments):
        return self._tell("WebDriver:ExecuteScript", script=script, args=list(arguments), sandbox=None)

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self._tell("WebDriver:TakeScreenshot", full=True)))

    def errors(self):
        return [line for line in self._log.read_text(errors="replace").splitlines() if line.startswith("JavaScript error: http://127.0.0.1")]


BROWSERS = {name: browser for name, browser, path in (("chromium", Chromium, CHROMIUM and CHROMEDRIVER), ("firefox", Firefox, FIREFOX)) if path}
SCREENSHOTS = os.environ.get("ROOMSTREAM_SCREENSHOTS")  # a folder in which to keep them


def keep_screenshot(browser, name, folder):
    """Makes a screenshot that is not empty; returns its path."""
    path = Path(SCREENSHOTS or folder) / f"{name}.png"
    browser.screenshot(path)
    assert path.stat().st_size > 20000, "there is something to see"
    return path
