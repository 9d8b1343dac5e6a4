//go:build unix

package remote_test

import (
	"bytes"
	"io/fs"
	"os"
	"strconv"
	"testing"

	"github.com/sshform/sshform/apply"
)

func TestHostOverRealSSHD(t *testing.T) {
	s := newSSHD(t)
	h := mustDial(t, s.dialer(), s.reach())
	answer := mustDo(t, h, `printf '%s|' "$@"; echo problem >&2; exit 3`, "a b", "it's", "$HOME")
	if got, want := string(answer.Stdout), "a b|it's|$HOME|"; got != want {
		t.Errorf("got stdout %q, want %q", got, want)
	}
	if got, want := string(answer.Stderr), "problem\n"; got != want {
		t.Errorf("got stderr %q, want %q", got, want)
	}
	if answer.Status != 3 {
		t.Errorf("got status %d, want 3", answer.Status)
	}
	files, err := h.FS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := fs.ReadFile(files, s.in("sshd_config")[1:])
	if err != nil {
		t.Fatal(err)
	}
	want, _ := os.ReadFile(s.in("sshd_config"))
	if !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	err = h.Stage(t.Context(), []apply.Staged{{Path: s.in("new"), Bytes: []byte("hello"), Mode: 0o640, UID: -1, GID: -1}})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.in("new"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got %v, %v, want mode 0640", info, err)
	}
	again, err := h.Redial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := string(mustDo(t, again, "echo ok").Stdout); got != "ok\n" {
		t.Errorf("got %q, want ok", got)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
