"""Runs the short form of the crash loop, on the embedded default and on PostgreSQL with S3.
`crash_loop.py` is the long form."""

import os
import random

import pytest

import crash_loop


@pytest.mark.parametrize("rounds,database,store", [(80, "sqlite", "disk"), (15, "postgres", "s3")])
def test_nothing_answered_is_lost_when_the_server_is_killed(tmp_path, rounds, database, store):
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    counts = crash_loop.run(tmp_path, rounds, seed, database, store)
    print(f"{database} on {store}, seed {seed}:", " · ".join(f"{value} {name}" for name, value in counts.items()))
    assert counts["answered"] > rounds // 2 and counts["cut"] > rounds // 2
    assert counts["slowest_start_s"] < 2
