"""Tests ambiguous HTTP through every door, and through the usual proxies in front of them. No door reads a second request
where another parser sees a body, and no client behind a proxy gets the response to a request of another.
"""

import concurrent.futures
import http.client
import os
import pathlib
import re
import socket
import tempfile
import uuid

import pytest

from ambiguous_http import hostile, plain
from proxies import MODERN_NGINX, PROXIES, Proxy
from server import Server

DOORS = ["PORT", "EDGE_PORT", "S3_PORT"]
# No door finds anything there, and each says so in a response with the request's id.
PATH = b"/nothing"
JSON_WITHOUT_SIGN_IN = b"/v1/images"


def exchange(port, request, timeout=3, quiet=None):
    """Sends bytes and returns all that comes back, and whether the server closed the connection. With `quiet`, it waits
    that many seconds for more once something has come."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        came, closed = b"", False
        try:
            connection.sendall(request)
            while True:
                more = connection.recv(65536)
                if not more:
                    closed = True
                    break
                came += more
                connection.settimeout(quiet or timeout)
        except ConnectionError:
            closed = True
        except TimeoutError:
            pass
        return came, closed


def statuses(came):
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", came)]


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("doors")) as server:
        yield server


@pytest.mark.parametrize("door", DOORS)
def test_every_door_refuses_what_is_ambiguous(doors, door):
    port = doors.ports[door]
    host = f"127.0.0.1:{port}".encode()
    # A body on a route that reads it, so that the chunks are looked at.
    path = JSON_WITHOUT_SIGN_IN if door == "PORT" else PATH
    cases = list(hostile(host, path))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda case: exchange(port, case[1]), cases))
    for (name, _, expected), (came, closed) in zip(cases, answers):
        said = statuses(came)
        assert len(said) == 1 and closed, (name, said, came[-300:])
        assert b"smuggled" not in came, (name, came)
        assert expected is None or said == [expected], (name, said, came)
        assert said[0] in (400, 401, 403, 405, 411, 431, 505), (name, said)
        if said[0] in (400, 431, 505) and expected:
            kind = b"application/json" if door == "PORT" else b"xml"
            head, _, body = came.partition(b"\r\n\r\n")
            assert kind in head and body and b"x-request-id" in head.lower() and b"connection: close" in head.lower(), (name, came)


@pytest.mark.parametrize("door", DOORS)
def test_every_door_takes_what_is_unusual_and_plain(doors, door):
    port = doors.ports[door]
    host = f"127.0.0.1:{port}".encode()
    for name, request in plain(host, PATH):
        came, closed = exchange(port, request)
        said = statuses(came)
        refused_by_edge = door == "EDGE_PORT" and name in ("chunks with extension and trailer", "UTF-8 in the target")
        assert len(said) == 1 and closed, (name, came)
        assert (said[0] == 400) == refused_by_edge or (door == "S3_PORT" and said[0] != 431), (name, came)


@pytest.mark.parametrize("kind", PROXIES)
def test_nobody_behind_a_proxy_gets_the_response_of_another(doors, tmp_path, kind):
    with Proxy(kind, tmp_path / kind, [doors.ports[door] for door in DOORS]) as proxy:
        for door, port in zip(DOORS, proxy.ports):
            host = f"127.0.0.1:{port}".encode()

            def ask(of=port):
                """Asks as an innocent client would, and returns whether the response is that client's own."""
                connection = http.client.HTTPConnection("127.0.0.1", of, timeout=10)
                own = uuid.uuid4().hex
                connection.request("GET", "/health", headers={"X-Request-Id": own})
                answer = connection.getresponse()
                answer.read()
                connection.close()
                # A proxy that found its connection closed says so itself, without an id.
                return answer.headers["X-Request-Id"] in (own, None), (answer.status, answer.headers["X-Request-Id"], own)

            assert ask()[1][1], (kind, door, "the server itself answers through the proxy")
            for name, request, _ in hostile(host, PATH):
                # Until the proxy answers, or waits for more of the request.
                came, _ = exchange(port, request, timeout=1, quiet=0.15)
                for _ in range(2):
                    right, answer = ask()
                    assert right, (kind, door, name, answer, came)


@pytest.mark.parametrize("kind", PROXIES)
def test_no_proxy_makes_its_clients_this_machine(doors, tmp_path, kind):
    """Without sign-in, whoever is on this machine is whoever they say. A client of a proxy on this machine is not."""
    with Proxy(kind, tmp_path / kind, [doors.ports["PORT"]]) as proxy:
        for path, more in (("/v1/images", "X-User-Id: alice"), ("/v1/audit", "X-User-Id: root\r\nX-Roles: admin"), ("/metrics", "A: b")):
            request = f"GET {path} HTTP/1.1\r\nHost: files.example.com\r\n{more}\r\nConnection: close\r\n\r\n"
            came, _ = exchange(proxy.ports[0], request.encode())
            assert statuses(came)[0] in (403, 404), (kind, path, came)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a proxy with an account of its own, which only root can start")
@pytest.mark.parametrize("kind", [MODERN_NGINX, *PROXIES])
def test_a_proxy_that_leaves_no_trace_is_known_by_its_account(doors, kind):
    """nginx since 1.29.7 sends a loopback Host and no header of its own, and any proxy may pass on the Host of its client."""
    behind = doors.ports["PORT"]
    with tempfile.TemporaryDirectory() as folder, Proxy(kind, pathlib.Path(folder), [behind], account="www-data") as proxy:
        for path, more in (("/v1/images", "X-User-Id: alice"), ("/v1/audit", "X-User-Id: root\r\nX-Roles: admin"), ("/metrics", "A: b")):
            request = f"GET {path} HTTP/1.1\r\nHost: localhost:{behind}\r\n{more}\r\nConnection: close\r\n\r\n"
            came, _ = exchange(proxy.ports[0], request.encode())
            assert statuses(came)[0] in (403, 404), (kind, path, came)
            assert statuses(exchange(behind, request.encode())[0])[0] == 200, "the same without a proxy"
