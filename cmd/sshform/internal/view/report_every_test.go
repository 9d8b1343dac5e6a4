package view

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestEveryFormatOfEveryCommand: plan, drift and apply have all reports, and
// each says of which host it speaks.
func TestEveryFormatOfEveryCommand(t *testing.T) {
	drift := planned()
	drift.Operation = "drift"
	for _, r := range []Reported{planned(), drift, appliedReport()} {
		for format, want := range map[string]string{
			"json": `"operation":"` + r.Operation + `"`, "retry": `server.home["web"]`, "markdown": "web", "gitlab-terraform": `"update":3`,
			"junit": `name="server.home[&#34;web&#34;]"`, "html": "web", "prometheus": `command="` + r.Operation + `"`,
		} {
			if got := written(t, format, r); !strings.Contains(got, want) {
				t.Errorf("%s of %s: got\n%s\nwant %q in it", format, r.Operation, got, want)
			}
		}
		if !json.Valid([]byte(written(t, "gitlab-terraform", r))) {
			t.Errorf("%s: GitLab cannot read its report", r.Operation)
		}
	}
	if n := len(ReportFormats()); n != 7 {
		t.Errorf("got %d formats, and this test knows 7", n)
	}
}
