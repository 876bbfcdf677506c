"""Conversations are never lost and never mixed up: random clients against both programs, and the rule checked for every message
that reached the upstream. `scripts/property` runs it longer; a failure names the seed to run it again."""

import os
import random

from property.world import run

SEED = int(os.environ.get("XTGATEWAY_PROPERTY_SEED", random.SystemRandom().randrange(10**6)))
STEPS = int(os.environ.get("XTGATEWAY_PROPERTY_STEPS", 90))


def test_what_the_upstream_remembers_is_what_the_client_says(capsys):
    with capsys.disabled():
        print(f"\nseed {SEED}, {STEPS} steps: ", end="", flush=True)
        print(run(SEED, STEPS).summary)
