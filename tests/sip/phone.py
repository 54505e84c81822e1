"""A telephone with real sound: picks up, says a WAV file, and goes when it is told to.

python -m tests.sip.phone PORT WAV
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import Any

import pjsua2 as pj

HOST = "127.0.0.1"


class Talk(pj.Call):  # type: ignore[misc]
    player: Any = None

    def onCallMediaState(self, _given: Any) -> None:  # noqa: N802  as the library calls it
        try:
            self._say()
        except Exception:  # noqa: BLE001  the library swallows it otherwise
            traceback.print_exc()

    def _say(self) -> None:
        info = self.getInfo()  # must outlive its media
        for number, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self.player = pj.AudioMediaPlayer()
                self.player.createPlayer(sys.argv[2], pj.PJMEDIA_FILE_NO_LOOP)
                self.player.startTransmit(self.getAudioMedia(number))


class Phone(pj.Account):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.talks: list[Talk] = []  # a call that is collected ends the process

    def onIncomingCall(self, given: Any) -> None:  # noqa: N802  as the library calls it
        try:
            talk = Talk(self, given.callId)
            self.talks.append(talk)
            answer = pj.CallOpParam()
            answer.statusCode = 200
            talk.answer(answer)
        except Exception:  # noqa: BLE001  the library swallows it otherwise
            traceback.print_exc()


def main() -> None:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = config.logConfig.consoleLevel = 1
    config.medConfig.clockRate = 8000
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    endpoint.libInit(config)
    endpoint.audDevManager().setNullDev()
    transport = pj.TransportConfig()
    transport.port = int(sys.argv[1])
    transport.boundAddress = transport.publicAddress = HOST
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMU/") else 0)
    account = pj.AccountConfig()
    account.idUri = f"sip:phone@{HOST}"
    account.mediaConfig.transportConfig.boundAddress = HOST
    account.mediaConfig.transportConfig.publicAddress = HOST
    phone = Phone()
    phone.create(account)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print("listens", flush=True)
    while True:
        endpoint.libHandleEvents(20)


if __name__ == "__main__":
    main()
