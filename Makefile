# make help lists the targets.

SHELL := /bin/sh
GO ?= go
# The installation directory in Go's instructions; sudo removes it from PATH.
export PATH := $(PATH):/usr/local/go/bin

# The generated files were made with this clang. Another version makes others.
CLANG := 14
LINT := v2.15.0

# More flags for go test, and arguments for ctop demo and the benchmark.
TESTFLAGS ?=
ARGS ?=
FUZZTIME ?= 10s
SEQUENCES ?= 100000
SOAK ?= 15m
# Which mutations make mutate tries, how many (0: all), and of which packages.
SEED ?= 1
SAMPLE ?= 200
PACKAGES ?= $$($(GO) list -deps ./cmd/ctop | grep -E '^ctop/(cmd|internal|ringbuf|tracker|ui)(/|$$)')

# Words that documents and comments do without.
PRIVATE := patience|wish|laboratory|anew|said again|tells whether|short way|embryos?|somebody else.s

# The packages that need no kernel, and build on other systems.
PORTABLE = ./tracker/flow ./internal/capture ./internal/conversation ./internal/field ./internal/filter ./internal/format ./internal/hello ./internal/history ./internal/jsontext ./internal/names ./internal/order \
	./internal/bundle ./internal/fleet ./internal/fleet/link ./internal/fleet/agent ./internal/fleet/client ./internal/fleet/standby ./internal/pair ./internal/recording ./internal/snapshot ./internal/diff ./cmd/ctop/output $$($(GO) list ./ui/... | grep -v /ui/console)

ROOT := $(if $(filter 0,$(shell id -u)),,sudo -E)
# Git refuses to inspect another user's clone as root, and then go build fails.
VCS := $(shell git rev-parse HEAD >/dev/null 2>&1 || echo -buildvcs=false)
LINTER := $(shell PATH="$(PATH)"; command -v golangci-lint || echo "$$($(GO) env GOPATH)/bin/golangci-lint")

.DEFAULT_GOAL := help
.PHONY: help build demo pictures test bench bench-quick fuzz mutate judge chaos soak test-kernels test-arm64 dist test-dist test-unit test-drivers generate check-generated check-portable lint fmt clean
.PHONY: need-go need-kernel need-root need-tmux need-clang need-lint

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1 \2/p' $(MAKEFILE_LIST) | \
		while read -r target text; do printf '  %-16s %s\n' "$$target" "$$text"; done

build: need-go ## build bin/ctop (needs only Go)
	@CGO_ENABLED=0 $(GO) build $(VCS) -trimpath -o bin/ctop ./cmd/ctop

demo: need-kernel need-root build ## try ctop in a private lab (ARGS="--mode tc")
	@$(ROOT) ./bin/ctop demo $(ARGS)

pictures: need-kernel need-root need-tmux build ## draw the pictures in docs/pictures again, as root, in a quarter of an hour
	@$(ROOT) env "PATH=$$PATH" $(GO) run $(VCS) ./internal/picture bin/ctop docs/pictures

# The package that takes longest is first, so that the others run beside it.
test: need-go need-kernel need-root ## run every test on the real kernel, as root
	@$(GO) test $(if $(ROOT),-exec "$(ROOT)") -count=1 -timeout 25m $(TESTFLAGS) ./internal/e2e ./...

bench: need-go need-kernel need-root build ## compare it with the alternatives (10 min; BENCH_JSON=FILE)
	@$(GO) build $(VCS) -trimpath -o bin/bench ./internal/bench
	@$(ROOT) ./bin/bench $(ARGS)

bench-quick: need-go need-kernel need-root build ## the same in a minute, less exact
	@$(GO) build $(VCS) -trimpath -o bin/bench ./internal/bench
	@$(ROOT) ./bin/bench -quick $(ARGS)

fuzz: need-go ## run each fuzz target for FUZZTIME (10s)
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | while IFS=: read -r file func; do \
		echo "$${func#func } in $${file%/*}"; \
		$(GO) test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) "$${file%/*}" || exit 1; \
	done

mutate: need-go need-kernel need-root ## change SAMPLE (200) places of PACKAGES, selected by SEED (1), and list changes that no test detects
	@$(GO) build $(VCS) -trimpath -o bin/mutate ./internal/mutate
	@$(ROOT) env "PATH=$$PATH" ./bin/mutate -seed $(SEED) -sample $(SAMPLE) $(ARGS) $(PACKAGES)

judge: need-go need-kernel need-root ## compare SEQUENCES (100000) conversations with the kernel's own conntrack, in a wire and watched
	@CTOP_JUDGE_SEQUENCES=$(SEQUENCES) $(GO) test $(if $(ROOT),-exec "$(ROOT)") -count=1 -timeout 60m -v -run TestGenerated $(TESTFLAGS) ./internal/judge

chaos: need-go need-kernel need-root ## attack, overload and break it for half an hour, as root
	@CTOP_CHAOS=1 $(GO) test $(if $(ROOT),-exec "$(ROOT)") -count=1 -timeout 90m -v -run 'Twice|Raced|Interrupted' $(TESTFLAGS) ./bpf
	@CTOP_TEST_KILLS=100 $(GO) test -count=1 -timeout 30m -parallel 10 -run TestServerKilled $(TESTFLAGS) ./internal/fleet/client
	@CTOP_CHAOS=1 CTOP_SOAK=$(SOAK) $(GO) test $(if $(ROOT),-exec "$(ROOT)") -count=1 -timeout 90m -v \
		-run 'Flood|Full|Soak|Descriptors|Pins|BPFFS|Clock|Kill|Cable|Interfaces|Overflow|Upgrade|Watchdog|Foreign|Attacked|Renamed|Disk|AtOnce|LastOne|BadCables|WithoutTheNetwork|MountNamespace|OutOfReach|UnsafePins|UnitRestarts|PairPartition' $(TESTFLAGS) ./internal/e2e

soak: need-go need-kernel need-root ## open and close connections for SOAK (15m), and check that nothing grows, as root
	@CTOP_SOAK=$(SOAK) $(GO) test $(if $(ROOT),-exec "$(ROOT)") -count=1 -timeout 0 -v -run TestSoak $(TESTFLAGS) ./internal/e2e

test-kernels: need-go ## boot other kernels in qemu and run some of the tests there (KERNELS_ARCH=arm64: a smaller slice)
	@./internal/kernels/run

test-arm64: need-go ## run the tests that need no kernel as arm64 programs, under qemu-user
	@command -v qemu-aarch64-static >/dev/null || { echo "qemu-aarch64-static is missing: apt-get install qemu-user-static" >&2; exit 1; }
	@GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...
	@GOARCH=arm64 CGO_ENABLED=0 $(GO) test -exec qemu-aarch64-static -count=1 -timeout 25m $(TESTFLAGS) $(PORTABLE) ./cmd/ctop/config ./internal/frame

dist: need-go ## make packages, archives and images for people in bin/dist, with checksums
	@$(GO) run $(VCS) ./internal/dist $(ARGS)

test-dist: need-go need-kernel need-root ## make the packages twice, and install, upgrade and purge them in a clean Debian, as root
	@$(ROOT) env "PATH=$$PATH" ./internal/dist/test $(TESTFLAGS)

test-unit: need-go ## run the deb under systemd, in qemu
	@./internal/kernels/unit

test-drivers: need-go need-root ## run it in qemu between emulated cards: virtio_net, igb, e1000e
	@$(ROOT) env "PATH=$$PATH" ./internal/drivers/run $(TESTFLAGS)

generate: need-go need-clang ## compile the BPF programs
	@PATH="/usr/lib/llvm-$(CLANG)/bin:$$PATH" $(GO) generate ./...

check-generated: need-go need-clang ## fail if the BPF programs do not match their sources
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && \
	tar -cf - --exclude=./.git --exclude=./bin . | tar -xf - -C "$$copy" && \
	(cd "$$copy" && PATH="/usr/lib/llvm-$(CLANG)/bin:$$PATH" $(GO) generate ./... >/dev/null) && \
	{ diff -rq --exclude=.git --exclude=bin . "$$copy" || \
		{ echo "the generated files are stale: run make generate and commit what it changes" >&2; exit 1; }; }

lint: need-go need-lint ## run the linters
	@$(LINTER) run ./...
	@! git grep -nwiE '$(PRIVATE)' -- '*.md' ':!CHANGELOG.md' || { echo "write plain words: docs/architecture.md has those that are ours" >&2; exit 1; }
	@! git grep -niE '//.*\b($(PRIVATE))\b' -- '*.go' || { echo "write plain words: docs/architecture.md has those that are ours" >&2; exit 1; }
	@! git grep -nwiE '$(PRIVATE)' -- '*.h' '*.c' || { echo "write plain words: docs/architecture.md has those that are ours" >&2; exit 1; }

check-portable: need-go ## check that portable packages import no kernel code, and build for a Mac
	@if $(GO) list -deps $(PORTABLE) | grep -E 'cilium/ebpf|vishvananda/netlink|^ctop/(tracker(/(collect|kernel|netdev|owner|process|replay))?|bpf|ringbuf)$$'; then \
		echo "the packages of PORTABLE must not import these" >&2; exit 1; fi
	@GOOS=darwin $(GO) vet $(PORTABLE)

fmt: need-lint ## format the Go sources, and the C sources if clang-format is installed
	@$(LINTER) fmt ./...
	@PATH="$$PATH:/usr/lib/llvm-$(CLANG)/bin"; if command -v clang-format >/dev/null; then clang-format -i bpf/*.c bpf/*.h; fi

clean: ## remove built files
	@rm -rf bin

# These targets say in one line what is missing, and what to do about it.

need-go:
	@command -v $(GO) >/dev/null || { echo "Go is missing: install Go 1.26 or newer (any from 1.21 on fetches it)" >&2; exit 1; }

need-kernel:
	@test "$$(uname -s)" = Linux || { echo "this is $$(uname -s): ctop needs Linux 5.15 or newer" >&2; exit 1; }
	@printf '%s\n' 5.15 "$$(uname -r)" | sort -VC || { echo "this is Linux $$(uname -r): ctop needs 5.15 or newer" >&2; exit 1; }
	@test -e /sys/kernel/btf/vmlinux || { echo "the kernel has no BTF: use one built with CONFIG_DEBUG_INFO_BTF, as every Debian kernel is" >&2; exit 1; }

need-root:
	@test -z "$(ROOT)" || command -v sudo >/dev/null || { echo "this needs root, and there is no sudo: run make as root" >&2; exit 1; }

need-tmux:
	@command -v tmux >/dev/null || { echo "tmux is missing: apt-get install tmux" >&2; exit 1; }

need-clang:
	@test -x /usr/lib/llvm-$(CLANG)/bin/clang && test -x /usr/lib/llvm-$(CLANG)/bin/llvm-strip && test -e /usr/include/bpf/bpf_helpers.h || \
		{ echo "clang is missing: apt-get install clang-$(CLANG) llvm-$(CLANG) libbpf-dev linux-libc-dev" >&2; exit 1; }

need-lint:
	@command -v $(LINTER) >/dev/null || \
		{ echo "golangci-lint is missing: $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT)" >&2; exit 1; }
