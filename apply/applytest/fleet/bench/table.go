//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A row is one thing that was measured.
type row struct {
	What   string  `json:"what"`
	Got    float64 `json:"got"`
	Unit   string  `json:"unit"`
	Target float64 `json:"target,omitempty"` // at most; 0 is none
	Ratio  bool    `json:"ratio,omitempty"`  // of CPU times of one run: what -gate looks at
}

func (r row) met() string {
	switch {
	case r.Target == 0:
		return ""
	case r.Got <= r.Target:
		return "met"
	}
	return "MISSED"
}

// A table is what one run has measured, where and when.
type table struct {
	Date    time.Time `json:"date"`
	Machine string    `json:"machine"`
	Go      string    `json:"go"`
	Hosts   int       `json:"hosts"`
	Rounds  int       `json:"rounds"`
	Rows    []row     `json:"rows"`
}

func newTable(o options) *table {
	return &table{Date: time.Now().UTC().Truncate(time.Second), Machine: machine(), Go: runtime.Version(), Hosts: o.hosts, Rounds: o.rounds}
}

// machine is the processor and how many of it there are.
func machine() string {
	model := "unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d × %s, %s/%s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH)
}

func (t *table) add(what string, got float64, unit string, target float64) {
	t.Rows = append(t.Rows, row{What: what, Got: got, Unit: unit, Target: target})
}

// ratio adds a ratio of CPU times.
func (t *table) ratio(what string, got, target float64) {
	t.Rows = append(t.Rows, row{What: what, Got: got, Unit: "×", Target: target, Ratio: true})
}

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %s, %s; %d hosts, medians of %d interleaved rounds; CPU is the client's\n\n", t.Date.Format(time.DateOnly), t.Machine, t.Go, t.Hosts, t.Rounds)
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "what\tmeasured\ttarget\t")
	for _, r := range t.Rows {
		target := ""
		if r.Target > 0 {
			target = fmt.Sprintf("≤ %v %s", r.Target, r.Unit)
		}
		fmt.Fprintf(columns, "%s\t%.4g %s\t%s\t%s\n", r.What, r.Got, r.Unit, target, r.met())
	}
	columns.Flush()
}

func (t *table) write(name string) error {
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

// gate refuses ratios that miss their target by far.
func (t *table) gate() error {
	var errs []error
	for _, r := range t.Rows {
		if r.Ratio && r.Target > 0 && r.Got > gate*r.Target {
			errs = append(errs, fmt.Errorf("%s: %.2f, target %v", r.What, r.Got, r.Target))
		}
	}
	return errors.Join(errs...)
}

func median[T ~int | ~int64 | ~float64](values []T) T {
	if len(values) == 0 {
		return T(math.NaN())
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
