package main

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
)

// counting hands out hosts that tell how they are used.
type counting struct{ dialled, closed map[string]int }

func (d *counting) Dial(_ context.Context, reach apply.Reach) (apply.Host, error) {
	d.dialled[reach.Host]++
	return countingHost{reach.Host, d, nil}, nil
}

type countingHost struct {
	name string
	d    *counting
	apply.Host
}

func (h countingHost) Close() error {
	h.d.closed[h.name]++
	return nil
}

// What was dialled to read records is there for reading files: as many as
// there is room for, none that failed, and all are closed in the end.
func TestAKeeperDialsOnce(t *testing.T) {
	d := &counting{map[string]int{}, map[string]int{}}
	k := newKeeper(d, 2)
	tour := &tour{
		hosts: []apply.Reach{{Host: "a"}, {Host: "bad"}, {Host: "b"}, {Host: "c"}}, dialer: k, parallelism: 1,
		events: func(apply.Event) {},
	}
	results := visit(t.Context(), tour, func(_ context.Context, h apply.Host) (string, error) {
		name := h.(countingHost).name
		if name == "bad" {
			return "", errors.New("bad")
		}
		return name, nil
	})
	for _, r := range results {
		if bad := r.err != nil; bad != (r.reach.Host == "bad") {
			t.Errorf("%s: got %q, %v", r.reach.Host, r.got, r.err)
		}
	}
	for _, name := range []string{"a", "c", "a"} {
		host, err := k.Dial(t.Context(), apply.Reach{Host: name})
		if err != nil {
			t.Fatal(err)
		}
		host.Close()
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"a": 2, "bad": 1, "b": 1, "c": 2}
	if diff := cmp.Diff(want, d.dialled); diff != "" {
		t.Errorf("dialled (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, d.closed); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
}
