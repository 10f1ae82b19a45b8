"""The little of a browser that a bot needs: cookies, redirects, and the forms of a page as they stand there. Knows nothing of Django."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit


@dataclass
class Form:
    action: str
    by_htmx: bool
    fields: dict[str, str] = field(default_factory=dict)
    "What is filled in already: hidden fields, and texts with a value."
    choices: dict[str, list[str]] = field(default_factory=dict)
    "Radio buttons, options, and the buttons that send: name → values."
    open: list[str] = field(default_factory=list)
    "What is to be filled in: numbers and texts."


@dataclass
class Page(HTMLParser):
    """What was received, read as forms, the heading, and the answer to be judged."""

    status: int
    html: str
    forms: list[Form] = field(default_factory=list)
    heading: str = ""
    answer: str = ""
    onward: str = ""
    "The link of a page whose only way on is a link."

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._in: list[str] = []
        self._select = ""
        self.feed(self.html)
        self.answer = self.answer.strip()

    def __hash__(self) -> int:
        return id(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        classes = given.get("class", "").split()
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), "hx-post" in given))
        elif tag == "h1":
            self._in.append("heading")
        elif tag == "div" and "answer" in classes:
            self._in.append("answer")
        elif tag == "p" and "answer" in self._in:
            self._in.append("who" if "who" in classes else "text")
        elif tag == "br" and self._in[-1:] == ["text"]:
            self.answer += "\n"
        elif tag == "a" and "start" in classes:
            self.onward = given.get("href", "")
        elif self.forms and tag in ("input", "button", "select", "option", "textarea"):
            self._control(tag, given)

    def _control(self, tag: str, given: dict[str, str]) -> None:
        form, name, value = self.forms[-1], given.get("name", ""), given.get("value", "")
        if tag == "option":
            form.choices.setdefault(self._select, []).append(value)
        elif tag == "select":
            self._select = name
        elif not name:
            return
        elif tag == "button" or given.get("type") == "radio":
            form.choices.setdefault(name, []).append(value)
        elif value:
            form.fields[name] = value
        else:
            form.open.append(name)

    def handle_endtag(self, tag: str) -> None:
        ends = {"h1": ("heading",), "div": ("answer",), "p": ("who", "text")}
        if self._in and self._in[-1] in ends.get(tag, ()):
            self._in.pop()

    def handle_data(self, data: str) -> None:
        if self._in[-1:] == ["heading"] and not self.heading:
            self.heading = data.strip()
        elif self._in[-1:] == ["text"]:
            self.answer += data.replace("\n", "")


class Browser:
    """One person's: keeps its connection and its cookies. `headers` go with every request."""

    def __init__(self, url: str, *, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self.site = f"{parts.scheme}://{parts.netloc}"
        self.kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.headers = dict(headers)
        self.cookies: dict[str, str] = {}
        self.line = self.kind(parts.netloc, timeout=60)

    def get(self, path: str) -> Page:
        return self._follow("GET", path, "", {})

    def send(self, form: Form, values: Mapping[str, str]) -> Page:
        return self._follow("POST", form.action, urlencode({**form.fields, **values}), _as_sent(form))

    def send_and_hang_up(self, form: Form, values: Mapping[str, str]) -> None:
        """The line breaks while the answer is on its way."""
        self._request("POST", form.action, urlencode({**form.fields, **values}), _as_sent(form))
        self.line.close()

    def twin(self) -> Browser:
        """The same person on a second line."""
        other = Browser(self.site, headers=self.headers)
        other.cookies = dict(self.cookies)
        return other

    def close(self) -> None:
        self.line.close()

    def _follow(self, method: str, path: str, body: str, headers: dict[str, str]) -> Page:
        for _ in range(5):
            self._request(method, path, body, headers)
            response = self.line.getresponse()
            text = response.read().decode()
            for header in response.headers.get_all("Set-Cookie") or []:
                self.cookies |= {name: cookie.value for name, cookie in SimpleCookie(header).items()}
            onward = response.headers.get("HX-Redirect") or (response.headers.get("Location") if response.status in (301, 302, 303) else None)
            if onward is None:
                return Page(response.status, text)
            method, path, body, headers = "GET", urlsplit(urljoin(path, onward))._replace(scheme="", netloc="").geturl(), "", {}
        raise http.client.HTTPException(f"{path} leads round in circles.")

    def _request(self, method: str, path: str, body: str, headers: dict[str, str]) -> None:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        everything = {
            **self.headers,
            "Cookie": cookies,
            **({"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}),
            **headers,
        }
        self.line.request(method, path, body or None, everything)


def _as_sent(form: Form) -> dict[str, str]:
    return {"HX-Request": "true"} if form.by_htmx else {}
