package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

func TestDriftIsWhatDiffersFromTheLastRun(t *testing.T) {
	c := plan.Change{
		Address: schema.Address{Block: "server", Name: "web"},
		Settings: []plan.Difference{
			{Keyword: "ClientAliveInterval", Before: "7", After: "30"},
			{Keyword: "ClientAliveCountMax", Before: "3", After: "4"},
			{Keyword: "TCPKeepAlive", Before: "yes", After: "yes"},
		},
	}
	recorded := apply.Recorded{Run: "r1", Values: map[schema.Keyword]schema.Argument{"ClientAliveInterval": "30", "ClientAliveCountMax": "3"}}
	want := []plan.Drift{{Address: c.Address, Run: "r1", Recorded: map[schema.Keyword]schema.Argument{"ClientAliveInterval": "30"}}}
	if diff := cmp.Diff(want, driftOf(c, recorded)); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
	c.Settings[0].Before = "30"
	if got := driftOf(c, recorded); got != nil {
		t.Errorf("got drift %+v where nothing moved", got)
	}
}
