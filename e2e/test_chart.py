"""Tests the Helm chart without a cluster: what it renders is valid, agrees with the server, and starts.
Run by `make chart`, because building Helm costs minutes."""

import base64
import contextlib
import copy
import http.server
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest
import yaml

import backends
import chart
from chart import CHART, FIXTURES, VALUE_FILES, container, environment, of_kind, pods, refusal, render, render_file
from ports import free_port
from server import BINARY, ROOT, send

pytestmark = pytest.mark.chart
VALIDATE = ROOT / ".tools/chart/bin/kubernetes-validate"
each_file = pytest.mark.parametrize("values", VALUE_FILES, ids=lambda path: path.name)
PRODUCTION = CHART / "ci/production-values.yaml"
SHARED = ("database.existingSecret=tidegate-database", "s3.bucket=b")


def test_derived_files_are_those_of_the_chart():
    for path, text in chart.derived().items():
        if os.environ.get("UPDATE"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.exists() and path.read_text() == text, f"{path} is out of date: run `UPDATE=1 make chart`"
    made = {path.name for path in chart.derived() if path.parent == chart.PLAIN}
    assert made == {path.name for path in chart.PLAIN.glob("*.yaml")}


@each_file
def test_the_chart_passes_lint(values):
    linted = chart.helm("lint", "--strict", CHART, "--values", values)
    assert linted.returncode == 0 and "0 chart(s) failed" in linted.stdout, linted.stdout + linted.stderr


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_manifests_are_valid(version, tmp_path):
    count = 0
    for values in VALUE_FILES:
        documents = render_file(values)
        # Schemas of the Prometheus operator are not among those of Kubernetes.
        checked = [one for one in documents if one["kind"] != "ServiceMonitor"]
        (tmp_path / values.name).write_text(yaml.safe_dump_all(checked))
        count += len(checked)
        names = [(one["kind"], one["metadata"]["name"]) for one in documents]
        assert len(names) == len(set(names))
        assert all(one["metadata"]["namespace"] == "tidegate" for one in documents)
    done = subprocess.run([VALIDATE, "--strict", "-k", version, *tmp_path.glob("*.yaml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count(" passed ") == count, done.stdout + done.stderr


def test_a_manifest_that_is_wrong_is_refused(tmp_path):
    documents = copy.deepcopy(render_file(PRODUCTION))
    of_kind(documents, "Deployment")["tidegate-api"]["spec"]["replica"] = 3
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(one for one in documents if one["kind"] != "ServiceMonitor"))
    done = subprocess.run([VALIDATE, "--strict", tmp_path / "all.yaml"], capture_output=True, text=True)
    assert done.returncode != 0 and "replica" in done.stdout + done.stderr


@each_file
def test_every_variable_is_a_setting_of_the_server(values):
    documents, known = render_file(values), chart.known_settings()
    further = {one["name"] for one in (yaml.safe_load(values.read_text()) or {}).get("extraEnv", [])}
    for role, pod in pods(documents).items():
        names = set(environment(documents, pod))
        assert names and not names - known - further, (role, names - known - further)


@each_file
def test_secrets_are_in_secrets(values):
    documents = render_file(values)
    for one in of_kind(documents, "ConfigMap").values():
        assert not one["data"].keys() & chart.SECRET and "PRIVATE" not in json.dumps(one)
    text = json.dumps([one for one in documents if one["kind"] != "Secret"])
    own = {name for name, one in of_kind(documents, "Secret").items() for _ in one["data"]}
    assert own <= {f"{name}-secrets" for name in ("tidegate", "gate")}
    for content in (one["data"] for one in of_kind(documents, "Secret").values()):
        assert all(value not in text for value in content.values())
    given = re.findall(r"[eE]xistingSecret: ([a-z0-9-]+)|secretKeyRef: {name: ([a-z0-9-]+)", values.read_text())
    allowed = own | {name for names in given for name in names if name}
    for role, pod in pods(documents).items():
        for one in container(pod)["env"]:
            assert ("valueFrom" in one) == (one["name"] in chart.SECRET), (role, one)
            if "valueFrom" in one:
                assert one["valueFrom"]["secretKeyRef"]["name"] in allowed, (role, one)


def test_an_edge_has_no_secret_but_those_of_the_bucket():
    documents = render_file(PRODUCTION)
    given = {one["name"]: one["valueFrom"]["secretKeyRef"]["name"] for one in container(pods(documents)["edge"])["env"] if "valueFrom" in one}
    assert given == {"AWS_ACCESS_KEY_ID": "tidegate-s3-reader", "AWS_SECRET_ACCESS_KEY": "tidegate-s3-reader"}


def test_what_the_chart_makes_itself_is_made_of_nothing_else():
    documents = render()
    (made,) = of_kind(documents, "Secret").values()
    assert set(made["data"]) == {"CLOUDFRONT_PRIVATE_KEY_PEM", "UPLOAD_SIGNING_KEY", "AUTH_OWN_KEY_PEM", "AUTH_SERVICE_TOKEN"}
    assert made["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    again = of_kind(render(), "Secret")["tidegate-secrets"]
    assert not set(made["data"].values()) & set(again["data"].values()), "random"
    assert of_kind(render(None, "auth.existingSecret=a"), "Secret")["tidegate-secrets"]["data"].keys() == {"CLOUDFRONT_PRIVATE_KEY_PEM", "UPLOAD_SIGNING_KEY"}
    both = render(None, "auth.existingSecret=a", "signing.existingSecret=s", "signing.keyPairId=K1")
    assert not of_kind(both, "Secret")


class Served:
    """JSON on a free port of this machine: `answer` gives the status and the body for a path."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = answer(self.path)
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class ApiServer(Served):
    """A stand-in for a cluster's API server: it answers reads, from what it is given."""

    KINDS = {
        "/api/v1": {"secrets": "Secret", "configmaps": "ConfigMap", "services": "Service", "serviceaccounts": "ServiceAccount", "persistentvolumeclaims": "PersistentVolumeClaim"},
        "/apis/apps/v1": {"deployments": "Deployment"},
    }  # fmt: skip

    def __init__(self, objects):
        apps = {"groupVersion": "apps/v1", "version": "v1"}
        self.answers = {
            "/version": {"major": "1", "minor": "37", "gitVersion": "v1.37.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [{"name": "apps", "versions": [apps], "preferredVersion": apps}]},
        } | {f"/api/v1/namespaces/tidegate/secrets/{one['metadata']['name']}": one for one in objects}  # fmt: skip
        for path, kinds in self.KINDS.items():
            listed = [{"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get"]} for name, kind in kinds.items()]
            version = path.removeprefix("/api/").removeprefix("/apis/")
            self.answers[path] = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": listed}
        super().__init__(self.answer)

    def answer(self, path):
        missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        found = self.answers.get(path.split("?")[0])
        return (200, found) if found else (404, missing)


def made_on(server, *sets):
    """Returns the Secret that the chart makes beside what the cluster has."""
    words = ["--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", server.url, *(word for one in sets for word in ("--set", one))]
    done = chart.helm("template", "tidegate", CHART, "--namespace", "tidegate", *words)
    assert done.returncode == 0, done.stderr
    return of_kind([one for one in yaml.safe_load_all(done.stdout) if one], "Secret")["tidegate-secrets"]["data"]


def test_an_upgrade_keeps_the_keys_that_the_chart_made():
    """Also an installation after `helm uninstall`, which leaves the Secret."""
    first = of_kind(render(), "Secret")["tidegate-secrets"]
    # What Helm adds when it installs.
    first["metadata"]["annotations"] |= {"meta.helm.sh/release-name": "tidegate", "meta.helm.sh/release-namespace": "tidegate"}
    with ApiServer([first]) as server:
        assert made_on(server) == first["data"]
        assert made_on(server, "auth.existingSecret=mine") == first["data"], "what is not used stays"
    # A key that an earlier release did not make yet; and what somebody added, as text of base64 that looks like a number.
    kept = {name: value for name, value in first["data"].items() if name != "AUTH_SERVICE_TOKEN"} | {"MINE": "1e10"}
    with ApiServer([{**first, "data": kept}]) as server:
        made = made_on(server)
    assert {name: made[name] for name in kept} == kept and made.keys() - kept.keys() == {"AUTH_SERVICE_TOKEN"}
    with ApiServer([]) as server:
        assert not set(made_on(server).values()) & set(first["data"].values())


def folder_of_keys(documents, role_env, folder):
    """Writes what the volume of an edge's public keys would have, and says where."""
    folder.mkdir(exist_ok=True)
    maps = [one for name, one in of_kind(documents, "ConfigMap").items() if name.endswith("-edge-keys")]
    keys = maps[0]["data"] if maps else {"K2JCJMDEHXQW5F.pub.pem": (FIXTURES / "throwaway-rsa2048.pub.pem").read_text()}
    for name, pem in keys.items():
        (folder / name).write_text(pem)
    return role_env | {"EDGE_KEYS": str(folder)}


def server_agrees(documents, role, env, folder, *not_said):
    """Lets the server check the settings of a role."""
    command = [BINARY, "check"]
    if role == "edge":
        command.append("--edge")
        env = folder_of_keys(documents, env, folder / "keys")
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 and "the settings are fine" in done.stdout, (role, done.stdout, done.stderr)
    for wrong in ("can't reach", "have no effect", "not built", *not_said):
        assert wrong not in done.stdout, (role, done.stdout)


@each_file
def test_every_role_passes_the_servers_own_check(values, tmp_path):
    documents = render_file(values)
    for role, pod in pods(documents).items():
        server_agrees(documents, role, environment(documents, pod), tmp_path, "TRUSTED_PROXIES")


@each_file
def test_doors_probes_and_policies_agree_with_the_settings(values):
    documents = render_file(values)
    templates = {role: pod for role, pod in pods(documents).items() if role != "migrate"}
    ports = {}
    for role, pod in templates.items():
        env = environment(documents, pod)
        listens = {
            "api": {"api": "PORT", "edge": "EDGE_PORT", "s3": "S3_PORT", "operations": "METRICS_PORT"},
            "edge": {"edge": "EDGE_PORT", "operations": "PORT"},
            "work": {"operations": "WORKER_PORT"},
        }[role.split("-")[0]]
        expected = {name: int(env[setting]) for name, setting in listens.items() if env.get(setting, "off") != "off"}
        ports[role] = {port["name"]: port["containerPort"] for port in container(pod)["ports"]}
        assert ports[role] == expected, role
        assert all(path in ("/health", "/readyz") for path, _ in probes(pod))
        assert all(port in ports[role] for _, port in probes(pod))
    for name, service in of_kind(documents, "Service").items():
        selected = [role for role, pod in templates.items() if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()]
        assert selected and all(port["targetPort"] in ports[role] for role in selected for port in service["spec"]["ports"]), name
        assert "operations" not in {port["targetPort"] for port in service["spec"]["ports"]} or name.endswith("-metrics")
    for name, policy in of_kind(documents, "NetworkPolicy").items():
        role = policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        open_to_clients = policy["spec"].get("ingress", [{"ports": []}])[0]["ports"]
        doors = {port["port"] for port in open_to_clients} - {"operations"}
        assert doors == ports[role].keys() - {"operations"}, name
    for name, ingress in of_kind(documents, "Ingress").items():
        services, env = of_kind(documents, "Service"), environment(documents, templates["api"])
        for rule in ingress["spec"]["rules"]:
            backend = rule["http"]["paths"][0]["backend"]["service"]
            assert backend["port"]["name"] in {port["name"] for port in services[backend["name"]]["spec"]["ports"]}
            told = {"api": "PUBLIC_BASE_URL", "edge": "EDGE_URL", "s3": "S3_URL"}[backend["port"]["name"]]
            assert env[told].split("://")[1] == rule["host"]


def probes(pod):
    found = [container(pod)[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    return {(probe["path"], probe["port"]) for probe in found}


@each_file
def test_pods_are_confined_and_end_in_time(values):
    documents = render_file(values)
    for role, pod in pods(documents).items():
        spec, env = pod["spec"], environment(documents, pod)
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0, role
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False
        confined = container(pod)["securityContext"]
        assert confined["readOnlyRootFilesystem"] and not confined["allowPrivilegeEscalation"] and confined["capabilities"] == {"drop": ["ALL"]}
        assert container(pod)["resources"].keys() == {"requests", "limits"}
        mounted = {mount["name"]: mount["mountPath"] for mount in container(pod)["volumeMounts"]}
        assert mounted.keys() == {volume["name"] for volume in spec["volumes"]}, role
        if role != "edge":
            assert env["TIDEGATE_DATA"].startswith(mounted["data"] + "/")
        if role in ("api", "edge"):
            waits = container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"] + int(env["SHUTDOWN_GRACE_SECONDS"])
            assert spec["terminationGracePeriodSeconds"] >= waits + 10, role
        if role.startswith("work"):
            assert spec["terminationGracePeriodSeconds"] > 600, "a step of a video may take MEDIA_VIDEO_SECONDS (600)"


def test_the_grace_follows_the_setting():
    pod = pods(render(None, "shutdownGraceSeconds=120", "preStopSeconds=20"))["api"]
    assert pod["spec"]["terminationGracePeriodSeconds"] == 155
    assert environment(render(None, "shutdownGraceSeconds=120"), pod)["SHUTDOWN_GRACE_SECONDS"] == "120"


def test_settings_arrive_as_they_were_written(tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("settings: {PACKAGES_MAX_SIZE_BYTES: 5497558138880, FILES_PUBLIC: false, MEDIA_THUMBNAILS: '320, 1280', LOG_FORMAT: pretty}\ns3: {forcePathStyle: false, bucket: b}\n")
    data = of_kind(render(values), "ConfigMap")["tidegate-settings"]["data"]
    assert (data["PACKAGES_MAX_SIZE_BYTES"], data["FILES_PUBLIC"], data["MEDIA_THUMBNAILS"]) == ("5497558138880", "false", "320, 1280")
    assert (data["LOG_FORMAT"], data["S3_FORCE_PATH_STYLE"]) == ("pretty", "false")
    values.write_text("settings: {MAX_CONNECTIONS: 1.5}\n")
    done = chart.helm("template", "tidegate", CHART, "--values", values)
    assert done.returncode != 0 and "settings/MAX_CONNECTIONS" in done.stderr, "no setting is a fraction"


def test_one_pod_is_the_default():
    documents = render()
    (only,) = of_kind(documents, "Deployment").values()
    assert only["spec"]["replicas"] == 1 and only["spec"]["strategy"] == {"type": "Recreate"}
    (claim,) = of_kind(documents, "PersistentVolumeClaim").values()
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    data = [volume for volume in only["spec"]["template"]["spec"]["volumes"] if volume["name"] == "data"]
    assert data == [{"name": "data", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}]
    env = environment(documents, only["spec"]["template"])
    assert env["WORKER"] == "true" and "DATABASE_URL" not in env and "S3_BUCKET" not in env
    assert not of_kind(documents, "Job") and not of_kind(documents, "PodDisruptionBudget")
    no_secret = {one["kind"] for one in documents}
    assert no_secret == {"ConfigMap", "Deployment", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount"}


def test_roles_share_postgresql_and_s3():
    documents = render_file(PRODUCTION)
    assert set(of_kind(documents, "Deployment")) == {f"tidegate-{role}" for role in ("api", "edge", "work")}
    assert not of_kind(documents, "PersistentVolumeClaim")
    by_role = pods(documents)
    assert environment(documents, by_role["api"])["WORKER"] == "false"
    assert environment(documents, by_role["api"])["EDGE_PORT"] == "off"
    assert {role: container(pod)["command"] for role, pod in by_role.items()} == {
        "api": ["tidegate", "serve"], "edge": ["tidegate", "edge"], "work": ["tidegate", "work"], "migrate": ["tidegate", "migrate"]}  # fmt: skip
    together = environment(render(None, *SHARED, "work.enabled=false"), pods(render(None, *SHARED, "work.enabled=false"))["api"])
    assert together["WORKER"] == "true" and together["EDGE_PORT"] == "3001"
    autoscaled = of_kind(documents, "Deployment")["tidegate-edge"]["spec"]
    scaler = of_kind(documents, "HorizontalPodAutoscaler")["tidegate-edge"]["spec"]
    assert "replicas" not in autoscaled and scaler["scaleTargetRef"]["name"] == "tidegate-edge"
    assert set(of_kind(documents, "PodDisruptionBudget")) == {f"tidegate-{role}" for role in ("api", "edge", "work")}
    spread = by_role["api"]["spec"]["topologySpreadConstraints"]
    assert all(one["labelSelector"]["matchLabels"].items() <= by_role["api"]["metadata"]["labels"].items() for one in spread) and len(spread) == 2


def test_pools_divide_the_jobs():
    documents = render_file(CHART / "ci/pools-values.yaml")
    made = of_kind(documents, "Deployment")
    assert set(made) == {"tidegate-api", "tidegate-work-media", "tidegate-work-scans"}
    by_role = pods(documents)
    classes = {role: environment(documents, pod).get("WORKER_CLASSES") for role, pod in by_role.items()}
    assert classes == {"api": None, "work-media": "images,videos", "work-scans": "scans,upkeep", "migrate": None}
    assert environment(documents, by_role["api"])["WORKER"] == "false"
    # Each has the values of `work`, and its own.
    media, scans = by_role["work-media"]["spec"], by_role["work-scans"]["spec"]
    assert media["priorityClassName"] == scans["priorityClassName"] == "low"
    assert media["nodeSelector"] == {"example.com/cores": "many"} and "nodeSelector" not in scans
    assert media["containers"][0]["resources"]["limits"] == {"memory": "12Gi"} and scans["containers"][0]["resources"]["limits"] == {"memory": "3Gi"}
    assert made["tidegate-work-scans"]["spec"]["replicas"] == 2 and "replicas" not in made["tidegate-work-media"]["spec"]
    (scaler,) = of_kind(documents, "HorizontalPodAutoscaler").values()
    assert scaler["spec"]["scaleTargetRef"]["name"] == "tidegate-work-media" and scaler["spec"]["minReplicas"] == 2
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        assert set(of_kind(documents, kind)) == set(made), kind
    # No Deployment has the pods of another.
    for name, one in made.items():
        wanted = one["spec"]["selector"]["matchLabels"]
        assert [role for role, pod in by_role.items() if wanted.items() <= pod["metadata"]["labels"].items()] == [name.removeprefix("tidegate-")]


def test_the_migration_needs_nothing_of_the_chart():
    documents = render_file(PRODUCTION)
    (job,) = of_kind(documents, "Job").values()
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    made = {one["metadata"]["name"] for one in documents if one["kind"] in ("ConfigMap", "Secret", "PersistentVolumeClaim")}
    assert made and not any(f'"{name}"' in json.dumps(job) for name in made)
    assert "serviceAccountName" not in job["spec"]["template"]["spec"]
    assert "envFrom" not in container(job["spec"]["template"])


def test_metrics_are_found_by_the_monitor():
    documents = render_file(PRODUCTION)
    (monitor,) = of_kind(documents, "ServiceMonitor").values()
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1" and monitor["metadata"]["labels"]["release"] == "prometheus"
    wanted = monitor["spec"]["selector"]["matchLabels"]
    (service,) = [one for one in of_kind(documents, "Service").values() if wanted.items() <= one["metadata"]["labels"].items()]
    assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert all(service["spec"]["selector"].items() <= pod["metadata"]["labels"].items() for pod in pods(documents).values())
    off = render(None, "metrics.enabled=false")
    assert "tidegate-metrics" not in of_kind(off, "Service")
    assert environment(off, pods(off)["api"])["METRICS"] == "off"


# What can be switched on by itself.
SWITCHES = {
    "database": ("database.existingSecret=tidegate-database",),
    "bucket": ("s3.bucket=my-bucket", "s3.existingSecret=tidegate-s3"),
    "edge": ("edge.enabled=true", "edge.existingConfigMap=my-edge-keys"),
    "cloudfront": ("cloudfront.domain=d111111abcdef8.cloudfront.net",),
    "no work": ("work.enabled=false",),
    "replicas": ("api.replicas=2",),
}
SIGNED = ("signing.existingSecret=tidegate-signing", "signing.keyPairId=K2JCJMDEHXQW5F")
COMBINATIONS = [set(some) for count in range(len(SWITCHES) + 1) for some in itertools.combinations(SWITCHES, count)]


def works(on):
    """Returns whether these switches are for one another."""
    shared = {"database", "bucket"} <= on
    return ("bucket" in on or not on & {"edge", "cloudfront"}) and not {"edge", "cloudfront"} <= on and (shared or "replicas" not in on)


def test_every_combination_of_roles_is_valid_or_refused(tmp_path):
    assert len(COMBINATIONS) == 64
    checked, count = set(), 0
    for number, on in enumerate(COMBINATIONS):
        sets = [*SIGNED, *(one for name in SWITCHES if name in on for one in SWITCHES[name])]
        if not works(on):
            assert "\n\n" in refusal(*sets), on
            continue
        documents = render(None, *sets)
        roles = {"api"} | (on & {"edge"}) | ({"work"} if {"database", "bucket"} <= on and "no work" not in on else set())
        assert set(of_kind(documents, "Deployment")) == {f"tidegate-{role}" for role in roles}, on
        assert len(of_kind(documents, "Job")) == ("database" in on), on
        assert len(of_kind(documents, "PersistentVolumeClaim")) == (not {"database", "bucket"} <= on), on
        (tmp_path / f"{number}.yaml").write_text(yaml.safe_dump_all(documents))
        count += len(documents)
        for role, pod in pods(documents).items():
            env = environment(documents, pod)
            # Each environment once.
            if (role == "edge", tuple(sorted(env.items()))) in checked:
                continue
            checked.add((role == "edge", tuple(sorted(env.items()))))
            server_agrees(documents, role, env, tmp_path)
    valid = subprocess.run([VALIDATE, "--strict", "-k", "1.37", *tmp_path.glob("*.yaml")], capture_output=True, text=True)
    assert valid.returncode == 0 and (valid.stdout + valid.stderr).count(" passed ") == count, valid.stdout + valid.stderr


def from_secret(index, name):
    """Returns the values that take a variable from a Secret."""
    return (f"extraEnv[{index}].name={name}", f"extraEnv[{index}].valueFrom.secretKeyRef.name=s", f"extraEnv[{index}].valueFrom.secretKeyRef.key=k")


@pytest.mark.parametrize(
    "sets, reason",
    [
        (("api.replicas=2",), "database.existingSecret to a Secret with the DATABASE_URL of PostgreSQL, and s3.bucket to a bucket"),
        (("api.replicas=2", "s3.bucket=b"), "set database.existingSecret to a Secret"),
        (("api.replicas=2", "database.existingSecret=d"), "set s3.bucket to a bucket"),
        (("api.autoscaling.enabled=true",), "api.autoscaling.enabled=false"),
        (("edge.enabled=true",), "set s3.bucket"),
        (("edge.enabled=true", "s3.bucket=b"), "edge.publicKeys or edge.existingConfigMap"),
        (("edge.enabled=true", "s3.bucket=b", "edge.existingConfigMap=k"), "set signing.existingSecret and signing.keyPairId"),
        (("cloudfront.domain=d.example.com",), "set s3.bucket"),
        (("edge.enabled=true", "s3.bucket=b", "cloudfront.domain=d.example.com"), "remove one"),
        (("signing.existingSecret=s",), "signing.keyPairId"),
        (("auth.jwksUrl=https://id.example.com/keys",), "auth.issuer and auth.audience"),
        (("auth.ownTokens=false",), "Nobody could sign in"),
        (("urls.api=https://a.example.com", "urls.edge=https://a.example.com:8443"), "have the same host"),
        (("ingress.enabled=true",), "http://localhost:3000 has none"),
        (("ingress.enabled=true", "urls.api=https://a.example.com", "urls.edge=https://b.example.com"), "http://127.0.0.1:9000 has none"),
        (("api.replica=2",), "replica"),
        (("api.replicas=0",), "minimum"),
        (("urls.api=api.example.com",), "pattern"),
        (("urls.api=https://api.example.com/v1",), "pattern"),
        (("settings.MAX_BODY_MIB=1",), "MAX_BODY_MIB"),
        (("settings.DATABASE_URL=postgres://a:b@c/d",), "DATABASE_URL"),
        (("settings.AUTH_SERVICE_TOKEN=abc",), "AUTH_SERVICE_TOKEN"),
        (("settings.PORT=80",), "PORT"),
        (("database.url=postgres://a:b@c/d",), "url"),
        (("image.pullPolicy=Sometimes",), "pullPolicy"),
        (("edge.publicKeys.K1=nonsense",), "pattern"),
        (("jobs.images=0",), "minimum"),
        (("jobs.images=two",), "jobs/images"),
        (("database=postgres://a:b@c/d",), "database"),
        (("work.pools.a.classes={scans}",), "need database.existingSecret, s3.bucket and work.enabled=true"),
        ((*SHARED, "work.enabled=false", "work.pools.a.classes={scans}"), "remove work.pools"),
        ((*SHARED, "work.pools.a.classes={upkeep,scans,images}"), "the class videos"),
        ((*SHARED, "work.pools.a.classes={upkeep,scans,images,videos}", "work.pools.a.replicas=0"), "the class upkeep"),
        ((*SHARED, "work.pools.a.classes={upkeep,scans,images,films}"), "work/pools/a/classes/3"),
        ((*SHARED, "work.pools.a.classes={}"), "work/pools/a/classes"),
        ((*SHARED, "work.pools.a.replicas=2"), "classes"),
        ((*SHARED, "work.pools.a.classes={scans}", "work.pools.a.replica=2"), "replica"),
        ((*SHARED, "work.pools.A_b.classes={scans}"), "A_b"),
        ((*SHARED, "work.pools.a.classes={upkeep,scans,images,videos}", "work.pools.a.autoscaling.maxReplicas=0"), "minimum"),
        ((*SHARED, "work.pools.a.classes={upkeep,scans,images,videos}", "work.pools.a.autoscaling.minReplicas=30"), "raise work.pools.a.autoscaling.maxReplicas"),
        (("work.autoscaling.minReplicas=20",), "raise work.autoscaling.maxReplicas"),
        (("podSecurityContext.runAsUser=0",), "runAsUser"),
        (("containerSecurityContext.privileged=true",), "privileged"),
        (("extraEnv[0].name=PORT", "extraEnv[0].value=80"), "extraEnv/0/name"),
        (("extraEnv[0].name=DATABASE_URL", "extraEnv[0].value=postgres://a:b@c/d"), "extraEnv/0/name"),
        (("extraEnv[0].name=AWS_SECRET_ACCESS_KEY", "extraEnv[0].value=abc"), "valueFrom"),
        ((*SHARED, "s3.existingSecret=s", *from_secret(0, "AWS_SECRET_ACCESS_KEY")), "extraEnv names AWS_SECRET_ACCESS_KEY"),
        ((*from_secret(0, "AWS_SESSION_TOKEN"), *from_secret(1, "AWS_SESSION_TOKEN")), "names AWS_SESSION_TOKEN twice"),
    ],
)
def test_values_that_cannot_work_are_refused(sets, reason):
    assert reason in refusal(*sets)


def test_several_pods_are_allowed_with_postgresql_and_s3():
    assert of_kind(render(None, *SHARED, "api.replicas=4"), "Deployment")["tidegate-api"]["spec"]["replicas"] == 4


def test_the_notes_begin_with_a_command_that_works():
    done = chart.helm("install", "tidegate", CHART, "--namespace", "tidegate", "--dry-run=client")
    assert done.returncode == 0, done.stderr
    notes = done.stdout.split("NOTES:")[1]
    assert "kubectl --namespace tidegate rollout status deployment/tidegate-api" in notes
    assert "port-forward service/tidegate-api 3000 3001 9000" in notes
    assert "exec deployment/tidegate-api -- tidegate token --user alice" in notes
    assert "http://localhost:3000/v1/files/all" in notes and "Warning: nothing is scanned" in notes


CONFINED = """
set -e
mount --make-rprivate /
for folder in $VOLUMES; do mount --bind "$folder" "$folder"; done
mount -o remount,bind,ro /
for folder in /tmp /work /root /home; do mountpoint -q $folder && mount -o remount,bind,ro $folder || true; done
for folder in $VOLUMES; do mount -o remount,bind,rw "$folder"; done
exec setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all env -i "$@"
"""


class Pod:
    """A container as the manifests describe it, started on this machine: its environment, its user,
    its volumes, and a root file system that cannot be written. Ports and paths are those that are
    free here, and services are those of the tests."""

    def __init__(self, documents, role, folder, **instead):
        pod = pods(documents)[role]
        spec, self.pod = container(pod), pod
        env = environment(documents, pod) | instead
        self.folder, self.ports = folder / role, {}
        self.folder.mkdir()
        # The binary may lie where only root may look.
        program = self.folder / "tidegate"
        shutil.copy(BINARY, program)
        volumes, moved = [], dict(env)
        for mount in spec["volumeMounts"]:
            here = self.folder / mount["name"]
            here.mkdir()
            if mount["name"] == "keys":
                moved |= folder_of_keys(documents, {}, here)
                continue
            for name, value in env.items():
                if value.startswith(mount["mountPath"] + "/"):
                    moved[name] = f"{here}{value.removeprefix(mount['mountPath'])}"
            volumes.append(str(here))
            os.chown(here, 65532, 65532)
        env = moved
        for port in spec.get("ports", []):
            free = str(free_port())
            self.ports[port["name"]] = int(free)
            listens = [name for name, value in env.items() if name.endswith("PORT") and value == str(port["containerPort"])]
            assert len(listens) == 1, (port, listens)
            env[listens[0]] = free
        env["BIND_HOST"] = "127.0.0.1"
        self.env, self.program, self.volumes = env, program, volumes
        self.command = [program, *spec["command"][1:]]

    def run(self, *command):
        """Runs a command inside, as `kubectl exec` would."""
        words = [f"{name}={value}" for name, value in self.env.items()]
        inside = ["unshare", "--mount", "sh", "-c", CONFINED, "sh", *words, *command]
        return list(map(str, inside)), {"env": {**os.environ, "VOLUMES": " ".join(self.volumes)}, "cwd": "/"}

    def __enter__(self):
        command, options = self.run(*self.command)
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, **options)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.ended = self.process.wait(timeout=60)
        self.log.close()

    def said(self):
        return (self.folder / "log").read_text()

    def wait_for_probes(self):
        deadline = time.monotonic() + 60
        waiting = probes(self.pod)
        while waiting:
            assert self.process.poll() is None, self.said()[-3000:]
            assert time.monotonic() < deadline, (waiting, self.said()[-3000:])
            for path, port in list(waiting):
                try:
                    if send("GET", f"http://127.0.0.1:{self.ports[port]}{path}", {"Host": f"10.1.2.3:{self.ports[port]}"}).status == 200:
                        waiting.discard((path, port))
                except OSError:
                    time.sleep(0.05)


@pytest.fixture
def passable():
    """A folder that other users may enter. pytest closes those above `tmp_path` whenever it starts."""
    with tempfile.TemporaryDirectory(prefix="tidegate-pod-") as folder:
        pathlib.Path(folder).chmod(0o755)
        yield pathlib.Path(folder)


def can_confine():
    tried = subprocess.run(["unshare", "--mount", "sh", "-c", "mount --make-rprivate / && mount -o remount,bind,ro /"], capture_output=True)
    return tried.returncode == 0


needs_mounts = pytest.mark.skipif(not can_confine(), reason="this machine forbids mounting, so that the root file system cannot be made read-only")


@needs_mounts
def test_the_default_pod_starts_confined_and_its_first_command_works(passable):
    documents = render()
    pod = Pod(documents, "api", passable)
    with pod:
        pod.wait_for_probes()
        command, options = pod.run(pod.program, "token", "--user", "alice")
        token = subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout.strip()
        signed = {"Authorization": f"Bearer {token}"}
        api = f"http://127.0.0.1:{pod.ports['api']}"
        listed = send("GET", f"{api}/v1/files/all", signed)
        assert listed.status == 200 and listed.json()["files"] == [], listed.body
        assert send("GET", f"{api}/v1/files/all").status == 401
        for host in ("tidegate-api", "tidegate-api.tidegate.svc.cluster.local:3000"):
            assert send("GET", f"{api}/v1/files/all", signed | {"Host": host}).status == 200, host
        assert send("GET", f"{api}/v1/files/all", signed | {"Host": "evil.example"}).status == 400
        begun = send("POST", f"{api}/v1/files/init", signed | {"Content-Type": "application/json"}, json.dumps({"mode": "single", "files": [{"name": "a", "size": 5}]}).encode())
        assert begun.status == 200, begun.body
        operations = f"http://127.0.0.1:{pod.ports['operations']}/metrics"
        assert b"tidegate_" in send("GET", operations, {"Host": "10.1.2.3:9464"}).body
        owners = {path.stat().st_uid for path in (pod.folder / "data").rglob("*")}
        assert owners == {65532}, "it writes as its own user, into its volume"
    assert pod.ended == 0, pod.said()[-2000:]
    for place, error in (("/etc/written", "Read-only"), (f"{pod.folder}/written", "Read-only"), (pod.volumes[0] + "/written", "")):
        command, options = pod.run("touch", place)
        done = subprocess.run(command, capture_output=True, text=True, **options)
        assert (done.returncode != 0) == bool(error) and error in done.stderr, (place, done.stderr)


@needs_mounts
def test_a_pod_whose_client_never_finishes_ends_before_it_is_killed(passable):
    documents = render(None, "shutdownGraceSeconds=3", "auth.existingSecret=tidegate-auth")
    pod = Pod(documents, "api", passable)
    spec = pod.pod["spec"]
    waits = container(pod.pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
    with pod:
        pod.wait_for_probes()
        with socket.create_connection(("127.0.0.1", pod.ports["api"])) as slow:
            head = f"POST /v1/files/init HTTP/1.1\r\nHost: localhost\r\nX-Service-Token: {pod.env['AUTH_SERVICE_TOKEN']}\r\nX-User-Id: ann\r\n"
            slow.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{".encode())
            time.sleep(1)
            begun = time.monotonic()
            pod.process.terminate()
            pod.process.wait(timeout=60)
            took = time.monotonic() - begun
    assert 2 < took < spec["terminationGracePeriodSeconds"] - waits, (took, pod.said()[-1000:])
    assert pod.ended == 0, pod.said()[-2000:]


def key_set():
    """Returns a token issuer's key set with one public key."""
    key = FIXTURES / "throwaway-p256.pkcs8.pem"
    der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], capture_output=True, check=True).stdout
    # The last 64 bytes are the point of the curve.
    x, y = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (der[-64:-32], der[-32:]))
    return {"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1", "x": x, "y": y}]}


@needs_mounts
@each_file
def test_every_role_starts_and_answers_its_probes(values, passable):
    """Database, bucket and token issuer are those of the tests."""
    documents = render_file(values)
    rendered = {role: environment(documents, pod) for role, pod in pods(documents).items() if role != "migrate"}
    has_database, has_bucket = "DATABASE_URL" in rendered["api"], "S3_BUCKET" in rendered["api"]
    instead = backends.settings("postgres" if has_database else "sqlite", "s3" if has_bucket else "disk")
    if has_bucket:
        instead |= {"AWS_REGION": "us-east-1", "S3_FORCE_PATH_STYLE": "true"}
    of_edge = {name: value for name, value in instead.items() if name != "DATABASE_URL"}
    issuer = Served(lambda _: (200, key_set()))
    if "AUTH_JWKS_URL" in rendered["api"]:
        instead["AUTH_JWKS_URL"] = f"{issuer.url}/keys"
    started = {role: Pod(documents, role, passable, **(of_edge if role == "edge" else instead)) for role in rendered}
    with contextlib.ExitStack() as running, issuer:
        for pod in started.values():
            running.enter_context(pod)
        for pod in started.values():
            pod.wait_for_probes()
            metrics = send("GET", f"http://127.0.0.1:{pod.ports['operations']}/metrics", {"Host": "10.1.2.3:9464"})
            if rendered["api"]["METRICS"] == "off":
                assert metrics.status == 404
            else:
                assert metrics.status == 200 and b"tidegate_" in metrics.body
        for role in rendered:
            for door, port in started[role].ports.items():
                if door == "edge" and "EDGE_URL" in rendered["api"]:
                    host = rendered["api"]["EDGE_URL"].split("://")[1]
                    assert send("GET", f"http://127.0.0.1:{port}/images/x", {"Host": host}).status == 403, role
        begun = time.monotonic()
    for role, pod in started.items():
        assert pod.ended == 0 and "panicked" not in pod.said(), (role, pod.said()[-2000:])
    assert time.monotonic() - begun < 15, "idle pods stop at once"


def test_the_migration_runs_with_the_environment_of_its_job(tmp_path):
    documents = render_file(PRODUCTION)
    job = Pod(documents, "migrate", tmp_path, DATABASE_URL=backends.new_database())
    done = subprocess.run(job.command, env=job.env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    tables = {name for (name,) in backends.psql(job.env["DATABASE_URL"], "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert "jobs" in tables, tables
    again = subprocess.run(job.command, env=job.env, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0, "a repeated hook changes nothing"
