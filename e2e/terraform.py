"""Runs OpenTofu on copies of deploy/terraform, with the stand-in for the AWS provider, and reads what
it made: resources, outputs, policies. Nothing here reaches AWS."""

import functools
import json
import os
import re
import shutil
import subprocess

from server import ROOT

TERRAFORM = ROOT / "deploy/terraform"
TOOLS = ROOT / ".tools/terraform"
MODULES = sorted(path.name for path in (TERRAFORM / "modules").iterdir())
EXAMPLES = sorted(path.name for path in (TERRAFORM / "examples").iterdir())
FOLDERS = [f"modules/{name}" for name in MODULES] + [f"examples/{name}" for name in EXAMPLES]
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TF_CLI_CONFIG_FILE": str(TOOLS / "tofurc"), "TF_IN_AUTOMATION": "1"}
PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n"

MINIMAL = {"region": "eu-central-1", "bucket": "photos", "public_key_files": ["K1.pub.pem"], "allowed_origins": ["https://app.example.com"]}
FULL = {
    **MINIMAL,
    "package": "tidegate-lambda-arm64.zip",
    "cdn_domain_name": "images.example.com",
    "cdn_certificate_arn": "arn:aws:acm:us-east-1:111122223333:certificate/1",
    "api_domain_name": "api.example.com",
    "api_certificate_arn": "arn:aws:acm:eu-central-1:111122223333:certificate/2",
    "settings": {"AUTH_MODE": "jwt", "AUTH_JWKS_URL": "https://id.example.com/jwks", "AUTH_JWT_ISSUER": "*", "AUTH_JWT_AUDIENCE": "*", "CLAMAV_HOST": "clamd.internal"},
    "secrets": {"UPLOAD_SIGNING_KEY": "0123456789abcdef0123456789abcdef"},
    "vpc": {"subnet_ids": ["subnet-1", "subnet-2"], "security_group_ids": ["sg-1"]},
    "rds_proxy": {
        "instance_identifier": "main", "secret_arn": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:db", "subnet_ids": ["subnet-1", "subnet-2"],
        "security_group_ids": ["sg-2"], "user": "tidegate", "database": "tidegate",
    },
}  # fmt: skip


class Workspace:
    """A copy of deploy/terraform, in which tests may change and apply what they like."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(TERRAFORM, folder / "deploy/terraform", ignore=shutil.ignore_patterns(".terraform*", "provider"))
        shutil.copy(ROOT / "openapi.json", folder)
        self.terraform = folder / "deploy/terraform"
        for example in EXAMPLES:
            (self.terraform / "examples" / example / "K1.pub.pem").write_text(PUBLIC_KEY.format("MFkw"))
        (self.terraform / "examples/full/tidegate-lambda-arm64.zip").write_text("a package")

    def tofu(self, folder, *words):
        return subprocess.run([TOOLS / "bin/tofu", *words], cwd=self.terraform / folder, env=ENVIRONMENT, capture_output=True, text=True)

    def init(self, folder):
        done = self.tofu(folder, "init", "-no-color", "-input=false")
        assert done.returncode == 0, done.stderr

    def validate(self, folder):
        """The problems of a folder."""
        self.init(folder)
        said = json.loads(self.tofu(folder, "validate", "-json").stdout)
        return [f"{one['summary']}: {one['detail']}" for one in said["diagnostics"]]

    def test(self, module, *only):
        """The results of a module's own tests, or of some of them, by name, and what was wrong."""
        if only:
            file = self.terraform / f"modules/{module}/tests/{module}.tftest.hcl"
            head, *runs = re.split(r'^(?=run ")', file.read_text(), flags=re.M)
            kept = [one for one in runs if one.split('"')[1] in only]
            assert len(kept) == len(only), only
            file.write_text(head + "".join(kept))
        self.init(f"modules/{module}")
        lines = [json.loads(line) for line in self.tofu(f"modules/{module}", "test", "-json").stdout.splitlines()]
        wrong = [f"{one['diagnostic']['summary']}: {one['diagnostic']['detail']}" for one in lines if one["type"] == "diagnostic"]
        return {one["test_run"]["run"]: one["test_run"]["status"] for one in lines if one["type"] == "test_run"}, wrong

    def change(self, path, before, after):
        file = self.terraform / path
        text = file.read_text()
        assert before in text, f"{path} has no {before!r}"
        file.write_text(text.replace(before, after))

    def apply(self, example, variables):
        """The resources by address, and the outputs, of an example after an apply."""
        folder = f"examples/{example}"
        (self.terraform / folder / "test.auto.tfvars.json").write_text(json.dumps(variables))
        self.init(folder)
        done = self.tofu(folder, "apply", "-no-color", "-auto-approve", "-input=false")
        assert done.returncode == 0, done.stderr
        return self.state(example)

    def state(self, example):
        values = json.loads(self.tofu(f"examples/{example}", "show", "-json").stdout)["values"]
        resources = {}

        def collect(module):
            for one in module.get("resources", []):
                resources[one["address"]] = one["values"]
            for child in module.get("child_modules", []):
                collect(child)

        collect(values["root_module"])
        return resources, {name: one["value"] for name, one in values["outputs"].items()}

    def plan(self, example):
        """What an apply would do: actions by address."""
        folder = f"examples/{example}"
        done = self.tofu(folder, "plan", "-no-color", "-input=false", "-out=plan")
        assert done.returncode == 0, done.stderr
        changes = json.loads(self.tofu(folder, "show", "-json", "plan").stdout).get("resource_changes", [])
        return {one["address"]: one["change"]["actions"] for one in changes if one["change"]["actions"] not in (["no-op"], ["read"])}


def of_type(resources, kind):
    """The resources of a type by address."""
    return {address: one for address, one in resources.items() if address.split("[")[0].split(".")[-2] == kind}


def policy_matches(pattern, text):
    """Whether a pattern of an IAM policy matches: `*` any characters, `?` one, with case."""
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern), text, re.S) is not None


def allows(policy, action, resource, principal, **context):
    """Whether a bucket policy allows an action, by IAM's rules as far as this policy uses them: a
    matching `Deny` wins, and without a matching `Allow` nothing is allowed."""
    listed = lambda value: value if isinstance(value, list) else [value]
    verdict = False
    for one in policy["Statement"]:
        assert not set(one) - {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}, one
        who = one["Principal"]
        holds = who == "*" or principal in listed(who.get("Service", []))
        holds = holds and any(policy_matches(pattern, action) for pattern in listed(one["Action"]))
        holds = holds and any(policy_matches(pattern, resource) for pattern in listed(one["Resource"]))
        for operator, keys in one.get("Condition", {}).items():
            for key, accepted in keys.items():
                given = context.get(key)
                if operator == "NumericLessThan":
                    holds = holds and given is not None and float(given) < float(accepted)
                else:
                    assert operator in ("Bool", "StringEquals"), operator
                    holds = holds and given in listed(accepted)
        if holds and one["Effect"] == "Deny":
            return False
        verdict = verdict or holds
    return verdict


@functools.cache
def variables_of(module):
    """Name, default and description of a module's variables, in the order of the file."""
    text = (TERRAFORM / f"modules/{module}/variables.tf").read_text()
    found = []
    for name, body in re.findall(r'^variable "(\w+)" \{\n(.*?)^\}$', text, re.M | re.S):
        description = re.search(r'^  description = "(.*)"$', body, re.M)[1].replace('\\"', '"')
        default = re.search(r"^  default\s+= (.*)$", body, re.M)
        found.append((name, re.sub(r"\s+", " ", default[1]) if default else None, description))
    return found


@functools.cache
def outputs_of(module):
    """Name and description of a module's outputs, in the order of the file."""
    text = (TERRAFORM / f"modules/{module}/outputs.tf").read_text()
    return re.findall(r'^output "(\w+)" \{\n  description = "(.*)"$', text, re.M)


def reference_tables():
    """The part of docs/operations/terraform.md that is made of the modules."""
    lines = []
    for module in ("bucket", "cdn", "service", "alarms"):
        lines += [f"### Variables of `{module}`", "", "| variable | default | meaning |", "|---|---|---|"]
        for name, default, description in variables_of(module):
            lines.append(f"| `{name}` | {'must be given' if default is None else '' if default == 'null' else f'`{default}`'} | {description.replace('|', chr(92) + '|')} |")
        lines += ["", f"### Outputs of `{module}`", "", "| output | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {description} |" for name, description in outputs_of(module)]
        lines.append("")
    return "\n".join(lines)
