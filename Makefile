# Targets for people and pipelines. `make demo` and `make test` install what
# they need where apt and root allow.

GO ?= go
FUZZTIME ?= 10s
# What the tests drive: the real programs, nothing instead of them.
PACKAGES = openssh-server openssh-client openssh-sftp-server sudo iproute2 \
	python3-paramiko python3-asyncssh dropbear-bin putty-tools debootstrap shellcheck

.PHONY: build demo test test-race test-lab bench fuzz install-packages clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o sshform ./cmd/sshform

# The main job, on a private sshd in a temporary folder, within a minute.
demo: build
	sh examples/quickstart/demo.sh ./sshform

# Every test that this kind of machine can run; a missing program is a failure
# here, not a skip.
test: install-packages
	SSHFORM_TEST_REQUIRE=1 SSHFORM_DIFF_CASES=$${SSHFORM_DIFF_CASES:-2000} \
		$(GO) test -race -shuffle=on -timeout 14m ./...

install-packages:
	@missing=$$(for p in $(PACKAGES); do dpkg -s "$$p" >/dev/null 2>&1 || echo "$$p"; done); \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" -ne 0 ]; then echo "install these first: $$missing" >&2; exit 1; fi; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing; \
	fi

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Each fuzz target for FUZZTIME.
fuzz:
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
		done; \
	done

clean:
	rm -rf sshform dist artifacts
