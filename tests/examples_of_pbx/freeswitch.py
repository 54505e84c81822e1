"""As much of FreeSWITCH's XML dialplan as answers and example use, read from mod_dialplan_xml.

It is no FreeSWITCH: what it does not know, it refuses. Phones are a dict; HTTP is real.
"""

from __future__ import annotations

import http.client
import re
import shlex
import xml.etree.ElementTree as ET
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

FOLDER = Path(__file__).parents[2] / "examples" / "freeswitch"


def read(name: str) -> ET.Element:
    return ET.fromstring((FOLDER / name).read_text())  # noqa: S314  our own file


def parameters(name: str) -> dict[str, str]:
    """The settings of a configuration file."""
    return {p.attrib["name"]: p.attrib["value"] for p in read(name).iter("param")}


def global_variables() -> dict[str, str]:
    pairs = (one.attrib["data"].partition("=") for one in read("vars_callrouter.xml"))
    return {name: value for name, _, value in pairs}


@dataclass(frozen=True)
class Leg:
    variables: Mapping[str, str]
    dial: str


@dataclass
class Pbx:
    """`url`: where mod_xml_curl asks; `phones`: which dials answer, and with which key."""

    url: str
    trust: str
    phones: dict[str, str] = field(default_factory=dict)
    dialled: list[list[Leg]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)  # commands on the machine
    asked: int = 0

    def call(self, caller: str = "+79161234567", **also: str) -> Channel:
        channel = Channel(self, dict(also))
        channel.variables |= {"uuid": "7f0e", "caller": caller}
        channel.route("+74951230001", "public")
        return channel

    def locate(self, form: Mapping[str, str], context: str) -> list[ET.Element]:
        """The extensions for a context: what is answered, else what is on the disk."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=2)
        trust = b64encode(self.trust.encode()).decode()
        headers = {
            "Authorization": f"Basic {trust}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            connection.request("POST", f"{parts.path}?{parts.query}", urlencode(form), headers)
            answer = connection.getresponse()
            body = answer.read()
        except OSError:
            return on_disk(context)
        finally:
            connection.close()
        self.asked += 1
        if answer.status != 200:
            return on_disk(context)
        document = ET.fromstring(body)  # noqa: S314  our own answer
        assert document.attrib["type"] == "freeswitch/xml"
        section = document.find("section[@name='dialplan']")
        if section is None:
            assert document.find("section/result").attrib["status"] == "not found"  # type: ignore[union-attr]
            return on_disk(context)
        found = section.find(f"context[@name='{context}']")
        if found is None:
            found = section.find("context[@name='global']")
        assert found is not None, "the context is not found: the call would fail"
        return found.findall("extension")


def on_disk(context: str) -> list[ET.Element]:
    if context == "callrouter":
        return read("dialplan/callrouter.xml").findall("context[@name='callrouter']/extension")
    before = ET.Element("extension", name="before")
    ET.SubElement(ET.SubElement(before, "condition"), "action", application="as_before")
    return [*read("dialplan/00_callrouter_public.xml").findall("extension"), before]


class HungUp(Exception):
    pass


@dataclass
class Channel:
    pbx: Pbx
    variables: dict[str, str] = field(default_factory=dict)
    key: str = ""

    def route(self, number: str, context: str) -> None:
        """A call, with all its transfers, to its end."""
        goes: tuple[str, str] | None = (number, context)
        for _ in range(20):
            if goes is None:
                return
            goes = self.pass_through(*goes)
        raise AssertionError("it runs in circles")

    def pass_through(self, number: str, context: str) -> tuple[str, str] | None:
        """One pass through the dialplan; where it is transferred to."""
        try:
            for application, data in self.hunt(number, context):
                if application == "transfer":
                    goes, dialplan, where = self.expand(data).split(" ")
                    assert dialplan == "XML"
                    return goes, where
                if application == "sched_transfer":
                    seconds, goes, dialplan, where = self.expand(data).split(" ")
                    self.pbx.done.append(f"after {seconds}")
                    assert dialplan == "XML"
                    return goes, where
                self.execute(application, self.expand(data))
        except HungUp:
            pass
        return None

    def hunt(self, number: str, context: str) -> list[tuple[str, str]]:
        """All conditions are looked at before the first action runs."""
        self.variables |= {"destination_number": number, "context": context}
        found: list[tuple[str, str]] = []
        for extension in self.pbx.locate(self.form(number, context), context):
            proceed, actions = self.look_at(extension, number)
            found += actions
            if proceed and extension.attrib.get("continue") != "true":
                break
        assert found, f"nothing takes {number} in {context}"
        return found

    def look_at(self, extension: ET.Element, number: str) -> tuple[bool, list[tuple[str, str]]]:
        actions: list[tuple[str, str]] = []
        proceed = False
        for condition in extension.findall("condition"):
            name = condition.attrib.get("field")
            value = number if name == "destination_number" else self.expand(name or "")
            matched = re.search(condition.attrib.get("expression", ""), value)
            kind = "action" if matched else "anti-action"
            for one in condition.findall(kind):
                data = one.attrib.get("data", "")
                if matched and matched.groups():
                    data = data.replace("$1", matched[1])
                actions.append((one.attrib["application"], data))
            proceed = bool(matched) or bool(condition.findall("anti-action"))
            if not matched:
                break
        return proceed, actions

    def form(self, number: str, context: str) -> dict[str, str]:
        """What mod_xml_curl sends: few names of many."""
        hunt = {
            "hostname": "pbx",
            "section": "dialplan",
            "tag_name": "",
            "Event-Name": "REQUEST_PARAMS",
            "Channel-State": "CS_ROUTING",
            "Unique-ID": self.variables["uuid"],
            "Hunt-Caller-ID-Number": self.variables.get("caller", ""),
            "Hunt-Destination-Number": number,
            "Hunt-Context": context,
            "Hunt-RDNIS": self.variables.get("rdnis", ""),
            "Hunt-Privacy-Hide-Number": self.variables.get("hide", "false"),
        }
        filler = {f"variable_sip_{n}": str(n) for n in range(300)}
        ours = {f"variable_{name}": value for name, value in self.variables.items()}
        return hunt | filler | ours

    def execute(self, application: str, data: str) -> None:
        pbx = self.pbx
        match application:
            case "set":
                name, _, value = data.partition("=")
                self.variables[name] = value
            case "unset":
                self.variables.pop(data, None)
            case "bridge":
                self.bridge(data)
            case "execute_extension":
                number, dialplan, context = data.split(" ")
                assert dialplan == "XML"
                kept = {n: self.variables.get(n, "") for n in ("destination_number", "context")}
                for inner, inner_data in self.hunt(number, context):
                    self.execute(inner, self.expand(inner_data))
                self.variables |= kept
            case "hangup":
                pbx.done.append(f"hangup {data}")
                raise HungUp
            case "play_and_get_digits":
                self.variables[data.split(" ")[7]] = self.key
            case (
                "answer" | "playback" | "record" | "record_session" | "respond" | "sleep" | "log"
            ) | ("ring_ready" | "as_before"):
                pbx.done.append(f"{application} {data}".strip())
            case _:
                raise AssertionError(f"{application} is not known here")

    def bridge(self, data: str) -> None:
        """Ring all at once; who answers first in the order of the list has the call."""
        assert "|" not in data
        common, legs = read_dial_string(data)
        self.pbx.dialled.append(legs)
        for leg in legs:
            key = self.pbx.phones.get(leg.dial)
            self.tell(leg.variables.get("api_on_ring", ""))
            if key is None:
                continue
            self.tell(leg.variables.get("api_on_answer", ""))
            if "group_confirm_file" in common and not self.confirms(leg, common, key):
                continue
            assert self.variables["hangup_after_bridge"] == "true"
            raise HungUp
        self.variables["originate_disposition"] = "NO_ANSWER"

    def confirms(self, leg: Leg, common: Mapping[str, str], key: str) -> bool:
        assert common["group_confirm_key"] == "exec"
        phone = Channel(self.pbx, {**leg.variables, "uuid": "b-leg"}, key)
        application, _, data = common["group_confirm_file"].partition(" ")
        try:
            phone.execute(application, data)
        except HungUp:
            return False
        return True

    def tell(self, command: str) -> str:
        if command:
            assert command.startswith("bg_system "), command
            self.pbx.told.append(command.removeprefix("bg_system "))
        return "+OK"

    def expand(self, text: str) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1]
            if called := re.fullmatch(r"(\w+)\((.*)\)", name):
                return self.tell(f"{called[1]} {called[2]}")
            return self.variables.get(name, global_variables().get(name, ""))

        while re.search(r"\$\{[^{}]*\}", text):
            text = re.sub(r"\$\{([^{}]*)\}", value, text)
        return text


def read_dial_string(data: str) -> tuple[dict[str, str], list[Leg]]:
    """`{a=1,b=2}[c=3]user/1,[c=4]user/2`; a value may stand in single quotes."""
    common: dict[str, str] = {}
    if data.startswith("{"):
        inside, _, data = data[1:].partition("}")
        common = dict(pairs(inside))
    each = re.finditer(r"\[([^\]]*)\]([^,\[\]]+)(?:,(?=\[)|$)", data)
    legs = [Leg(dict(pairs(found[1])), found[2]) for found in each]
    assert legs, data
    assert sum(len(leg.dial) for leg in legs) < len(data)
    return common, legs


def pairs(inside: str) -> Iterator[tuple[str, str]]:
    splitter = shlex.shlex(inside, posix=True)
    splitter.whitespace, splitter.whitespace_split, splitter.quotes = ",", True, "'"
    splitter.commenters = splitter.escape = ""
    for one in splitter:
        name, equals, value = one.partition("=")
        assert equals, inside
        yield name, value
