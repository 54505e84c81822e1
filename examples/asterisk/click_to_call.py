#!/usr/bin/env python3
"""Click-to-call for Asterisk: callrouter POSTs here, a call file makes the call.

First the manager's phone rings; when it is picked up, the context `callrouter-click` calls the
customer. Python 3.9 and its standard library are enough. It has to run as the user of Asterisk,
on its machine, behind a proxy with TLS or in a private network:

    CALLROUTER_SECRET_FILE=/etc/asterisk/callrouter.secret python3 click_to_call.py

CALLROUTER_LISTEN (127.0.0.1:8089), CALLROUTER_SPOOL (/var/spool/asterisk), CALLROUTER_DIAL
(PJSIP/{dial}: how a manager's phone is spelt). In callrouter: call_url = "https://…/" of this.
"""

import hmac
import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MOST_BYTES = 4096
WHOLE = {
    "call_id": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "target": re.compile(r"\+?[0-9]{1,15}|[A-Za-z0-9_.-]{1,64}"),
    "number": re.compile(r"\+[0-9]{5,15}"),
    "line": re.compile(r"\+[0-9]{5,15}"),
}
"""What may stand in a call file: nothing that begins a new line of it, or means anything there."""


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


def call_file(order: dict[str, str], dial: str) -> str:
    """What Asterisk is to do; `dial`: how a phone is spelt, e.g. PJSIP/{dial}."""
    return "\n".join(
        (
            f"Channel: {dial.replace('{dial}', order['target'])}",
            f"CallerID: <{order['number']}>",
            "MaxRetries: 0",
            "WaitTime: 30",
            "Context: callrouter-click",
            f"Extension: {order['number']}",
            "Priority: 1",
            f"Setvar: __CALLROUTER_CALL={order['call_id']}",
            f"Setvar: __CALLROUTER_TARGET={order['target']}",
            f"Setvar: CALLROUTER_LINE={order['line']}",
            "",
        )
    )


def place(order: dict[str, str], spool: Path, dial: str) -> None:
    """Put it where Asterisk looks: written elsewhere and moved, so that it is never half read.

    The file's name is the call's id: the same order sent twice makes one call while it waits.
    """
    name = f"callrouter-{order['call_id']}.call"
    draft = spool / "tmp" / name
    draft.write_text(call_file(order, dial), encoding="ascii")
    draft.replace(spool / "outgoing" / name)


class Handler(BaseHTTPRequestHandler):
    secret = b""
    spool = Path()
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
            place(read_order(self.rfile.read(int(length))), self.spool, self.dial)
        except Wrong as wrong:
            self.tell(400, str(wrong))
        except OSError as error:
            sys.stderr.write(f"cannot write a call file: {error.strerror}\n")
            self.tell(503, "the call file could not be written")
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
    Handler.spool = Path(os.environ.get("CALLROUTER_SPOOL", "/var/spool/asterisk"))
    Handler.dial = os.environ.get("CALLROUTER_DIAL", "PJSIP/{dial}")
    host, _, port = os.environ.get("CALLROUTER_LISTEN", "127.0.0.1:8089").rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    sys.stderr.write(f"listening on {host}:{server.server_port}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
