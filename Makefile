# Each target sets up what it needs: `make demo` and `make test` work on a fresh Debian machine as root.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What tests use beside the tools of the sandbox: a real sshd, and what printed scripts are made of.
TEST_TOOLS := sshd=openssh-server ssh=openssh-client curl jq gcc socat chromium dig=bind9-dnsutils dnsmasq=dnsmasq-base
TEST_TOOLS += docker-compose groff=groff-base promtool=prometheus spin
export XDG_CACHE_HOME := $(CURDIR)/build/cache
# Python keeps what it has compiled, as it does for users: without, each start of `weave` takes nearly twice as long.
unexport PYTHONDONTWRITEBYTECODE

# Processes that share the tests, each with Docker hosts of its own. They keep two cores busy: a fourth gains nothing.
SIDE_BY_SIDE := --numprocesses 3 --dist loadfile --no-loadscope-reorder

# The emulated machine of `make test-vm`: its Debian release, and what makes and runs it.
VM_SUITE := trixie
VM_TOOLS := qemu-system-x86_64=qemu-system-x86 mmdebstrap mke2fs=e2fsprogs xz=xz-utils zstd

# Engines beside this machine's own: Docker of other Debian releases, and Podman.
ENGINES := trixie forky podman

.PHONY: help demo test test-long images-of-tests test-addresses model test-quick tests-without-needs engines test-engines test-vm test-arm64 test-secret docker-suites fixtures fuzz mesh crowd restarts chaos networks lint image man dist bench clean

help: ## Say what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/weave: pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" .ci/setup-venv "$(VENV)"
	@touch $@

demo: $(BIN)/weave ## Two Docker hosts, one network, set up by plain API calls (needs root, Debian)
	@.ci/setup-tools 2>/dev/null || true
	@PATH="$(CURDIR)/$(BIN):$$PATH" docs/demo.sh

test: $(BIN)/weave ## Format, lint, types, and the tests, on real Docker hosts (needs root, Debian)
	@[ "$$(id -u)" = 0 ] || { echo "make test needs root, for real Docker hosts" >&2; exit 1; }
	@NEED_ALSO="$(TEST_TOOLS)" .ci/setup-tools
	@$(MAKE) --no-print-directory --output-sync --jobs 2 lint images-of-tests
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m "not long"

test-long: $(BIN)/weave ## Before a release: the tests that `make test` leaves out as they take long (needs root, Debian)
	@[ "$$(id -u)" = 0 ] || { echo "make test-long needs root, for real Docker hosts" >&2; exit 1; }
	@NEED_ALSO="$(TEST_TOOLS)" .ci/setup-tools
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m long

# What the hosts of all processes load; types are checked meanwhile.
images-of-tests: $(BIN)/weave
	@$(BIN)/python -c "from tests.hosts.conftest import build; build()" >/dev/null

test-quick: $(BIN)/weave ## Format, lint, types, and the tests that need neither root nor Docker nor long
	@$(MAKE) --no-print-directory --output-sync --jobs 2 lint tests-without-needs

tests-without-needs: $(BIN)/weave
	@$(BIN)/pytest -q --numprocesses 2 --dist loadfile -m "not (hosts or kernel or programs or slow or long)"

engines:
	@NEED_ALSO=mmdebstrap .ci/setup-tools
	@.ci/engine-root trixie build/engines/trixie
	@.ci/engine-root forky build/engines/forky
	@.ci/engine-root trixie build/engines/podman podman

test-engines: $(BIN)/weave engines ## The tests on real hosts again, on other releases of Docker, and on Podman
	@for engine in $(ENGINES); do \
	    WEAVE_TEST_ENGINE_ROOT=$(CURDIR)/build/engines/$$engine $(BIN)/pytest $(SIDE_BY_SIDE) tests/hosts || exit 1; \
	done

test-vm: $(BIN)/weave ## The main job on a stock Debian kernel, which QEMU emulates: minutes (needs root, amd64 Debian)
	@[ "$$(id -u) $$(uname -m)" = "0 x86_64" ] || { echo "make test-vm needs root, on an amd64 machine" >&2; exit 1; }
	@NEED_ALSO="$(VM_TOOLS)" .ci/setup-tools
	@PYTHON=$(BIN)/python nice tests/vm/build-root $(VM_SUITE) build/vm/$(VM_SUITE)
	@$(BIN)/python -m tests.vm --machine build/vm/$(VM_SUITE) $(ARGS)

test-arm64: $(BIN)/weave ## The image built on an arm64 Debian, and the main job on its kernel, both emulated (needs root, amd64 Debian)
	@[ "$$(id -u) $$(uname -m)" = "0 x86_64" ] || { echo "make test-arm64 needs root, on an amd64 machine" >&2; exit 1; }
	@NEED_ALSO="$(VM_TOOLS) qemu-system-aarch64=qemu-system-arm qemu-aarch64-static=qemu-user-static arch-test" .ci/setup-tools
	@PYTHON=$(BIN)/python nice tests/vm/foreign tests/vm/build-root $(VM_SUITE) build/vm/$(VM_SUITE)-arm64 arm64
	@$(BIN)/python -m tests.vm --machine build/vm/$(VM_SUITE)-arm64 $(or $(ARGS),on_debian)

test-secret: $(BIN)/weave ## The main job with a password, and four minutes of new keys every second under load (needs root, Debian)
	@.ci/setup-tools
	@WEAVE_TEST_PASSWORD="$$($(BIN)/weave secret)" WEAVE_TEST_ROTATING=240 $(BIN)/pytest -q --timeout 1200 \
	    --numprocesses 2 --dist loadfile -k "test_network or upgrade or all_keys_change" \
	    tests/hosts/test_network.py tests/hosts/test_diagnosis.py tests/router/test_tunnels.py

docker-suites: $(BIN)/weave ## docker-py's and docker/cli's own tests, with the proxy and without (needs root, Debian)
	@NEED_ALSO="curl mmdebstrap" .ci/setup-tools
	@.ci/docker-suites build/docker-suites "$(ARGS)"

fixtures: $(BIN)/weave engines ## Record the exchanges with every engine anew (needs root, Debian)
	@$(BIN)/python -m tests.transcript.record / $(ENGINES:%=$(CURDIR)/build/engines/%)

test-addresses: $(BIN)/weave ## A hundred thousand histories of hosts that hand out addresses
	@WEAVE_TEST_SEEDS=100000 $(BIN)/pytest -q --numprocesses 2 --timeout 7200 tests/router/addresses/test_allocator.py

model: $(BIN)/weave ## All states of the model of how addresses are agreed on (needs spin, gcc); larger: ARGS=PROPOSERS=3
	@NEED_ALSO="spin gcc" .ci/setup-tools
	@WEAVE_TEST_MODEL="$(or $(ARGS),PROPOSERS=2)" $(BIN)/pytest -q -s tests/router/addresses/test_model.py \
	    --timeout 7200 -k no_state

fuzz: $(BIN)/weave ## A million messages of strangers to the mesh; `make fuzz ARGS="--inputs 5000 --seed 1"`
	@$(BIN)/python -m tests.router.mesh.fuzz --inputs 1000000 $(ARGS)

lint: $(BIN)/weave ## Format, lint and types only
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

image: $(BIN)/weave ## Build the image of executor and router into build/weave.tar
	@$(BIN)/weave image build -o build/weave.tar

man: $(BIN)/weave ## Write the man page weave(1), made of the operations, to build/weave.1
	@mkdir -p build
	@$(BIN)/python -m weave_http.cli.man >build/weave.1
	@echo "build/weave.1; read it by: man -l build/weave.1"

dist: ## Build wheel and sdist into dist/, install the wheel in a fresh environment, and run it
	@PYTHON="$(PYTHON)" .ci/dist

mesh: $(BIN)/weave ## Many peers: their gossip simulated, and 60 and 100 real routers at once (needs root)
	@.ci/setup-tools
	@$(BIN)/python -m tests.bench.gossip
	@$(BIN)/python -m tests.bench.routers $(ARGS)

crowd: $(BIN)/weave ## A thousand warm commands of twenty callers, some killed; 200 interrupted; 200 containers (root, Debian)
	@.ci/setup-tools
	@WEAVE_TEST_CROWD=1000 WEAVE_TEST_INTERRUPTS=200 WEAVE_TEST_CONTAINERS=200 $(BIN)/pytest -q -k "many_commands or many_containers" \
	    tests/hosts/test_resident.py tests/hosts/test_interrupts.py tests/hosts/test_day.py

restarts: $(BIN)/weave ## The engine of a host with 200 containers restarts; ARGS=60 for so many (needs root, Debian)
	@.ci/setup-tools
	@WEAVE_TEST_RESTARTED=$(or $(ARGS),200) $(BIN)/pytest -q -s tests/hosts/test_engine_restarts.py

chaos: $(BIN)/weave ## Five hosts, ten minutes of failures: ARGS="--minutes 10 --seed 1"; or --moves 1000 (needs root, Debian)
	@.ci/setup-tools
	@$(BIN)/python -m tests.chaos $(ARGS)

networks: $(BIN)/weave ## Docker networks at length: five compose files, and networks with everything at once (needs root, Debian)
	@NEED_ALSO=docker-compose .ci/setup-tools
	@$(BIN)/pytest -q tests/hosts/compose/every_stack.py tests/hosts/compose/further_networks.py

bench: $(BIN)/weave ## Measure against docker and a hand-made VXLAN; prints ratios (needs root, Debian)
	@NEED_ALSO="iperf3 openssl dnsmasq=dnsmasq-base" .ci/setup-tools
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]' \
	    2>$(VENV)/bench.log || { tail -n 3 $(VENV)/bench.log >&2; exit 1; }
	@$(BIN)/python -m tests.bench $(ARGS)

clean: ## Remove what was built, and hosts that a killed run left
	@if [ -x $(BIN)/weave ]; then $(BIN)/weave sandbox down || true; fi
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis $(VENV)
