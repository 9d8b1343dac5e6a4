package sshconf

import (
	"fmt"
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
		if diff := cmp.Diff(c.want, x.find(map[string]string{"user": c.user, "host": c.host})); diff != "" {
			t.Errorf("%s at %s (-want +got):\n%s", c.user, c.host, diff)
		}
	}
}
