package view

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// result is a document of a shard of wave "rest": "0/2 h1=changed h2=failed".
func result(t *testing.T, text, finished string, complete bool) ResultDocument {
	t.Helper()
	words := strings.Fields(text)
	d := ResultDocument{
		FormatVersion: reportVersion, PlanID: "sha256:a", Wave: "rest", PlanHosts: 4,
		StartedAt: "2026-11-22T18:00:00Z", FinishedAt: "2026-11-22T18:00:" + finished + "Z",
		Waves: []ResultWave{{Name: "rest", Complete: complete, StartedAt: "2026-11-22T18:00:00Z", FinishedAt: "2026-11-22T18:00:" + finished + "Z"}},
	}
	if words[0] != "-" {
		d.Shard = &ResultShard{int(words[0][0] - '0'), int(words[0][2] - '0')}
	}
	for _, word := range words[1:] {
		host, outcome, _ := strings.Cut(word, "=")
		d.Hosts = append(d.Hosts, ResultHost{Host: host, Outcome: outcome, Wave: "rest", Addresses: []string{"server." + host}})
	}
	return d
}

func TestMergedResults(t *testing.T) {
	for name, test := range map[string]struct {
		documents []ResultDocument // in any order
		want      string
		missing   []string
		complete  bool
	}{
		"two shards": {
			[]ResultDocument{result(t, "1/2 h3=changed", "09", true), result(t, "0/2 h1=changed h2=changed", "05", true)},
			"h1=changed h2=changed h3=changed", nil, true,
		},
		"a shard is missing": {
			[]ResultDocument{result(t, "1/3 h3=changed", "09", true)},
			"h3=changed", []string{`0, 2 of 3 of wave "rest"`}, false,
		},
		"tried again": {
			[]ResultDocument{result(t, "0/1 h1=already_done h2=changed", "20", true), result(t, "0/1 h1=changed h2=unreachable", "05", false)},
			"h1=changed h2=changed", nil, true,
		},
		"lost again": {
			[]ResultDocument{result(t, "0/1 h1=changed", "05", true), result(t, "0/1 h1=unreachable", "20", false)},
			"h1=unreachable", nil, false,
		},
		"not started again": {
			[]ResultDocument{result(t, "0/1 h1=failed h2=changed", "05", true), result(t, "0/1 h1=skipped h2=skipped", "20", false)},
			"h1=failed h2=changed", nil, false,
		},
		"a shard, then all at once": {
			[]ResultDocument{result(t, "0/2 h1=failed", "05", false), result(t, "- h1=changed h2=changed", "20", true)},
			"h1=changed h2=changed", nil, true,
		},
	} {
		m, err := MergeResults(test.documents)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, h := range m.Report.Hosts {
			got = append(got, h.Host+"="+string(h.Outcome))
		}
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: hosts (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.missing, m.Missing); diff != "" {
			t.Errorf("%s: missing (-want +got):\n%s", name, diff)
		}
		if len(m.Report.Waves) != 1 || m.Report.Waves[0].Complete != test.complete {
			t.Errorf("%s: got waves %+v, want complete: %t", name, m.Report.Waves, test.complete)
		}
	}
}

func TestResultsThatAreNotOne(t *testing.T) {
	other := result(t, "1/2 h3=changed", "09", true)
	other.PlanID = "sha256:b"
	if _, err := MergeResults([]ResultDocument{result(t, "0/2 h1=changed", "05", true), other}); err == nil {
		t.Error("results of different plans: got no error, want one")
	}
	for name, text := range map[string]string{
		"empty":           ``,
		"something else":  `{"hosts":[]}`,
		"another version": `{"format_version":"2.0","plan_id":"sha256:a"}`,
		"no such shard":   `{"format_version":"1.0","plan_id":"sha256:a","shard":{"index":3,"total":3}}`,
		"no such outcome": `{"format_version":"1.0","plan_id":"sha256:a","hosts":[{"host":"h","outcome":"fine"}]}`,
	} {
		if _, err := ReadResult(strings.NewReader(text)); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
	if _, err := ReadResult(strings.NewReader(`{"format_version":"1.7","plan_id":"sha256:a","news":1}`)); err != nil {
		t.Errorf("a later minor version: got %v, want it read", err)
	}
}
