package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
)

// The names of the metrics. Their meaning stands in their help.
const (
	metricHosts       = "sshform_hosts"
	metricHost        = "sshform_host"
	metricDrift       = "sshform_drift_hosts"
	metricRun         = "sshform_last_run_timestamp_seconds"
	metricSuccess     = "sshform_last_success_timestamp_seconds"
	metricDuration    = "sshform_run_duration_seconds"
	metricAge         = "sshform_plan_age_seconds"
	metricBuild       = "sshform_build_info"
	maxMetricsHostLen = 253 // of a host's name as a label
)

// A label of a metric.
type label struct{ name, value string }

// prometheus writes metrics for the textfile collector of node_exporter. A
// series for each host is written only where that was asked for: it is an
// incident for who keeps the metrics of a large fleet.
func (r Reported) prometheus(w io.Writer) error {
	var families []*dto.MetricFamily
	add := func(name, help string, metrics ...*dto.Metric) {
		families = append(families, &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum(), Metric: metrics})
	}
	hosts := r.fates()
	counts := map[apply.Outcome]int{}
	for _, h := range hosts {
		counts[h.Outcome]++
	}
	var byOutcome []*dto.Metric
	for _, o := range apply.Outcomes() {
		byOutcome = append(byOutcome, gauge(float64(counts[o]), label{"outcome", string(o)}))
	}
	add(metricHosts, "Hosts by what became of them.", byOutcome...)
	if r.PerHost {
		var each []*dto.Metric
		for _, h := range hosts {
			each = append(each, gauge(1, label{"host", metricText(r.text(h.Host))}, label{"outcome", string(h.Outcome)}))
		}
		add(metricHost, "What became of a host.", each...)
	}
	if r.Report == nil && r.Plan != nil {
		add(metricDrift, "Hosts that differ from the configuration.", gauge(float64(differing(r.Plan))))
	}
	add(metricRun, "When the last run of a command ended.", gauge(seconds64(r.Finished), label{"command", r.Operation}))
	if success := r.lastSuccess(); success > 0 {
		add(metricSuccess, "When a run last ended well.", gauge(success))
	}
	add(metricDuration, "How long the last run took.", gauge(r.Finished.Sub(r.Started).Seconds()))
	if r.Plan != nil && !r.Plan.CreatedAt.IsZero() {
		add(metricAge, "How old the plan was when the run ended.", gauge(max(0, r.Finished.Sub(r.Plan.CreatedAt).Seconds())))
	}
	add(metricBuild, "Which sshform this is; always 1.", gauge(1, label{"version", r.Tool.Version}))
	for _, family := range families {
		if len(family.Metric) == 0 {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
			return fmt.Errorf("metric %s: %w", family.GetName(), err)
		}
	}
	return nil
}

// differing counts the hosts on which a plan changes something.
func differing(p *plan.Plan) int {
	n := 0
	for _, h := range p.Hosts {
		if h.Changed() {
			n++
		}
	}
	return n
}

// lastSuccess is when a run last ended well: now, or as the file says that this
// one takes the place of; 0 if never.
func (r Reported) lastSuccess() float64 {
	if r.Succeeded {
		return seconds64(r.Finished)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(r.Previous))
	if err != nil {
		return 0 // a file that is not ours tells nothing
	}
	metrics := families[metricSuccess].GetMetric()
	if len(metrics) != 1 {
		return 0
	}
	return metrics[0].GetGauge().GetValue()
}

func gauge(value float64, labels ...label) *dto.Metric {
	m := &dto.Metric{Gauge: &dto.Gauge{Value: &value}}
	for _, l := range labels {
		m.Label = append(m.Label, &dto.LabelPair{Name: &l.name, Value: &l.value})
	}
	return m
}

// metricText is a name as a label may have it.
func metricText(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), maxMetricsHostLen)], "")
}

// seconds64 is a time as Prometheus has it.
func seconds64(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
