package plan

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sshform/sshform/schema"
)

// Read reads a plan file, gzipped or not, and checks all that can be checked
// without the hosts: that it is whole and unchanged since it was written, of
// a version this program knows, and that no edit does more than this tool may
// do (see Verify). Its errors are *FileError, or the reader's.
func Read(r io.Reader) (*Plan, error) {
	var hosts []HostPlan
	contents := Contents{}
	equal := newSharing()
	p, _, err := scan(r, contents, func(h HostPlan) error {
		hosts = append(hosts, equal.whole(h))
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.Hosts = hosts
	if len(contents) > 0 {
		p.Contents = contents
	}
	return p, nil
}

// Scan is Read for plans of any size: it hands over one host after the other,
// verified, and keeps none, so that its memory does not grow with the file. It
// returns the plan without Hosts and Contents, and its ID. Only the last line of a file
// tells that it is whole: what was handed over counts if Scan returns no error.
// An error of each ends it.
func Scan(r io.Reader, each func(HostPlan) error) (p *Plan, id string, err error) {
	return scan(r, nil, each)
}

func scan(r io.Reader, kept Contents, each func(HostPlan) error) (p *Plan, id string, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		zip, err := gzip.NewReader(in)
		if err != nil {
			return nil, "", &FileError{Reason: "it is not a whole gzip file: " + err.Error()}
		}
		in = bufio.NewReaderSize(zip, 64<<10)
	}
	d := &decoder{in: in, spelled: newRecordWriter(io.Discard), each: each, kept: kept}
	p, err = d.plan()
	return p, d.spelled.planID(), err
}

// A decoder reads records line by line and remembers where it is.
type decoder struct {
	in   *bufio.Reader
	line int
	read int64 // bytes
	each func(HostPlan) error
	// spelled writes every record again as Write does. A line that differs was
	// not written by Write: members in another case or twice, or text behind
	// the record, would be read by other programs as something else.
	spelled *recordWriter
	host    *HostPlan // the host whose changes are being read; nil before the first
	// decision is that host's, as far as it was read.
	decision Decision
	blobs    Contents // of the host that comes next
	kept     Contents // all that were read; nil keeps none
}

func (d *decoder) plan() (*Plan, error) {
	var header headerRecord
	line, err := d.next()
	if err != nil {
		return nil, err
	}
	if err := d.checkVersion(line); err != nil {
		return nil, err
	}
	if err := d.decode(line, &header); err != nil {
		return nil, err
	}
	p, err := header.plan()
	if err != nil {
		return nil, d.wrong(err.Error())
	}
	if err := d.same(line, d.spelled.header(p)); err != nil {
		return nil, err
	}
	for {
		line, err := d.next()
		if err != nil {
			return nil, err
		}
		switch kindOf(line) {
		case "host":
			err = d.hostRecord(p, line)
		case "blob":
			err = d.blob(line)
		case "change":
			err = d.change(line)
		case "end":
			return p, d.trailer(p, line)
		default:
			err = d.unknown(line)
		}
		if err != nil {
			return nil, err
		}
	}
}

// kindOf returns the kind of a record: Write puts it first.
func kindOf(line []byte) string {
	rest, found := bytes.CutPrefix(line, []byte(`{"record":"`))
	kind, _, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed {
		return ""
	}
	return string(kind)
}

// unknown says what is wrong with a line that is no record.
func (d *decoder) unknown(line []byte) error {
	var record struct {
		Record string `json:"record"`
	}
	if err := json.Unmarshal(line, &record); err != nil {
		return d.wrong("it is not JSON: " + err.Error())
	}
	return d.wrong(fmt.Sprintf("there is no record %q in a plan file, or it is not spelled as sshform writes it", record.Record))
}

// same demands that a line is what spelled has just written.
func (d *decoder) same(line []byte, err error) error {
	if err != nil {
		return d.wrong(err.Error())
	}
	if !bytes.Equal(line, d.spelled.line.Bytes()) {
		return d.wrong("it is not spelled as sshform writes it")
	}
	return nil
}

// settle hands over the host whose changes have all been read.
func (d *decoder) settle(p *Plan) error {
	if d.host == nil {
		return nil
	}
	if err := cmp.Or(p.verifyPlace(*d.host), verifyHost(*d.host, d.decision, p.Mode)); err != nil {
		return &FileError{Reason: fmt.Sprintf("host %q: %v", d.host.Host, err)}
	}
	return d.each(d.host.With(d.decision))
}

// next returns the next line. The end of the file before a trailer means that
// the file was cut.
func (d *decoder) next() ([]byte, error) {
	d.line++
	var line []byte
	for {
		piece, err := d.in.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case len(line) > maxRecord:
			return nil, d.wrong("the line is too long for a plan file")
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(line) == 0 && d.line == 1:
			return nil, &FileError{Reason: "the file is empty"}
		case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
			return nil, &FileError{Reason: "the file ends before its last record; it was cut short or is not a plan"}
		case err != nil:
			return nil, &FileError{Line: d.line, Reason: err.Error()}
		}
		if d.read += int64(len(line)); d.read > maxText {
			return nil, d.wrong("the file is too large for a plan")
		}
		return line, nil
	}
}

func (d *decoder) wrong(reason string) error { return &FileError{Line: d.line, Reason: reason} }

func (d *decoder) decode(line []byte, record any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(record); err != nil {
		return d.wrong(strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

func (d *decoder) checkVersion(line []byte) error {
	var version struct {
		Record        string `json:"record"`
		FormatVersion string `json:"format_version"`
	}
	if err := json.Unmarshal(line, &version); err != nil || version.Record != "plan" {
		return &FileError{Reason: "it is not a plan file"}
	}
	if version.FormatVersion != FormatVersion {
		return &FileError{Reason: fmt.Sprintf("it has format version %q, and this sshform reads %s; plan again with this version", version.FormatVersion, FormatVersion)}
	}
	return nil
}

func (h headerRecord) plan() (*Plan, error) {
	p := &Plan{
		Tool: h.Tool, Mode: h.Mode,
		Config:    ConfigDigest{Digest: h.Config.Digest},
		Inventory: Inventory{Digest: h.Inventory.Digest, Hosts: h.Inventory.Hosts},
		Options:   Options(h.Options),
		Rollout:   Rollout{OnFailure: h.Rollout.OnFailure, SpreadBy: h.Rollout.SpreadBy},
	}
	if h.Mode != Normal && h.Mode != Restore {
		return nil, fmt.Errorf("there is no mode %q", h.Mode)
	}
	var err error
	if p.Part, err = h.Part.part(); err != nil {
		return nil, err
	}
	if p.CreatedAt, err = parseStamp(h.CreatedAt); err != nil {
		return nil, err
	}
	if p.ValidUntil, err = parseStamp(h.ValidUntil); err != nil {
		return nil, err
	}
	for _, f := range h.Config.Files {
		p.Config.Files = append(p.Config.Files, FileDigest(f))
	}
	if p.Config.Commit, err = h.Config.Source.commit(); err != nil {
		return nil, err
	}
	for _, s := range h.Inventory.Sources {
		fetched, err := parseStamp(s.FetchedAt)
		if err != nil {
			return nil, err
		}
		p.Inventory.Sources = append(p.Inventory.Sources,
			schema.InventorySource{Type: s.Type, Name: s.Name, SHA256: s.SHA256, Hosts: s.Hosts, FetchedAt: fetched})
	}
	for _, name := range slices.Sorted(maps.Keys(h.Variables)) {
		v := h.Variables[name]
		p.Variables = append(p.Variables, schema.Variable{Name: name, JSON: v.Value, Sensitive: v.Sensitive, Ephemeral: v.Ephemeral})
	}
	for _, w := range h.Rollout.Waves {
		p.Rollout.Waves = append(p.Rollout.Waves, Wave{
			Name: w.Name, Hosts: w.Hosts, Parallelism: w.Parallelism, MaxFailures: w.MaxFailures,
			MaxFailuresPercent: w.MaxFailuresPercent, Strict: w.Strict,
			Soak: seconds(w.SoakSeconds), Window: w.Window, OnFailure: w.OnFailure,
		})
	}
	return p, nil
}

func parseStamp(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func (d *decoder) hostRecord(p *Plan, line []byte) error {
	var r hostRecord
	if err := d.decode(line, &r); err != nil {
		return err
	}
	h := HostPlan{
		Host: r.Host, Wave: r.Wave, Turn: r.Turn, Group: r.Group, Place: r.Place,
	}.Via(r.Connection.connection())
	decision := Decision{
		Run: Run{
			ConfirmTimeout: seconds(r.Run.ConfirmTimeout), Probe: r.Run.Probe,
			Rehearsal: r.Run.Rehearsal, AllowPending: r.Run.AllowPending,
			Backups: r.Run.Backups, Reload: r.Run.Reload,
		},
		Files: r.Files, DependsOn: r.DependsOn,
		Facts: Facts{OpenSSH: r.Facts.OpenSSH, OS: r.Facts.OS},
	}
	if l := r.Facts.Sshd; l != nil {
		decision.Facts.Listener = Listener{Path: l.Path, Args: l.Args, ConfigFile: l.ConfigFile, Fresh: l.Fresh}
	}
	if reload := r.Facts.Reload; reload != nil {
		decision.Facts.Listener.Reload, decision.Facts.Listener.Unit = reload.Method, reload.Unit
	}
	if err := d.settle(p); err != nil {
		return err
	}
	switch {
	case d.host != nil && h.Host <= d.host.Host:
		return d.wrong(fmt.Sprintf("host %q stands in it twice or out of its place", h.Host))
	case d.spelled.hosts >= maxHosts:
		return d.wrong("it has too many hosts for a plan")
	case r.ShardKey != ShardKey(r.Host):
		return &FileError{Reason: fmt.Sprintf("host %q: its shard key is not that of its name", h.Host)}
	}
	d.host, d.decision = &h, decision
	if err := d.takeBlobs(); err != nil {
		return err
	}
	return d.same(line, d.spelled.host(h, decision))
}

func (r connectionRecord) connection() Connection {
	c := Connection{
		Type: r.Type, Address: r.Address, Port: r.Port, User: r.User, Jump: r.Jump,
		HostKey: r.HostKey, HostKeyAlias: r.HostKeyAlias, Become: r.Become, IdentityFile: r.IdentityFile,
		CertificateFile: r.CertificateFile, KnownHostsFile: r.KnownHostsFile,
		HostKeyChecking: r.HostKeyChecking, ConnectTimeout: seconds(r.ConnectTimeout),
	}
	if r.Machine != nil {
		c.Machine = *r.Machine
	}
	return c
}

func (d *decoder) change(line []byte) error {
	var r changeRecord
	if err := d.decode(line, &r); err != nil {
		return err
	}
	switch {
	case d.host == nil || d.host.Host != r.Host || len(d.blobs) > 0:
		return d.wrong("a change stands behind another host's record")
	case len(d.decision.Changes) == maxChanges:
		return d.wrong("a host has too many changes for a plan")
	}
	if len(r.Actions) != 1 {
		return d.wrong("a change has exactly one action")
	}
	c := Change{
		Address: schema.Address{Block: r.Block, Name: r.Name},
		Host:    r.Host, Action: r.Actions[0], File: r.File,
		Scope: schema.Scope{Match: r.Match, Patterns: r.HostPattern}, Notes: r.Notes,
	}
	if r.Key != nil {
		c.Address.Key, c.Address.HasKey = *r.Key, true
	}
	if c.Address.String() != r.Address {
		return d.wrong("a change's address is not made of its parts")
	}
	side := c.Address.Side()
	for _, definition := range schema.Definitions(side) {
		name := string(definition.Keyword)
		after, declared := r.After[name]
		if !declared {
			if other, set := r.Beside[name]; set {
				was, err := argumentOf(other.Before)
				is, err2 := argumentOf(other.After)
				if err := errors.Join(err, err2); err != nil {
					return d.wrong(err.Error())
				}
				c.Beside = append(c.Beside, Difference{Keyword: definition.Keyword, Before: was, After: is})
			}
			continue
		}
		difference := Difference{
			Keyword: definition.Keyword, Reason: r.Reasons[name],
			BeforeSource: r.BeforeSource[name], AfterSource: r.AfterSource[name],
		}
		difference.BeforeDefault = difference.BeforeSource == (Source{})
		difference.AfterDefault = difference.AfterSource == (Source{})
		var err error
		if difference.After, err = argumentOf(after); err != nil {
			return d.wrong(err.Error())
		}
		if difference.Before, err = argumentOf(r.Before[name]); err != nil {
			return d.wrong(err.Error())
		}
		c.Settings = append(c.Settings, difference)
	}
	if len(c.Settings) != len(r.After) || len(r.Before) != len(r.After) || len(c.Beside) != len(r.Beside) {
		return d.wrong("a change sets a keyword that sshform does not manage")
	}
	for _, e := range r.Effective {
		expectation := Expectation{Login: Login(e.Login), Values: map[schema.Keyword]schema.Argument{}}
		for name, raw := range e.Values {
			argument, err := argumentOf(raw)
			if err != nil {
				return d.wrong(err.Error())
			}
			expectation.Values[schema.Keyword(name)] = argument
		}
		c.Expect = append(c.Expect, expectation)
	}
	d.decision.Changes = append(d.decision.Changes, c)
	d.spelled.changes++
	return d.same(line, d.spelled.counted(newChangeRecord(c)))
}

func (d *decoder) trailer(p *Plan, line []byte) error {
	if err := d.settle(p); err != nil {
		return err
	}
	if len(d.blobs) > 0 {
		return d.wrong("a content stands behind the last host")
	}
	var r trailerRecord
	if err := d.decode(line, &r); err != nil {
		return err
	}
	if _, err := d.in.ReadByte(); err != io.EOF {
		return &FileError{Line: d.line + 1, Reason: "something stands behind the last record"}
	}
	p.Errored, p.Checks = r.Errored, r.Checks
	for _, u := range r.Unreachable {
		unreachable := Unreachable{Host: u.Host, Group: u.Group, Step: u.Step, Err: u.Error}
		for _, a := range u.Addresses {
			address, err := schema.ParseAddress(a)
			if err != nil {
				return d.wrong(err.Error())
			}
			unreachable.Addresses = append(unreachable.Addresses, address)
		}
		p.Unreachable = append(p.Unreachable, unreachable)
	}
	for _, o := range r.Outputs {
		p.Outputs = append(p.Outputs, Output{Name: o.Name, Sensitive: o.Sensitive, Type: o.Type, JSON: o.Value})
	}
	for _, record := range r.Drift {
		drift, err := record.drift()
		if err != nil {
			return d.wrong(err.Error())
		}
		p.Drift = append(p.Drift, drift)
	}
	if err := d.same(line, d.spelled.trailer(p)); err != nil {
		return &FileError{Reason: "its bytes are not those that sshform wrote; it was edited or damaged"}
	}
	return nil
}

func (r driftRecord) drift() (Drift, error) {
	address, err := schema.ParseAddress(r.Address)
	if err != nil {
		return Drift{}, err
	}
	drift := Drift{Address: address, Run: r.Run, Recorded: map[schema.Keyword]schema.Argument{}}
	for name, raw := range r.Recorded {
		definition, known := schema.Define(address.Side(), name)
		if !known {
			return Drift{}, fmt.Errorf("%q is not a keyword that sshform manages", name)
		}
		if drift.Recorded[definition.Keyword], err = argumentOf(raw); err != nil {
			return Drift{}, err
		}
	}
	return drift, nil
}
