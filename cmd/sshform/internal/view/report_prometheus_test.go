package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
)

// series parses metrics with Prometheus' own parser: name{labels} to value.
func series(t *testing.T, text string) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	got := map[string]float64{}
	for name, family := range families {
		if family.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			slices.Sort(labels)
			got[name+"{"+strings.Join(labels, ",")+"}"] = m.GetGauge().GetValue()
		}
	}
	return got
}

func TestMetricsOfADrift(t *testing.T) {
	r := planned()
	r.Operation, r.Succeeded, r.Tool = "drift", true, plan.Tool{Version: "1.2.3"}
	r.Plan.CreatedAt = r.Started
	got := series(t, written(t, "prometheus", r))
	finished := float64(r.Finished.UnixMilli()) / 1000
	want := map[string]float64{
		"sshform_drift_hosts{}":                               3,
		`sshform_last_run_timestamp_seconds{command="drift"}`: finished,
		"sshform_last_success_timestamp_seconds{}":            finished,
		"sshform_run_duration_seconds{}":                      1,
		"sshform_plan_age_seconds{}":                          1,
		`sshform_build_info{version="1.2.3"}`:                 1,
	}
	for _, o := range apply.Outcomes() {
		want[fmt.Sprintf("sshform_hosts{outcome=%q}", o)] = 0
	}
	want[`sshform_hosts{outcome="skipped"}`], want[`sshform_hosts{outcome="unchanged"}`], want[`sshform_hosts{outcome="unreachable"}`] = 3, 1, 1
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// A failed run leaves the time of the last good one in its place.
func TestMetricsKeepTheLastSuccess(t *testing.T) {
	good := planned()
	good.Succeeded = true
	first := written(t, "prometheus", good)
	bad := appliedReport()
	bad.Previous, bad.Finished = []byte(first), good.Finished.Add(24*time.Hour)
	got := series(t, written(t, "prometheus", bad))
	if want := float64(good.Finished.Unix()); got["sshform_last_success_timestamp_seconds{}"] != want {
		t.Errorf("got last success %v, want %v", got["sshform_last_success_timestamp_seconds{}"], want)
	}
	if _, told := got["sshform_drift_hosts{}"]; told {
		t.Error("an apply tells of drift")
	}
	bad.Previous = []byte("not metrics {")
	if _, told := series(t, written(t, "prometheus", bad))["sshform_last_success_timestamp_seconds{}"]; told {
		t.Error("a success came from nowhere")
	}
}

// A host may be called anything; no series of a host without being asked.
func TestMetricsOfHosts(t *testing.T) {
	r := planned()
	r.Plan.Hosts[0].Host = "we\"ird\\name\nsshform_hosts 9\xff\x1b[31m"
	if text := written(t, "prometheus", r); strings.Contains(text, "ird") {
		t.Errorf("a host is named unasked:\n%s", text)
	}
	r.PerHost = true
	named := 0
	for name := range series(t, written(t, "prometheus", r)) {
		if strings.HasPrefix(name, "sshform_host{") {
			named++
		}
	}
	if want := len(r.Plan.Hosts) + 1; named != want {
		t.Errorf("got %d series of hosts, want %d", named, want)
	}
	series(t, written(t, "prometheus", Reported{Operation: "plan"}))
}
