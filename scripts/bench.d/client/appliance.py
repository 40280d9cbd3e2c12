"""A small HTTP client of the appliance, as a browser or a script is one.

Signs in with the session's cookie, sends forms with their token, and asks the API with a key.
"""

import http.client
import json
import re
import ssl
import time
import urllib.parse

SESSION = "__Host-panoptikon"
FORM = "__Host-panoptikon-form"
NAME = "bench"
PASSWORD = "quiet harbour lantern seven"


class Answer:
    """Status, headers and body of a response, and how long it took in seconds."""

    def __init__(self, status, headers, body, took):
        self.status, self.headers, self.body, self.took = status, headers, body, took

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def cookies(self):
        pairs = (line.split(";")[0].split("=", 1) for line in self.headers.get_all("Set-Cookie") or [])
        return {name: value for name, value in pairs if value}


class Appliance:
    """One connection to it, opened again when it was closed."""

    def __init__(self, at, way_in=None, source=None, timeout=30):
        self.at, self.timeout = at, timeout
        self.source = (source, 0) if source else None
        self.parts = urllib.parse.urlsplit(at)
        self.connection = None
        self.cookie = self.key = self.csrf = None
        if way_in:
            with open(way_in, encoding="utf-8") as file:
                known = json.load(file)
            self.cookie, self.key, self.csrf = known["cookie"], known["key"], known["csrf"]

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def _open(self):
        host, port = self.parts.hostname, self.parts.port
        options = {"timeout": self.timeout, "source_address": self.source}
        if self.parts.scheme == "http":
            self.connection = http.client.HTTPConnection(host, port, **options)
        else:
            trust = ssl.create_default_context()
            trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
            self.connection = http.client.HTTPSConnection(host, port, context=trust, **options)
        self.connection.connect()

    def ask(self, method, path, body=None, headers=()):
        """One request. A connection that was closed while idle is opened again, once."""
        headers = {"Origin": self.at, **dict(headers)}
        idle = self.connection is not None
        while True:
            if self.connection is None:
                self._open()
            began = time.perf_counter()
            try:
                self.connection.request(method, path, body, headers)
                response = self.connection.getresponse()
                whole = response.read()
            except (http.client.HTTPException, OSError):
                self.close()
                if idle and method == "GET":
                    idle = False
                    continue
                raise
            took = time.perf_counter() - began
            if response.will_close:
                self.close()
            return Answer(response.status, response.headers, whole, took)

    def page(self, path, headers=()):
        return self.ask("GET", path, headers={"Cookie": f"{SESSION}={self.cookie}", **dict(headers)})

    def submit(self, path, fields, cookie=None):
        """Sends a form of a page, as `cookie` or the session."""
        cookie = cookie or f"{SESSION}={self.cookie}"
        kind = "application/x-www-form-urlencoded"
        fields = {"csrf": self.csrf, **fields}
        body = urllib.parse.urlencode(fields, doseq=True)
        return self.ask("POST", path, body, {"Cookie": cookie, "Content-Type": kind})

    def api(self, method, path, value=None):
        headers = {"Authorization": f"Bearer {self.key}"}
        body = None
        if value is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(value)
        return self.ask(method, path, body, headers)

    def claim(self, token):
        """Makes the first account."""
        form = self.ask("GET", "/setup")
        cookie = f"{FORM}={form.cookies()[FORM]}"
        self.csrf = field(form.text, "csrf")
        fields = {"token": token, "name": NAME, "password": PASSWORD, "again": PASSWORD}
        answer = self.submit("/setup", fields, cookie)
        self._keep(answer, "claiming it")

    def sign_in(self):
        form = self.ask("GET", "/sign-in")
        cookie = f"{FORM}={form.cookies()[FORM]}"
        self.csrf = field(form.text, "csrf")
        fields = {"name": NAME, "password": PASSWORD, "next": "/"}
        self._keep(self.submit("/sign-in", fields, cookie), "signing in")

    def _keep(self, answer, what):
        self.cookie = answer.cookies().get(SESSION)
        if not self.cookie:
            raise SystemExit(f"{what}: no session after status {answer.status}\n{answer.text[:2000]}")
        self.csrf = field(self.page("/account").text, "csrf")

    def make_key(self):
        """An API key that may do what its maker may."""
        page = self.page("/account").text
        start = page.index('action="/account/keys"')
        form = page[start : page.index("</form>", start)]
        scopes, days = options(form, "scope"), options(form, "days")
        widest = next((s for s in scopes if s.startswith("admin")), scopes[-1])
        fields = {"name": "bench", "scope": widest, "days": days[0]}
        answer = self.submit("/account/keys", fields)
        if answer.status == 303:
            jar = "; ".join(f"{n}={v}" for n, v in answer.cookies().items())
            jar = f"{SESSION}={self.cookie}; {jar}"
            answer = self.ask("GET", answer.headers["Location"], headers={"Cookie": jar})
        found = re.search(r"pnk_[A-Za-z0-9_-]{20,}", answer.text)
        if not found:
            raise SystemExit(f"making a key: none shown, status {answer.status}\n{answer.text[:2000]}")
        self.key = found.group(0)

    def remember(self, file):
        with open(file, "w", encoding="utf-8") as out:
            json.dump({"cookie": self.cookie, "key": self.key, "csrf": self.csrf}, out)


def field(page, name):
    """The value of an input."""
    for tag in re.findall(r"<input[^>]*>", page):
        if re.search(rf'name="{name}"', tag):
            return re.search(r'value="([^"]*)"', tag).group(1)
    raise SystemExit(f"no input {name} in {page[:2000]}")


def options(form, name):
    """The values of a choice, the chosen one first."""
    choice = re.search(rf'<select name="{name}">(.*?)</select>', form, re.S).group(1)
    all_of_them = re.findall(r'<option value="([^"]*)"([^>]*)>', choice)
    all_of_them.sort(key=lambda o: "selected" not in o[1])
    return [value for value, _ in all_of_them]


def percentile(values, hundredths):
    """The smallest value that at least so many hundredths do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * hundredths // 100)
    return ordered[max(rank, 1) - 1]
