package local_test

import (
	"testing"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest"
	"github.com/sshform/sshform/apply/local"
	"github.com/sshform/sshform/schema"
)

func TestContract(t *testing.T) {
	applytest.TestHost(t, func(t *testing.T) apply.Host {
		host, err := (&local.Dialer{}).Dial(t.Context(), apply.Reach{})
		if err != nil {
			t.Fatal(err)
		}
		return host
	})
}

func TestFactsNameTheMachine(t *testing.T) {
	host, err := (&local.Dialer{}).Dial(t.Context(), apply.Reach{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	got := host.Facts().Connection
	if got.Type != schema.Local || got.Machine.Hostname == "" || got.Machine.Home == "" {
		t.Errorf("got %+v, want a local connection bound to machine and home", got)
	}
}
