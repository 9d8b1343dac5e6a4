package view

import (
	"io"
	"time"

	"github.com/sshform/sshform/apply"
)

// HostRecords is a host and what it keeps about runs.
type HostRecords struct {
	Host    string
	Records apply.Records
}

// Locks prints one line for each lock. Unread hosts may be locked, too.
func (h *Human) Locks(records []HostRecords, unread int) {
	free := true
	for _, r := range records {
		l := r.Records.Lock
		if l == nil {
			continue
		}
		free = false
		with := ""
		if l.Version != "" {
			with = ", with sshform " + l.Version
		}
		h.print("%s: locked by %s%s\n", h.line(r.Host), h.line(l.String()), h.line(with))
		if l.ID == apply.UnknownRun {
			h.print("  its text is damaged; sshform force-unlock %s removes it\n", apply.UnknownRun)
		}
	}
	switch {
	case !free || len(records) == 0:
	case unread > 0:
		h.print("No lock on %s that answered.\n", Count(len(records), "host"))
	default:
		h.print("No host is locked.\n")
	}
}

// Records prints the runs of each host, oldest first.
func (h *Human) Records(records []HostRecords) {
	for _, r := range records {
		h.print("%s\n", h.out.paint(strong, h.line(r.Host)))
		if len(r.Records.Runs) == 0 {
			h.print("  no run has left a record\n")
		}
		for _, run := range r.Records.Runs {
			original := ""
			if run.Original {
				original = ", keeps an original"
			}
			if run.Created.IsZero() {
				h.print("  %s  left no record of who ran it  %s\n", h.line(run.Run), h.line(run.Verdict))
				continue
			}
			h.print("  %s  %s  %s  %s%s\n", h.line(run.Run), run.Created.UTC().Format(time.RFC3339), h.line(run.Who), h.line(run.Verdict), original)
			for _, f := range run.Files {
				h.print("    %s\n", h.line(f.RealPath))
			}
		}
	}
}

// RecordsJSON writes the records of hosts as one document.
func RecordsJSON(w io.Writer, records []HostRecords) error {
	type lockJSON struct {
		ID        string
		Operation string
		Who       string
		Version   string
		Created   string `json:",omitempty"`
		Expired   bool   `json:"expired"`
	}
	type runJSON struct {
		Run      string   `json:"run"`
		PlanID   string   `json:"plan_id"`
		Who      string   `json:"who"`
		Version  string   `json:"version"`
		Created  string   `json:"created_at,omitempty"`
		Verdict  string   `json:"verdict"`
		Original bool     `json:"original"`
		Files    []string `json:"files"`
	}
	type hostJSON struct {
		Host string    `json:"host"`
		Lock *lockJSON `json:"lock"`
		Runs []runJSON `json:"runs"`
	}
	document := struct {
		FormatVersion string     `json:"format_version"`
		Hosts         []hostJSON `json:"hosts"`
	}{reportVersion, []hostJSON{}}
	for _, r := range records {
		host := hostJSON{Host: r.Host, Runs: []runJSON{}}
		if l := r.Records.Lock; l != nil {
			host.Lock = &lockJSON{Clean(l.ID), Clean(l.Operation), Clean(l.Who), Clean(l.Version), known(l.Created), l.Expired}
		}
		for _, run := range r.Records.Runs {
			line := runJSON{
				Clean(run.Run), Clean(run.PlanID), Clean(run.Who), Clean(run.Version), known(run.Created),
				Clean(run.Verdict), run.Original, []string{},
			}
			for _, f := range run.Files {
				line.Files = append(line.Files, f.RealPath)
			}
			host.Runs = append(host.Runs, line)
		}
		document.Hosts = append(document.Hosts, host)
	}
	return encode(w, document)
}

// known is a time, or empty where none is known.
func known(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}
