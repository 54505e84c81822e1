"""As much of Asterisk as the shipped dialplan uses, read from its own documentation and source.

It is no Asterisk: what it does not know, it refuses, so that a line of the dialplan which nothing
here understands fails the test. Phones are a dict; HTTP is real.
"""

from __future__ import annotations

import http.client
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

EXAMPLE = Path(__file__).parents[2] / "examples" / "asterisk" / "extensions_callrouter.conf"


@dataclass(frozen=True)
class Line:
    label: str
    app: str
    data: str


@dataclass(frozen=True)
class Phone:
    """`does`: answer, busy, no_answer, offline, or caller_gives_up while it rings."""

    does: str = "no_answer"
    talk_s: int = 30
    key: str = ""


def read_dialplan(text: str) -> dict[str, dict[str, list[Line]]]:
    contexts: dict[str, dict[str, list[Line]]] = {}
    lines: list[Line] = []
    extensions: dict[str, list[Line]] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.split(r"(?<!\\);", raw)[0].strip()
        if not line:
            continue
        if found := re.fullmatch(r"\[([a-z-]+)\]", line):
            assert found[1] not in contexts, f"{found[1]} twice"
            extensions = contexts[found[1]] = {}
        elif found := re.fullmatch(r"exten => ([^,]+),1,(\w+)\((.*)\)", line):
            lines = extensions.setdefault(found[1], [])
            assert not lines, f"line {number}: a second first priority"
            lines.append(Line("", found[2], found[3]))
        elif found := re.fullmatch(r"same => n(?:\(([a-z]+)\))?,(\w+)\((.*)\)", line):
            lines.append(Line(found[1] or "", found[2], found[3]))
        else:
            raise AssertionError(f"line {number} is no dialplan: {raw}")
    return contexts


def matches(pattern: str, dialled: str) -> bool:
    if not pattern.startswith("_"):
        return pattern == dialled
    expression = pattern[1:].replace("X", "[0-9]").replace(".", ".+").replace("!", ".*")
    return re.fullmatch(expression, dialled) is not None


class HungUp(Exception):
    """The dialplan of this channel is over."""


@dataclass
class Pbx:
    """`slowness`: what a second of a timeout lasts here; `lasts`: requests until the network fails."""

    contexts: dict[str, dict[str, list[Line]]]
    phones: dict[str, Phone] = field(default_factory=dict)
    dialled: list[tuple[str, str]] = field(default_factory=list)  # phones, seconds
    done: list[str] = field(default_factory=list)  # what else a caller hears or sees
    ran: list[str] = field(default_factory=list)  # commands on the machine
    posted: list[str] = field(default_factory=list)
    slowness: float = 1.0
    lasts: int = 1000

    def call(self, number: str, caller: str = "+79161234567", **also: str) -> Channel:
        """A customer's call, to its end and the handlers after it."""
        channel = Channel(self, {"UNIQUEID": "1710241500.17"})
        channel.fields |= {"CALLERID(num)": caller, "CALLERID(num-pres)": "allowed_not_screened"}
        channel.fields |= also
        channel.run_to_the_end("callrouter", number)
        return channel


@dataclass
class Channel:
    pbx: Pbx
    variables: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    curl: dict[str, str] = field(default_factory=dict)
    handlers: list[str] = field(default_factory=list)
    monitors: list[str] = field(default_factory=list)
    answered: bool = False
    talk_s: int = 0
    keys: str = ""

    def child(self, **more: str) -> Channel:
        handed_down = {n: v for n, v in self.variables.items() if n.startswith("__")}
        return Channel(self.pbx, handed_down | more)

    def run_to_the_end(self, context: str, extension: str) -> None:
        with suppress(HungUp):
            self.run(context, extension)
        for handler in self.handlers:
            context, extension, _ = handler.split(",")
            self.run(context, extension)
        self.pbx.ran += self.monitors

    def run(self, context: str, extension: str) -> None:
        """Execute priorities until Return, or the last one."""
        assert context in self.pbx.contexts, f"there is no context {context}"
        pattern = next((p for p in self.pbx.contexts[context] if matches(p, extension)), None)
        assert pattern, f"nothing in {context} takes {extension}"
        lines = self.pbx.contexts[context][pattern]
        labels = {line.label: at for at, line in enumerate(lines) if line.label}
        at, steps = 0, 0
        while at < len(lines):
            steps += 1
            assert steps < 500, "it runs in circles"
            self.variables["EXTEN"] = extension
            line = lines[at]
            data = self.expand(line.data)
            at += 1
            if line.app == "Return":
                break
            if line.app in {"Goto", "GotoIf"}:
                target = data if line.app == "Goto" else branch(data)
                if not target:
                    continue
                if "," in target:
                    context, extension, _ = target.split(",")
                    self.run(context, extension)
                    break
                at = labels[target]
            else:
                self.execute(line.app, data)
        else:
            raise HungUp

    def execute(self, app: str, data: str) -> None:
        pbx, arguments = self.pbx, split_commas(data)
        match app:
            case "Set":
                name, _, value = data.partition("=")
                self.assign(name, value)
            case "ExecIf":
                if chosen := branch(data):
                    found = re.fullmatch(r"(\w+)\((.*)\)", chosen)
                    assert found, chosen
                    self.execute(found[1], found[2])
            case "Gosub":
                found = re.fullmatch(r"([a-z-]+),(\w+),1(?:\((.*)\))?", data)
                assert found, data
                former = self.variables.get("ARG1"), self.variables["EXTEN"]
                self.variables["ARG1"] = found[3] or ""
                self.run(found[1], found[2])
                self.variables["ARG1"], self.variables["EXTEN"] = former[0] or "", former[1]
            case "ClearHash":
                for name in [n for n in self.variables if n.startswith(f"~HASH~{data}~")]:
                    del self.variables[name]
            case "Dial":
                self.dial(*arguments)
            case "Hangup":
                pbx.done.append(f"Hangup({data})")
                raise HungUp
            case "Read":
                self.variables[arguments[0]] = self.keys
            case "MixMonitor":
                assert "b" in arguments[1]
                self.monitors.append(arguments[2])
            case "System":
                pbx.ran.append(data)
            case "Answer" | "Ringing" | "Wait" | "MusicOnHold" | "Playback" | "Record":
                pbx.done.append(f"{app}({data})")
            case _:
                raise AssertionError(f"{app} is not known here")

    def dial(self, phones: str, timeout: str = "", options: str = "") -> None:
        """Ring all at once; who answers first in the order of the list has the call."""
        pbx = self.pbx
        pieces = phones.split("&")
        assert all(pieces), phones
        if not phones.startswith("Local/"):
            pbx.dialled.append((phones, timeout))
        found = re.fullmatch(r"r?(?:U\(([a-z-]+)(?:\^([^)^]*))?\))?", options)
        assert found, options
        self.variables |= {"DIALSTATUS": "", "ANSWEREDTIME": ""}
        states = []
        for piece in pieces:
            if local := re.fullmatch(r"Local/([0-9]+)@([a-z-]+)/n", piece):
                behind = self.child()
                behind.fields = self.fields
                behind.run_to_the_end(local[2], local[1])
                pbx.dialled[-1] = (pbx.dialled[-1][0], timeout)  # the outer one holds for both
                if behind.answered:
                    self.bridge(behind.talk_s)
                states.append("no_answer")
                continue
            phone = pbx.phones.get(piece, Phone())
            if phone.does == "caller_gives_up":
                self.variables["DIALSTATUS"] = "CANCEL"
                raise HungUp
            if phone.does == "answer":
                callee = self.child(DIALEDPEERNUMBER=piece.partition("/")[2])
                callee.keys = phone.key
                if found[1]:
                    callee.variables["ARG1"] = found[2] or ""
                    callee.run(found[1], "s")
                if callee.variables.get("GOSUB_RESULT") == "CONTINUE":
                    self.variables["DIALSTATUS"] = "ANSWER"
                    return
                self.bridge(phone.talk_s)
            states.append(phone.does)
        if "no_answer" in states:
            self.variables["DIALSTATUS"] = "NOANSWER"
        else:
            self.variables["DIALSTATUS"] = "BUSY" if "busy" in states else "CHANUNAVAIL"

    def bridge(self, talk_s: int) -> None:
        """They talk; the option that would go on after it is used nowhere."""
        self.variables |= {"DIALSTATUS": "ANSWER", "ANSWEREDTIME": str(talk_s)}
        self.answered, self.talk_s = True, talk_s
        raise HungUp

    def assign(self, name: str, value: str) -> None:
        if found := re.fullmatch(r"HASH\((\w+)\)", name):
            fields = split_commas(self.variables.get("~ODBCFIELDS~", ""))
            for key, one in zip(fields, split_commas(value), strict=False):
                self.variables[f"~HASH~{found[1]}~{key}~"] = one
        elif found := re.fullmatch(r"CURLOPT\((\w+)\)", name):
            self.curl[found[1]] = value
        elif name == "CHANNEL(hangup_handler_push)":
            self.handlers.insert(0, value)
        elif re.fullmatch(r"CALLERID\(\w+\)", name):
            self.fields[name] = value
        else:
            assert re.fullmatch(r"\w+", name), name
            self.variables[name] = value

    def expand(self, text: str) -> str:
        """Replace ${…} and $[…], the inner ones first."""
        out, at = [], 0
        while at < len(text):
            if text.startswith(("${", "$["), at):
                end = closing(text, at + 1)
                inside = text[at + 2 : end]
                out.append(
                    self.value(inside) if text[at + 1] == "{" else calculate(self.expand(inside))
                )
                at = end + 1
            else:
                out.append(text[at])
                at += 1
        return "".join(out)

    def value(self, what: str) -> str:
        what = self.expand(what)
        cut = slice(None)
        if found := re.fullmatch(r"(.*\)):([0-9]+):([0-9]+)", what, re.DOTALL):
            what, cut = found[1], slice(int(found[2]), int(found[2]) + int(found[3]))
        if found := re.fullmatch(r"([A-Z]+)\((.*)\)", what, re.DOTALL):
            return self.function(found[1], found[2])[cut]
        assert re.fullmatch(r"\w+", what), what
        return self.variables.get(what, self.variables.get(f"__{what}", ""))

    def function(self, name: str, data: str) -> str:
        arguments = split_commas(data)
        match name:
            case "CURL":
                return self.fetch(*arguments)
            case "HASH":
                return self.variables.get(f"~HASH~{arguments[0]}~{arguments[1]}~", "")
            case "CALLERID" | "REDIRECTING":
                return self.fields.get(f"{name}({data})", "")
            case "URIENCODE":
                return quote(data, safe="")
            case "LEN":
                return str(len(data))
            case "IF":
                return branch(data)
            case "FIELDQTY":
                return str(len(self.value(arguments[0]).split(arguments[1])))
            case "CUT":
                pieces = self.value(arguments[0]).split(arguments[1])
                return pieces[int(arguments[2]) - 1]
        raise AssertionError(f"{name}() is not known here")

    def fetch(self, url: str, body: str) -> str:
        """CURL(): empty where nothing came; the text of an error is a text like any other."""
        assert int(self.curl["conntimeout"]) <= 2
        assert int(self.curl["httptimeout"]) <= 2
        self.pbx.posted.append(body)
        if len(self.pbx.posted) > self.pbx.lasts:
            return ""
        trust = b64encode(self.curl["userpwd"].encode()).decode()
        patience = float(self.curl["httptimeout"]) * self.pbx.slowness
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=patience)
        headers = {
            "Authorization": f"Basic {trust}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            connection.request("POST", f"{parts.path}?{parts.query}", body, headers)
            came = connection.getresponse().read().decode()
        except OSError:
            return ""
        finally:
            connection.close()
        if self.curl["hashcompat"] != "yes":
            return came
        pairs = [pair.partition("=") for pair in came.split("&")]
        self.variables["~ODBCFIELDS~"] = ",".join(escaped(unquote(name)) for name, _, _ in pairs)
        return ",".join(escaped(unquote(value)) for _, _, value in pairs)


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,")


def split_commas(data: str) -> list[str]:
    """Arguments: brackets hold together, a backslash takes the meaning of what follows."""
    out, depth, escape = [""], 0, False
    for c in data:
        if escape:
            out[-1] += c
            escape = False
        elif c == "\\":
            escape = True
        elif c == "," and not depth:
            out.append("")
        else:
            depth += (c == "(") - (c == ")")
            out[-1] += c
    return out


def closing(text: str, at: int) -> int:
    """Where the bracket at `at` is closed."""
    pairs = {"{": "}", "[": "]"}
    waiting = [pairs[text[at]]]
    for place in range(at + 1, len(text)):
        c = text[place]
        if c == waiting[-1]:
            waiting.pop()
            if not waiting:
                return place
        elif c in pairs and text[place - 1] == "$":
            waiting.append(pairs[c])
    raise AssertionError(f"not closed: {text}")


def branch(data: str) -> str:
    """`1?this:that`; a colon inside brackets separates nothing."""
    condition, mark, rest = data.partition("?")
    assert mark, data
    assert condition in {"0", "1"}, data
    depth = 0
    for at, c in enumerate(rest):
        depth += (c == "(") - (c == ")")
        if c == ":" and not depth:
            return rest[:at] if condition == "1" else rest[at + 1 :]
    return rest if condition == "1" else ""


def calculate(text: str) -> str:
    found = re.fullmatch(r'\s*("[^"]*"|[0-9]+) (=|!=|>|<|\+) ("[^"]*"|[0-9]+)\s*', text)
    assert found, f"no expression: {text}"
    left, operator, right = found.groups()
    if operator == "+":
        return str(int(left) + int(right))
    if operator in "<>":
        less, more = (left, right) if operator == "<" else (right, left)
        return str(int(int(less) < int(more)))
    return str(int((left == right) == (operator == "=")))


def shipped(url: str, trust: str) -> Iterator[str]:
    """The example as an admin would leave it after filling in his own."""
    for line in EXAMPLE.read_text().splitlines():
        changed = re.sub(r"CALLROUTER_URL=[^)]+", f"CALLROUTER_URL={url}", line)
        yield re.sub(r"CALLROUTER_TRUST=[^)]+", f"CALLROUTER_TRUST={trust}", changed)
