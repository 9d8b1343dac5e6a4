package sshconf

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBlocksAreFoundByWhatTheyNeed: a login is not held against each of very
// many blocks, whether they name it in full or by a pattern.
func TestBlocksAreFoundByWhatTheyNeed(t *testing.T) {
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "Match User *a%d-*,!root Host *\nMatch User u%d\nMatch Host *.H%d.*,*.l%d.*\n", i, i, i, i)
	}
	d := dialectOf(Server, recorded)
	x := d.lex(Parse([]byte(text.String() + "Match User *\nMatch User x*,*\n")))
	if diff := cmp.Diff([]int{300, 301}, x.opening); diff != "" {
		t.Errorf("looked at for each login (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		user, host string
		want       []int
	}{
		{"xa17-y", "", []int{51}},
		{"u17", "", []int{52}},
		{"root", "x.h17.y", []int{53}},
		{"xa3-a17-y", "x.l17.y", []int{9, 51, 53}},
		{"u", "h", nil},
	} {
		if diff := cmp.Diff(c.want, x.find([]trait{{"user", c.user}, {"host", c.host}})); diff != "" {
			t.Errorf("%s at %s (-want +got):\n%s", c.user, c.host, diff)
		}
	}
}

// TestServerBlocksAreFoundByWhatTheyNeed is the same for addresses and groups.
// A list that ends sshd, or that any address may be in, is looked at always.
func TestServerBlocksAreFoundByWhatTheyNeed(t *testing.T) {
	always := []string{"Address 10.1.2.3/8", "Address *,10.0.0.1", "Address 10.0.0.1,", "Group !a", "LocalPort 22 User a", "Address !10.0.0.1/8,10.0.0.2"}
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "Match Address !10.9.0.0/16,10.%d.0.0/16,fe80::%x\nMatch LocalAddress 10.*.%d.*\n", i, i, 100+i)
		fmt.Fprintf(&text, "Match LocalAddress 10.0.0.0/8 Group g%d,*-%d\nMatch RDomain r%d\n", i, i, i)
	}
	for _, criteria := range always {
		text.WriteString("Match " + criteria + "\n")
	}
	d := dialectOf(Server, recorded)
	x := d.lex(Parse([]byte(text.String())))
	if got, want := len(x.opening), len(always); got != want || x.opening[0] != 400 {
		t.Errorf("looked at for each login: got %v, want the last %d", x.opening, want)
	}
	for _, c := range []struct {
		trait trait
		want  []int
	}{
		{trait{"address", "10.17.0.5"}, []int{68}},
		{trait{"address", "10.0x11.0.5"}, []int{68}},
		{trait{"address", "FE80::1F%eth0"}, []int{124}},
		{trait{"address", "::ffff:10.17.0.5"}, nil},
		{trait{"address", "UNKNOWN"}, nil},
		{trait{"localaddress", "10.17.123.5"}, []int{93}},
		{trait{"group", "g17"}, []int{70}},
		{trait{"group", "x-17"}, []int{6, 70}},
		{trait{"rdomain", "r17"}, []int{71}},
	} {
		got := x.find([]trait{c.trait})
		for _, i := range c.want {
			if !slices.Contains(got, i) {
				t.Errorf("%s: got %v, want %v among them", c.trait, got, c.want)
			}
		}
		if len(got) > 4 {
			t.Errorf("%s: got %d blocks, want a few", c.trait, len(got))
		}
	}
	if got := x.find([]trait{{"group", unknown}}); len(got) != 100 {
		t.Errorf("got %d blocks for a login of unknown groups, want all 100 by group", len(got))
	}
}
