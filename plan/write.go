package plan

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/sshform/sshform/schema"
)

// Complete reports whether the plan covers everything that is declared: no
// targets, no excludes, no shard, and every host was reached.
func (p *Plan) Complete() bool {
	return p.Part == nil && len(p.Options.Targets)+len(p.Options.Excludes)+len(p.Unreachable) == 0
}

// ID returns the digest over everything that matters in the plan, times and
// the tool's commit left out: the same decision has the same ID.
func (p *Plan) ID() string {
	w := newRecordWriter(io.Discard)
	w.header(p)
	for _, h := range p.Hosts {
		w.host(h, h.Decision())
	}
	return w.planID()
}

// Write writes the plan as JSON Lines and returns its ID. With compress the
// lines are gzipped.
func Write(w io.Writer, p *Plan, compress bool) (id string, err error) {
	return WriteHosts(w, p, slices.Values(p.Hosts), compress)
}

// WriteHosts is Write for hosts that are never in memory together: it takes
// them one after the other, in the order of their names, and not p.Hosts. What
// p says about the whole (Unreachable, Errored, Checks, Outputs, Drift) is read
// after the last host.
func WriteHosts(w io.Writer, p *Plan, hosts iter.Seq[HostPlan], compress bool) (id string, err error) {
	if compress {
		zip := gzip.NewWriter(w)
		id, err = WriteHosts(zip, p, hosts, false)
		return id, errors.Join(err, zip.Close())
	}
	out := bufio.NewWriterSize(w, 64<<10)
	records := newRecordWriter(out)
	if err := records.header(p); err != nil {
		return "", err
	}
	for h := range hosts {
		d := h.Decision()
		if err := errors.Join(records.contents(p.Contents, d), records.host(h, d)); err != nil {
			return "", err
		}
	}
	if err := records.trailer(p); err != nil {
		return "", err
	}
	return records.planID(), out.Flush()
}

// A recordWriter writes the lines of a plan file and works out both digests on
// the way: over the bytes, and over what matters.
type recordWriter struct {
	out            io.Writer
	bytes, id      hash.Hash
	hosts, changes int
	blobs          map[Digest]bool // written
	line           bytes.Buffer    // the last line written
}

func newRecordWriter(out io.Writer) *recordWriter {
	return &recordWriter{out: out, bytes: sha256.New(), id: sha256.New(), blobs: map[Digest]bool{}}
}

func (w *recordWriter) planID() string { return "sha256:" + hex.EncodeToString(w.id.Sum(nil)) }

// encode makes a record the last line.
func (w *recordWriter) encode(record any) error {
	w.line.Reset()
	encoder := json.NewEncoder(&w.line)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(record)
}

// put writes a record; its bytes count for the digest of the file.
func (w *recordWriter) put(record any) error {
	if err := w.encode(record); err != nil {
		return err
	}
	w.bytes.Write(w.line.Bytes())
	_, err := w.out.Write(w.line.Bytes())
	return err
}

// header writes the first line. In the ID it counts without times and commits.
func (w *recordWriter) header(p *Plan) error {
	header := newHeader(p)
	if err := w.encode(header.timeless()); err != nil {
		return err
	}
	w.id.Write(w.line.Bytes())
	return w.put(header)
}

// timeless is the header without what differs between plans that decide the
// same.
func (h headerRecord) timeless() headerRecord {
	h.CreatedAt, h.ValidUntil, h.Tool.Commit, h.Config.Source = "", "", "", nil
	h.Inventory.Sources = slices.Clone(h.Inventory.Sources)
	for i := range h.Inventory.Sources {
		h.Inventory.Sources[i].FetchedAt = ""
	}
	return h
}

// host writes a host and its changes.
func (w *recordWriter) host(h HostPlan, d Decision) error {
	w.hosts++
	w.changes += len(d.Changes)
	if err := w.counted(newHostRecord(h, d)); err != nil {
		return err
	}
	for _, c := range d.Changes {
		if err := w.counted(newChangeRecord(c)); err != nil {
			return err
		}
	}
	return nil
}

// counted writes a record that counts in the ID as it stands.
func (w *recordWriter) counted(record any) error {
	err := w.put(record)
	w.id.Write(w.line.Bytes())
	return err
}

// trailer writes the last line.
func (w *recordWriter) trailer(p *Plan) error {
	trailer := trailerRecord{
		Record: "end", Hosts: w.hosts, Changes: w.changes, PlanID: w.planID(),
		Complete: p.Complete(), Errored: p.Errored, Unreachable: []unreachableRecord{}, Checks: p.Checks,
		SHA256: hex.EncodeToString(w.bytes.Sum(nil)),
	}
	for _, u := range p.Unreachable {
		record := unreachableRecord{Host: u.Host, Group: u.Group, Step: u.Step, Error: u.Err, Addresses: []string{}}
		for _, a := range u.Addresses {
			record.Addresses = append(record.Addresses, a.String())
		}
		trailer.Unreachable = append(trailer.Unreachable, record)
	}
	for _, o := range p.Outputs {
		trailer.Outputs = append(trailer.Outputs, outputRecord{o.Name, o.Sensitive, o.Type, o.JSON})
	}
	for _, d := range p.Drift {
		record := driftRecord{Address: d.Address.String(), Run: d.Run, Recorded: map[string]json.RawMessage{}}
		for keyword, argument := range d.Recorded {
			record.Recorded[string(keyword)] = argumentJSON(argument)
		}
		trailer.Drift = append(trailer.Drift, record)
	}
	return w.put(trailer)
}

func newHeader(p *Plan) headerRecord {
	header := headerRecord{
		Record: "plan", FormatVersion: FormatVersion, Tool: p.Tool, Mode: p.Mode,
		CreatedAt: stamp(p.CreatedAt), ValidUntil: stamp(p.ValidUntil),
		Config:    configRecord{Digest: p.Config.Digest, Files: []configFileRecord{}},
		Inventory: inventoryRecord{Digest: p.Inventory.Digest, Hosts: p.Inventory.Hosts, Sources: []inventorySourceRecord{}},
		Variables: map[string]variableRecord{},
		Options:   optionsRecord(p.Options),
		Rollout:   rolloutRecord{Waves: []waveRecord{}, OnFailure: p.Rollout.OnFailure, SpreadBy: p.Rollout.SpreadBy},
		Part:      p.Part.record(),
	}
	for _, f := range p.Config.Files {
		header.Config.Files = append(header.Config.Files, configFileRecord(f))
	}
	header.Config.Source = p.Config.Commit.record()
	for _, s := range p.Inventory.Sources {
		header.Inventory.Sources = append(header.Inventory.Sources,
			inventorySourceRecord{Type: s.Type, Name: s.Name, SHA256: s.SHA256, Hosts: s.Hosts, FetchedAt: stamp(s.FetchedAt)})
	}
	for _, v := range p.Variables {
		header.Variables[v.Name] = variableRecord{Value: v.JSON, Sensitive: v.Sensitive, Ephemeral: v.Ephemeral}
	}
	for _, w := range p.Rollout.Waves {
		header.Rollout.Waves = append(header.Rollout.Waves, waveRecord{
			Name: w.Name, Hosts: w.Hosts, Parallelism: w.Parallelism, MaxFailures: w.MaxFailures,
			MaxFailuresPercent: w.MaxFailuresPercent, Strict: w.Strict,
			SoakSeconds: w.Soak.Seconds(), Window: w.Window, OnFailure: w.OnFailure,
		})
	}
	return header
}

func newHostRecord(h HostPlan, d Decision) hostRecord {
	record := hostRecord{
		Record: "host", Host: h.Host, Wave: h.Wave, Turn: h.Turn, ShardKey: ShardKey(h.Host), Group: h.Group,
		Connection: newConnectionRecord(h.Connection()),
		Run: runRecord{
			ConfirmTimeout: d.Run.ConfirmTimeout.Seconds(), Probe: d.Run.Probe,
			Rehearsal: d.Run.Rehearsal, AllowPending: d.Run.AllowPending,
			Backups: d.Run.Backups, Reload: d.Run.Reload,
		},
		Files: d.Files, DependsOn: d.DependsOn,
		Facts: factsRecord{OpenSSH: d.Facts.OpenSSH, OS: d.Facts.OS},
		Place: h.Place,
	}
	if l := d.Facts.Listener; l.Path != "" {
		record.Facts.Sshd = &listenerRecord{Path: l.Path, Args: l.Args, ConfigFile: l.ConfigFile, Fresh: l.Fresh}
		record.Facts.Reload = &reloadRecord{Method: l.Reload, Unit: l.Unit}
	}
	return record
}

func newConnectionRecord(c Connection) connectionRecord {
	record := connectionRecord{
		Type: c.Type, Address: c.Address, Port: c.Port, User: c.User, Jump: c.Jump,
		HostKey: c.HostKey, HostKeyAlias: c.HostKeyAlias, Become: c.Become, IdentityFile: c.IdentityFile,
		CertificateFile: c.CertificateFile, KnownHostsFile: c.KnownHostsFile,
		HostKeyChecking: c.HostKeyChecking, ConnectTimeout: c.ConnectTimeout.Seconds(),
	}
	if c.Type == schema.Local {
		record.Machine = &c.Machine
	}
	return record
}

func newChangeRecord(c Change) changeRecord {
	record := changeRecord{
		Record: "change", Address: c.Address.String(), Block: c.Address.Block, Name: c.Address.Name,
		Host: c.Host, Actions: []Action{c.Action}, File: c.File,
		Match: c.Scope.Match, HostPattern: c.Scope.Patterns,
		Before: map[string]json.RawMessage{}, After: map[string]json.RawMessage{},
		BeforeSource: map[string]Source{}, AfterSource: map[string]Source{},
		Reasons: map[string]string{}, Notes: c.Notes,
	}
	if c.Address.HasKey {
		record.Key = &c.Address.Key
	}
	for _, d := range c.Settings {
		name := string(d.Keyword)
		record.Before[name] = argumentJSON(d.Before)
		record.After[name] = argumentJSON(d.After)
		if !d.BeforeDefault {
			record.BeforeSource[name] = d.BeforeSource
		}
		if !d.AfterDefault {
			record.AfterSource[name] = d.AfterSource
		}
		if d.Reason != "" {
			record.Reasons[name] = d.Reason
		}
	}
	for _, d := range c.Beside {
		if record.Beside == nil {
			record.Beside = map[string]besideRecord{}
		}
		record.Beside[string(d.Keyword)] = besideRecord{Before: argumentJSON(d.Before), After: argumentJSON(d.After)}
	}
	for _, e := range c.Expect {
		expectation := expectationRecord{Login: loginRecord(e.Login), Values: map[string]json.RawMessage{}}
		for keyword, argument := range e.Values {
			expectation.Values[string(keyword)] = argumentJSON(argument)
		}
		record.Effective = append(record.Effective, expectation)
	}
	return record
}

// argumentJSON writes numbers as numbers and everything else as strings.
func argumentJSON(a schema.Argument) json.RawMessage {
	if _, number := a.Seconds(); number {
		return json.RawMessage(a)
	}
	text, _ := json.Marshal(string(a)) // a string always marshals
	return text
}

func argumentOf(raw json.RawMessage) (schema.Argument, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return schema.Argument(text), nil
	}
	a := schema.Argument(raw)
	if _, number := a.Seconds(); !number {
		return "", fmt.Errorf("%s is neither a string nor a whole number", raw)
	}
	return a, nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
