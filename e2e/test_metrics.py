"""The metrics of every door after traffic: Prometheus' own linter takes them without a word."""

import subprocess

from datasets import Dataset
from server import send
from sessions import Session, drawn, encoded
from test_embedding import stored_disk, stored_file
from test_spaces import Space


def lint(metrics):
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_promtool_finds_nothing(make_server):
    server = make_server(SCANNER="off", CLOUDFRONT_AUTH_MODE="url")
    picture = encoded(drawn(64, 48), "PNG")
    stored_file(server, b"Hello")
    url, _ = server.stream(stored_disk(server, b"Hello"))
    assert send("GET", url).status == 200 and send("GET", url + "x").status == 403
    Space(server).make(picture, "image/png", "a.png")
    Session(server).make(picture, "image/png")
    dataset = Dataset(server)
    dataset.presigned(dataset.package("p", b"Hello"))
    assert server.call("POST", f"/packages/download-manifest?{dataset.query()}", "mallory", {"nodeIds": []}).status == 404
    assert server.call("GET", "/no/such/route").status == 404
    answer = send("GET", f"{server.api}/metrics")
    families = [line for line in answer.body.decode().splitlines() if line.startswith("# TYPE")]
    assert len(families) > 20, families
    print(lint(answer.body)[1])
    assert lint(answer.body) == (0, "")
    # It does find something where there is something to find.
    assert lint(b"# TYPE bad_count counter\nbad_count 1\n")[0] != 0
