"""Fixtures of the black-box tests, and the checks that run after each test."""

import os
import re

import pytest

from server import Server

# Secrets that must never be logged: signatures, keys, cookies, tokens.
SECRETS = re.compile(
    r"X-Amz-Signature=|X-Amz-Credential=|Signature=[A-Za-z0-9~_-]{20}|CloudFront-(Policy|Signature)=|BEGIN [A-Z ]*PRIVATE KEY|[Aa]uthorization: AWS4"
)


# What takes longest, from the longest on. A name without parameters stands for all of them.
LONGEST = [
    "test_nothing_answered_is_lost_when_the_server_is_killed[80-sqlite-disk]",
    "test_the_film_is_published_and_nothing_else_is",
    "test_nothing_acknowledged_is_lost_at_any_call",
    "test_a_sparse_image_of_5_gib",
    "test_aws_cli",
    "test_files_that_end_early_are_rejected",
    "test_nothing_answered_is_lost_when_the_server_is_killed[15-postgres-s3]",
    "test_an_import_from_another_program_is_killed_at_any_call",
    "test_bombs_cost_one_job_and_not_the_server",
    "test_the_page_calls_every_surface",
    "test_several_workers_do_each_job_once_and_one_that_dies_is_replaced",
    "test_a_worker_that_is_killed_at_each_step",
    "test_a_restore_that_is_killed_at_each_step",
    "test_a_worker_killed_while_it_imports",
    "test_the_page_calls_every_surface",
    "test_every_example_is_answered_as_described",
    "test_a_client_in_python",
    "test_every_client_opens_a_signed_url_and_no_other",
    "test_every_etag_is_true",
    "test_all_eight_orientations_come_out_upright_and_bare",
    "test_a_disk_that_is_full_at_each_step",
    "test_300_mib_in_parts_through_every_mishap",
    "test_what_only_a_cookie_opens_is_not_embedded_by_others",
    "test_other_ports_and_sites_show_what_is_read_by_its_url",
    "test_the_description_can_be_read_without_the_internet",
]


def pytest_collection_modifyitems(items):
    """The longest begin first, so that no worker is left with one of them at the end."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    if workers:
        place = {name: at for at, name in enumerate(LONGEST)}
        where = lambda item: min(place.get(item.name, len(place)), place.get(item.originalname, len(place)))
        items.sort(key=where)
        # Each worker is given two at once: what waits behind the very longest is short.
        first, rest = items[:workers], items[workers:]
        items[:] = first + rest[-workers:] + rest[:-workers]


@pytest.fixture
def make_server(tmp_path):
    servers = []

    def make(command=None, **settings):
        server = Server(tmp_path, **settings)
        server.command = command or server.command
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.stop()
        log = server.log.read_text()
        found = SECRETS.search(log)
        assert not found, f"the log holds a secret: {log[max(0, found.start() - 200):found.end()]}"
        assert "panicked" not in log, log[-3000:]
        for which in ("presign", "operator"):
            if (server.folder / f"data/keys/s3-{which}.json").exists():
                assert server.credentials(which)[1] not in log


@pytest.fixture
def server(make_server):
    return make_server()


def pytest_terminal_summary(terminalreporter):
    """Lists the blocks of the documents that were run: where, the first line, the result."""
    reports = [report for kind in ("passed", "failed", "skipped") for report in terminalreporter.stats.get(kind, []) if report.when == "call"]
    rows = sorted(
        (value for report in reports for name, value in report.user_properties if name == "block"),
        key=lambda row: (row[0].partition(":")[0], int(row[0].partition(":")[2] or 0)),
    )
    if rows:
        terminalreporter.section("command blocks of the documents")
        for place, title, result in rows:
            terminalreporter.write_line(f"{place:<40} {title[:60]:<62}{result.splitlines()[0][:90]}")
