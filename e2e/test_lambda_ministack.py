"""The built binary as a function of an emulator of AWS (ministack): API Gateway v2 with a Lambda authorizer, a function URL,
an SQS queue with its dead-letter queue, and the restore of the third source through all of them. The emulator runs `bootstrap`
as a process of this machine; it is not AWS."""

import base64
import contextlib
import io
import json
import os
import subprocess
import time
import urllib.parse
import uuid
import zipfile

import backends
import boto3
import pytest
from botocore.config import Config
from lambda_runtime import Function, batch, request
from server import BINARY, send
from test_lambda import production, queued

REGION = "us-east-1"
ROLE = "arn:aws:iam::000000000000:role/tidegate"
# As the source's authorizer answers, in its simple form.
AUTHORIZER = """
def handler(event, context):
    user = (event.get("headers") or {}).get("authorization", "")
    claims = {"user_claim": {"Id": 17, "NodeId": "N:user:" + user, "IsSuperAdmin": False},
              "org_claim": {"Role": 8, "IntId": 2, "NodeId": "N:organization:1", "EnabledFeatures": None},
              "dataset_claim": None, "team_claims": None}
    return {"isAuthorized": user != "", "context": claims}
"""


def client(service):
    return boto3.client(service, endpoint_url=backends.given("TEST_MINISTACK_URL"), region_name=REGION, aws_access_key_id="test",
                        aws_secret_access_key="test", config=Config(read_timeout=180, retries={"max_attempts": 0}))  # fmt: skip


def packed(name, content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o100755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, content)
    return out.getvalue()


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    """The archive of the binary, without its debug information."""
    stripped = tmp_path_factory.mktemp("lambda") / "bootstrap"
    subprocess.run(["strip", "-o", stripped, BINARY], check=True)
    return packed("bootstrap", stripped.read_bytes())


@pytest.fixture
def deployed(code):
    """Makes functions, and deletes them afterwards."""
    aws, names = client("lambda"), []

    def deploy(settings, archive=code, runtime="provided.al2023", handler="bootstrap"):
        name = f"tidegate-{uuid.uuid4().hex[:8]}"
        made = aws.create_function(FunctionName=name, Runtime=runtime, Role=ROLE, Handler=handler, Code={"ZipFile": archive}, Timeout=30,
                                   MemorySize=1024, Environment={"Variables": settings})  # fmt: skip
        names.append(name)
        return made["FunctionArn"]

    yield deploy
    for name in names:
        aws.delete_function(FunctionName=name)


def settings_of_functions():
    """The settings of a function. Its bucket is the emulator's too, which gives functions its own credentials."""
    bucket = f"f-{uuid.uuid4().hex}"
    client("s3").create_bucket(Bucket=bucket)
    emulator = backends.given("TEST_MINISTACK_URL")
    return production() | {
        "S3_BUCKET": bucket,
        "S3_ENDPOINT": emulator,
        "S3_URL": emulator,
        "S3_FORCE_PATH_STYLE": "true",
        "AUTH_CLAIM_USER": "/user_claim/NodeId",
        "AUTH_CLAIM_ORG": "/org_claim/NodeId",
        "AUTH_CLAIM_DATASETS": "/dataset_claim",
        "LAMBDA_OWN_DOMAIN": "true",
    }


def in_time(what, seconds=60):
    """Waits for something that the emulator does by itself, and returns it."""
    limit = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < limit, "the emulator has not done it"
        time.sleep(0.1)
    return found


def call(url, method="GET", body=None, **headers):
    """Sends a request to a name of the emulator, which answers to all of them on one port."""
    emulator, parts = urllib.parse.urlsplit(backends.given("TEST_MINISTACK_URL")), urllib.parse.urlsplit(url)
    target = urllib.parse.urlunsplit((emulator.scheme, emulator.netloc, parts.path, parts.query, ""))
    data = None if body is None else json.dumps(body).encode()
    return send(method, target, {"Host": parts.netloc, "Content-Type": "application/json", **headers}, data, timeout=120)


@contextlib.contextmanager
def http_api(deployed, function):
    """An HTTP API before a function, with an authorizer as the source has one. Yields its address."""
    authorizer = deployed({}, packed("index.py", AUTHORIZER), "python3.12", "index.handler")
    api = client("apigatewayv2")
    made = api.create_api(Name="tidegate", ProtocolType="HTTP")
    try:
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{authorizer}/invocations"
        authorizer_id = api.create_authorizer(ApiId=made["ApiId"], AuthorizerType="REQUEST", Name="source", AuthorizerUri=uri,
                                              IdentitySource=["$request.header.Authorization"], AuthorizerPayloadFormatVersion="2.0",
                                              EnableSimpleResponses=True)["AuthorizerId"]  # fmt: skip
        integration = api.create_integration(ApiId=made["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=function,
                                             PayloadFormatVersion="2.0")["IntegrationId"]  # fmt: skip
        api.create_route(ApiId=made["ApiId"], RouteKey="$default", Target=f"integrations/{integration}", AuthorizationType="CUSTOM",
                         AuthorizerId=authorizer_id)  # fmt: skip
        api.create_stage(ApiId=made["ApiId"], StageName="prod", AutoDeploy=True)
        yield f"http://{made['ApiId']}.execute-api.localhost/prod"
    finally:
        api.delete_api(ApiId=made["ApiId"])


@contextlib.contextmanager
def queue_of(function):
    """A queue whose messages go to a function, and its dead-letter queue. Yields both URLs."""
    aws, sqs = client("lambda"), client("sqs")

    def queue(**attributes):
        url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}", Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    dead, dead_arn = queue()
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "2"})
    jobs, jobs_arn = queue(RedrivePolicy=redrive, VisibilityTimeout="1")
    mapping = aws.create_event_source_mapping(FunctionName=function, EventSourceArn=jobs_arn, BatchSize=10,
                                              FunctionResponseTypes=["ReportBatchItemFailures"])  # fmt: skip
    try:
        yield jobs, dead
    finally:
        aws.delete_event_source_mapping(UUID=mapping["UUID"])
        sqs.delete_queue(QueueUrl=jobs)
        sqs.delete_queue(QueueUrl=dead)


def test_an_http_api_with_the_source_s_authorizer(deployed):
    function = deployed(settings_of_functions() | {"ALLOWED_HOSTS": "localhost"})
    with http_api(deployed, function) as at:
        me = call(f"{at}/v1/me", Authorization="ann")
        assert me.status == 200, me.body
        assert (me.json()["id"], me.json()["organization"]) == ("N:user:ann", "N:organization:1")
        assert call(f"{at}/v1/me").status in (401, 403), "the gateway lets nobody through without the authorizer"
        created = call(f"{at}/packages/datasets", "POST", {"name": "Cells"}, Authorization="ann")
        assert created.status == 201, created.body
        found = call(f"{at}/packages/datasets", Authorization="bob")
        assert found.status == 200 and created.json()["id"] not in found.body.decode(), "it is ann's"


def test_a_function_url(deployed):
    function = deployed(settings_of_functions() | {"LAMBDA_ROLE": "http"})
    aws = client("lambda")
    url = aws.create_function_url_config(FunctionName=function, AuthType="NONE")["FunctionUrl"]
    answer = call(f"{url}v1/sign-in")
    assert answer.status == 200 and answer.json()["mode"] == "authorizer", answer.body
    assert (answer.headers["x-amzn-trace-id"] or "").startswith("Root=1-"), "of the invocation"
    assert call(f"{url}packages/datasets", Authorization="ann").status == 401, "no authorizer, no caller"
    page = call(f"{url}docs/favicon-32x32.png")
    assert page.body.startswith(b"\x89PNG"), page.body[:100]


def start_by_schedule(function):
    """Sends a function the event of its schedule."""
    event = json.dumps({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})
    answer = client("lambda").invoke(FunctionName=function, Payload=event)
    assert "FunctionError" not in answer, answer["Payload"].read()


def test_a_queue_with_its_dead_letter_queue(deployed):
    settings = settings_of_functions()
    database = settings["DATABASE_URL"]
    function = deployed(settings | {"LAMBDA_ROLE": "worker"})
    sqs = client("sqs")
    # The first start applies the migrations.
    start_by_schedule(function)
    assert queued(database) == []
    payload = json.dumps({"type": "ReleaseUploadV1", "upload_id": "0" * 32, "key": "packages/none"})
    insert = ("INSERT INTO jobs (payload, class, priority, state, run_at, attempts, max_attempts, created_at) VALUES "
              f"('{payload}', 'upkeep', 0, 'QUEUED', 0, 0, 12, 0) RETURNING id")  # fmt: skip
    ((job,),) = backends.psql(database, insert)
    with queue_of(function) as (jobs, dead):
        for body in (json.dumps({"v": 1, "job": job}), json.dumps({"v": 1, "job": job}), "poison"):
            sqs.send_message(QueueUrl=jobs, MessageBody=body)
        in_time(lambda: not backends.psql(database, f"SELECT 1 FROM jobs WHERE id = {job}"))
        (message,) = in_time(lambda: sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=1).get("Messages", []))
        assert message["Body"] == "poison", "only what names no job is given up"


def test_a_message_that_must_wait_is_sent_again(tmp_path):
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"]
    settings = production() | {"JOB_QUEUE_URL": queue, "AWS_ENDPOINT_URL": backends.given("TEST_MINISTACK_URL")}
    function = Function(BINARY, tmp_path / "function", settings).start()
    try:
        assert function.invoke(request("GET", "/v1/sign-in")).kind == "response"
        payload = json.dumps({"type": "ReleaseUploadV1", "upload_id": "0" * 32, "key": "packages/none"})
        insert = ("INSERT INTO jobs (payload, class, priority, state, run_at, attempts, max_attempts, created_at) VALUES "
                  f"('{payload}', 'upkeep', 0, 'QUEUED', {int((time.time() + 4) * 1e6)}, 0, 12, 0) RETURNING id")  # fmt: skip
        ((job,),) = backends.psql(settings["DATABASE_URL"], insert)
        message, received = json.dumps({"v": 1, "job": job}), []
        assert function.invoke(batch(message)).json() == {"batchItemFailures": []}, "its receives do not count"

        def sent_again():
            found = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            received.extend(found.get("Messages", []))
            return [one for one in received if json.loads(one["Body"])["job"] == job]

        assert not sent_again(), "it comes when the job is due"
        assert len(in_time(sent_again)) == 1
    finally:
        function.stop()
        sqs.delete_queue(QueueUrl=queue)


@pytest.fixture
def parameter():
    """The name of a parameter that holds the key of CloudFront as the source keeps it: base64 of a PEM."""
    name = f"/e2e/{uuid.uuid4().hex}/key"
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], capture_output=True, check=True).stdout
    client("ssm").put_parameter(Name=name, Value=base64.b64encode(key).decode(), Type="SecureString")
    yield name
    client("ssm").delete_parameter(Name=name)


def test_the_third_source_s_restore_from_the_gateway_to_the_bucket(deployed, parameter, tmp_path):
    """API Gateway event → Lambda → SQS → Lambda worker → PostgreSQL through PgBouncer → a bucket with versions."""
    settings = settings_of_functions()
    client("s3").put_bucket_versioning(Bucket=settings["S3_BUCKET"], VersioningConfiguration={"Status": "Enabled"})
    database = settings["DATABASE_URL"]
    # As in the source's deployment: one step migrates, and functions do not.
    migrated = subprocess.run([BINARY, "migrate"], env={"DATABASE_URL": database, "PATH": os.environ["PATH"]}, cwd=tmp_path, capture_output=True, text=True)
    assert migrated.returncode == 0, migrated.stderr
    del settings["CLOUDFRONT_PRIVATE_KEY_PEM"]
    settings |= {
        "DATABASE_URL": f"{backends.given('TEST_PGBOUNCER_URL').rsplit('/', 1)[0]}/{database.rsplit('/', 1)[1]}",
        "DATABASE_POOLING": "transaction",
        "DATABASE_MIGRATE": "off",
        "CLOUDFRONT_PRIVATE_KEY_SSM_PARAM": parameter,
        "AWS_ENDPOINT_URL": backends.given("TEST_MINISTACK_URL"),
        "ALLOWED_HOSTS": "localhost",
    }
    worker = deployed(settings | {"LAMBDA_ROLE": "worker"})
    with queue_of(worker) as (jobs, dead):
        settings["RESTORE_PACKAGE_QUEUE_URL"] = jobs
        api = deployed(settings | {"LAMBDA_ROLE": "http"})
        with http_api(deployed, api) as at:
            restore(at, database, settings["S3_BUCKET"])
        assert client("sqs").receive_message(QueueUrl=dead).get("Messages", []) == []


def restore(at, database, bucket):
    """Uploads a package in a folder, deletes the folder, restores the package, and reads it."""

    def ask(method, path, body=None, status=200, user="ann"):
        answer = call(f"{at}{path}", method, body, Authorization=user)
        assert answer.status == status, (method, path, answer.body)
        return answer

    dataset = ask("POST", "/packages/datasets", {"name": "Cells"}, 201).json()["id"]
    folder = ask("POST", f"/packages/collections?dataset_id={dataset}", {"name": "plates"}, 201).json()["nodeId"]
    new = {"name": "a.csv", "filename": "a.csv", "contentType": "text/csv", "size": 8, "parentId": folder}
    target = ask("POST", f"/packages?dataset_id={dataset}", new, 201).json()
    package, content = target["id"], b"a,b\n1,2\n"
    assert send("PUT", target["uploadUrl"], target.get("headers", {}), content).status == 200
    ask("POST", f"/packages/{package}/confirm")
    where = f"/packages/presign/s3?dataset_id={dataset}&package_id={package}"
    assert send("GET", ask("GET", where, status=307).headers["location"]).body == content
    assert ask("DELETE", f"/packages?dataset_id={dataset}", {"nodeIds": [folder]}).json()["failures"] == []
    ask("GET", where, status=404)
    in_time(lambda: not queued(database))
    markers = client("s3").list_object_versions(Bucket=bucket).get("DeleteMarkers", [])
    assert markers, "the worker has deleted the object, and the bucket has its version"
    again = ask("POST", f"/packages/restore?dataset_id={dataset}", {"nodeIds": [package, "N:package:none"]}).json()
    assert again["success"] == [package] and [failure["id"] for failure in again["failures"]] == ["N:package:none"], again
    ask("POST", f"/packages/restore?dataset_id={dataset}", {"nodeIds": [package]}, 404, user="bob")

    def ready():
        found = call(f"{at}{where}", Authorization="ann")
        return found.headers["location"] if found.status == 307 else None

    link = in_time(ready)
    assert send("GET", link).body == content
    in_time(lambda: not queued(database))
    names = [entry["nodeId"] for entry in ask("POST", f"/packages/download-manifest?dataset_id={dataset}", {"nodeIds": [folder]}).json()["data"]]
    assert names == [package], "in its place again, with the folder above it"
