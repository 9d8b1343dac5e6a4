package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A GraphWave is a wave and the blocks that have hosts in it.
type GraphWave struct {
	Name   string
	Hosts  int
	Blocks []GraphBlock
}

// A GraphBlock is a block and the names of its hosts in one wave.
type GraphBlock struct {
	Name  string
	Hosts []string
}

// graphLimit is how many hosts are drawn one by one; of more, only the number
// is.
const graphLimit = 200

// Graph writes waves, their blocks and their hosts in the language of Graphviz
// (DOT): waves in their order, from each an arrow to its blocks, and from each
// block to its hosts, or to how many there are.
func Graph(w io.Writer, waves []GraphWave) error {
	var b strings.Builder
	b.WriteString("digraph sshform {\n  rankdir = \"LR\";\n  node [shape = \"box\", fontname = \"sans-serif\"];\n")
	single := hostsDrawn(waves) <= graphLimit
	hosts := map[string]int{}
	for i, wave := range waves {
		fmt.Fprintf(&b, "\n  w%d [label = %s, shape = \"folder\"];\n", i, dotText("wave "+wave.Name, Count(wave.Hosts, "host")))
		if i > 0 {
			fmt.Fprintf(&b, "  w%d -> w%d [style = \"bold\", label = \"then\"];\n", i-1, i)
		}
		for j, block := range wave.Blocks {
			id := fmt.Sprintf("w%db%d", i, j)
			fmt.Fprintf(&b, "  %s [label = %s];\n  w%d -> %[1]s;\n", id, dotText(block.Name), i)
			if !single {
				fmt.Fprintf(&b, "  %sn [label = %s, shape = \"plaintext\"];\n  %[1]s -> %[1]sn;\n", id, dotText(Count(len(block.Hosts), "host")))
				continue
			}
			for _, name := range block.Hosts {
				n, known := hosts[name]
				if !known {
					n = len(hosts)
					hosts[name] = n
					fmt.Fprintf(&b, "  h%d [label = %s, shape = \"ellipse\"];\n", n, dotText(name))
				}
				fmt.Fprintf(&b, "  %s -> h%d;\n", id, n)
			}
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func hostsDrawn(waves []GraphWave) int {
	n := 0
	for _, wave := range waves {
		n += wave.Hosts
	}
	return n
}

// dotText quotes lines for a label. Names are hostile: nothing in them may end
// the quotes or be an escape of Graphviz.
func dotText(lines ...string) string {
	lines = slices.Clone(lines)
	for i, line := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(cleanLine(line))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
