//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
	"github.com/sshform/sshform/schema"
)

// TestBehindBastions goes the ways there are to a host without a route: one
// hop, two hops, and a person's own ssh configuration. On each, the change goes
// well once, is killed once, and has its bastion hang up once, all in the
// middle.
func TestBehindBastions(t *testing.T) {
	t.Parallel()
	l := lab.Open(t)
	hosts := l.Start("one-hop=inner", "two-hops=inner", "alias=inner", "middle=inner")
	one, two, alias, middle := hosts[0], hosts[1], hosts[2], hosts[3]
	bastion := one.Jump
	hop := func(h *lab.Host) string { return h.Kind.User + "@" + h.Address }
	a := accessTo(l)
	config := filepath.Join(t.TempDir(), "ssh_config")
	text := fmt.Sprintf("Host gate\n  HostName %s\n  User %s\nHost far\n  HostName %s\n  User %s\n  ProxyJump gate\nHost *\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n",
		bastion.Address, bastion.Kind.User, alias.Address, alias.Kind.User, a.Identity, a.KnownHosts)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ways := []struct {
		name  string
		host  *lab.Host
		reach func(*schema.Connection)
	}{
		{"one hop", one, nil},
		{"two hops", two, func(c *schema.Connection) { c.ProxyJump = hop(bastion) + "," + hop(middle) }},
		{"ssh_alias", alias, func(c *schema.Connection) {
			*c = schema.Connection{SSHAlias: "far", Become: c.Become, ConnectTimeout: c.ConnectTimeout}
		}},
	}
	faults := []fault{
		{name: "none", timeout: patiently, want: apply.Changed},
		{name: "controller killed", kill: true},
		{name: "bastion hangs up", strike: func(context.Context, *lab.Host) error {
			_, err := bastion.KillSessions()
			return err
		}},
	}
	rows := make([][]row, len(ways))
	for _, f := range faults {
		var wait sync.WaitGroup
		for i, way := range ways {
			if f.strike != nil {
				wait.Wait() // the bastion is shared: what befalls it befalls all
			}
			wait.Go(func() {
				with := a
				with.SSHConfig = config
				one := &trial{access: with, host: way.host, fault: f, step: apply.StepConfirm, reach: way.reach}
				r := one.try(t.Context())
				r.kind = way.name
				rows[i] = append(rows[i], r)
			})
		}
		wait.Wait()
	}
	var b strings.Builder
	for _, of := range rows {
		for _, r := range of {
			b.WriteString(r.String())
			if r.err != nil {
				t.Errorf("%s", strings.TrimSpace(r.String()))
			}
		}
	}
	artifact(t, "bastions.txt", b.String())
}
