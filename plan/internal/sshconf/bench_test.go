package sshconf

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// stock is Debian's sshd_config with a few lines switched on: some 130 lines.
func stock(b *testing.B) []byte {
	b.Helper()
	data, err := os.ReadFile("testdata/golden/debian-12/etc/ssh/sshd_config")
	if err != nil {
		b.Fatal(err)
	}
	return append(data, strings.Repeat("# more\n", 60)+"ClientAliveInterval 60\nMatch User backup\n\tClientAliveInterval 300\n"...)
}

// long is a file of n lines of all kinds.
func long(n int) []byte {
	var b strings.Builder
	for i := range n {
		switch i % 5 {
		case 0:
			fmt.Fprintf(&b, "AcceptEnv VARIABLE_%d # one of many\n", i)
		case 1:
			b.WriteString("# a comment\n")
		case 2:
			b.WriteString("\n")
		case 3:
			b.WriteString("\tClientAliveInterval 15\n")
		default:
			fmt.Fprintf(&b, "Match User user%d\n", i)
		}
	}
	return []byte(b.String())
}

func sizes(b *testing.B, run func(b *testing.B, data []byte)) {
	b.Run("stock", func(b *testing.B) { run(b, stock(b)) })
	for _, n := range []int{1000, 10_000, 100_000} {
		data := long(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) { run(b, data) })
	}
}

func BenchmarkParse(b *testing.B) {
	sizes(b, func(b *testing.B, data []byte) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			Parse(data)
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	sizes(b, func(b *testing.B, data []byte) {
		tree := NewTree()
		tree.Add("/etc/ssh/sshd_config", data)
		tree.AddFolder("/etc/ssh/sshd_config.d", nil)
		login := PlainLogin()
		b.ReportAllocs()
		for b.Loop() {
			r := ResolveServer(tree, ServerQuery{Release: recorded, Main: "/etc/ssh/sshd_config", Login: login})
			if !r.Valid() || len(r.Wants) > 0 {
				b.Fatal(r.Errors, r.Wants)
			}
		}
	})
}

// BenchmarkBrief is one more login, when the files have been read.
func BenchmarkBrief(b *testing.B) {
	sizes(b, func(b *testing.B, data []byte) {
		tree := NewTree()
		tree.Add("/etc/ssh/sshd_config", data)
		tree.AddFolder("/etc/ssh/sshd_config.d", nil)
		q := ServerQuery{Release: recorded, Main: "/etc/ssh/sshd_config", Login: PlainLogin(), Brief: true}
		q.Login.User = "user4"
		ResolveServer(tree, q)
		b.ReportAllocs()
		for b.Loop() {
			if r := ResolveServer(tree, q); !r.Valid() || len(r.Wants) > 0 {
				b.Fatal(r.Errors, r.Wants)
			}
		}
	})
}

func BenchmarkEdit(b *testing.B) {
	sizes(b, func(b *testing.B, data []byte) {
		f := Parse(data)
		lines := f.Named("ClientAliveInterval", 1, f.Len())
		b.ReportAllocs()
		for b.Loop() {
			e, err := f.SetArgument(lines[0], "30")
			if err != nil {
				b.Fatal(err)
			}
			if _, err := Replay(data, []Edit{e}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
