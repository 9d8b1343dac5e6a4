package plan_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
)

// fleetOfTwo are two hosts with the same file and one with another.
func fleetOfTwo(second []byte) *plan.Plan {
	p := samplePlan()
	web := p.Hosts[0]
	rename(&web, "web")
	decide(&web, func(d *plan.Decision) {
		file := &d.Files[0]
		after, err := plan.Replay(second, file.Edits)
		if err != nil {
			panic(err)
		}
		file.Before, file.BeforeSize, file.After = plan.Sum(second), int64(len(second)), plan.Sum(after)
	})
	p.Hosts = append(p.Hosts, web)
	p.Contents[plan.Sum(second)] = second
	return p
}

func written(t *testing.T, p *plan.Plan) string {
	t.Helper()
	var file bytes.Buffer
	if _, err := plan.Write(&file, p, false); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

func TestContentsStandOnceBeforeWhoNeedsThem(t *testing.T) {
	first := []byte("#ClientAliveInterval 0\n")
	for name, tt := range map[string]struct {
		second []byte
		want   string // the records, by their first letters
	}{
		"equal files": {first, "p b h c h c e"},
		"other bytes": {append(bytes.Clone(first), "# \xff\x00 \u2028 <&>\n"...), "p b h c b h c e"},
	} {
		t.Run(name, func(t *testing.T) {
			p := fleetOfTwo(tt.second)
			text := written(t, p)
			var kinds []string
			for line := range strings.Lines(text) {
				kinds = append(kinds, strings.TrimPrefix(line, `{"record":"`)[:1])
			}
			if got := strings.Join(kinds, " "); got != tt.want {
				t.Errorf("records: got %s, want %s", got, tt.want)
			}
			back, err := plan.Read(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p, back, whole); diff != "" {
				t.Errorf("read back (-want +got):\n%s", diff)
			}
			for _, f := range back.Hosts[1].Files() {
				if before, held := back.Text(f.Before); !held || !bytes.Equal(before, tt.second) {
					t.Errorf("before: got %q, %v", before, held)
				}
				if after, held := back.Text(f.After); !held || plan.Sum(after) != f.After {
					t.Errorf("after: got %q, %v", after, held)
				}
			}
		})
	}
}

func TestContentsTakeNoPartInTheID(t *testing.T) {
	with, without := samplePlan(), samplePlan()
	without.Contents = nil
	if with.ID() != without.ID() {
		t.Error("the contents changed the ID")
	}
	if _, held := without.Text(without.Hosts[0].Files()[0].After); held {
		t.Error("a plan without contents has a text")
	}
}

// A forger may write a whole plan anew, with digests that are right.
func TestForgedContentsAreRefused(t *testing.T) {
	for name, forge := range map[string]func(*plan.Plan){
		"not what its digest says": func(p *plan.Plan) {
			p.Contents[p.Hosts[0].Files()[0].Before] = []byte("#ClientAliveInterval 1\n")
		},
		"another promise": func(p *plan.Plan) {
			decide(&p.Hosts[0], func(d *plan.Decision) { d.Files[0].After = plan.Sum([]byte("x")) })
		},
	} {
		p := samplePlan()
		forge(p)
		var fileError *plan.FileError
		if _, err := plan.Read(strings.NewReader(written(t, p))); !errors.As(err, &fileError) {
			t.Errorf("%s: got %v, want a *FileError", name, err)
		}
	}
	lines := strings.SplitAfter(written(t, samplePlan()), "\n")
	blob := lines[1]
	for name, moved := range map[string][]string{
		"before a change":      {lines[0], lines[2], blob, lines[3], lines[4]},
		"behind the last host": {lines[0], lines[2], lines[3], blob, lines[4]},
		"twice":                {lines[0], blob, blob, lines[2], lines[3], lines[4]},
	} {
		var fileError *plan.FileError
		_, err := plan.Read(strings.NewReader(strings.Join(moved, "")))
		if !errors.As(err, &fileError) || fileError.Line == 0 || !strings.Contains(fileError.Reason, "content") && name != "before a change" {
			t.Errorf("%s: got %v, want a *FileError about the content", name, err)
		}
	}
}
