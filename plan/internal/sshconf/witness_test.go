package sshconf

import (
	"fmt"
	"testing"
)

func blockOf(t *testing.T, side Side, line string) *Block {
	t.Helper()
	tree := NewTree()
	tree.Add("/main", []byte(line+"\n"))
	var r *Result
	if side == Server {
		r = ResolveServer(tree, ServerQuery{Release: recorded, Main: "/main", Login: PlainLogin()})
	} else {
		r = ResolveClient(tree, ClientQuery{Release: recorded, UserFile: "/main", Host: "x"})
	}
	if len(r.Blocks) == 0 {
		t.Fatalf("%s: %v", line, r.Errors)
	}
	return r.Blocks[len(r.Blocks)-1]
}

func TestWitness(t *testing.T) {
	for line, want := range map[string]string{
		"Match User backup":                               "user=backup,host=witness.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=1,rdomain=witness",
		"Match User !root,*":                              "user=sshform-witness,host=witness.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=1,rdomain=witness",
		"Match User dep*,!deploy":                         "user=dep,host=witness.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=1,rdomain=witness",
		"Match Address 10.0.0.0/8 LocalPort 2222":         "user=sshform-witness,host=witness.invalid,addr=10.0.0.0,laddr=192.0.2.2,lport=2222,rdomain=witness",
		"Match Address !10.0.0.0/28,10.0.0.0/8":           "user=sshform-witness,host=witness.invalid,addr=10.128.0.0,laddr=192.0.2.2,lport=1,rdomain=witness",
		"Match Address 10.1.*":                            "user=sshform-witness,host=witness.invalid,addr=10.1.1.1,laddr=192.0.2.2,lport=1,rdomain=witness",
		"Match Host *.Example.com User a?":                "user=aw,host=.Example.com,addr=192.0.2.1,laddr=192.0.2.2,lport=1,rdomain=witness",
		"Match all":                                       "user=sshform-witness,host=witness.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=1,rdomain=witness",
		"Match LocalAddress fe80::/64 RDomain 7 User x,y": "user=x,host=witness.invalid,addr=192.0.2.1,laddr=fe80::,lport=1,rdomain=7",
		"Match User a* User *b":                           "user=ab,host=witness.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=1,rdomain=witness",
	} {
		got, why := Witness(blockOf(t, Server, line), recorded)
		if why != "" || got.String() != want {
			t.Errorf("%s: got %s (%s), want %s", line, got, why, want)
		}
		if !got.Complete() {
			t.Errorf("%s: got %s, want all fields given", line, got)
		}
	}
	for _, line := range []string{
		"Match Group wheel", "Match User a User b", "Match User !a", "Match LocalPort 22 LocalPort 23",
		"Match Address 10.0.0.0/8 Address 192.168.0.0/16",
	} {
		if got, why := Witness(blockOf(t, Server, line), recorded); why == "" {
			t.Errorf("%s: got %s, want a refusal", line, got)
		}
	}
}

func TestHostWitness(t *testing.T) {
	for line, want := range map[string]string{
		"Host web":                      "web",
		"Host *":                        "witness.invalid",
		"Host * !witness.invalid":       "w",
		"Host *.example !a.example":     ".example",
		"Host !web* web1 db":            "db",
		"Match host a,b":                "a",
		"Match all":                     "witness.invalid",
		"Match final host *.x":          ".x",
		"Match originalhost q !host zz": "q",
	} {
		got, why := HostWitness(blockOf(t, Client, line), recorded)
		if why != "" || got != want {
			t.Errorf("%s: got %s (%s), want %s", line, got, why, want)
		}
	}
	for _, line := range []string{"Host !a", "Match exec true", "Match user x", "Match !all", "Host -x", "Match host a host b"} {
		if got, why := HostWitness(blockOf(t, Client, line), recorded); why == "" {
			t.Errorf("%s: got %s, want a refusal", line, got)
		}
	}
}

// TestWitnessAgrees puts the witnesses of generated blocks to the real sshd:
// a directive in the block must be in force.
func TestWitnessAgrees(t *testing.T) {
	sshd, release := program(t, "SSHFORM_DIFF_SSHD", "sshd")
	key := hostKey(t)
	privsep(t)
	differ(t, func(seed uint64, dir string) string {
		g := newGenerator(seed, Server, release, dir)
		g.daring = 0
		main := dir + "/main"
		g.files[main] = g.block() + "\nClientAliveInterval 4242\n"
		if err := g.write(); err != nil {
			return err.Error()
		}
		login, why := Login{}, Refusal("")
		_, tree := answer(folder{}, func(tree *Tree) *Result {
			return ResolveServer(tree, ServerQuery{Release: release, Main: main, Login: PlainLogin()})
		})
		r := ResolveServer(tree, ServerQuery{Release: release, Main: main, Login: PlainLogin()})
		if !r.Valid() {
			return "" // "User = x" since 9.9
		}
		if login, why = Witness(r.Blocks[0], release); why != "" {
			return ""
		}
		want := ask(dir, sshd, "-T", "-f", main, "-h", key, "-C", login.String())
		if v := want.values["clientaliveinterval"]; want.exit != 0 || len(v) != 1 || v[0] != "4242" {
			return fmt.Sprintf("%s: got %q for %s: %s", r.Blocks[0].Text, v, login, want.stderr)
		}
		return ""
	})
}
