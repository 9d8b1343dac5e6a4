//go:build unix

package remote_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// What stands at a path is told the same for files, links and folders.
func TestObserveOverRealSSHD(t *testing.T) {
	s := newSSHD(t)
	mustDo(t, mustDial(t, s.dialer(), s.reach()), `cd "$1" && mkdir folder && printf x >folder/file && ln -s folder dir && ln -s dir/file link && ln -s nowhere dangling`, s.dir)
	var files []string
	for _, name := range []string{"folder/file", "link", "dir/file", "dangling", "missing", "none/missing", "folder"} {
		files = append(files, s.in(name))
	}
	cfg := &schema.Config{Targets: []schema.Target{{
		Address: schema.Address{Block: "server", Name: "x"}, Host: schema.Host{Name: "web-1"}, Connection: s.reach().Connection,
		File: schema.File{Path: s.in("sshd_config")},
	}}}
	asks := func(_ []schema.Target, o *plan.Observed) plan.Asking {
		if len(o.Files) > 0 {
			return plan.Asking{}
		}
		return plan.Asking{Files: files, Folders: []string{s.in("folder"), s.in("none")}}
	}
	for o := range apply.Observe(t.Context(), cfg, apply.ObserveOptions{Dialer: s.dialer(), Asks: asks}) {
		if o.Err != "" {
			t.Fatal(o.Step, o.Err)
		}
		type seen struct {
			State plan.State
			Real  string
		}
		got := map[string]seen{}
		for name, f := range o.Files {
			got[name[len(s.dir)+1:]] = seen{f.State, f.RealPath[len(s.dir)+1:]}
		}
		want := map[string]seen{
			"folder/file": {plan.Regular, "folder/file"}, "link": {plan.Regular, "folder/file"}, "dir/file": {plan.Regular, "folder/file"},
			"dangling": {plan.Dangling, "nowhere"}, "missing": {plan.Missing, "missing"}, "none/missing": {plan.Missing, "none/missing"},
			"folder": {plan.Directory, "folder"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		if got := o.Folders[s.in("folder")].Names; !cmp.Equal(got, []string{"file"}) {
			t.Errorf("got names %q", got)
		}
		if !o.Folders[s.in("none")].Missing {
			t.Error("a folder that is not there was found")
		}
	}
}
