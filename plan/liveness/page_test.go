package liveness_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

var update = flag.Bool("update", false, "rewrite the page and the pictures in examples")

const (
	page     = "../../examples/why-sessions-freeze.md"
	pictures = "../../examples/pictures"
)

// drawings are the pictures of the page.
func drawings() map[string]liveness.Question {
	return map[string]liveness.Question{
		"folklore.svg":       {Server: "600/3", Client: "0", ServerRelease: "9.2p1", Network: "aws-nat"},
		"client-asks.svg":    {Server: "0", Client: "30/3", ServerRelease: "9.6p1", Network: "aws-nat"},
		"both-ask.svg":       {Server: "15/3", Client: "60/3", ServerRelease: "9.6p1", Network: "aws-nat"},
		"both-ask-12.svg":    {Server: "15/3", Client: "60/3", ServerRelease: "9.2p1", Network: "aws-nat"},
		"paramiko-alone.svg": {Server: "0", Client: "paramiko:30", ServerRelease: "9.6p1", Network: "aws-nat"},
	}
}

func TestPicturesAreCurrent(t *testing.T) {
	for name, q := range drawings() {
		got := predict(t, q).SVG()
		file := filepath.Join(pictures, name)
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the program draws now; run go test ./plan/liveness -update and look at it", file)
		}
		if !strings.Contains(readPage(t), "pictures/"+name) {
			t.Errorf("the page does not show %s", name)
		}
	}
}

// A picture is well-formed XML that reaches for nothing outside.
func TestPicturesAreSelfContained(t *testing.T) {
	for name, q := range drawings() {
		svg := predict(t, q).SVG()
		d := xml.NewDecoder(bytes.NewReader(svg))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if e, isStart := token.(xml.StartElement); isStart {
				for _, a := range e.Attr {
					if a.Name.Local == "href" || strings.Contains(a.Value, "url(") || e.Name.Local == "script" {
						t.Errorf("%s: got <%s %s=%q>, want nothing from outside", name, e.Name.Local, a.Name.Local, a.Value)
					}
				}
			}
		}
	}
}

var command = regexp.MustCompile("(?s)```console\n\\$ sshform explain ([^\n]*)\n(.*?)```")

// Every answer on the page is what the program answers now.
func TestAnswersAreCurrent(t *testing.T) {
	text := readPage(t)
	found := command.FindAllStringSubmatchIndex(text, -1)
	if len(found) == 0 {
		t.Fatal("the page asks nothing")
	}
	var fresh strings.Builder
	last := 0
	for _, m := range found {
		fresh.WriteString(text[last:m[4]])
		fresh.WriteString(predict(t, question(t, text[m[2]:m[3]])).Text(90, false))
		last = m[5]
	}
	fresh.WriteString(text[last:])
	settle(t, text, fresh.String())
}

func question(t *testing.T, args string) liveness.Question {
	var q liveness.Question
	f := flag.NewFlagSet("explain", flag.ContinueOnError)
	f.StringVar(&q.Server, "server", "", "")
	f.StringVar(&q.Client, "client", "", "")
	f.StringVar(&q.ServerRelease, "server-release", "", "")
	f.StringVar(&q.ClientRelease, "client-release", "", "")
	f.StringVar(&q.Network, "network", "", "")
	if err := f.Parse(strings.Fields(args)); err != nil || f.NArg() > 0 {
		t.Fatalf("explain %s: %v %v", args, err, f.Args())
	}
	return q
}

// The tables of the page come from the tables of the program.
func TestTablesAreCurrent(t *testing.T) {
	text := readPage(t)
	fresh := text
	for name, table := range map[string]string{
		"releases": releasesTable(t), "networks": networksTable(), "programs": programsTable(t),
	} {
		fresh = replaceBlock(t, fresh, name, table)
	}
	settle(t, text, fresh)
}

// The measured table on the page holds every trial with the prediction of now.
func TestMeasuredTableIsCurrent(t *testing.T) {
	text := readPage(t)
	for release, all := range map[string][]trial{
		"9.2p1": trials(t), "8.4p1": releaseTrials(""), "10.0p2": releaseTrials(""), "10.6p1": releaseTrials(""),
	} {
		for _, tr := range all {
			r := predicted(t, tr, release)
			row := regexp.QuoteMeta(fmt.Sprintf("| %s | %s | %s | %s |", r.serverWords(), r.clientWords(), r.deedWords(), r.predictedAsking())) +
				"[^|]*" + regexp.QuoteMeta(fmt.Sprintf("| %s |", r.wantServer())) + "[^|]*" + regexp.QuoteMeta(fmt.Sprintf("| %s |", r.wantClient()))
			if !regexp.MustCompile(row).MatchString(text) {
				t.Errorf("the page has no such row as %s; run the measurement with -update", row)
			}
		}
	}
}

func predicted(t *testing.T, tr trial, release string) result {
	t.Helper()
	parsed, err := schema.ParseRelease(release)
	if err != nil {
		t.Fatal(err)
	}
	r := result{trial: tr, release: parsed}
	r.trial.server.Release = parsed
	r.prediction = liveness.Predict(liveness.Pair{Server: r.trial.server, Client: tr.client})
	return r
}

func readPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// settle writes the page when asked to, and demands that it is current.
func settle(t *testing.T, text, fresh string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(page, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(text, "\n"), strings.Split(fresh, "\n")); diff != "" {
		t.Errorf("the page is not current; run go test ./plan/liveness -update and read it (page -, program +):\n%s", diff)
	}
}

func replaceBlock(t *testing.T, text, name, block string) string {
	t.Helper()
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
	i, j := strings.Index(text, begin), strings.Index(text, end)
	if i < 0 || j < i {
		t.Fatalf("the page has no block %q", name)
	}
	return text[:i+len(begin)] + block + text[j:]
}

func releasesTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| sshd | asks a silent client every | gives up a hung client | with count 1 | with count 0 |\n|---|---|---|---|---|\n")
	for _, row := range [][2]string{
		{"up to 7.5", "7.4"}, {"7.6 to 7.9", "7.9"}, {"8.0, 8.1", "8.1"}, {"8.2 to 9.1", "8.4"},
		{"**9.2 to 9.4** (Debian 12)", "9.2"}, {"9.5 and later", "9.6"},
	} {
		x := predict(t, liveness.Question{Server: "15/3", ServerRelease: row[1]})
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row[0], x.Server.Wait, x.Server.AfterProbes,
			count(t, row[1], "15/1"), count(t, row[1], "15/0"))
	}
	return b.String()
}

func count(t *testing.T, release, server string) string {
	x := predict(t, liveness.Question{Server: server, ServerRelease: release})
	text := x.Server.AfterProbes.String()
	if len(x.Closings) > 0 && x.Closings[0].Certain {
		text += ", **alive or not**"
	}
	return text
}

func networksTable() string {
	var b strings.Builder
	b.WriteString("| name | what | forgets after | then | source | to change |\n|---|---|---|---|---|---|\n")
	for _, p := range schema.Middleboxes() {
		n := liveness.NetworkOf(schema.Network{Kind: p.Name})
		limit := n.Limit.Words()
		if n.Longest > 0 {
			limit = fmt.Sprintf("%s to %s", n.Limit, n.Longest)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", p.Name, p.Title, limit, p.Then, p.Source, p.Adjustable)
	}
	return b.String()
}

func programsTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| program | what to write for 30 s | a dead server is noticed after | about it |\n|---|---|---|---|\n")
	for _, p := range liveness.Programs() {
		x := predict(t, liveness.Question{Client: string(p) + ":30"})
		after := x.Client.After.Words()
		if x.Client.By == liveness.ByRetransmission {
			after += ", by TCP only"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", p.Title(), p.Setting(30), after, p.Note())
	}
	return b.String()
}
