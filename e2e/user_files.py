"""Uploads of users' files."""

from server import send


def begin(server, name, size, user="alice", **more):
    body = {"mode": "single", "files": [{"name": name, "size": size, "mime": "application/octet-stream", **more}], "folder": "main/pictures"}
    answer = server.call("POST", "/v1/files/init", user, body)
    assert answer.status == 200, answer.body
    one = answer.json()["uploads"][0]
    return one["uploadId"], one["key"], one


def complete(server, upload, **more):
    return server.call("POST", "/v1/files/complete", body={"uploadId": upload, "parts": [], **more})


def in_one_request(server, upload, body, target):
    headers = {name: value for name, value in target["headers"].items() if name != "content-length"}
    assert send("PUT", target["url"], headers, body).status == 200
