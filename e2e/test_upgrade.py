"""Upgrades from the last release: servers that are replaced while clients go on, a server that is stopped
and started, and what going back takes. Run by `make upgrade-test`, which compiles that release."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import time

import pytest

import backends
import server as servers
from rolling import Album, Fleet, Issued, Traffic, keys, name_of, released
from server import BINARY, ROOT

pytestmark = pytest.mark.upgrade


@pytest.fixture(scope="module")
def old():
    return released()


def balanced(monkeypatch, balancer):
    """All clients of the tests send by the balancer from now on."""
    monkeypatch.setattr(servers, "OPENER", balancer)


def migrations(url):
    return {int(row[0]) for row in backends.psql(url, "SELECT version FROM _sqlx_migrations WHERE success")}


def known():
    """The migrations of this release."""
    return {int(path.name.split("_")[0]) for path in (ROOT / "crates/tidegate/migrations/postgres").glob("*.sql")}


def dump(url, *words):
    """Returns a dump of a database, without the numbers that differ each time."""
    tool = backends.psql_tool().with_name("pg_dump")
    done = subprocess.run([tool, url, *words], capture_output=True, text=True, check=True)
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


def restore(dumped):
    """Returns a new database with what was dumped."""
    url = backends.new_database()
    done = subprocess.run([backends.psql_tool(), url, "-q", "-v", "ON_ERROR_STOP=1"], input=dumped, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return url


def refuses(done):
    """Whether a program says that the database is newer. Before 0.2.0 only the driver's words said so."""
    said = done.stdout + done.stderr
    return done.returncode == 1 and ("is newer than this binary" in said or "previously applied but is missing" in said)


def across(fleet, album, issuer, other, programs):
    """What `issuer` gives out works on `other`."""
    balancer = fleet.balancer
    with balancer.only(issuer):
        issued = Issued(album, programs[issuer], issuer.settings)
    with balancer.only(other):
        issued.use()
        issued.finish()
        # URLs of pictures are the same to the byte, within a window.
        for _ in range(3):
            with balancer.only(issuer):
                theirs = issued.urls_of_pictures()
            if theirs == issued.urls_of_pictures():
                return
    raise AssertionError("both releases should give the same URLs")


def test_servers_are_replaced_while_clients_go_on(tmp_path, monkeypatch, old):
    new, chosen = BINARY, backends.settings("postgres", "s3")
    url = chosen["DATABASE_URL"]
    fleet = Fleet(tmp_path, old, **chosen, **keys(tmp_path / "keys"))
    balanced(monkeypatch, fleet.balancer)
    one, two = fleet.servers
    try:
        fleet.start(old)
        before = migrations(url)
        album = Album(fleet.front)
        # Used at every later step.
        with fleet.balancer.only(one):
            early = Issued(album, old, one.settings)
        with Traffic(fleet.front) as traffic:
            traffic.go_on()
            saved, lost = list(traffic.kept), album.make(album.disks)[0]
            backup = dump(url)
            dumped_at = time.monotonic()

            # 1. The database. The old servers go on with the new tables.
            migrated = one.run(new, "migrate")
            assert migrated.returncode == 0, migrated
            assert migrations(url) == known() >= before
            applied = {int(line.split()[1]) for line in migrated.stdout.splitlines() if line.startswith("applied")}
            assert applied == known() - before, migrated.stdout
            traffic.go_on()
            early.use()

            # 2. One server is new, the other one and the worker are old.
            fleet.replace(one, new)
            across(fleet, album, one, two, {one: new})
            across(fleet, album, two, one, {two: old})
            with fleet.balancer.only(one):
                early.use()
            traffic.go_on()

            # 3. The worker is new, one server is old.
            fleet.replace_worker(new)
            across(fleet, album, two, one, {two: old})
            traffic.go_on()

            # 4. Back to the old release, without its backup: it refuses, and changes nothing.
            assert fleet.remove(one) == 0
            tables = dump(url, "--schema-only")
            if not applied:
                print("this release has no migration: the old one may start again")
            else:
                for command in ("serve", "work"):
                    refused = one.run(old, command)
                    assert refuses(refused), refused
            assert migrations(url) == known() and dump(url, "--schema-only") == tables
            fleet.add(one)
            traffic.go_on()

            # 5. Everything is new.
            fleet.replace(two, new)
            traffic.go_on()
            early.use()
            early.finish()
        traffic.check()
        album.check()
        album.disks.delete(lost)
        compared = one.run(new, "reconcile")
        assert compared.returncode == 0, compared.stdout + compared.stderr
        assert not backends.psql(url, "SELECT payload, last_error FROM jobs WHERE state = 'DEAD'")
        assert not fleet.balancer.failed, fleet.balancer.failed[:10]
        assert not fleet.balancer.answered(), "a server that was stopped gave up requests"
        assert "panicked" not in fleet.logs()
        fleet.stop()

        # 6. Back to the old release, with its backup and the bucket of today: what was stored until then is
        # there, but for what was deleted later; what was stored since then is not. Then forward again.
        for program in (old, new):
            restored = restore(backup)
            for server in fleet.servers:
                server.settings["DATABASE_URL"] = restored
            fleet.start(program)
            for way, made, answer in saved:
                way.check(made, answer)
            newer = [(way, made) for way, made, _ in traffic.kept if made["begun"] > dumped_at]
            assert {way for way, _ in newer} == set(traffic.ways)
            for way, made in newer:
                assert way.gone(made), f"{way.name}: {name_of(made)} is newer than the backup"
            assert not fleet.balancer.failed, fleet.balancer.failed[:10]
            assert fleet.front.call("GET", f"/v1/images/{lost['image']}/range").status == 502
            fleet.balancer.failed.clear()
            fleet.stop()
        compared = one.run(new, "reconcile", "--kind", "disks")
        assert compared.returncode == 1 and "missing" in compared.stdout and lost["image"] in compared.stdout, compared
        assert "panicked" not in fleet.logs()
        counts = {
            "rounds": {way.name: count for way, count in traffic.rounds.items()},
            "kept": len(traffic.kept),
            "deleted": len(traffic.deleted),
            "restored": traffic.restored,
            "responses": dict(fleet.balancer.statuses),
            "sent again": {reason: len(repeated) for reason, repeated in fleet.balancer.repeated.items()},
        }
        print(json.dumps(counts))
    finally:
        fleet.stop()


def tables(folder):
    with sqlite3.connect(f"file:{folder}/data/tidegate.db?mode=ro", uri=True) as rows:
        return list(rows.iterdump())


def files(folder):
    """Every file of a data folder with its mode and checksum, but for those of the database."""
    found = (path for path in (folder / "data").rglob("*") if path.is_file() and not path.name.startswith("tidegate.db"))
    return {str(path.relative_to(folder)): (path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest()) for path in found}


def test_one_server_is_replaced_on_its_folder(tmp_path, monkeypatch, old):
    new = BINARY
    fleet = Fleet(tmp_path, old, ("one",), **keys(tmp_path / "keys"))
    balanced(monkeypatch, fleet.balancer)
    (one,), front = fleet.servers, fleet.front
    try:
        fleet.start(old)
        album = Album(front)
        issued = Issued(album, old, one.settings)
        assert fleet.stop() == [0]
        with sqlite3.connect(f"file:{one.folder}/data/tidegate.db?mode=ro", uri=True) as rows:
            before = {version for version, in rows.execute("SELECT version FROM _sqlx_migrations")}
        shutil.copytree(one.folder / "data", tmp_path / "backup")

        # Forward: what was stored is there, what was issued works, and what was begun can be completed.
        fleet.start(new)
        album.check()
        issued.use()
        issued.finish()
        newer = Album(front)
        assert fleet.stop() == [0]
        compared = one.run(new, "reconcile")
        assert compared.returncode == 0, compared.stdout + compared.stderr

        # Back, without the backup: the old release refuses, and changes nothing.
        if not known() - before:
            print("this release has no migration: the old one may start again")
        else:
            rows, stored = tables(one.folder), files(one.folder)
            refused = one.run(old, "serve")
            assert refuses(refused), refused
            assert tables(one.folder) == rows and files(one.folder) == stored
        fleet.start(new)
        newer.check()
        album.check()
        assert fleet.stop() == [0]

        # Back, with the backup of database and store.
        (one.folder / "data").rename(tmp_path / "newer")
        shutil.copytree(tmp_path / "backup", one.folder / "data")
        fleet.start(old)
        for way in album.ways:
            for made, answer in album.made[way.name][:2]:
                way.check(made, answer)
        for way in newer.ways:
            for made, _ in newer.made[way.name]:
                assert way.gone(made), f"{way.name}: {name_of(made)} is newer than the backup"
        assert fleet.stop() == [0]
        assert not fleet.balancer.failed, fleet.balancer.failed
        assert "panicked" not in fleet.logs()
    finally:
        fleet.stop()


def test_releases_that_disagree_with_the_repository_are_refused(tmp_path):
    """On a copy of the repository, because tags are made."""
    copy = tmp_path / "copy"
    git = lambda *words: subprocess.run(["git", *words], cwd=copy, check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["git", "clone", "--quiet", "--shared", "--no-checkout", ROOT, copy], check=True)
    for path in (".ci/released", "deploy/packages/RELEASES"):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, copy / path)
    recorded = copy / "deploy/packages/RELEASES"
    version, commit = recorded.read_text().split()[-2:]
    program = copy / f"target/released/tidegate-{version}-{commit[:12]}"
    program.parent.mkdir(parents=True)
    program.touch()

    def told():
        return subprocess.run([copy / ".ci/released"], capture_output=True, text=True)

    assert told().stdout == f"{program}\n"
    git("tag", f"v{version}", commit)
    assert told().stdout == f"{program}\n"
    git("tag", "--force", f"v{version}", "HEAD")
    assert told().returncode == 1 and f"but the tag v{version} is" in told().stderr, told()
    git("tag", "--delete", f"v{version}")
    for line, message in (
        (f"9.9.9 {commit}", "but Cargo.toml of that commit says"),
        (f"{version} {'0' * 40}", "git fetch --unshallow"),
        (f"{version} {commit[:12]}", "40 digits"),
        (f"{version} {git('commit-tree', '-m', 'x', f'{commit}^{{tree}}')}", "not an ancestor"),
    ):
        recorded.write_text(f"{line}\n")
        assert told().returncode == 1 and message in told().stderr, told()
