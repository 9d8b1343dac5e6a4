# Targets for people and pipelines. `make demo` and `make test` install what
# they need where apt and root allow.

GO ?= go
FUZZTIME ?= 10s
TESTTIMEOUT ?= 40m
# What the tests drive: the real programs, nothing instead of them.
PACKAGES = openssh-server openssh-client openssh-sftp-server sudo iproute2 acl \
	python3-paramiko python3-asyncssh dropbear-bin putty-tools mmdebstrap shellcheck \
	busybox fish ksh tcsh zsh slurm-wlm chromium git systemd pre-commit mandoc man-db rpm

# What packages are built from and where they go; what they are called.
BUILD ?= .build
DIST ?= dist
VERSION ?= 1.0.0-dev
# The day of the source: the same commit gives the same bytes.
pages packages: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: build demo pages packages sbom reproducible test test-race test-lab bench bench-quick bench-packages fuzz install-packages clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o sshform ./cmd/sshform

# The main job, on a private sshd in a temporary folder, within a minute.
demo: build
	sh examples/quickstart/demo.sh ./sshform

# What packages hold besides the program: manual pages and completions.
pages:
	rm -rf $(BUILD)
	mkdir -p $(BUILD)/man $(BUILD)/completions
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o $(BUILD)/sshform ./cmd/sshform
	$(BUILD)/sshform man $(BUILD)/man
	gzip -n -9 $(BUILD)/man/*.1
	for shell in bash zsh fish powershell; do \
		$(BUILD)/sshform completion $$shell >$(BUILD)/completions/sshform.$$shell || exit 1; \
	done

# Packages for Debian, Fedora and Alpine, in $(DIST).
packages: pages
	mkdir -p $(DIST)
	for kind in deb rpm apk; do \
		BUILD=$(BUILD) VERSION=$(VERSION) ARCH=$$($(GO) env GOARCH) \
			$(GO) tool -modfile=examples/internal/check/go.mod nfpm package \
			--config .nfpm.yaml --packager $$kind --target $(DIST)/ || exit 1; \
	done

# The modules that are in the program, as the linker wrote them down.
sbom: build
	$(GO) version -m sshform

# Builds the program twice, in folders of other names and each from an empty
# cache, and compares the bytes.
reproducible:
	sh .ci/reproducible

# Two packages at a time, and in each six of the tests that say that they may
# run side by side: most of them wait for other programs.
SIDE_BY_SIDE = -p 2 -parallel 6

# Every test that this kind of machine can run; a missing program is a failure
# here, not a skip. Tables of faults and measurements go to artifacts/.
test: install-packages
	mkdir -p artifacts
	rm -f artifacts/differences.txt
	SSHFORM_TEST_REQUIRE=1 SSHFORM_ARTIFACTS=$(CURDIR)/artifacts \
		SSHFORM_DIFF_CASES=$${SSHFORM_DIFF_CASES:-2000} \
		$(GO) test $(SIDE_BY_SIDE) -shuffle=on -timeout $(TESTTIMEOUT) ./...

# The rooms with goroutines under the race detector; the others have none. What
# waits for other people's programs (Slurm, a browser, judges of recipes, builders
# of packages) is the same code once more and is left to `make test`.
FOREIGN = ^Test(SlurmArray|Recipes|Packages|ReleaseSaysWhatPackagesSay|ManualIsCurrent|.*InABrowser)$$
test-race: install-packages
	$(GO) test -race $(SIDE_BY_SIDE) -timeout $(TESTTIMEOUT) -skip "$(FOREIGN)" ./apply ./apply/local ./apply/remote/... ./cmd/...

# Only what runs on the lab's hosts: every kind of host, every fault.
test-lab: install-packages
	mkdir -p artifacts
	SSHFORM_TEST_REQUIRE=1 SSHFORM_ARTIFACTS=$(CURDIR)/artifacts \
		$(GO) test -timeout $(TESTTIMEOUT) ./apply/applytest/...

install-packages:
	@missing=$$(for p in $(PACKAGES); do dpkg -s "$$p" >/dev/null 2>&1 || echo "$$p"; done); \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" -ne 0 ]; then echo "install these first: $$missing" >&2; exit 1; fi; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing; \
	fi
	@# The folder that Debian's service makes at start, and sshd -t insists on.
	@if [ "$$(id -u)" -eq 0 ]; then mkdir -p -m 0755 /run/sshd; fi

# Ratios to the least client that does the same work, on simulated hosts: a
# table, and artifacts/bench.json. Some ten minutes. bench-quick has the ratios
# only and fails where one is far above its target; bench-packages times single
# functions.
bench: build
	$(GO) run ./apply/applytest/fleet/bench -program ./sshform -out artifacts/bench.json

bench-quick:
	$(GO) run ./apply/applytest/fleet/bench -parts ratios -hosts 400 -rounds 5 -gate

bench-packages:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Each fuzz target for FUZZTIME. go test may also end a target because its
# time ran out in the middle of an input; only an input that it wrote down is a
# finding.
fuzz:
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			if ! out=$$($(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" 2>&1); then \
				echo "$$out"; \
				case $$out in *'Failing input written'*) exit 1 ;; esac; \
			fi; \
		done; \
	done

clean:
	rm -rf sshform dist artifacts .build
