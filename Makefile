# Targets: run, test, check, bench, demo; `make help` lists all. CI runs `make test`. Each target
# installs what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo
VENV := .tools/venv
PYTHON := $(VENV)/bin/python
# The number of inputs per property test in `make check`.
CASES ?= 4000
SERVERS := ./.ci/services postgres pgbouncer garage moto clamd redis ministack
# -rs: what was skipped, and why.
PYTEST := $(PYTHON) -m pytest e2e -q -rs --color=no --durations=15 -p no:cacheprovider
# Tests at a time. They wait half of their time: for a disk, a server, or a process that ends.
WORKERS ?= $(shell echo $$((2 * $$(nproc))))
# Every test command uses the same packages and features, so that dependencies are built once.
TESTED := --workspace --features tidegate/otlp --locked
# With an example, dependencies get the features that the tests need: what is compiled once serves both.
BUILT := $(TESTED) --bin tidegate --example sign_speed

# Tests in the test process, each with a server of its own.
IN_PROCESS := env RUST_BACKTRACE=0 RUST_TEST_THREADS=$(WORKERS) $(CARGO) test $(TESTED)

NEEDS_RUST := rust cc:build-essential cmake:cmake nasm:nasm
NEEDS_DIST := apt-get:apt dpkg-deb:dpkg git:git llvm-objcopy:llvm mmdebstrap:mmdebstrap nm:binutils python3:python3
NEEDS_PYTHON := python3:python3 curl:curl jq:jq
# The TypeScript packages and the dashboard are built and tested by Node.js 24.
NPM := PATH="$(CURDIR)/.tools/node/bin:$$PATH" npm --no-update-notifier
NEEDS_SERVERS := '/usr/lib/postgresql/*/bin/initdb:postgresql' /usr/sbin/pgbouncer:pgbouncer setpriv:util-linux clamd:clamav-daemon ffmpeg:ffmpeg redis-server:redis-server
NEEDS_E2E := 7z:p7zip-full bsdtar:libarchive-tools caddy:caddy chromium:chromium exiftool:libimage-exiftool-perl haproxy:haproxy ip:iproute2 nginx:nginx-light node:nodejs openssl:openssl promtool:prometheus rclone:rclone rsync:rsync s3fs:s3fs sqlite3:sqlite3 strace:strace systemd-analyze:systemd unzip:unzip

.PHONY: help run dev binary dist dist-test package packages test test-long check unit e2e clients chart upgrade-test bench fuzz demo update local-services web web-test dashboard tools-web tools-node tools-rust tools-dist tools-python tools-clients tools-ministack tools-languages tools-chart tools-bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: tools-rust ## build the server for development, start it and print its addresses
	@test -x target/debug/tidegate || echo "Building Tidegate for development. The first time, this takes some minutes."
	$(CARGO) build $(BUILT)
	exec ./target/debug/tidegate serve

dev: tools-rust ## as run, and build and start again whenever a source file changes
	@./.ci/need inotifywait:inotify-tools
	@./.ci/dev $(CARGO) build $(BUILT)

binary: tools-rust ## build the optimized binary for this machine into target/binary, with its debug information in a file of its own
	@echo "Compiling with link-time optimization. This takes several minutes, the last of them without a word."
	$(CARGO) build --profile dist --locked -p tidegate
	mkdir -p target/binary
	objcopy --only-keep-debug target/dist/tidegate target/binary/tidegate.debug
	strip -o target/binary/tidegate target/dist/tidegate
	cd target/binary && objcopy --add-gnu-debuglink=tidegate.debug tidegate
	@ls -l --block-size=MB target/binary

# One step after another, each of which says what it does. `ARCHITECTURES=x86_64` makes one;
# `CHECK=--check` compiles twice and compares; `FFMPEG=no` leaves Debian's ffmpeg out of the images.
ARCHITECTURES ?= x86_64 arm64
DIST_TOOLS ?= .tools/dist
DIST_PYTHON := PATH="$(abspath $(DIST_TOOLS))/bin:$$PATH" $(DIST_TOOLS)/bin/python deploy/packages

dist: tools-dist ## make static binaries and the packages that carry them in target/packages; see docs/operations/releasing.md
	@echo "dist 1/4: compile the static binaries for $(ARCHITECTURES)"
	$(DIST_PYTHON)/build.py $(ARCHITECTURES) $(CHECK)
	@$(MAKE) --no-print-directory packages

package: tools-dist ## make the archives for AWS Lambda in target/package; see docs/operations/lambda.md
	@echo "package 1/2: compile the static binaries for $(ARCHITECTURES)"
	$(DIST_PYTHON)/build.py $(ARCHITECTURES) $(CHECK)
	@echo "package 2/2: the archives"
	$(DIST_PYTHON)/lambda_zip.py $(ARCHITECTURES)

packages: tools-dist
	@echo "dist 2/4: the bill of materials"
	$(DIST_PYTHON)/sbom.py
	@echo "dist 3/4: the packages: Debian, containers, Python, npm"
	$(DIST_PYTHON)/deb.py $(ARCHITECTURES)
	$(DIST_PYTHON)/image.py $(ARCHITECTURES)
	$(DIST_PYTHON)/wheel.py $(ARCHITECTURES)
	$(DIST_PYTHON)/npm.py $(ARCHITECTURES)
	@echo "dist 4/4: the archives and the checksums"
	$(DIST_PYTHON)/archive.py $(ARCHITECTURES)

dist-test: tools-python ## install and start what `make dist` made for this machine: deb, image, wheel, npm, archive
	@./.ci/need dpkg-deb:dpkg node:nodejs npm:npm openssl:openssl qemu-aarch64-static:qemu-user-static umoci:umoci unshare:util-linux
	$(PYTEST) -m dist -s

# Installs packages first, then builds the test servers and runs the lints in parallel, because each
# alone leaves a core idle.
test: ## everything that CI runs
	@./.ci/need $(NEEDS_RUST) $(NEEDS_PYTHON) $(NEEDS_SERVERS) $(NEEDS_E2E)
	$(MAKE) --no-print-directory -j2 tools-servers tools-clients web check
	$(MAKE) --no-print-directory unit e2e

check: tools-rust ## format, lints, the repository's own rules, and property tests of the parsers
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(CARGO) test $(TESTED) --test it -- tidy:: layers:: callers::
	PROPTEST_CASES=$(CASES) $(CARGO) test $(TESTED) --lib

# What runs a third time, behind PgBouncer in transaction mode: every surface, and what happens at once.
# All of it would run: TEST_DATABASE=pgbouncer without a filter.
POOLED := bulk:: disks:: files:: jobs:: packages:: races:: sessions:: spaces::

# Tests without a server run in `check`. Tests without a database run once.
unit: tools-rust tools-python tools-servers ## vector, conformance and in-process tests, also with PostgreSQL, some behind PgBouncer
	$(CARGO) test $(TESTED) --no-run
	$(SERVERS) -- $(IN_PROCESS) --test '*' -- --skip tidy:: --skip layers:: --skip callers::
	TEST_DATABASE=postgres $(SERVERS) -- $(IN_PROCESS) --test it -- --skip tidy:: --skip layers:: --skip callers:: --skip contract:: --skip cli_settings::
	TEST_DATABASE=pgbouncer $(SERVERS) -- $(IN_PROCESS) --test it -- $(POOLED)

e2e: tools-rust tools-python tools-node tools-clients tools-servers ## black-box tests of the built binary with boto3, curl, nginx, rclone, strace and others
	@./.ci/need $(NEEDS_E2E)
	$(CARGO) test $(TESTED) --no-run
	$(SERVERS) -- $(PYTEST) -m "not alone and not clients and not chart and not dist and not terraform and not upgrade" -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
	$(PYTEST) -m alone

clients: tools-rust tools-python tools-languages ## lint the API description with npm's linters, and try generated clients in TypeScript, Go and Java
	$(CARGO) test $(TESTED) --no-run
	$(PYTEST) -m clients

web: tools-web ## lint and test the TypeScript client and the dashboard, and build what the binary carries of it anew to compare
	$(NPM) run --silent check
	$(NPM) test --silent
	$(NPM) run --silent check -w web
	$(NPM) test --silent -w web
	$(NPM) run --silent build -w web
	$(NPM) run --silent carried -w web

dashboard: tools-web ## build the dashboard into crates/tidegate/assets/dashboard, which the binary carries
	$(NPM) run --silent build -w web
	$(NPM) run --silent carry -w web

web-test: tools-rust tools-web ## try the TypeScript client and the dashboard in Chromium, with the built binary
	@./.ci/need chromium:chromium
	$(CARGO) test $(TESTED) --no-run
	TIDEGATE="$(CURDIR)/target/debug/tidegate" $(NPM) run --silent test:browser
	TIDEGATE="$(CURDIR)/target/debug/tidegate" $(NPM) run --silent test:browser -w web

chart: tools-rust tools-python tools-servers tools-chart ## validate what the Helm chart renders, and start every role from it
	$(CARGO) test $(TESTED) --no-run
	./.ci/services postgres garage -- $(PYTEST) -m chart

.PHONY: terraform terraform-schema tools-terraform
terraform: tools-rust tools-python tools-terraform ## validate and test the Terraform modules without AWS, and compare them with the server
	$(CARGO) test $(TESTED) --no-run
	$(PYTEST) -m terraform -n $(WORKERS)

upgrade-test: tools-rust tools-python tools-servers ## upgrade from the last release while clients go on, and try to go back
	@./.ci/released
	$(CARGO) test $(TESTED) --no-run
	./.ci/services postgres garage -- $(PYTEST) -m upgrade -s

test-long: ## what CI runs, and then what only a release needs
	$(MAKE) --no-print-directory test
	$(MAKE) --no-print-directory clients
	$(MAKE) --no-print-directory web-test
	$(MAKE) --no-print-directory chart
	$(MAKE) --no-print-directory terraform
	$(MAKE) --no-print-directory upgrade-test

demo: tools-rust tools-node ## fill the running server with pictures, files, disk images and a dataset; starts one if none runs
	@./.ci/need curl:curl
	$(CARGO) build $(BUILT)
	@PATH="$(CURDIR)/.tools/node/bin:$$PATH" ./.ci/demo

bench: tools-rust tools-python tools-servers tools-bench ## benchmarks beside named peers; see bench/README.md
	$(CARGO) build --profile dist --locked -p tidegate --bins --example range_load
	$(CARGO) build --profile dist --locked -p sign --example sign_speed
	$(CARGO) build --profile dist --locked -p media --example clean
	DURABLE=1 GARAGE=$(CURDIR)/.tools/release/bin/garage ./.ci/services postgres garage -- $(PYTHON) bench/run.py

fuzz: tools-rust ## fuzz the parsers with libFuzzer, SECONDS_EACH=60; needs the nightly toolchain
	@cargo fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked --root .tools
	for target in policy pattern request ranges head; do PATH="$(CURDIR)/.tools/bin:$$PATH" $(CARGO) +nightly fuzz run $$target -- -max_total_time=$${SECONDS_EACH:-60}; done

local-services: tools-rust tools-python tools-servers ## run PostgreSQL, S3 and clamd on this machine until Ctrl-C and print the settings
	@./.ci/services postgres garage clamd

update: ## regenerate openapi.json, schema.graphql and the reference pages from the code
	UPDATE=1 $(CARGO) test $(TESTED) --test it -- contract:: references::

tools-rust:
	@./.ci/need $(NEEDS_RUST)

# zig compiles and links C for both architectures with the C library musl; rustup brings Rust's.
tools-dist: tools-rust
	@./.ci/need $(NEEDS_DIST)
	@for triple in x86_64-unknown-linux-musl aarch64-unknown-linux-musl; do \
	  test -d "$$(rustc --print sysroot)/lib/rustlib/$$triple" || rustup target add "$$triple"; done
	@$(DIST_TOOLS)/bin/python -c 'import cyclonedx, jsonschema, ziglang' 2>/dev/null || ./.ci/venv $(DIST_TOOLS) deploy/packages/requirements.txt

tools-python:
	@./.ci/need $(NEEDS_PYTHON)
	@test -x $(PYTHON) && $(PYTHON) -c 'import boto3, moto.server, openapi_python_client, openapi_spec_validator, PIL, pyarrow, pytest, xdist, yaml, zarr' 2>/dev/null || ./.ci/venv $(VENV)

# HTTP and S3 clients that the black-box tests run; their packages need other versions than the tests.
tools-clients: tools-python
	@test -x .tools/clients/bin/python && .tools/clients/bin/python -c 'import aiohttp, httpx, minio, s3fs, zarr' 2>/dev/null || ./.ci/venv .tools/clients e2e/client-requirements.txt

# PostgreSQL with PgBouncer, Redis, clamd, ffmpeg, two S3 servers: garage, which verifies signatures,
# and moto, which keeps versions; and ministack, an emulator of AWS services.
tools-servers: tools-python tools-ministack
	@./.ci/need $(NEEDS_SERVERS)
	@test -x .tools/bin/garage || CARGO_PROFILE_DEV_DEBUG=false $(CARGO) install garage --version 2.5.0 --locked --debug --no-default-features --features bundled-libs,sqlite --root .tools

# In an environment of its own: it needs other versions of packages than the tests.
tools-ministack: tools-python
	@test -x .tools/ministack/bin/python && .tools/ministack/bin/python -c 'import ministack' 2>/dev/null || ./.ci/venv .tools/ministack e2e/ministack-requirements.txt

tools-node:
	@./.ci/need $(NEEDS_PYTHON)
	@test -x .tools/node/bin/node || ./.ci/venv .tools/node web/node-requirements.txt

tools-web: tools-python tools-node
	@cmp -s package-lock.json node_modules/.installed || { $(NPM) ci --silent && cp package-lock.json node_modules/.installed; }
	@cd packages/client/codegen && cmp -s package-lock.json node_modules/.installed || { $(NPM) ci --silent && cp package-lock.json node_modules/.installed; }

# Generators and compilers of API clients in other languages, and linters of the API description.
tools-languages: tools-python
	@./.ci/need node:nodejs npm:npm go:golang-go javac:default-jdk-headless mvn:maven
	@test -d e2e/clients/node_modules/zarrita || (cd e2e/clients && npm ci --silent)
	@$(PYTHON) -c 'import openapi_generator_cli' 2>/dev/null || $(PYTHON) -m pip install --quiet --disable-pip-version-check -r e2e/clients/requirements.txt

# Helm is built from source; docs/operations/kubernetes.md says how long that takes. The schemas of
# Kubernetes are in the package that validates with them.
tools-chart: tools-python
	@./.ci/need mountpoint:util-linux openssl:openssl setpriv:util-linux unshare:util-linux
	@test -x .tools/bin/helm || { ./.ci/need go; echo "Building Helm. This takes some minutes."; \
	  GOTOOLCHAIN=auto GOBIN="$(CURDIR)/.tools/bin" go install helm.sh/helm/v4/cmd/helm@v4.3.2; }
	@test -x .tools/chart/bin/kubernetes-validate || ./.ci/venv .tools/chart e2e/chart-requirements.txt

# OpenTofu is built from source with Go, which comes from PyPI where there is none: about five minutes.
# The stand-in for the AWS provider and checkov take half a minute.
tools-terraform: tools-python
	@./.ci/terraform

# The schema of the AWS provider, of the types that the modules use.
terraform-schema: tools-node ## write the provider's schema anew after a module uses another type of resource
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	  $(NPM) pack --silent --pack-destination "$$folder" @cdktf/provider-aws@21.22.1 >/dev/null && \
	  tar -xzf "$$folder"/*.tgz -C "$$folder" && PATH="$(CURDIR)/.tools/node/bin:$$PATH" node deploy/terraform/testing/schema.mjs "$$folder/package"

tools-bench:
	@./.ci/need h2o:h2o nginx:nginx-light node:nodejs npm:npm openssl:openssl wrk:wrk
	@test -d bench/sharp/node_modules || (cd bench/sharp && npm ci --silent)
	@test -x .tools/bin/s3s-fs || $(CARGO) install s3s-fs --version 0.14.1 --features binary --locked --root .tools
	@test -x .tools/release/bin/garage || $(CARGO) install garage --version 2.5.0 --locked --no-default-features --features bundled-libs,sqlite --root .tools/release
