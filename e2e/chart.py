"""Renders the Helm chart, and reads what a kubelet would start: containers, their environment, their
ports. Also makes what is derived from the chart: the table of its README, the names that the schema
accepts as settings, and the plain manifests. `UPDATE=1 make chart` writes these anew."""

import base64
import functools
import json
import re
import subprocess

import yaml

from server import ROOT

CHART = ROOT / "deploy/helm/tidegate"
HELM = ROOT / ".tools/bin/helm"
PLAIN = ROOT / "deploy/kubernetes"
FIXTURES = ROOT / "crates/sign/tests/fixtures"
VALUE_FILES = sorted(CHART.glob("ci/*-values.yaml"))

# What others need comes first.
ORDER = ["NetworkPolicy", "PodDisruptionBudget", "ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim", "Service", "Deployment",
         "HorizontalPodAutoscaler", "Job", "Ingress", "ServiceMonitor"]  # fmt: skip
# Values of these are never written into a manifest.
SECRET = {
    "AUTH_OWN_KEY_PEM", "AUTH_SERVICE_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "CLOUDFRONT_PRIVATE_KEY_PEM", "DATABASE_URL", "REDIS_PASSWORD", "REDIS_URL", "S3_OPERATOR_ACCESS_KEY", "S3_OPERATOR_SECRET_KEY",
    "UPLOAD_SIGNING_KEY", "UPLOAD_SIGNING_KEY_PREVIOUS",
}  # fmt: skip
# Secrets that `extraEnv` may take from a Secret, where no value of the chart does.
IN_EXTRA = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "REDIS_PASSWORD", "REDIS_URL", "UPLOAD_SIGNING_KEY_PREVIOUS"}
# The chart sets these from values of their own, or they would contradict what it sets.
OWN = {
    "ALLOWED_HOSTS", "AUTH_ALLOW_INSECURE_REMOTE", "AUTH_JWKS_URL", "AUTH_JWT_AUDIENCE", "AUTH_JWT_ISSUER", "AUTH_MODE",
    "AUTH_OWN_TOKENS", "AWS_REGION", "BIND_HOST", "CLAMAV_HOST", "CLAMAV_PORT", "CLAMAV_SOCKET",
    "CLOUDFRONT_DISTRIBUTION_DOMAIN", "CLOUDFRONT_DOMAIN", "CLOUDFRONT_KEY_ID", "CLOUDFRONT_KEY_PAIR_ID", "EDGE_KEYS",
    "EDGE_PORT", "EDGE_URL", "METRICS", "METRICS_PORT", "PENNSIEVE_DOMAIN", "PORT", "PUBLIC_BASE_URL", "S3_BUCKET",
    "S3_ENDPOINT", "S3_FORCE_PATH_STYLE", "S3_PORT", "S3_URL", "SCANNER", "SHUTDOWN_GRACE_SECONDS", "TIDEGATE_DATA",
    "TRUSTED_PROXIES", "UPLOAD_ROOT", "VIEWER_ASSETS_BUCKET", "WORKER", "WORKER_CLASSES", "WORKER_IMAGES", "WORKER_PORT", "WORKER_VIDEOS",
}  # fmt: skip


def known_settings():
    """Returns the names of all settings that have an effect."""
    reference = (ROOT / "docs/reference/settings.md").read_text().split("## Known, not built yet")[0]
    rows = re.findall(r"^\| (`[A-Z0-9_`, ]+`) \|", reference, re.M)
    return {name for row in rows for name in re.findall(r"[A-Z][A-Z0-9_]+", row)}


def helm(*words):
    return subprocess.run([HELM, *map(str, words)], capture_output=True, text=True)


def render(values=None, *sets):
    """Returns the resources that the chart makes of a file of values and further ones (`a.b=c`)."""
    words = ["--values", values] if values else []
    words += [word for one in sets for word in ("--set", one)]
    done = helm("template", "tidegate", CHART, "--namespace", "tidegate", *words)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@functools.cache
def render_file(values):
    """Returns the same, once for each file of values."""
    return render(values)


def refusal(*sets):
    """Returns why the chart refuses these values."""
    done = helm("template", "tidegate", CHART, *[word for one in sets for word in ("--set", one)])
    assert done.returncode != 0, (sets, "was rendered")
    return done.stderr


def of_kind(documents, kind):
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == kind}


def pods(documents):
    """Returns the pod templates by role."""
    return {
        one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"]["template"]
        for one in documents
        if one["kind"] in ("Deployment", "Job")
    }


def container(pod):
    (only,) = pod["spec"]["containers"]
    return only


def secret_values(documents):
    """Returns the content of every Secret that the manifests name: their own, and yours."""
    own = {name: {key: base64.b64decode(value).decode() for key, value in one["data"].items()} for name, one in of_kind(documents, "Secret").items()}
    signing = (FIXTURES / "throwaway-rsa2048.pkcs8.pem").read_text()
    tokens = (FIXTURES / "throwaway-p256.pkcs8.pem").read_text()
    url, word = "postgres://tidegate:secret@db.example.com/tidegate", "0123456789abcdef" * 3
    yours = {
        "tidegate-database": {"DATABASE_URL": url, "url": url},
        "tidegate-s3": {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE", "AWS_SECRET_ACCESS_KEY": word},
        "tidegate-s3-reader": {"AWS_ACCESS_KEY_ID": "AKIAREADERREADER01", "AWS_SECRET_ACCESS_KEY": word},
        "tidegate-signing": {"CLOUDFRONT_PRIVATE_KEY_PEM": signing, "UPLOAD_SIGNING_KEY": word},
        "tidegate-auth": {"AUTH_OWN_KEY_PEM": tokens, "AUTH_SERVICE_TOKEN": word},
        "tidegate-operator": {"S3_OPERATOR_ACCESS_KEY": "OPERATOROPERATOR", "S3_OPERATOR_SECRET_KEY": word},
        "tidegate-earlier": {"key": word},
    }
    assert not own.keys() & yours.keys()
    return own | yours


def environment(documents, pod):
    """Returns the environment that a kubelet would give to a pod's container, that of the image included."""
    maps, secrets, found = of_kind(documents, "ConfigMap"), secret_values(documents), {}
    image = {"BIND_HOST": "0.0.0.0", "TIDEGATE_DATA": "/var/lib/tidegate"}
    for source in container(pod).get("envFrom", []):
        found |= maps[source["configMapRef"]["name"]]["data"]
    for one in container(pod)["env"]:
        assert one["name"] not in found or "value" in one, f"{one['name']} is given twice"
        if "value" in one:
            found[one["name"]] = one["value"]
        else:
            ref = one["valueFrom"]["secretKeyRef"]
            value = secrets[ref["name"]].get(ref["key"])
            assert value is not None or ref.get("optional"), ref
            if value is not None:
                found[one["name"]] = value
    assert all(isinstance(value, str) for value in found.values()), found
    return image | found


def settings_of_values():
    """Returns the names that `settings` accepts."""
    return sorted(known_settings() - SECRET - OWN)


def schema():
    """Returns the schema with the names that `settings` accepts, and those that `extraEnv` does not:
    what has a place elsewhere."""
    read = json.loads((CHART / "values.schema.json").read_text())
    read["properties"]["settings"]["propertyNames"]["enum"] = settings_of_values()
    variable = read["properties"]["extraEnv"]["items"]
    variable["properties"]["name"]["not"]["enum"] = sorted((known_settings() | OWN | SECRET) - IN_EXTRA)
    variable["if"]["properties"]["name"]["enum"] = sorted(IN_EXTRA)
    return json.dumps(read, indent=2) + "\n"


def table():
    """Returns the table of values: each with its default, and the comment above it."""
    rows, path, comment = [], [], []
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    for line in (CHART / "values.yaml").read_text().splitlines()[1:]:
        if said := re.match(r" *# (.*)", line):
            comment.append(said[1])
        elif key := re.match(r"( *)([A-Za-z0-9]+):", line):
            path[len(key[1]) // 2 :] = [key[2]]
            if comment:
                default = defaults
                for name in path:
                    default = default[name]
                rows.append(f"| `{'.'.join(path)}` | `{json.dumps(default)}` | {' '.join(comment)} |")
            comment = []
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *rows]) + "\n"


def readme():
    """Returns the chart's README with the table of values."""
    before, after = (CHART / "README.md").read_text().split("<!-- values -->\n")[::2]
    return f"{before}<!-- values -->\n{table()}<!-- values -->\n{after}"


def plain(name):
    """Returns plain manifests by file name. Without Helm there are no hooks: the migration is a file
    of its own, and nothing is marked as Helm's."""
    documents = render_file(CHART / f"ci/{name}-values.yaml")

    def clean(node):
        if isinstance(node, dict):
            return {key: clean(value) for key, value in node.items() if not key.startswith("helm.sh/") and key != "app.kubernetes.io/managed-by"}
        return [clean(one) for one in node] if isinstance(node, list) else node

    files = {}
    for document in sorted(map(clean, documents), key=lambda one: (ORDER.index(one["kind"]), one["metadata"]["name"])):
        if not document["metadata"].get("annotations", True):
            del document["metadata"]["annotations"]
        file = f"{name}-migrate.yaml" if document["kind"] == "Job" else f"{name}.yaml"
        files.setdefault(file, []).append(document)
    head = f"# Made from deploy/helm/tidegate with ci/{name}-values.yaml. Change these, then run `UPDATE=1 make chart`.\n"
    return {file: head + yaml.safe_dump_all(some, sort_keys=False, width=200) for file, some in files.items()}


def descriptions():
    """Returns what is made of the chart's values and the reference of settings, without Helm, by path."""
    return {CHART / "values.schema.json": schema(), CHART / "README.md": readme()}


def derived():
    """Returns what is made from the chart and the reference of settings, by path."""
    files = descriptions()
    for name in ("single", "production"):
        files |= {PLAIN / file: text for file, text in plain(name).items()}
    return files
