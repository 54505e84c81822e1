"""A name server that knows what it is told, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[tuple[str, str], Sequence[str]]
"""(name, type) to what stands there, as in a zone's file; TXT as one text without quotes."""


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """`silent`: it hears and says nothing."""

    zone: Zone
    silent: bool = False
    port: int = 0
    asked: list[str] = field(default_factory=list)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = question.name.to_text(omit_final_dot=True), question.rdtype
        self.asked.append(name)
        if self.silent:
            return
        found = self.zone.get((name.lower(), dns.rdatatype.to_text(kind)), ())
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if found:
            texts = [_written(kind, one) for one in found]
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *texts))
        elif not any(known == name.lower() for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(response.to_wire(), addr)


def _written(kind: dns.rdatatype.RdataType, text: str) -> str:
    if kind != dns.rdatatype.TXT:
        return text
    return " ".join(f'"{text[n : n + 200]}"' for n in range(0, len(text), 200))


@asynccontextmanager
async def naming(zone: Zone, *, silent: bool = False) -> AsyncIterator[NameServer]:
    server = NameServer(zone, silent)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
        await asyncio.sleep(0)
