package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// another starts a further private sshd, a host of its own with a host key of
// its own, beside the one of `sshd start`, whose user key it takes:
//
//	another NAME CONFIG
//
// CONFIG is a path on this machine. Several may read the same file, as hosts of
// a fleet do; it is written from the script's file of the same name when it is
// not there yet. The script gets $NAME_PORT.
func another(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: another NAME CONFIG")
	}
	name, dir := args[0], ts.Getenv("SSHD")
	config := filepath.Join(dir, args[1])
	if _, err := os.Stat(config); err != nil {
		text := os.Expand(ts.ReadFile(args[1]), func(string) string { return strings.Join(sharedLines(dir), "\n") })
		ts.Check(os.WriteFile(config, []byte(text), 0o600))
	}
	key, port := filepath.Join(dir, name+"_key"), freePort(ts)
	ts.Check(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key).Run())
	proof, err := os.ReadFile(key + ".pub")
	ts.Check(err)
	known, err := os.OpenFile(filepath.Join(dir, "known_hosts"), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = fmt.Fprintf(known, "[127.0.0.1]:%s %s", port, proof)
	ts.Check(err)
	ts.Check(known.Close())
	first := ts.Value(sshdKey{}).(*private)
	p := &private{program: first.program}
	p.start(ts, exec.Command(p.program, "-D", "-e", "-f", config, "-p", port, "-h", key, "-o", "PidFile="+dir+"/"+name+".pid"), listening)
	ts.Setenv(strings.ToUpper(name)+"_PORT", port)
}

// sharedLines are privateLines without what each host has for itself.
func sharedLines(dir string) []string {
	var lines []string
	for line := range strings.SplitSeq(privateLines(dir, ""), "\n") {
		word, _, _ := strings.Cut(line, " ")
		switch word {
		case "Port", "HostKey", "PidFile":
		default:
			lines = append(lines, line)
		}
	}
	return lines
}
