"""Bulk actions of the built binary: a server that is killed goes on, and does nothing twice."""

import random
import signal
import sqlite3
import time

from server import Server
from test_spaces import Space


def test_a_killed_server_goes_on_with_a_bulk_action(tmp_path):
    with Server(tmp_path, SCANNER="off") as server:
        space = Space(server)
        announced = {"filename": "a.jpg", "contentType": "image/jpeg", "size": 1000}
        images = [space.call("POST", "/images", announced).json()["id"] for _ in range(300)]
        body = {"kind": "space", "owner": space.id, "action": "delete", "ids": images}
        started = space.call("POST", "", body, below="/v1/bulk")
        assert started.status == 202, started.body
        bulk = started.json()["id"]

        def progress():
            return space.call("GET", f"/{bulk}", below="/v1/bulk").json()

        kills, before = 0, 0
        deadline = time.monotonic() + 120
        while (shown := progress())["state"] != "done":
            assert time.monotonic() < deadline, shown
            if kills < 5 and before < shown["done"] < len(images):
                before = shown["done"]
                time.sleep(random.uniform(0, 0.05))
                server.stop(signal.SIGKILL)
                server.start()
                kills += 1
        assert kills >= 2, "it was done before it could be killed"
        assert (shown["done"], shown["failedTotal"], shown["failed"]) == (300, 0, []), shown
        assert space.call("GET", "/images?status=ALL").json()["total"] == 0
    with sqlite3.connect(tmp_path / "data" / "tidegate.db") as rows:
        deleted = "SELECT COUNT(*), COUNT(DISTINCT object_id) FROM audit_events WHERE action = 'object.deleted'"
        assert rows.execute(deleted).fetchone() == (300, 300)
        assert rows.execute("SELECT COUNT(*) FROM bulk_items").fetchone() == (0,)
