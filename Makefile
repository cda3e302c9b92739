# Needs make, git, gcc and Go. Everything else is fetched: tools into .tools, a Postgres into the user's cache.

SHELL := bash
.DEFAULT_GOAL := help

FUZZTIME ?= 20s
PACKAGES ?= ./...

GOFUMPT_VERSION       := v0.12.0
GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION   := v1.8.0

# A tool's file name has its version and that of the Go that built it: an upgrade of either builds it anew.
GO_VERSION    := $(shell go env GOVERSION)
TOOLS         := .tools/bin
GOFUMPT       := $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)-$(GO_VERSION)
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)-$(GO_VERSION)
GOVULNCHECK   := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)-$(GO_VERSION)

# Runs a command with DATABASE_URL: the one that is set, or that of a private Postgres which ends with the command.
PGRUN := go run ./internal/pgdev/pgrun

say = @printf '\n==> %s\n' "$(1)"

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## play a day of notifications, with nothing installed and nothing leaving the machine
	@bin/carillon demo

.PHONY: test
# A process with the race detector sleeps a second at its end by default, and the tests start hundreds.
test: export GORACE ?= atexit_sleep_ms=20
test: vet lint arch ## everything a change must pass; PACKAGES=./receipts narrows the tests
	$(call say,tests with the race detector and one private Postgres for all)
	$(PGRUN) -- go test -race -shuffle=on -timeout=15m $(PACKAGES)

.PHONY: check
check: vet arch ## the fast half of test: no lint, no race detector, short tests, cached
	$(call say,short tests)
	$(PGRUN) -- go test -short $(PACKAGES)

.PHONY: build
build: ## build bin/carillon
	@mkdir -p bin
	go build -trimpath -buildvcs=$$(git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false) -o bin/carillon ./cmd/carillon

.PHONY: fmt
fmt: $(GOFUMPT) ## format all Go files
	$(GOFUMPT) -w .

.PHONY: lint
lint: $(GOLANGCI_LINT) ## run the linters of .golangci.yml
	$(call say,golangci-lint $(GOLANGCI_LINT_VERSION))
	$(GOLANGCI_LINT) run --timeout=10m ./...

.PHONY: vet
vet:
	$(call say,go vet)
	go vet ./...
	go vet -tags fault ./internal/failpoint ./internal/faulttest/...

.PHONY: arch
arch:
	$(call say,architecture)
	go test ./internal/archtest

# govulncheck exits with 3 for findings and 1 for all else. Only an unreachable database is forgiven, and not quietly.
.PHONY: vuln
vuln: $(GOVULNCHECK) ## look for known vulnerabilities in what we call
	$(call say,govulncheck $(GOVULNCHECK_VERSION))
	@set -euo pipefail; out=$$(mktemp); trap 'rm -f "$$out"' EXIT; \
	code=0; $(GOVULNCHECK) ./... >"$$out" 2>&1 || code=$$?; \
	cat "$$out"; \
	if [ $$code = 1 ] && grep -q 'fetching vulnerabilities' "$$out"; then \
		echo; \
		echo 'NOTICE: the vulnerability database cannot be reached: NOTHING WAS CHECKED.'; \
		echo 'NOTICE: run "make vuln" again where it can, or set GOVULNDB to a copy.'; \
		exit 0; \
	fi; \
	exit $$code

.PHONY: prove
prove: ## the long forms of tests that make test runs short: a million rows, hundreds of plans against their sends, a thousand walks
	$(call say,long tests)
	CARILLON_PROVE=1 $(PGRUN) -- go test -timeout=30m -run 'Million|ThePlanIsTheSend|Noisy|KilledPostgres|DatabaseThatStops' \
		./cmd/carillon ./dispatch/worker ./dispatch/monitor
	CARILLON_PROVE=1 $(PGRUN) -- go test -timeout=30m ./internal/model
	CARILLON_PROVE=1 $(PGRUN) -- go test -timeout=30m -run 'ManyWait|NoHerd' ./dispatch/pipeline

.PHONY: fault
fault: ## kill, cut and restart under load; FULL=1 SEEDS=3 for all rows and the table, ROW=F-06 SEED=123 for one, RECORD=1 to note it
	$(call say,failpoints)
	go test -tags fault ./internal/failpoint
	$(call say,faults)
	go run -tags fault ./internal/faulttest $(if $(FULL),-full) $(if $(ROW),-row $(ROW)) \
		$(if $(RECORD)$(if $(ROW),,$(FULL)),-record) $(if $(SEED),-seed $(SEED)) $(if $(SEEDS),-seeds $(SEEDS))
	$(if $(RECORD)$(if $(ROW),,$(FULL)),go test ./internal/docs -run Faults -update)

.PHONY: mutants
mutants: ## apply each bug of internal/mutants to a copy, and see the test that it names fail; NAMES="never_renew" for some
	$(call say,mutants)
	$(PGRUN) -- go run ./internal/mutants $(NAMES)

.PHONY: bench
bench: ## measure throughput and latency on a Postgres that really writes to disk
	go run ./bench

# Go's fuzzer may fail when its time ends (golang/go#75804). Such an end, without an input, gets one more try.
.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (20s)
	@set -euo pipefail; \
	targets=$$(grep -rEo --include='*_test.go' --exclude-dir=testdata --exclude-dir='.?*' '^func Fuzz[A-Za-z0-9_]*' . | sort || true); \
	[ -n "$$targets" ] || { echo 'no fuzz targets'; exit 0; }; \
	out=$$(mktemp); trap 'rm -f "$$out"' EXIT; \
	while read -r target; do \
		dir=$$(dirname "$${target%%:*}"); name=$${target##*func }; \
		for try in 1 2; do \
			printf '\n==> %s in %s for %s\n' "$$name" "$$dir" '$(FUZZTIME)'; \
			code=0; go test -run='^$$' -fuzz="^$$name\$$" -fuzztime='$(FUZZTIME)' "$$dir" </dev/null 2>&1 | tee "$$out" || code=$$?; \
			[ $$code != 0 ] || break; \
			if [ $$try = 2 ] || grep -q 'Failing input' "$$out" || ! grep -q 'context deadline exceeded' "$$out"; then exit $$code; fi; \
			echo 'the time ended inside a run and no input failed: once more'; \
		done; \
	done <<<"$$targets"

.PHONY: cover
cover: ## measure test coverage into coverage.out and coverage.html
	$(PGRUN) -- go test -coverpkg=./... -coverprofile=coverage.out $(PACKAGES)
	@go tool cover -html=coverage.out -o coverage.html
	@go tool cover -func=coverage.out | tail -n 1

.PHONY: tools
tools: $(GOFUMPT) $(GOLANGCI_LINT) $(GOVULNCHECK) ## install the pinned tools into .tools

.PHONY: clean
clean: ## remove what was built, except the tools
	rm -rf bin coverage.out coverage.html

# install,PACKAGE,VERSION,NOTE: built apart and renamed, so that a file with the right name is a whole one.
define install
	@printf '\n==> installing %s %s into %s%s\n' '$(notdir $(1))' '$(2)' '$(TOOLS)' '$(3)'
	@set -euo pipefail; mkdir -p $(TOOLS); new=$$(mktemp -d "$(CURDIR)/$(TOOLS)/new.XXXXXX"); trap 'rm -rf "$$new"' EXIT; \
	env -u GOOS -u GOARCH GOFLAGS= GOBIN="$$new" go install '$(1)@$(2)'; \
	mv "$$new/$(notdir $(1))" '$@'
endef

$(GOFUMPT):
	$(call install,mvdan.cc/gofumpt,$(GOFUMPT_VERSION),)

$(GOLANGCI_LINT):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$(GOLANGCI_LINT_VERSION), (minutes$(comma) once))

$(GOVULNCHECK):
	$(call install,golang.org/x/vuln/cmd/govulncheck,$(GOVULNCHECK_VERSION),)

comma := ,
