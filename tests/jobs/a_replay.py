"""Stands where a replay's program stands: goes on for ever, or says what it sees and breaks."""

from __future__ import annotations

import json
import os
import sys
import time

from callrouter.terminal import say

asked = json.loads(sys.stdin.read())
if os.environ.get("REPLAY_BREAKS"):
    ours = sorted(name for name in os.environ if name.startswith("CALLROUTER_"))
    say(f"it broke: {ours} {sys.argv[1:]} {asked['replay']}")
    sys.exit(3)
while True:
    say(f"progress {os.getpid()} 9999999")
    time.sleep(0.05)
