# `make` alone lists what there is to make.

GO      ?= go
PREFIX  ?= /usr/local
# Seconds or a count ("2000x") that `make fuzz` gives to each fuzzer.
FUZZTIME ?= 10s

# How long `make soak` lasts.
SOAKTIME ?= 10m

# What `make image` builds and how (images/README.md). The agent CLI is an npm package with its version: it makes an image twice as large, and tests need none.
AGENT_IMAGE  ?= localhost/agent:dev
AGENTD_IMAGE ?= localhost/agentd:dev
GCCTL_IMAGE  ?= localhost/gcctl:dev
AGENT_CLI    ?=
ENGINE       ?= auto
ARCH         ?= $(shell $(GO) env GOARCH)

PROGRAMS  := agentd gcctl gc-session-local gc-session-k8s gc-events-local gc-events-k8s
IMAGED    := agentd gcctl gc-session-k8s gc-events-k8s
PLATFORMS ?= linux/amd64 linux/arm64 darwin/arm64
SCRIPTS   := .ci/run test/needs test/vuln test/demo/demo images/agent/setup $(addprefix test/cluster/,cluster node nopolicies pki programs) deploy/base/dolt/password.sh test/deploy/dolt test/eventscript/gc-events-k8s

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# Compilers, linkers and staticcheck that seldom collect garbage take a fifth less time (85 s and 70 s for etcd with nothing cached); the limit bounds what that costs.
BUILDING := GOGC=400 GOMEMLIMIT=3GiB

# Static, and stamped with the version from version control, even where GOFLAGS turns stamping off.
BUILD := CGO_ENABLED=0 $(BUILDING) $(GO) build -trimpath -buildvcs=true -ldflags '-s -w'

.PHONY: help build image demo test race lint vuln fuzz soak bench cross picture install clean needs cluster cluster-up cluster-programs cluster-down

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

build: ## static binaries for this machine, in bin/
	@mkdir -p bin
	$(BUILD) -o bin/ $(PROGRAMS:%=./cmd/%)

image: ## the agent image and those that carry just agentd and just gcctl, in dist/ as archives (AGENT_CLI=@anthropic-ai/claude-code@2.1.331 adds a CLI)
	@mkdir -p dist/linux-$(ARCH)
	GOOS=linux GOARCH=$(ARCH) $(BUILD) -o dist/linux-$(ARCH)/ $(IMAGED:%=./cmd/%)
	@CGO_ENABLED=0 $(BUILDING) $(GO) run -trimpath ./images/build -arch '$(ARCH)' -agent '$(AGENT_IMAGE)' -agentd '$(AGENTD_IMAGE)' -gcctl '$(GCCTL_IMAGE)' -cli '$(AGENT_CLI)' -engine '$(ENGINE)'

demo: ## two live agents in the local backend, in seconds (AGENTS="bash python3" chooses which)
	@AGENTS="$(AGENTS)" test/demo/demo

test: needs lint vuln cross cluster race ## everything: format, vet, staticcheck, govulncheck, cross-builds, all tests under the race detector

needs:
	@test/needs git tmux cc python3 node vim less jq

cluster-up: ## a Kubernetes of one node for tests, on Linux as root; prints what a shell needs to use it (test/cluster/README.md)
	@test/cluster/cluster possible
	@test/needs ip nft openssl pgrep mmdebstrap >&2
	@$(MAKE) -s -j2 image cluster-programs >&2
	@test/cluster/cluster up

# Made beside the image, where neither is there yet: much of an image's time is waiting for packages.
cluster-programs:
	@$(BUILDING) test/cluster/cluster build

cluster-down: ## end it, and leave nothing
	@test/cluster/cluster down

# Before tests: where it can be had, and the tests aren't to use another one.
cluster:
	@if [ -n "$$E2E_KUBECONFIG" ]; then echo "tests use the cluster of $$E2E_KUBECONFIG"; \
	elif test/cluster/cluster possible; then $(MAKE) -s cluster-up >/dev/null && $(BUILDING) test/deploy/dolt >/dev/null; \
	else echo "tests that want a cluster are skipped"; fi

# What is compiled before, with these settings, is compiled without the tests' own.
race: ## all tests under the race detector, end to end tests among them
	@$(BUILDING) $(GO) list -race -export -deps -test -f . ./... >/dev/null
	$(GO) test -race -p 2 -timeout 25m ./...

# With the flags of BUILD what is compiled for these checks is what `make cross` needs, too: it is minutes' worth where nothing is cached.
lint: ## gofmt, go vet (linux and darwin), staticcheck, go.mod, shellcheck where it is installed
	@unformatted=$$(gofmt -l agentd client cmd images test) && test -z "$$unformatted" || { echo "gofmt -w these: $$unformatted" >&2; exit 1; }
	CGO_ENABLED=0 GOOS=linux $(BUILDING) $(GO) vet -trimpath ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(BUILDING) $(GO) vet -trimpath ./...
	CGO_ENABLED=0 GOFLAGS="$$GOFLAGS -trimpath" $(BUILDING) $(GO) run $(STATICCHECK) ./...
	$(GO) mod tidy -diff
	@if command -v shellcheck >/dev/null; then set -x; shellcheck $(SCRIPTS); \
	elif test -n "$$AGENTD_REQUIRE_ALL"; then echo "shellcheck is not installed" >&2; exit 1; \
	else echo "shellcheck is not installed: scripts not checked"; fi

vuln: ## govulncheck, against GOVULNDB or the public database
	@$(BUILDING) GO="$(GO)" GOVULNCHECK="$(GOVULNCHECK)" test/vuln

fuzz: ## each fuzzer for FUZZTIME (10s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for name in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$name"; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

soak: ## writers and readers of an event log for SOAKTIME (10m), with the hub killed every 20 s and the API server of `make cluster-up` restarted twice
	$(GO) test -race -count=1 -timeout 2h -v -run 'TestSoak$$' ./test/soak -soak $(SOAKTIME)

bench: build ## the figures of docs/performance.md, each beside what it is measured against
	$(GO) run ./test/bench

cross: ## all programs for linux/amd64, linux/arm64 and darwin/arm64, in dist/ (PLATFORMS=darwin/amd64 for another)
	@set -e; for platform in $(PLATFORMS); do \
	  os=$${platform%/*} arch=$${platform#*/}; mkdir -p dist/$$os-$$arch; \
	  echo "build $$platform"; GOOS=$$os GOARCH=$$arch $(BUILD) -o dist/$$os-$$arch/ $(PROGRAMS:%=./cmd/%); \
	done

picture: build ## record docs/demo.svg anew from a real terminal
	$(GO) run ./test/picture -o docs/demo.svg

install: build ## install into PREFIX (/usr/local), as kubectl gc too
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(PROGRAMS:%=bin/%) $(DESTDIR)$(PREFIX)/bin
	for name in kubectl-gc kubectl_complete-gc; do ln -sf gcctl $(DESTDIR)$(PREFIX)/bin/$$name; done

clean: ## remove bin/ and dist/
	rm -rf bin dist
