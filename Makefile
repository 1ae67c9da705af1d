# What people do here. `make demo`, `make run` and `make test` install what is missing.

export PATH := $(CURDIR)/target/tools/bin:$(PATH)

# `PROFILE=dev`: built sooner, and several times slower at work.
PROFILE ?= release
PROGRAM := target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/wazapp

.PHONY: demo run build assets test ci fmt lint docs licences advisories screenshot sdk dist bench

demo: build ## a furnished server with a simulated Meta behind it, in ./data/demo; no account needed
	./$(PROGRAM) demo

run: build ## the server on its private PostgreSQL, in ./data
	./$(PROGRAM) serve

build:
	@[ -e $(PROGRAM) ] || echo "building $(PROGRAM) for the first time: what is missing, then some 500 crates; about $(if $(filter dev,$(PROFILE)),10,15) minutes on two cores"
	@scripts/need assets cargo cc postgres
	cargo build --locked -p wazapp --profile $(PROFILE)

assets: ## what pages bring along that others wrote; Node.js is needed here, and never to run the server
	@scripts/need assets

test: ## all tests, each with its own database on a cluster of their own
	@echo "building and running all tests: about half an hour on two cores"
	@scripts/need assets cargo cc postgres nextest clients assistant moto smtp browser provider deno pooler pebble receive sdk service monitoring proxies compose helm package sbom docs postgres-majors
	cargo build --locked --workspace --all-targets
	cargo run -q --locked -p e2e --bin with-cluster -- cargo nextest run --locked --workspace --test-threads $$(($$(nproc) * 2))
	cargo test -q --locked --workspace --doc

lint: assets
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

docs: assets
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

licences:
	@scripts/need deny
	cargo deny --locked check licenses bans sources

advisories: ## known holes in what is built in; says so where the list of them cannot be had
	@scripts/need deny
	@scripts/advisories

# Nothing is compiled a second time there.
ci: export CARGO_INCREMENTAL := 0
ci: assets ## what a submission must pass
	@scripts/need cargo cc postgres nextest deny
	$(MAKE) lint licences advisories docs test

screenshot: build ## the picture at the head of the README, of the demo's inbox
	@scripts/need browser
	node crates/e2e/browser/screenshot.mjs $(PROGRAM) docs/inbox.png

sdk: build ## typed clients of the API, as they are published: sdk/typescript/*.tgz, sdk/python/dist/*.whl
	@scripts/need sdk
	mkdir -p target/sdk
	./$(PROGRAM) openapi > target/sdk/openapi.json
	sdk/make target/sdk/openapi.json pack

dist: assets ## what is released, in target/dist: a Debian package, an archive, the list of parts, and their sums; see docs/operate.md
	@scripts/need cargo cc package
	scripts/dist

bench: build ## ratios measured side by side in one run; see docs/scale.md
	cargo run --release --locked -p e2e --bin bench -- $(BENCH)
