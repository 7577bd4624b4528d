# run · test · check · bench · demo. Everything CI does is here; each target installs what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo
VENV := .tools/venv
PYTHON := $(VENV)/bin/python
# Inputs per property in `make check`.
CASES ?= 4000
SERVERS := ./.ci/services postgres garage moto clamd
PYTEST := $(PYTHON) -m pytest e2e -q --color=no --durations=15 -p no:cacheprovider
# Tests at a time: half of the time they wait, for a disk, a server, or a process that ends.
WORKERS ?= $(shell echo $$((2 * $$(nproc))))
# Whatever is run of it, it is one build: other packages or features would be another, of every dependency.
TESTED := --workspace --features tidegate/otlp --locked

NEEDS_RUST := cargo:rust cc:build-essential cmake:cmake nasm:nasm
NEEDS_PYTHON := python3:python3 curl:curl jq:jq
NEEDS_SERVERS := '/usr/lib/postgresql/*/bin/initdb:postgresql' setpriv:util-linux clamd:clamav-daemon ffmpeg:ffmpeg
NEEDS_E2E := 7z:p7zip-full bsdtar:libarchive-tools chromium:chromium exiftool:libimage-exiftool-perl nginx:nginx-light openssl:openssl promtool:prometheus strace:strace systemd-analyze:systemd unzip:unzip

.PHONY: help run test check unit e2e bench fuzz demo update local-services tools-rust tools-python tools-bench

help: ## what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | column -t -s "$$(printf '\t')"

run: tools-rust ## start the product on this machine and print where to look
	$(CARGO) build --release --locked
	exec ./target/release/tidegate serve

# Packages first, in one go. Then a server that the tests need is built beside the lints: each alone leaves a core idle.
test: ## everything that must pass
	@./.ci/need $(NEEDS_RUST) $(NEEDS_PYTHON) $(NEEDS_SERVERS) $(NEEDS_E2E)
	$(MAKE) --no-print-directory -j2 tools-servers check
	$(MAKE) --no-print-directory unit e2e

check: tools-rust ## format, lints, the rules of the house, and the parsers under thousands of made-up inputs
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(CARGO) test $(TESTED) --test it -- tidy:: layers::
	PROPTEST_CASES=$(CASES) $(CARGO) test $(TESTED) --lib

# What needs no server is tested in `check`, and what needs no database once.
unit: tools-rust tools-python tools-servers ## vector, conformance and in-process tests, the server's also on PostgreSQL
	$(CARGO) test $(TESTED) --no-run
	$(SERVERS) -- $(CARGO) test $(TESTED) --test '*' -- --skip tidy:: --skip layers::
	TEST_DATABASE=postgres $(SERVERS) -- $(CARGO) test $(TESTED) --test it -- --skip tidy:: --skip layers:: --skip contract:: --skip cli_settings::

e2e: tools-rust tools-python tools-servers ## black-box tests of the built binary, with boto3, curl, nginx and strace
	@./.ci/need $(NEEDS_E2E)
	$(CARGO) test $(TESTED) --no-run
	$(SERVERS) -- $(PYTEST) -m "not alone" -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
	$(PYTEST) -m alone

demo: tools-rust tools-python ## the README's walk, against a server of its own, printing each answer
	$(CARGO) build --locked
	./e2e/demo.sh

bench: tools-rust tools-python tools-servers tools-bench ## speed, side by side with the named peers; see bench/README.md
	$(CARGO) build --release --locked -p tidegate --bins --example range_load
	$(CARGO) build --release --locked -p sign --example sign_speed
	$(CARGO) build --release --locked -p media --example clean
	DURABLE=1 GARAGE=$(CURDIR)/.tools/release/bin/garage ./.ci/services postgres garage -- $(PYTHON) bench/run.py

fuzz: tools-rust ## the parsers under libFuzzer, SECONDS_EACH=60; takes the nightly toolchain
	@cargo fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked --root .tools
	for target in policy pattern request ranges head; do PATH="$(CURDIR)/.tools/bin:$$PATH" $(CARGO) +nightly fuzz run $$target -- -max_total_time=$${SECONDS_EACH:-60}; done

local-services: tools-rust tools-python tools-servers ## PostgreSQL, S3 and clamd on this machine until Ctrl-C; prints the settings
	@./.ci/services postgres garage clamd

update: ## write the committed descriptions anew from the code
	UPDATE=1 $(CARGO) test $(TESTED) --test it contract

tools-rust:
	@./.ci/need $(NEEDS_RUST)

tools-python:
	@./.ci/need $(NEEDS_PYTHON)
	@test -x $(PYTHON) && $(PYTHON) -c 'import boto3, moto.server, PIL, pyarrow, pytest, xdist' 2>/dev/null || ./.ci/venv $(VENV)

# PostgreSQL, clamd, ffmpeg, and two S3 servers that are not ours: one that verifies signatures and one that keeps versions.
tools-servers: tools-python
	@./.ci/need $(NEEDS_SERVERS)
	@test -x .tools/bin/garage || $(CARGO) install garage --version 2.5.0 --locked --debug --no-default-features --features bundled-libs,sqlite --root .tools

tools-bench:
	@./.ci/need h2o:h2o nginx:nginx-light node:nodejs npm:npm openssl:openssl wrk:wrk
	@test -d bench/sharp/node_modules || (cd bench/sharp && npm ci --silent)
	@test -x .tools/bin/s3s-fs || $(CARGO) install s3s-fs --version 0.14.1 --features binary --locked --root .tools
	@test -x .tools/release/bin/garage || $(CARGO) install garage --version 2.5.0 --locked --no-default-features --features bundled-libs,sqlite --root .tools/release
