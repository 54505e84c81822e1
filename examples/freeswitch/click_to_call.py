#!/usr/bin/env python3
r"""Click-to-call for FreeSWITCH: callrouter POSTs here, the event socket makes the call.

First the manager's phone rings; when it is picked up, the extension `callrouter_click` calls the
customer. Python 3.9 and its standard library are enough. It runs on the PBX's machine, behind a
proxy with TLS or in a private network:

    CALLROUTER_SECRET_FILE=/etc/freeswitch/callrouter.secret \
    CALLROUTER_PASSWORD_FILE=/etc/freeswitch/callrouter.socket python3 click_to_call.py

The second file holds the password of event_socket.conf.xml. CALLROUTER_LISTEN (127.0.0.1:8089),
CALLROUTER_SWITCH (127.0.0.1:8021), CALLROUTER_DIAL (user/{dial}: how a manager's phone is spelt).
In callrouter: call_url = "https://…/" of this.
"""

import hmac
import json
import os
import re
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 4096
WHOLE = {
    "call_id": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "target": re.compile(r"\+?[0-9]{1,15}|[A-Za-z0-9_.-]{1,64}"),
    "number": re.compile(r"\+[0-9]{5,15}"),
    "line": re.compile(r"\+[0-9]{5,15}"),
}
"""What may stand in a command: nothing that ends it, or means anything there."""


class Wrong(Exception):
    """What is wrong with an order; told to who sent it."""


def read_order(body: bytes) -> dict[str, str]:
    """The four fields of an order. Raises Wrong."""
    try:
        sent = json.loads(body)
    except ValueError:
        raise Wrong("body is not JSON") from None
    order = {}
    for name, allowed in WHOLE.items():
        value = sent.get(name) if isinstance(sent, dict) else None
        if not isinstance(value, str) or not allowed.fullmatch(value):
            raise Wrong(f"{name} is missing or not allowed")
        order[name] = value
    return order


def command(order: dict[str, str], dial: str) -> str:
    """What FreeSWITCH is to do; `dial`: how a phone is spelt, e.g. user/{dial}."""
    variables = {
        "callrouter_call": order["call_id"],
        "callrouter_click_target": order["target"],
        "callrouter_line": order["line"],
        "origination_caller_id_number": order["number"],
        "ignore_early_media": "true",
        "originate_timeout": "30",
    }
    inside = ",".join(f"{name}={value}" for name, value in variables.items())
    phone = dial.replace("{dial}", order["target"])
    return f"originate {{{inside}}}{phone} callrouter_click_{order['number']} XML callrouter"


def place(order: dict[str, str], switch: tuple[str, int], password: str, dial: str) -> None:
    """Say it over the event socket, in the background of FreeSWITCH. Raises OSError."""
    with socket.create_connection(switch, timeout=2) as connection:
        answers = connection.makefile("rb")
        heard(answers)
        for said in (f"auth {password}", f"bgapi {command(order, dial)}"):
            connection.sendall(f"{said}\n\n".encode())
            if not heard(answers).startswith("+OK"):
                raise ConnectionRefusedError(0, f"refused: {said.partition(' ')[0]}")


def heard(answers: BinaryIO) -> str:
    """The Reply-Text of the next message, which has no body."""
    reply = ""
    while (line := answers.readline(1000).decode("utf-8", "replace").strip()) != "":
        name, _, value = line.partition(": ")
        reply = value if name == "Reply-Text" else reply
    return reply


class Handler(BaseHTTPRequestHandler):
    secret = b""
    switch = ("127.0.0.1", 8021)
    password = ""
    dial = ""
    timeout = 5

    def do_POST(self) -> None:
        given = self.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, b"Bearer " + self.secret):
            self.tell(401, "wrong secret")
            return
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,6}", length) or int(length) > MOST_BYTES:
            self.tell(413, f"a body may have {MOST_BYTES} bytes")
            return
        try:
            order = read_order(self.rfile.read(int(length)))
            place(order, self.switch, self.password, self.dial)
        except Wrong as wrong:
            self.tell(400, str(wrong))
        except OSError as error:
            sys.stderr.write(f"FreeSWITCH: {error.strerror}\n")
            self.tell(503, "FreeSWITCH did not take it")
        else:
            self.tell(202, "")

    def tell(self, status: int, error: str) -> None:
        body = json.dumps({"error": error} if error else {"ok": True}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Silent: no number stands in a log."""


def main() -> None:
    Handler.secret = Path(os.environ["CALLROUTER_SECRET_FILE"]).read_bytes().strip()
    if len(Handler.secret) < 8:
        sys.exit("the secret's file is empty or too short")
    Handler.password = Path(os.environ["CALLROUTER_PASSWORD_FILE"]).read_text().strip()
    host, _, port = os.environ.get("CALLROUTER_SWITCH", "127.0.0.1:8021").rpartition(":")
    Handler.switch = (host, int(port))
    Handler.dial = os.environ.get("CALLROUTER_DIAL", "user/{dial}")
    host, _, port = os.environ.get("CALLROUTER_LISTEN", "127.0.0.1:8089").rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    sys.stderr.write(f"listening on {host}:{server.server_port}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
