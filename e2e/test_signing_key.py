"""`tidegate keys rotate` on an emulator of AWS: the steps, what it refuses, a kill at each request, and
readers who never see a 403."""

import base64
import http.client
import http.server
import json
import random
import subprocess
import threading
import time
import urllib.parse
import uuid

import boto3
import pytest

import backends
from ports import free_ports
from server import BINARY, send

WORKERS = 4


def client(service):
    return boto3.client(
        service,
        endpoint_url=backends.given("TEST_MINISTACK_URL"),
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def new_key():
    """Returns a private key and its public half."""
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "pkey", "-pubout"], input=key, capture_output=True, check=True).stdout
    return key.decode(), public.decode()


class Deployment:
    """A distribution with a key group of one key, which a parameter or a secret holds."""

    def __init__(self, kind="parameter", key=None, form="document"):
        self.kind, self.own = kind, uuid.uuid4().hex[:12]
        self.name = f"/e2e/{self.own}/signing-key"
        self.cloudfront, self.ssm, self.secrets = (client(service) for service in ("cloudfront", "ssm", "secretsmanager"))
        private, self.public = key or new_key()
        self.old = self.create_public_key("first", self.public)
        group = {"Name": f"group-{self.own}", "Items": [self.old], "Comment": "one & only"}
        self.group = self.cloudfront.create_key_group(KeyGroupConfig=group)["KeyGroup"]["Id"]
        self.distribution = self.create_distribution()
        document = json.dumps({"keyPairId": self.old, "privateKey": private})
        self.write(document if form == "document" else base64.b64encode(private.encode()).decode())

    def create_public_key(self, name, pem):
        config = {"CallerReference": f"{name}-{self.own}", "Name": f"{name}-{self.own}", "EncodedKey": pem}
        return self.cloudfront.create_public_key(PublicKeyConfig=config)["PublicKey"]["Id"]

    def create_distribution(self):
        origin = {"Id": "o", "DomainName": "b.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
        behaviour = {
            "TargetOriginId": "o",
            "ViewerProtocolPolicy": "https-only",
            "TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": [self.group]},
            "MinTTL": 0,
            "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
        }
        config = {"CallerReference": self.own, "Origins": {"Quantity": 1, "Items": [origin]}, "DefaultCacheBehavior": behaviour, "Comment": "", "Enabled": True}
        return self.cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"]

    def write(self, value):
        if self.kind == "parameter":
            self.ssm.put_parameter(Name=self.name, Value=value, Type="SecureString", KeyId="alias/of-our-own", Overwrite=True)
        else:
            self.secrets.create_secret(Name=self.name, SecretString=value, KmsKeyId="alias/of-our-own")

    def read(self, name=None):
        """Returns what is at a name, the key's by default; None if nothing is."""
        name = name or self.name
        if self.kind == "parameter":
            try:
                return self.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
            except self.ssm.exceptions.ParameterNotFound:
                return None
        try:
            return self.secrets.get_secret_value(SecretId=name)["SecretString"]
        except self.secrets.exceptions.ResourceNotFoundException:
            return None

    def kms_key(self, name):
        """Returns the KMS key that encrypts what is at a name."""
        if self.kind == "parameter":
            filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
            return self.ssm.describe_parameters(ParameterFilters=filters)["Parameters"][0]["KeyId"]
        return self.secrets.describe_secret(SecretId=name)["KmsKeyId"]

    def document(self):
        return json.loads(self.read())

    def signs(self):
        """Returns the id of the key that servers sign with."""
        value = self.read()
        return json.loads(value)["keyPairId"] if value.startswith("{") else self.old

    def trusted(self):
        """Returns the ids of the keys that CloudFront trusts."""
        return self.cloudfront.get_key_group(Id=self.group)["KeyGroup"]["KeyGroupConfig"]["Items"]

    def public_keys(self):
        """Returns the public keys of the account, also those of tests that run beside this one."""
        return self.cloudfront.list_public_keys()["PublicKeyList"]["Items"]

    def settings(self, endpoint=None):
        setting = "CLOUDFRONT_PRIVATE_KEY_SSM_PARAM" if self.kind == "parameter" else "CLOUDFRONT_PRIVATE_KEY_SECRET_ID"
        return {
            setting: self.name,
            "CLOUDFRONT_PRIVATE_KEY_REFRESH_SECONDS": "1",
            "CLOUDFRONT_KEY_PAIR_ID": self.old,
            "CLOUDFRONT_KEY_GROUP_ID": self.group,
            "CLOUDFRONT_DISTRIBUTION_ID": self.distribution,
            "AWS_ENDPOINT_URL": endpoint or backends.given("TEST_MINISTACK_URL"),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def command(self, *words):
        return [BINARY, "keys", "rotate", *words]

    def rotate(self, folder, *words, **more):
        done = subprocess.run(self.command(*words), env=self.settings() | more, cwd=folder, capture_output=True, text=True, timeout=120)
        assert "PRIVATE KEY" not in done.stdout + done.stderr and "panicked" not in done.stderr, done.stderr
        return done


def steps(done):
    return [line.split()[0] for line in done.stdout.splitlines()]


AT_ONCE = ("--deploy-wait", "0", "--retire-after", "0")


@pytest.mark.parametrize("kind", ["parameter", "secret"])
@pytest.mark.parametrize("form", ["document", "base64"])
def test_a_key_is_rotated_step_by_step(tmp_path, kind, form):
    deployment = Deployment(kind, form=form)
    before = deployment.read()
    plan = deployment.rotate(tmp_path, "--dry-run")
    print(f"\n{plan.stdout}")
    assert plan.returncode == 0 and steps(plan) == ["make", "create", "group", "announce", "wait", "switch", "retire", "done"], plan.stderr
    assert (deployment.read(), deployment.trusted()) == (before, [deployment.old]), "a dry run changes nothing"
    nothing = deployment.rotate(tmp_path, "--resume")
    assert nothing.returncode == 0 and "no rotation was begun" in nothing.stdout
    assert deployment.read() == before
    # Up to the switch; links signed with the old key go on for hours.
    switched = deployment.rotate(tmp_path, "--deploy-wait", "0")
    print(switched.stdout)
    assert switched.returncode == 0, switched.stderr
    assert steps(switched) == ["make", "create", "group", "announce", "wait", "switch", "later"]
    new = deployment.signs()
    assert new != deployment.old and deployment.trusted() == [deployment.old, new]
    document = deployment.document()
    assert {id: pem.strip() for id, pem in document["publicKeys"].items()} == {deployment.old: deployment.public.strip()}
    assert "PRIVATE KEY" not in deployment.read(f"{deployment.name}-rotation"), "the key is in one place again"
    for name in (deployment.name, f"{deployment.name}-rotation"):
        assert deployment.kms_key(name) == "alias/of-our-own", "the new key is never encrypted by another one"
    again = deployment.rotate(tmp_path)
    assert again.returncode == 0 and steps(again) == ["resume", "later"] and deployment.signs() == new
    retired = deployment.rotate(tmp_path, "--resume", "--retire-after", "0")
    print(retired.stdout)
    assert retired.returncode == 0 and steps(retired) == ["resume", "group", "retire", "done"], retired.stderr
    assert deployment.trusted() == [new] and deployment.document() == document | {"publicKeys": {}}
    assert deployment.read(f"{deployment.name}-rotation") is None
    ids = [key["Id"] for key in deployment.public_keys()]
    assert new in ids and deployment.old not in ids
    assert deployment.kms_key(deployment.name) == "alias/of-our-own"


def test_the_first_key_is_created_where_that_is_asked_for(tmp_path):
    deployment = Deployment()
    deployment.ssm.delete_parameter(Name=deployment.name)
    refused = deployment.rotate(tmp_path, *AT_ONCE)
    assert refused.returncode == 1 and "is not there; run with --create" in refused.stderr, refused.stderr
    done = deployment.rotate(tmp_path, "--create", "--kind", "p256", *AT_ONCE)
    assert done.returncode == 0 and steps(done)[-1] == "done", done.stderr
    assert deployment.signs() in deployment.trusted() and deployment.read(f"{deployment.name}-rotation") is None


def test_a_key_that_was_put_back_is_not_retired(tmp_path):
    deployment = Deployment()
    before = deployment.read()
    switched = deployment.rotate(tmp_path, "--deploy-wait", "0")
    assert switched.returncode == 0 and deployment.signs() != deployment.old, switched.stderr
    deployment.write(before)
    trusted = deployment.trusted()
    resumed = deployment.rotate(tmp_path, "--resume", "--retire-after", "0")
    assert resumed.returncode == 1 and f"holds {deployment.old} and not" in resumed.stderr, resumed.stderr
    assert deployment.trusted() == trusted and deployment.old in trusted, "links of the key that signs are still good"


def test_a_rotation_that_was_given_up_in_its_wait_does_not_switch(tmp_path):
    deployment = Deployment()
    with subprocess.Popen(deployment.command("--deploy-wait", "8"), env=deployment.settings(), cwd=tmp_path,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:  # fmt: skip
        while "until every edge" not in waiting.stdout.readline():
            assert waiting.poll() is None
        deployment.ssm.delete_parameter(Name=f"{deployment.name}-rotation")
        _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 1 and "was given up" in said, said
    assert deployment.signs() == deployment.old and deployment.read(f"{deployment.name}-rotation") is None


def test_a_dummy_is_replaced_at_once(tmp_path):
    dummy = [subprocess.run([BINARY, "keys", "dummy", "--form", form], capture_output=True, text=True, check=True).stdout for form in ("private", "public")]
    deployment = Deployment(key=dummy)
    # Its links are worth nothing, so that only the time in which servers read counts.
    plan = deployment.rotate(tmp_path, "--dry-run")
    assert f"{deployment.old} 63 s later" in plan.stdout, plan.stdout


def test_what_cannot_be_right_is_refused_before_anything_is_changed(tmp_path):
    deployment = Deployment()
    other = Deployment()
    # The account is shared with other tests, so that what was asked of it is counted and not what is there.
    proxy = KillingProxy(deployment)
    for more, says in [
        ({"CLOUDFRONT_KEY_GROUP_ID": other.group}, "does not trust the key group"),
        ({"CLOUDFRONT_KEY_GROUP_ID": other.group, "CLOUDFRONT_DISTRIBUTION_ID": other.distribution}, "is not in the key group"),
        ({"CLOUDFRONT_KEY_GROUP_ID": "no-such-group"}, "NoSuchResource"),
        ({"CLOUDFRONT_KEY_GROUP_ID": ""}, "set CLOUDFRONT_KEY_GROUP_ID"),
        ({"CLOUDFRONT_DISTRIBUTION_ID": "ENOSUCH"}, "NoSuchDistribution"),
        ({"CLOUDFRONT_PRIVATE_KEY_SSM_PARAM": "", "CLOUDFRONT_KEY_PAIR_ID": ""}, "is not kept by AWS"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "can't be reached"),
    ]:
        done = deployment.rotate(tmp_path, *AT_ONCE, **{"AWS_ENDPOINT_URL": proxy.url} | more)
        print(done.stderr.strip())
        assert done.returncode == 1 and says in done.stderr, (more, done.stderr)
    deployment.write(deployment.public)
    done = deployment.rotate(tmp_path, *AT_ONCE, AWS_ENDPOINT_URL=proxy.url)
    proxy.stop()
    assert done.returncode == 1 and "PUBLIC KEY" in done.stderr, done.stderr
    assert len(proxy.seen) >= 7 and all(request.startswith("GET ") or request == "AmazonSSM.GetParameter" for request in proxy.seen), proxy.seen


class KillingProxy:
    """Passes requests on to the emulator. At one of them it kills the command, before or after it has
    passed it on; after each it checks that readers are served."""

    def __init__(self, deployment, at=None, when=None):
        self.deployment, self.at, self.when = deployment, at, when
        self.seen, self.process, self.wrong = [], None, []
        there = urllib.parse.urlsplit(backends.given("TEST_MINISTACK_URL")).netloc
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                number = len(proxy.seen)
                proxy.seen.append(self.headers.get("X-Amz-Target") or f"{self.command} {self.path.split('?')[0]}")
                if number == proxy.at and proxy.when == "before":
                    return proxy.kill(self)
                connection = http.client.HTTPConnection(there, timeout=30)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                proxy.check()
                if number == proxy.at:
                    return proxy.kill(self)
                self.send_response(answer.status)
                for name in ("Content-Type", "ETag", "x-amzn-errortype"):
                    if answer.headers.get(name):
                        self.send_header(name, answer.headers[name])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = handle_request

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def kill(self, handler):
        self.process.kill()
        self.process.wait()
        handler.close_connection = True

    def check(self):
        """What servers sign with is always what CloudFront trusts."""
        if self.deployment.signs() not in self.deployment.trusted():
            self.wrong.append(self.seen[-1])

    def run(self, folder):
        with open(folder / "rotate.log", "wb") as log:
            settings = self.deployment.settings(self.url)
            # Nobody waits for anything that is not there in this test.
            settings["CLOUDFRONT_PRIVATE_KEY_REFRESH_SECONDS"] = "1"
            self.process = subprocess.Popen(self.deployment.command(*AT_ONCE), env=settings, cwd=folder, stdout=log, stderr=log)
            code = self.process.wait(timeout=60)
        self.stop()
        return code, (folder / "rotate.log").read_text()


def check_rotated(deployment, about):
    new = deployment.signs()
    assert new != deployment.old and deployment.trusted() == [new], about
    assert deployment.document()["publicKeys"] == {} and deployment.read(f"{deployment.name}-rotation") is None, about
    keys = deployment.public_keys()
    of_new = next(key for key in keys if key["Id"] == new)
    assert [key["Id"] for key in keys if key["EncodedKey"] == of_new["EncodedKey"]] == [new], f"{about}: one public key and no copy"
    assert deployment.old not in [key["Id"] for key in keys], about


def test_a_rotation_that_is_killed_at_each_request_is_continued(tmp_path):
    clean = KillingProxy(Deployment())
    code, log = clean.run(tmp_path)
    assert (code, clean.wrong) == (0, []), log
    check_rotated(clean.deployment, log)
    failures, lock, left = [], threading.Lock(), [(at, when) for at in range(len(clean.seen)) for when in ("before", "after")]
    random.shuffle(left)

    def work(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        while True:
            with lock:
                if not left:
                    return
                at, when = left.pop()
            try:
                kill_and_continue(folder, at, when)
            except Exception as error:
                failures.append((at, when, clean.seen[at], repr(error)))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert not failures, failures
    print(f"\nkilled before and after each of {len(clean.seen)} requests: {clean.seen}")


def kill_and_continue(folder, at, when):
    killed = KillingProxy(Deployment(), at, when)
    code, log = killed.run(folder)
    assert code == -9 and not killed.wrong, (code, killed.wrong, log)
    killed.check()
    assert not killed.wrong, "the moment after the kill"
    deployment = killed.deployment
    done = deployment.rotate(folder, *AT_ONCE)
    assert done.returncode == 0, done.stderr
    if at == len(killed.seen) - 1 and steps(done)[0] == "make":
        return  # Everything was done when it was killed, and this was another rotation.
    check_rotated(deployment, (killed.seen[at], done.stdout))


def stand_alone_edge(server, public_keys):
    """Starts an edge that reads public keys from a folder, for the links of a server."""
    edge_port, port = free_ports(2)
    settings = {
        "PATH": server.settings["PATH"],
        "UPLOAD_ROOT": f"{server.settings['TIDEGATE_DATA']}/store",
        "EDGE_URL": server.edge,
        "EDGE_KEYS": str(public_keys),
        "EDGE_KEYS_REFRESH_SECONDS": "1",
        "EDGE_PORT": str(edge_port),
        "PORT": str(port),
    }
    with open(server.folder / "edge.log", "wb") as log:
        process = subprocess.Popen([BINARY, "edge"], env=settings, cwd=server.folder, stdout=log, stderr=log)
    process.url = f"http://127.0.0.1:{edge_port}"
    deadline = time.monotonic() + 20
    while True:
        assert time.monotonic() < deadline and process.poll() is None, (server.folder / "edge.log").read_text()
        try:
            if send("GET", f"http://127.0.0.1:{port}/readyz").status == 200:
                return process
        except OSError:
            time.sleep(0.02)


def test_readers_never_see_a_403_while_the_key_is_rotated(make_server, tmp_path):
    deployment = Deployment(form="base64")
    lifetime = 6
    server = make_server(**deployment.settings(), CLOUDFRONT_AUTH_MODE="url", CLOUDFRONT_SIGNED_TTL_SECONDS=str(lifetime), LOG_LEVEL="info")
    image, upload, _ = server.begin()
    part = send("PUT", server.sign(image, upload, 1), body=b"bytes")
    assert server.complete(image, upload, [(1, part.headers["ETag"])]).status == 200
    public_keys = tmp_path / "public-keys"
    public_keys.mkdir()
    (public_keys / f"{deployment.old}.pub.pem").write_text(deployment.public)
    alone = stand_alone_edge(server, public_keys)
    stop, refused, read, ids = threading.Event(), [], [0], set()

    def reader():
        links = []
        while not stop.is_set():
            links.append(server.stream(image)[0])
            # Links end; until then each is read again and again.
            links = [link for link in links if ends(link) > time.time() + 1]
            for link in random.sample(links, min(3, len(links))):
                ids.add(key_of(link))
                for edge in (server.edge, alone.url):
                    answer = send("GET", link.replace(server.edge, edge), {"Host": server.edge.removeprefix("http://")})
                    read[0] += 1
                    if answer.status != 200 and ends(link) > time.time() + 1:
                        refused.append((answer.status, edge, key_of(link), time.time()))

    def ends(link):
        policy = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["Policy"][0]
        policy = base64.b64decode(policy.translate(str.maketrans("-_~", "+=/")))
        return json.loads(policy)["Statement"][0]["Condition"]["DateLessThan"]["AWS:EpochTime"]

    def key_of(link):
        return urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["Key-Pair-Id"][0]

    readers = [threading.Thread(target=reader) for _ in range(4)]
    [thread.start() for thread in readers]
    try:
        for _ in range(2):
            before = deployment.signs()
            done = deployment.rotate(tmp_path, "--until", "retired", "--deploy-wait", "3", "--retire-after", str(lifetime + 4), "--public-keys", str(public_keys))
            assert done.returncode == 0 and steps(done)[-1] == "done", done.stderr
            print(f"\n{done.stdout}")
            assert deployment.trusted() == [deployment.signs()] != [before]
            assert [path.name for path in public_keys.iterdir()] == [f"{deployment.signs()}.pub.pem"]
    finally:
        stop.set()
        [thread.join() for thread in readers]
        alone.terminate()
        alone.wait(timeout=40)
    print(f"{read[0]} reads of links signed with {len(ids)} keys, {len(refused)} refused")
    assert not refused and len(ids) == 3 and read[0] > 100
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    versions = [line["version"] for line in lines if line["message"] == "the signing key has another version"]
    print(f"versions in the log: {versions}")
    assert versions and versions == sorted(versions, key=int)
