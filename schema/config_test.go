package schema_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema"
)

func TestTargetsOfAHost(t *testing.T) {
	c := &schema.Config{}
	for i, host := range []string{"a", "a", "b", "d"} {
		c.Targets = append(c.Targets, schema.Target{Host: schema.Host{Name: host}, Address: schema.Address{Name: strconv.Itoa(i)}})
	}
	var got []string
	for on := range c.Hosts() {
		names := ""
		for _, target := range c.OnHost(on[0].Host.Name) {
			names += target.Address.Name
		}
		got = append(got, on[0].Host.Name+names)
	}
	if diff := cmp.Diff([]string{"a01", "b2", "d3"}, got); diff != "" {
		t.Errorf("hosts with their targets (-want +got):\n%s", diff)
	}
	for _, host := range []string{"", "c", "e"} {
		if on := c.OnHost(host); on != nil {
			t.Errorf("host %q: got %d targets, want none", host, len(on))
		}
	}
}
