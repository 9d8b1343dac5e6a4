package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func graph(t *testing.T, waves ...GraphWave) string {
	t.Helper()
	var b strings.Builder
	if err := Graph(&b, waves); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAGraph(t *testing.T) {
	got := graph(t,
		GraphWave{Name: "canary", Hosts: 1, Blocks: []GraphBlock{{"client.all", []string{"a"}}, {"server.web", []string{"a"}}}},
		GraphWave{Name: "rest", Hosts: 2, Blocks: []GraphBlock{{"server.web", []string{"b", `c"]; x -> y\N`}}}},
	)
	want := `digraph sshform {
  rankdir = "LR";
  node [shape = "box", fontname = "sans-serif"];

  w0 [label = "wave canary\n1 host", shape = "folder"];
  w0b0 [label = "client.all"];
  w0 -> w0b0;
  h0 [label = "a", shape = "ellipse"];
  w0b0 -> h0;
  w0b1 [label = "server.web"];
  w0 -> w0b1;
  w0b1 -> h0;

  w1 [label = "wave rest\n2 hosts", shape = "folder"];
  w0 -> w1 [style = "bold", label = "then"];
  w1b0 [label = "server.web"];
  w1 -> w1b0;
  h1 [label = "b", shape = "ellipse"];
  w1b0 -> h1;
  h2 [label = "c\"]; x -> y\\N", shape = "ellipse"];
  w1b0 -> h2;
}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("graph (-want +got):\n%s", diff)
	}
}

// Of more than 200 hosts only the number is drawn, however few stand in a block.
func TestAGraphOfAFleetIsSmall(t *testing.T) {
	block := func(n int) GraphBlock {
		b := GraphBlock{Name: "server.web"}
		for i := range n {
			b.Hosts = append(b.Hosts, fmt.Sprintf("web-%d", i))
		}
		return b
	}
	fleet := []GraphWave{
		{Name: "canary", Hosts: 1, Blocks: []GraphBlock{block(1)}},
		{Name: "rest", Hosts: graphLimit, Blocks: []GraphBlock{block(graphLimit)}},
	}
	got := graph(t, fleet...)
	if strings.Contains(got, "web-") || !strings.Contains(got, `label = "200 hosts"`) || !strings.Contains(got, `label = "1 host"`) {
		t.Errorf("got\n%s\nwant numbers of hosts and no host", got)
	}
	if got := graph(t, fleet[1:]...); strings.Count(got, `"ellipse"`) != graphLimit {
		t.Errorf("got %d hosts of %d", strings.Count(got, `"ellipse"`), graphLimit)
	}
}
