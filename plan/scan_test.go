package plan_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// manyHosts yields hosts like the sample's, in the order of their names.
func manyHosts(n int) iter.Seq[plan.HostPlan] {
	return func(yield func(plan.HostPlan) bool) {
		for i := range n {
			h := samplePlan().Hosts[0]
			rename(&h, fmt.Sprintf("web-%06d", i))
			if !yield(h) {
				return
			}
		}
	}
}

// live returns how many bytes are in use once everything unused is gone.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestAPlanOfAnySizeNeedsTheSameMemory writes and reads 20,000 hosts through a
// pipe, about 35 MB, and looks at the heap on the way.
func TestAPlanOfAnySizeNeedsTheSameMemory(t *testing.T) {
	const hosts, limit = 20_000, 8 << 20
	head := samplePlan()
	head.Hosts, head.Contents = nil, nil
	r, w := io.Pipe()
	written := make(chan string, 1)
	go func() {
		id, err := plan.WriteHosts(w, head, manyHosts(hosts), true)
		w.CloseWithError(err)
		written <- id
	}()
	before, seen := live(), 0
	got, id, err := plan.Scan(r, func(h plan.HostPlan) error {
		if seen++; seen%(hosts/4) == 0 {
			if now := live(); now > before+limit {
				return fmt.Errorf("after %d hosts: got %d bytes more in use, want at most %d", seen, now-before, limit)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := <-written; id != want || seen != hosts {
		t.Errorf("got id %s and %d hosts, want %s and %d", id, seen, want, hosts)
	}
	if diff := cmp.Diff(head, got); diff != "" {
		t.Errorf("the plan without its hosts (-want +got):\n%s", diff)
	}
}

func TestEqualPlansHaveEqualBytes(t *testing.T) {
	lines := func(p *plan.Plan) []string {
		var file bytes.Buffer
		if _, err := plan.Write(&file, p, false); err != nil {
			t.Fatal(err)
		}
		return strings.SplitAfter(file.String(), "\n")
	}
	a, b := samplePlan(), samplePlan()
	if diff := cmp.Diff(lines(a), lines(b)); diff != "" {
		t.Errorf("two writes of one plan differ:\n%s", diff)
	}
	b.CreatedAt, b.ValidUntil = b.CreatedAt.Add(time.Hour), b.ValidUntil.Add(time.Hour)
	first, second := lines(a), lines(b)
	last := len(first) - 2 // the trailer has the digest of the header's times
	if diff := cmp.Diff(first[1:last], second[1:last]); diff != "" {
		t.Errorf("times change more than the first and the last line:\n%s", diff)
	}
}

// TestWhatWriteWouldNotWriteIsRefused: a reader that takes other spellings than
// the writer's can be told another story than a reviewer's program.
func TestWhatWriteWouldNotWriteIsRefused(t *testing.T) {
	var file bytes.Buffer
	if _, err := plan.Write(&file, samplePlan(), false); err != nil {
		t.Fatal(err)
	}
	whole := file.String()
	for name, replaced := range map[string][2]string{
		"another case":      {`"mode":"normal"`, `"Mode":"normal"`},
		"a member twice":    {`"mode":"normal"`, `"mode":"restore","mode":"normal"`},
		"spaces":            {`"mode":"normal"`, `"mode": "normal"`},
		"behind the record": {"\n{\"record\":\"end\"", " {}\n{\"record\":\"end\""},
		"another escape":    {`"rack"`, `"\u0072ack"`},
		"a machine":         {`"type":"ssh"`, `"type":"ssh","machine":{"hostname":"","uid":0,"home":""}`},
		"another trailer":   {`"errored":false`, `"errored":false,"errored":false`},
		"a lost error":      {`"hosts":1,"changes":1,"plan_id"`, `"hosts":1,"changes":2,"plan_id"`},
		"a carriage return": {"\n{\"record\":\"change\"", "\r\n{\"record\":\"change\""},
	} {
		changed := strings.Replace(whole, replaced[0], replaced[1], 1)
		if changed == whole {
			t.Fatalf("%s: nothing to replace in %s", name, whole)
		}
		var fileError *plan.FileError
		if _, err := plan.Read(strings.NewReader(changed)); !errors.As(err, &fileError) {
			t.Errorf("%s: got %v, want a *FileError", name, err)
		}
	}
}

func TestHostsStandInTheirOrder(t *testing.T) {
	p := samplePlan()
	p.Hosts = nil
	for h := range manyHosts(2) {
		p.Hosts = append([]plan.HostPlan{h}, p.Hosts...)
	}
	var file bytes.Buffer
	if _, err := plan.Write(&file, p, false); err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Read(&file); err == nil {
		t.Error("hosts out of their order were accepted")
	}
}

func TestDriftOfAnotherKeywordIsRefused(t *testing.T) {
	p := samplePlan()
	p.Drift[0].Recorded["PermitRootLogin"] = "yes"
	var file bytes.Buffer
	if _, err := plan.Write(&file, p, false); err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Read(&file); err == nil {
		t.Error("a recorded PermitRootLogin was accepted")
	}
}

// told is what a plan says beyond its decision.
func told(p *plan.Plan) {
	p.Checks = []plan.Check{{Name: "soon", Status: "fail", Messages: []string{"too late"}}, {Name: "ok", Status: "pass"}}
	p.Outputs = []plan.Output{{Name: "n", JSON: []byte("30"), Type: []byte(`"number"`)}, {Name: "s", Sensitive: true}}
	p.Drift = []plan.Drift{{
		Address: schema.Address{Block: "server", Name: "home", Key: "db", HasKey: true}, Run: "20261121T170000Z-abc",
		Recorded: map[schema.Keyword]schema.Argument{"ClientAliveInterval": "30", "ChannelTimeout": "session:*=60"},
	}}
}
