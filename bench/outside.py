"""What stands outside: a PBX that hands out recordings, and a mail server that takes letters.

`python -m bench.outside` prints the two ports and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP

from callrouter.fakepbx.sounds import murmur

SECONDS = 30.0
SOUND = murmur("bench", SECONDS)


async def main() -> None:
    async def give(_request: web.Request) -> web.Response:
        return web.Response(body=SOUND, content_type="audio/wav")

    app = web.Application()
    app.router.add_get("/{name}.wav", give)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    loop = asyncio.get_running_loop()
    mail = await loop.create_server(lambda: SMTP(Sink(), enable_SMTPUTF8=True), "127.0.0.1", 0)
    print(runner.addresses[0][1], mail.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    mail.close()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
