"""A machine whose time runs faster: Python reads this file at its start, in an emulator's process.

FAST_CLOCK="60.0 1000.5 1800000000.0": sixty times as fast as the monotonic clock since its 1000.5,
which was the time 1800000000. Without it nothing changes.
"""

import os
import time as clock

if told := os.environ.get("FAST_CLOCK"):
    speed, since, began = map(float, told.split())
    monotonic, sleep = clock.monotonic, clock.sleep
    clock.time = lambda: began + speed * (monotonic() - since)
    clock.time_ns = lambda: int(clock.time() * 1e9)
    clock.sleep = lambda seconds: sleep(seconds / speed)
