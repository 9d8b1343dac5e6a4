package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
)

func TestStagedMovesEveryInclude(t *testing.T) {
	moved, err := plan.Staged(map[string][]byte{
		"/etc/ssh/sshd_config": []byte("# Include no\nInclude /etc/ssh/d/*.conf \"a b.conf\"  # why\r\n\tinclude=sub/x\nPort 22\nInclude ~/x"),
		"/etc/ssh/d/1.conf":    []byte("Match all\n  Include /e\n"),
	}, "/run/tree")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{
		"/run/tree/etc/ssh/sshd_config": []byte("# Include no\nInclude /run/tree/etc/ssh/d/*.conf \"/run/tree/etc/ssh/a b.conf\"  # why\r\n\tinclude=/run/tree/etc/ssh/sub/x\nPort 22\nInclude ~/x"),
		"/run/tree/etc/ssh/d/1.conf":    []byte("Match all\n  Include /run/tree/e\n"),
	}
	if diff := cmp.Diff(want, moved); diff != "" {
		t.Errorf("the tree (-want +got):\n%s", diff)
	}
	for _, odd := range []string{"Include 'a b'\n", "Include a\\ b\n", "Include x\"y\"\n", "Include \"\"\n"} {
		if got, err := plan.Staged(map[string][]byte{"/a": []byte(odd)}, "/r"); err == nil {
			t.Errorf("%q: got %q, want it refused", odd, got["/r/a"])
		}
	}
	if _, err := plan.Staged(nil, "/r*"); err == nil {
		t.Error("got no error for a root that Include expands, want one")
	}
}
