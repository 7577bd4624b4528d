"""A client that spreads its requests over several servers, as a load balancer does.

It holds connections open. A server that is being stopped may refuse a connection, or close one before
the first byte of a response; the request then goes to the next server. Nothing else is repeated.
"""

import collections
import contextlib
import http.client
import threading
import time
import uuid

# A connection that was not used for this long, in seconds, is not used again: servers close idle ones.
IDLE = 5
TOKEN = "service-token-of-32-characters-or-more"


class Response:
    """A response that was read to its end."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def read(self):
        return self.body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Balancer:
    """Takes the place of `server.OPENER`. `doors` names the addresses that are balanced, by the name of
    the port that they stand for. Requests to other addresses are sent as they are."""

    def __init__(self, doors):
        self.doors, self.lock, self.turn = doors, threading.Lock(), 0
        # The servers that get requests, and those that are being replaced.
        self.serving, self.stopping = [], set()
        # What became of requests: the number by status; server and id of those that were sent again, by the
        # reason; all with 5xx.
        self.statuses, self.repeated, self.failed = collections.Counter(), collections.defaultdict(list), []
        self.thread = threading.local()

    @contextlib.contextmanager
    def only(self, server):
        """Sends the requests of this thread to one server."""
        self.thread.only = server
        try:
            yield
        finally:
            self.thread.only = None

    def open(self, request, timeout):
        door = self.doors.get(request.host)
        headers = dict(request.header_items()) | {"Host": request.host}
        if door is None:
            with contextlib.closing(http.client.HTTPConnection(request.host, timeout=timeout)) as connection:
                return self.exchange(connection, request, headers)
        if door == "PORT" and not {"Authorization", "X-service-token"} & set(headers):
            headers["X-Service-Token"] = TOKEN
        headers["X-Request-Id"] = id = uuid.uuid4().hex
        for _ in range(100):
            server = self.choose()
            connection = self.connection(server, door, timeout)
            try:
                self.ask(connection, request, headers)
                response = connection.getresponse()
            except (ConnectionError, http.client.BadStatusLine) as reason:
                connection.close()
                self.note(server, request, id, reason)
                continue
            whole = Response(response.status, response.headers, response.read())
            if not response.will_close:
                self.thread.kept[server.name, door] = (server.starts, time.monotonic(), connection)
            self.count(server, request, whole)
            return whole
        raise AssertionError(f"no server takes {request.get_method()} {request.full_url}")

    def exchange(self, connection, request, headers):
        self.ask(connection, request, headers)
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())

    def ask(self, connection, request, headers):
        connection.request(request.get_method(), request.selector, request.data, headers)

    def choose(self):
        if only := getattr(self.thread, "only", None):
            return only
        with self.lock:
            self.turn += 1
            return self.serving[self.turn % len(self.serving)]

    def connection(self, server, door, timeout):
        """Returns the connection that this thread holds to the server, or a new one."""
        kept = self.thread.__dict__.setdefault("kept", {})
        starts, used, connection = kept.pop((server.name, door), (None, 0, None))
        if starts == server.starts and time.monotonic() - used < IDLE:
            return connection
        if connection:
            connection.close()
        return http.client.HTTPConnection("127.0.0.1", server.ports[door], timeout=timeout)

    def note(self, server, request, id, reason):
        with self.lock:
            self.repeated[type(reason).__name__].append((server, id))
            allowed = server in self.stopping
        assert allowed, f"{server.name} was not being stopped, and {request.get_method()} {request.full_url} got {reason!r}"

    def answered(self):
        """Returns the ids of repeated requests that the stopped server had answered, by its log. It logs
        a request when its handler has ended."""
        repeated = [one for reason in self.repeated.values() for one in reason]
        logs = {server: server.log.read_text() for server, _ in repeated}
        return [id for server, id in repeated if id in logs[server]]

    def count(self, server, request, response):
        with self.lock:
            self.statuses[response.status] += 1
            if response.status >= 500:
                self.failed.append((server.name, server.command[0].name, request.get_method(), request.selector, response.status, response.body[:300]))
