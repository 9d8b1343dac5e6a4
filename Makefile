# Targets for people and pipelines. `make demo` and `make test` install what
# they need where apt and root allow.

GO ?= go
FUZZTIME ?= 10s
TESTTIMEOUT ?= 20m
# What the tests drive: the real programs, nothing instead of them.
PACKAGES = openssh-server openssh-client openssh-sftp-server sudo iproute2 acl \
	python3-paramiko python3-asyncssh dropbear-bin putty-tools mmdebstrap shellcheck \
	busybox fish ksh tcsh zsh chromium git systemd pre-commit mandoc rpm

.PHONY: build demo test test-race test-lab bench fuzz install-packages clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o sshform ./cmd/sshform

# The main job, on a private sshd in a temporary folder, within a minute.
demo: build
	sh examples/quickstart/demo.sh ./sshform

# Every test that this kind of machine can run; a missing program is a failure
# here, not a skip. Tables of faults and measurements go to artifacts/.
test: install-packages
	mkdir -p artifacts
	rm -f artifacts/differences.txt
	SSHFORM_TEST_REQUIRE=1 SSHFORM_ARTIFACTS=$(CURDIR)/artifacts \
		SSHFORM_DIFF_CASES=$${SSHFORM_DIFF_CASES:-2000} \
		$(GO) test -p 1 -shuffle=on -timeout $(TESTTIMEOUT) ./...

# The rooms with goroutines under the race detector; the others have none.
test-race: install-packages
	$(GO) test -race -p 1 -timeout $(TESTTIMEOUT) ./apply ./apply/local ./apply/remote/... ./cmd/...

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

bench:
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
	rm -rf sshform dist artifacts
