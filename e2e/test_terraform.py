"""Tests the Terraform modules without AWS: each is valid and passes its own tests, fails them when it is
broken, and agrees with the server. Run by `make terraform`, because building OpenTofu costs minutes."""

import base64
import http.client
import json
import os
import re
import subprocess
import time

import boto3
import moto
import pytest
import yaml

from chart import known_settings
from ports import free_port
from server import BINARY, ROOT
from terraform import (
    ENVIRONMENT, FOLDERS, FULL, MINIMAL, MODULES, PUBLIC_KEY, TERRAFORM, TOOLS, Workspace, allows, of_type, policy_matches, reference_tables,
)  # fmt: skip

pytestmark = pytest.mark.terraform
GUIDE = ROOT / "docs/operations/terraform.md"
UUID, OTHER = "0190d0a0-0000-7000-8000-000000000001", "0190d0a0-0000-4000-8000-000000000002"


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture(scope="module")
def minimal(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("minimal")).apply("minimal", MINIMAL)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("full")).apply("full", FULL)


def test_files_are_formatted():
    done = subprocess.run([TOOLS / "bin/tofu", "fmt", "-check", "-recursive", "-diff", TERRAFORM], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_valid(workspace, folder):
    assert workspace.validate(folder) == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_passes_its_tests(workspace, module):
    results, wrong = workspace.test(module)
    written = len(re.findall(r'^run "', (TERRAFORM / f"modules/{module}/tests/{module}.tftest.hcl").read_text(), re.M))
    assert len(results) == written and set(results.values()) == {"pass"}, wrong


# Mistakes that nothing but the stand-in for the provider can find.
@pytest.mark.parametrize(
    "path, before, after, says",
    [
        ("bucket/main.tf", "force_destroy = var", "force_destory = var", "Unsupported argument"),
        ("bucket/main.tf", "      days_after_initiation = var.incomplete_upload_days", "      after_days = 8", "Unsupported argument"),
        ("bucket/main.tf", '    status = "Enabled"\n  }\n}\n', '    status = "On"\n  }\n}\n', 'versioning_configuration.status is "On" and must be one of: Enabled'),
        ("cdn/main.tf", '  signing_protocol                  = "sigv4"\n', "", "Missing required argument"),
        ("cdn/main.tf", 'viewer_protocol_policy     = "https-only"', 'viewer_protocol_policy     = "https"', 'viewer_protocol_policy is "https"'),
        ("service/main.tf", 'runtime          = "provided.al2023"', 'runtime          = "provided.al2022"', 'runtime is "provided.al2022"'),
        ("service/queue.tf", "receive_wait_time_seconds = 20", "receive_wait_time_seconds = 200", "receive_wait_time_seconds is 200 and must be from 0 to 20"),
        ("service/iam.tf", "assume_role_policy = jsonencode({", "assume_role_policy = yamlencode({", "assume_role_policy is no JSON"),
        ("alarms/main.tf", 'comparison_operator = "GreaterThanThreshold"', 'comparison_operator = "Above"', 'comparison_operator is "Above"'),
    ],
)
def test_a_mistake_is_found(workspace, path, before, after, says):
    workspace.change(f"modules/{path}", before, after)
    said = workspace.validate(f"modules/{path.split('/')[0]}")
    assert any(says in one for one in said), said


# What would open the bucket, lose jobs or print secrets. Each must fail a test of its module.
@pytest.mark.parametrize(
    "path, before, after, fails",
    [
        ("bucket/main.tf", '"O?*/D?*/P?*/?*"', '"*"', "policy_opens_nothing_else"),
        ("bucket/main.tf", "/pub/?*", "/*", "policy_opens_nothing_else"),
        ("bucket/main.tf", "/processed/?*", "/*", "policy_opens_nothing_else"),
        ("bucket/main.tf", '"O?*/D?*/P?*/?*", # assets', "# assets", "policy_opens_served_roots"),
        ("bucket/main.tf", 'Action    = "s3:GetObject"', 'Action    = "s3:*"', "policy_allows_only_the_distribution"),
        ("bucket/main.tf", 'Principal = { Service = "cloudfront.amazonaws.com" }', 'Principal = "*"', "policy_allows_only_the_distribution"),
        ("bucket/main.tf", '{ Bool = { "aws:SecureTransport" = "false" } }', '{ Bool = { "aws:SecureTransport" = "true" } }', "policy_denies_plain_http"),
        ("bucket/main.tf", "restrict_public_buckets = true", "restrict_public_buckets = false", "is_private"),
        ("bucket/main.tf", '"Content-Range", "ETag"', '"Content-Range"', "pages_can_upload_in_parts"),
        ("bucket/main.tf", "noncurrent_days = var.noncurrent_days", "noncurrent_days = 3", "old_versions_go_after_30_days"),
        ("cdn/main.tf", "    trusted_key_groups         = [local.key_group.id]\n    cache", "    cache", "only_signed_requests_are_served"),
        ("cdn/main.tf", "parquet = 30 * local.day", "parquet = local.day", "caches_parquet_30_days_and_others_24_hours"),
        ("cdn/main.tf", '"date", "time",', '"date", "time", "cs-uri-query",', "logs_hold_no_signatures"),
        ("cdn/main.tf", "style-src 'unsafe-inline'; sandbox", "style-src 'unsafe-inline'", "content_is_inert"),
        ("service/queue.tf", '  function_response_types = ["ReportBatchItemFailures"]\n', "", "a_batch_fails_in_part"),
        ("service/iam.tf", '["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]', '["sqs:*"]', "each_function_may_do_what_it_does"),
        ("service/main.tf", "value_wo_version = 1", "value_wo_version = var.private_key == null ? 1 : 2", "the_key_stays_as_others_left_it"),
        ("service/api.tf", 'id         = "$context.requestId"', 'id         = "$context.path"', "logs_end"),
        ("alarms/main.tf", 'counted   = ["failed"]', 'counted   = ["completed"]', "shares_are_of_all_outcomes"),
    ],
)
def test_a_module_that_is_broken_fails_its_tests(workspace, path, before, after, fails):
    workspace.change(f"modules/{path}", before, after)
    # That the key stays shows after an apply that made it.
    first = ["the_key_is_put_there_by_others"] if fails == "the_key_stays_as_others_left_it" else []
    results, wrong = workspace.test(path.split("/")[0], *first, fails)
    assert results.get(fails) == "fail", (results, wrong)


def checkov(*words):
    done = subprocess.run([TOOLS / "checkov/bin/python", "-m", "checkov.main", "-d", TERRAFORM, "-o", "json", *words], capture_output=True, text=True, cwd=TERRAFORM)
    found = json.loads(done.stdout)
    return found["summary"], {one["check_id"] for one in found["results"].get("failed_checks", [])}


def test_checkov_finds_nothing_but_what_is_left_out_for_a_reason():
    config = TERRAFORM / "testing/checkov.yaml"
    summary, failed = checkov("--config-file", config)
    assert summary["failed"] == 0 and summary["parsing_errors"] == 0 and summary["passed"] >= 80, (summary, failed)
    # Each that is left out would fail, and the line above it says why it is.
    skipped = yaml.safe_load(config.read_text())["skip-check"]
    assert checkov("--framework", "terraform", "--skip-download", "--quiet", "--compact")[1] == set(skipped)
    assert len(re.findall(r"^  # .+[.]\n  - CKV", config.read_text(), re.M)) == len(skipped)


# Keys of every kind. The edge that stands in for CloudFront decides which of them may be served.
KEYS = [
    f"images/alice/{UUID}/{OTHER}/disk.img",
    f"images/~40/{UUID}/{OTHER}/disk.img",
    f"sessions/{UUID}/processed/{OTHER}/a/image.jpg",
    f"spaces/{UUID}/pub/{OTHER}/a/image.jpg",
    "O1/D20/P300/view/data 1.parquet",
    "O1/D20/P300/.zattrs",
    f".incoming/{UUID}",
    f".quarantine/{UUID}/{OTHER}",
    f".quarantine/orphans/2026-11-21/images/alice/{UUID}/{OTHER}/disk.img",
    f".parts/{UUID}/part_000001",
    f".trash/spaces/{UUID}/pub/a",
    f".gone/{UUID}",
    f"packages/1/20/300/{UUID}",
    f"sessions/{UUID}/general/{OTHER}.jpg",
    f"sessions/{UUID}/pub/a.jpg",
    f"spaces/{UUID}/processed/a.jpg",
    f"spaces/{UUID}/a.jpg",
    "sessions/none/processed/a.jpg",
    "storage/alice/0a1b2c3d_notes.txt",
    f"storage/alice/images/a/{UUID}/{OTHER}/0a1b2c3d_disk.img",
    f"images/alice/{UUID}/disk.img",
    "O1/D20/data.parquet",
    "o1/d20/p300/data.parquet",
    "index.html",
    "keys/private.pem",
]


def test_the_bucket_opens_what_the_edge_serves(minimal, tmp_path):
    """The edge answers 404 for what it would serve if it were there, and 403 for everything else, whatever is signed."""
    made = subprocess.run([BINARY, "keys", "generate", "--folder", tmp_path / "keys"], capture_output=True, text=True, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    key_pair = made.stdout.split()[0]
    edge_port, port = free_port(), free_port()
    (tmp_path / "trusted").mkdir()
    (tmp_path / f"keys/{key_pair}.pub.pem").rename(tmp_path / f"trusted/{key_pair}.pub.pem")
    (tmp_path / "store").mkdir()
    settings = {
        "PATH": os.environ["PATH"], "EDGE_URL": f"http://127.0.0.1:{edge_port}", "EDGE_PORT": str(edge_port), "PORT": str(port),
        "EDGE_KEYS": str(tmp_path / "trusted"), "UPLOAD_ROOT": str(tmp_path / "store"), "TIDEGATE_DATA": str(tmp_path / "data"),
    }  # fmt: skip
    policy = json.dumps({"Statement": [{"Resource": f"http://127.0.0.1:{edge_port}/*", "Condition": {"DateLessThan": {"AWS:EpochTime": int(time.time()) + 600}}}]})
    signed = subprocess.run(["openssl", "dgst", "-sha1", "-sign", tmp_path / f"keys/{key_pair}.pem"], input=policy.encode(), capture_output=True, check=True)
    encoded = lambda data: base64.b64encode(data).decode().translate(str.maketrans("+=/", "-_~"))
    query = f"Policy={encoded(policy.encode())}&Signature={encoded(signed.stdout)}&Key-Pair-Id={key_pair}"
    resources, _ = minimal
    ((_, bucket_policy),) = of_type(resources, "aws_s3_bucket_policy").items()
    distribution = of_type(resources, "aws_cloudfront_distribution")["module.cdn.aws_cloudfront_distribution.this"]["arn"]

    def opened(key, **changed):
        asked = {"principal": "cloudfront.amazonaws.com", "aws:SourceArn": distribution, "aws:SecureTransport": "true", "s3:TlsVersion": "1.3", **changed}
        return allows(json.loads(bucket_policy["policy"]), asked.pop("action", "s3:GetObject"), f"arn:aws:s3:::photos/{key}", asked.pop("principal"), **asked)

    with open(tmp_path / "log", "wb") as log:
        edge = subprocess.Popen([BINARY, "edge"], env=settings, cwd=tmp_path, stdout=log, stderr=log)
    try:
        answers = {}
        for key in KEYS:
            for _ in range(500):
                assert edge.poll() is None, (tmp_path / "log").read_text()[-2000:]
                try:
                    asked = http.client.HTTPConnection("127.0.0.1", edge_port, timeout=10)
                    asked.request("GET", f"/{key.replace(' ', '%20')}?{query}")
                    answers[key] = asked.getresponse().status
                    break
                except ConnectionRefusedError:
                    time.sleep(0.02)
    finally:
        edge.terminate()
        edge.wait(timeout=30)
    assert set(answers.values()) == {403, 404}
    assert [key for key, status in answers.items() if status == 404] == KEYS[:6], answers
    assert [key for key in KEYS if opened(key)] == KEYS[:6]
    # The same keys, asked for otherwise.
    for changed in (
        {"aws:SecureTransport": "false"}, {"s3:TlsVersion": "1.1"}, {"aws:SourceArn": "arn:aws:cloudfront::444455556666:distribution/E2OTHER"},
        {"principal": "somebody"}, {"action": "s3:PutObject"}, {"action": "s3:ListBucket"},
    ):  # fmt: skip
        assert not any(opened(key, **changed) for key in KEYS), changed


def test_served_roots_are_those_of_the_documentation(minimal):
    documented = re.findall(r"^    /// - `(\S+)` of ", (ROOT / "crates/tidegate/src/model/key/mod.rs").read_text(), re.M)
    text = (TERRAFORM / "modules/bucket/main.tf").read_text()
    roots = re.findall(r'^    "(.+/\?\*)",', text, re.M)
    examples = {"{owner}": "alice", "{image}": UUID, "{version}": OTHER, "{session}": UUID, "{space}": UUID, "{org}": "1", "{dataset}": "2", "{package}": "3"}
    assert len(documented) == len(roots) == 4
    for root in documented:
        key = re.sub(r"\{\w+\}", lambda found: examples[found[0]], root) + "file"
        assert sum(policy_matches(pattern.replace("${var.image_base_path}", "images"), key) for pattern in roots) == 1, root


def test_the_distribution_is_wired(minimal):
    resources, _ = minimal
    one = lambda kind, name="this": resources[f"module.cdn.{kind}.{name}"]
    distribution = one("aws_cloudfront_distribution")
    (origin,) = distribution["origin"]
    assert origin["domain_name"] == "photos.s3.eu-central-1.amazonaws.com" and origin["origin_access_control_id"] == one("aws_cloudfront_origin_access_control")["id"]
    group = one("aws_cloudfront_key_group", "server[0]")
    assert group["items"] == [one("aws_cloudfront_public_key", 'this["K1"]')["id"]]
    caches = {name: one("aws_cloudfront_cache_policy", f'this["{name}"]') for name in ("parquet", "others")}
    headers = {name: one("aws_cloudfront_response_headers_policy", f'this["{name}"]') for name in ("media", "others")}
    assert len({one["id"] for one in [*caches.values(), *headers.values()]}) == 4, "ids tell them apart"
    behaviors = [*distribution["default_cache_behavior"], *distribution["ordered_cache_behavior"]]
    seen = set()
    for behavior in behaviors:
        ending = behavior.get("path_pattern", "*.others").rsplit(".")[-1]
        cache = "parquet" if ending.lower() == "parquet" else "others"
        rendering = "media" if ending in ("mp4", "mov", "webm") else "others"
        assert (behavior["cache_policy_id"], behavior["response_headers_policy_id"]) == (caches[cache]["id"], headers[rendering]["id"]), ending
        assert behavior["trusted_key_groups"] == [group["id"]]
        seen.add((cache, rendering))
    assert len(seen) == 3
    # The edge of the server says the same of content.
    edge = (ROOT / "crates/tidegate/src/http/content/mod.rs").read_text()
    for policy in headers.values():
        (csp,) = policy["security_headers_config"][0]["content_security_policy"]
        assert f'"{csp["content_security_policy"]}"' in edge
    days = {name: cache["default_ttl"] for name, cache in caches.items()}
    lifetimes = dict(re.findall(r'^const (A_\w+): &str = "private, max-age=(\d+)"', (ROOT / "crates/tidegate/src/http/edge/headers.rs").read_text(), re.M))
    assert days == {"parquet": int(lifetimes["A_MONTH"]), "others": int(lifetimes["A_DAY"])}


@pytest.mark.parametrize("example, variables", [("minimal", MINIMAL), ("full", FULL)])
def test_a_second_apply_changes_nothing(workspace, example, variables):
    workspace.apply(example, variables)
    assert workspace.plan(example) == {}


def test_the_server_rotates_keys_and_terraform_leaves_them(workspace):
    workspace.apply("minimal", MINIMAL)
    (workspace.terraform / "examples/minimal/K2.pub.pem").write_text(PUBLIC_KEY.format("MFkx"))
    variables = {**MINIMAL, "public_key_files": ["K1.pub.pem", "K2.pub.pem"]}
    (workspace.terraform / "examples/minimal/test.auto.tfvars.json").write_text(json.dumps(variables))
    assert workspace.plan("minimal") == {'module.cdn.aws_cloudfront_public_key.this["K2"]': ["create"]}


def settings_of(outputs):
    return dict(line.split("=", 1) for line in outputs["env"].splitlines())


def test_every_output_setting_is_one_of_the_server(minimal, full):
    resources, outputs = full
    functions = of_type(resources, "aws_lambda_function").values()
    names = set(settings_of(minimal[1])) | set(settings_of(outputs)) | {name for one in functions for name in one["environment"][0]["variables"]}
    assert not names - known_settings(), names - known_settings()
    for one in functions:
        assert sum(len(name) + len(value) for name, value in one["environment"][0]["variables"].items()) < 2048, "Lambda takes 4 KB in all"


@pytest.mark.parametrize("example", ["minimal", "full"])
def test_the_server_takes_the_settings(example, request, tmp_path):
    """`tidegate check` finds nothing missing but what Terraform can't know."""
    _, outputs = request.getfixturevalue(example)
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], capture_output=True, text=True, check=True).stdout
    (tmp_path / ".env").write_text(outputs["env"])
    further = {"UPLOAD_SIGNING_KEY": "0123456789abcdef0123456789abcdef", "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "TIDEGATE_DATA": str(tmp_path / "data")}
    if example == "minimal":
        further |= {"SCANNER": "off", "CLOUDFRONT_PRIVATE_KEY_PEM": key.replace("\n", "\\n"), "PUBLIC_BASE_URL": "https://api.example.com", "AUTH_MODE": "jwt",
                    "AUTH_JWKS_URL": "https://id.example.com/jwks", "AUTH_JWT_ISSUER": "*", "AUTH_JWT_AUDIENCE": "*"}  # fmt: skip
    done = subprocess.run([BINARY, "check"], env={"PATH": os.environ["PATH"], **further}, cwd=tmp_path, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "not built" not in said and "photos" in said, said


def metrics_of_the_server():
    rows = re.findall(r"^\| `(tidegate_\w+)` \| \w+ \| (.*?) \| (.*) \|$", (ROOT / "docs/reference/metrics.md").read_text(), re.M)
    return {name: (set(labels.split(", ")) - {""}, meaning) for name, labels, meaning in rows}


def test_alarms_are_of_metrics_that_there_are(full):
    known = metrics_of_the_server()
    watched = 0
    for address, alarm in of_type(full[0], "aws_cloudwatch_metric_alarm").items():
        simple = [alarm] if alarm["metric_name"] else []
        for one in simple + [query["metric"][0] for query in alarm["metric_query"] if query["metric"]]:
            if one["namespace"].startswith("AWS/"):
                continue
            labels, meaning = known[one["metric_name"]]
            assert set(one["dimensions"] or {}) == labels, address
            assert all(f"`{value}`" in meaning for value in (one["dimensions"] or {}).values()), (address, meaning)
            watched += 1
        for expression in [query["expression"] for query in alarm["metric_query"] if (query["expression"] or "").startswith("SELECT")]:
            name, label = re.fullmatch(r'SELECT SUM\((\w+)\) FROM "Tidegate"(?: WHERE (\w+) != \'ok\')?', expression).groups()
            assert name in known and (label is None or label in known[name][0] and "`ok`" in known[name][1]), expression
            watched += 1
    assert watched >= 12


# Alerts of Prometheus that have no alarm here.
NO_ALARM = {
    "TidegateDiskFull": "there is no local store with a bucket",
    "TidegateDiskNearlyFull": "there is no local store with a bucket",
    "TidegateStoreAndDatabaseDiffer": "`tidegate reconcile` writes files for Prometheus",
}


def test_every_alert_has_an_alarm(full):
    rules = yaml.safe_load((ROOT / "deploy/prometheus/tidegate.rules.yml").read_text())
    alerts = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    words = lambda name: "-".join(re.findall(r"[A-Z][a-z]+", name)[1:]).lower()
    alarms = {address.split('"')[1] for address in of_type(full[0], "aws_cloudwatch_metric_alarm") if '"' in address}
    missing = {name for name in alerts if words(name) not in alarms}
    assert missing == set(NO_ALARM), (missing, alarms)
    thresholds = {name: float(re.search(r"> ([\d.]+)$", alerts[name])[1]) * 100 for name in ("TidegateMalwareFoundOften", "TidegateProcessingFails", "TidegateUploadsFail")}
    for name, percent in thresholds.items():
        assert full[0][f'module.alarms.aws_cloudwatch_metric_alarm.this["{words(name)}"]']["threshold"] == pytest.approx(percent)


def test_api_gateway_can_import_the_routes(full):
    """By the rules of HTTP APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html"""
    ((_, api),) = of_type(full[0], "aws_apigatewayv2_api").items()
    body = json.loads(api["body"])
    described = json.loads((ROOT / "openapi.json").read_text())
    assert body["openapi"] == "3.0.1" and len(api["body"]) < 1 << 20
    routes = {(method, path) for path, item in body["paths"].items() for method in item}
    plain = lambda path: path.replace("+}", "}")
    further = {("x-amazon-apigateway-any-method", "/$default"), ("get", "/graphql"), ("post", "/graphql")}
    assert {(method, plain(path)) for method, path in routes} - further == {(method, path) for path, item in described["paths"].items() for method in item}
    assert len(routes) <= 300, "routes per API, without asking AWS for more"
    # Names of parameters do not tell routes apart.
    assert len({(method, re.sub(r"\{\w+(\+?)\}", r"{\1}", path)) for method, path in routes}) == len(routes)
    for path, item in body["paths"].items():
        if path == "/$default":
            assert item["x-amazon-apigateway-any-method"]["isDefaultRoute"] is True
            continue
        segments = path[1:].split("/")
        for at, segment in enumerate(segments):
            assert re.fullmatch(r"[A-Za-z0-9._~-]+|\{\w+\}", segment) or (at == len(segments) - 1 and re.fullmatch(r"\{\w+\+\}", segment)), path
        for operation in item.values():
            assert [one["name"] for one in operation.get("parameters", [])] == re.findall(r"\{(\w+)\+?\}", path)
            reference = operation["x-amazon-apigateway-integration"]["$ref"]
            assert reference == "#/components/x-amazon-apigateway-integrations/server"
    greedy = {plain(path) for _, path in routes if "+}" in path}
    slashed = {path for path, item in described["paths"].items() for one in item.values()
               if any(field["in"] == "path" and "may contain slashes" in field.get("description", "") for field in one.get("parameters", []))}  # fmt: skip
    assert greedy == slashed


def test_an_emulator_takes_the_policies(full):
    """moto reads policies by IAM's grammar, which the stand-in for the provider does not know."""
    resources, _ = full
    with moto.mock_aws():
        iam = boto3.client("iam", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        taken = 0
        for one in of_type(resources, "aws_iam_role").values():
            iam.create_role(RoleName=one["name"], AssumeRolePolicyDocument=one["assume_role_policy"])
        for one in of_type(resources, "aws_iam_role_policy").values():
            iam.put_role_policy(RoleName=one["role"], PolicyName=one["name"], PolicyDocument=one["policy"])
            taken += 1
        for one in of_type(resources, "aws_iam_policy").values():
            iam.create_policy(PolicyName=one["name"], PolicyDocument=one["policy"])
            wrong = one["policy"].replace('"Action"', '"Actions"')
            with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
                iam.create_policy(PolicyName="wrong", PolicyDocument=wrong)
            taken += 1
    assert taken == 4


def rights(statements):
    return {action for one in statements for action in one["Action"]}


def test_the_server_has_the_rights_that_the_documentation_names(minimal):
    table = (ROOT / "docs/operations/backends.md").read_text()
    documented = set(re.findall(r"`(s3:\w+)`", table))
    policy = minimal[0]["aws_iam_policy.server"]
    given = {action for action in rights(json.loads(policy["policy"])["Statement"]) if action.startswith("s3:")}
    assert given == documented


def test_doctor_has_the_rights_that_its_page_names(minimal, full):
    needed = set(re.findall(r"`((?:s3|cloudfront):\w+)`", (ROOT / "docs/operations/doctor.md").read_text()))
    assert len(needed) >= 8
    for resources, names in ((minimal[0], ("server", "doctor")), (full[0], ("operator",))):
        given = set().union(*(rights(json.loads(resources[f"aws_iam_policy.{name}"]["policy"])["Statement"]) for name in names))
        assert not needed - given, needed - given


def test_policies_are_small_enough(full):
    for address, one in (of_type(full[0], "aws_iam_policy") | of_type(full[0], "aws_iam_role_policy")).items():
        size = len(re.sub(r"\s", "", one["policy"]))
        assert size <= (6144 if "role_policy" not in address else 10240), (address, size)
        sids = [statement.get("Sid") for statement in json.loads(one["policy"])["Statement"]]
        assert len(set(sids)) == len(sids) and all(re.fullmatch(r"[A-Za-z0-9]+", sid or "x") for sid in sids), address


def test_no_secret_is_printed(full):
    _, outputs = full
    assert "0123456789abcdef" not in json.dumps(outputs)


def test_the_state_holds_no_private_key(workspace):
    """AWS says what is in a parameter to whoever refreshes a state, so the value must be one that no state keeps."""
    key = base64.b64encode(b"-----BEGIN PRIVATE KEY-----\nMFkw\n").decode()
    folder = workspace.terraform / "examples/full"
    (folder / "private.base64").write_text(key)
    resources, _ = workspace.apply("full", {**FULL, "private_key_file": "private.base64"})
    assert resources["module.service.aws_ssm_parameter.private_key"]["value_wo_version"] == 1
    assert key not in (folder / "terraform.tfstate").read_text()
    # Another first value changes nothing: by now the parameter holds what was rotated in.
    (folder / "private.base64").write_text(base64.b64encode(b"-----BEGIN PRIVATE KEY-----\nMFkx\n").decode())
    assert workspace.plan("full") == {}


def test_the_page_lists_variables_and_outputs():
    begin, end = "<!-- made of the modules by `UPDATE=1 make terraform` -->\n\n", "<!-- end -->"
    text = GUIDE.read_text()
    before, rest = text.split(begin)
    made, after = rest.split(end)
    if os.environ.get("UPDATE"):
        GUIDE.write_text(before + begin + reference_tables() + "\n" + end + after)
    else:
        assert made.strip() == reference_tables().strip(), f"{GUIDE} is out of date: run `UPDATE=1 make terraform`"


def test_commands_in_the_guides_name_what_there_is():
    """Blocks that need an account are not run. What they name must be there all the same."""
    outputs = {name for path in (TERRAFORM / "examples").glob("*/outputs.tf") for name in re.findall(r'^output "(\w+)"', path.read_text(), re.M)}
    for page in [GUIDE, *ROOT.glob("docs/guides/on-aws*.md")]:
        text = page.read_text()
        named = set(re.findall(r"tofu output -raw (\w+)", text))
        assert not named - outputs, (page, named - outputs)
        for folder in re.findall(r"deploy/terraform/[\w/.-]*\w", text.replace("/terraform.tfvars.json", "")):
            assert (ROOT / folder).exists(), (page, folder)


def test_the_variables_of_the_guide_work(workspace):
    """Both files of variables that the guide has the reader write, with the files and secrets that they need."""
    text = (ROOT / "docs/guides/on-aws.md").read_text()
    written = re.findall(r"deploy/terraform/examples/(\w+)/terraform\.tfvars\.json`.*?^```json\n(.*?)^```", text, re.M | re.S)
    assert [example for example, _ in written] == ["minimal", "full"]
    for example, block in written:
        variables = json.loads(block)
        folder = workspace.terraform / "examples" / example
        for name in [*variables["public_key_files"], *(variables[one] for one in ("private_key_file", "package") if one in variables)]:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(PUBLIC_KEY.format("MFkw") if name.endswith(".pub.pem") else base64.b64encode(b"-----BEGIN PRIVATE KEY-----\n").decode())
        secrets = {"secrets": FULL["secrets"]} if example == "full" else {}
        resources, outputs = workspace.apply(example, {**variables, **secrets})
        assert settings_of(outputs)["S3_BUCKET"] == variables["bucket"] and len(resources) > 15
