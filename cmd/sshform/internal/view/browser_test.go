package view

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"image"
	"image/color"
	_ "image/png" // screenshots
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema/testenv"
)

// A browser is a real Chromium without a window, one process for each page.
type browser struct {
	t       *testing.T
	program string
	dir     string
}

func newBrowser(t *testing.T) *browser {
	return &browser{t: t, program: testenv.Program(t, "chromium"), dir: t.TempDir()}
}

// run shows a file and returns what the browser printed, and what it logged.
func (b *browser) run(file string, dark bool, args ...string) (out, log string) {
	b.t.Helper()
	scheme := "1"
	if dark {
		scheme = "0"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.program, append(append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
		"--user-data-dir=" + filepath.Join(b.dir, "profile"), "--enable-logging=stderr", "--virtual-time-budget=5000",
		"--blink-settings=preferredColorScheme=" + scheme,
	}, args...), "file://"+file)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("chromium: %v\n%s", err, stderr.String())
	}
	return stdout.String(), stderr.String()
}

// write keeps a page for the browser.
func (b *browser) write(name, page string) string {
	b.t.Helper()
	file := filepath.Join(b.dir, name)
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return file
}

// keep copies a file to the folder of artifacts, where there is one.
func (b *browser) keep(name string) {
	b.t.Helper()
	dir := os.Getenv("SSHFORM_ARTIFACTS")
	if dir == "" {
		return
	}
	content, err := os.ReadFile(filepath.Join(b.dir, name))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), content, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// ruler measures a page from inside and tells the page around it. It adds
// nothing but its answer.
const ruler = `<script>
addEventListener('load', () => {
  const channels = c => c.match(/[\d.]+/g).map(Number);
  const luminance = c => {
    const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = channels(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] === 1) return c;
      if (c[3] > 0) return null;
    }
    return [255, 255, 255];
  };
  const faint = [];
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; n = walker.nextNode();) {
    const e = n.parentElement;
    if (!n.data.trim() || ['SCRIPT', 'STYLE'].includes(e.tagName)) continue;
    texts++;
    const style = getComputedStyle(e), back = ground(e);
    if (!back) { faint.push('half transparent: ' + n.data.trim()); continue; }
    const [a, b] = [luminance(channels(style.color)), luminance(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push(ratio.toFixed(2) + ' ' + style.color + ' on ' + back + ': ' + n.data.trim());
    if (parseFloat(style.fontSize) < 11) faint.push('too small, ' + style.fontSize + ': ' + n.data.trim());
  }
  parent.postMessage(JSON.stringify({
    width: innerWidth, overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    texts, faint, ground: getComputedStyle(document.body).backgroundColor, text: document.body.innerText,
    images: [...document.images].map(i => i.complete && i.naturalWidth > 0),
    loaded: performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith('data:')),
  }), '*');
});
</script>`

// measured is what the ruler found.
type measured struct {
	Width, Overflow, Texts int
	Faint, Loaded          []string
	Ground, Text           string
	Images                 []bool
}

// measure looks at a page in a window of a width. The page's own policy, which
// would stop the ruler, is taken out of the copy that is measured.
func (b *browser) measure(page string, width int, dark bool) measured {
	b.t.Helper()
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)
	if !policy.MatchString(page) {
		b.t.Fatal("the page has no policy of its own")
	}
	copied := strings.Replace(policy.ReplaceAllString(page, ""), "</body>", ruler+"</body>", 1)
	b.write("copy.html", copied)
	frame := b.write("frame.html", fmt.Sprintf(`<!DOCTYPE html><body style="margin:0"><pre id="said"></pre>
<script>addEventListener('message', e => document.getElementById('said').textContent = e.data)</script>
<iframe src="copy.html" style="border:0;width:%dpx;height:900px"></iframe></body>`, width))
	out, _ := b.run(frame, dark, "--dump-dom", "--window-size=1400,1000")
	said := regexp.MustCompile(`(?s)<pre id="said">(.*?)</pre>`).FindStringSubmatch(out)
	var m measured
	if said == nil || json.Unmarshal([]byte(html.UnescapeString(said[1])), &m) != nil {
		b.t.Fatalf("the ruler told nothing:\n%s", out)
	}
	return m
}

// fleetPage is what a person would look at: a fleet's rollout that went wrong
// in its second wave.
func fleetPage() Reported {
	r := Reported{Operation: "apply", Plan: fleet(40), Started: time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)}
	r.PlanID, r.Finished = r.Plan.ID(), r.Started.Add(14*time.Minute)
	for i := range r.Plan.Hosts {
		d := r.Plan.Hosts[i].Decision()
		d.Changes[0].Action = plan.Update
		d.Changes[0].Settings[0] = plan.Difference{Keyword: "ClientAliveInterval", Before: "0", BeforeDefault: true, After: "30", Reason: "line 98: #ClientAliveInterval 0"}
		d.Files[0].Edits = []plan.Edit{{Op: plan.Replace, Line: 98, Old: "#ClientAliveInterval 0\n", New: "ClientAliveInterval 30\n", Address: d.Changes[0].Address.String()}}
		r.Plan.Hosts[i] = r.Plan.Hosts[i].With(d)
	}
	report := &apply.Report{RunID: "20261122T170000Z-4f2k", Stopped: &apply.Stopped{Kind: "budget", Wave: "early", Failed: 2, Limit: 1}}
	counts := map[string]map[apply.Outcome]int{"canary": {}, "early": {}, "rest": {}}
	for i, h := range r.Plan.Hosts {
		fate := apply.HostReport{Host: h.Host, Address: h.Host + ".example.net", Outcome: apply.Changed, Wave: "canary", Addresses: nil}
		switch {
		case i >= 12:
			fate.Outcome, fate.Wave = apply.Skipped, "rest"
		case i >= 4:
			fate.Wave = "early"
		}
		switch i {
		case 6:
			fate.Outcome, fate.Step, fate.Err = apply.Restored, apply.StepConfirm, errors.New("no new login within 90s after the reload: connection refused")
		case 9:
			fate.Outcome, fate.Step, fate.Err = apply.Unreachable, apply.StepConnect, errors.New("dial tcp 192.0.2.14:22: i/o timeout")
		}
		counts[fate.Wave][fate.Outcome]++
		report.Hosts = append(report.Hosts, fate)
	}
	report.Waves = []apply.WaveReport{
		{Name: "canary", Hosts: 4, Counts: counts["canary"], Started: r.Started, Finished: r.Started.Add(90 * time.Second), Soak: 10 * time.Minute},
		{Name: "early", Hosts: 8, Counts: counts["early"], Started: r.Started.Add(690 * time.Second), Finished: r.Finished},
		{Name: "rest", Hosts: 28},
	}
	r.Report = report
	before := liveness.Pair{Network: liveness.Network{Name: "aws-nat", Limit: 350}}
	after := before
	after.Server = liveness.Server{Interval: 30, CountMax: 3}
	r.Pairs = []plan.Pairing{{Clients: []string{"client.laptop"}, Servers: []string{"server.home"}, Before: liveness.Predict(before), After: liveness.Predict(after)}}
	return r
}

// A look is a window that a page is seen in.
type look struct {
	width int
	dark  bool
}

// TestThePageInABrowser looks at the page as people do: on a wide screen and on
// a phone, by day and by night, and on paper.
func TestThePageInABrowser(t *testing.T) {
	b := newBrowser(t)
	page := written(t, "html", fleetPage())
	for _, l := range []look{{1100, false}, {1100, true}, {390, false}, {390, true}} {
		m := b.measure(page, l.width, l.dark)
		b.readable(l, m)
		for _, want := range []string{
			"Apply incomplete.", "10\nchanged", "1\nrestored", "Waves", "Who hangs up first",
			"client_alive_interval  = 0 -> 30", "0 s", "14m0s", "no new login within 90s",
		} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("%+v: a reader finds no %q in\n%s", l, want, m.Text)
			}
		}
	}
	b.shot("fleet", page, false)
	b.shot("fleet", page, true)
	b.write("phone.html", `<!DOCTYPE html><body style="margin:0"><iframe src="fleet.html" style="border:0;width:390px;height:1800px"></iframe></body>`)
	b.run(filepath.Join(b.dir, "phone.html"), false, "--window-size=500,1800", "--hide-scrollbars", "--screenshot="+filepath.Join(b.dir, "report-phone.png"))
	b.keep("report-phone.png")
	b.run(filepath.Join(b.dir, "fleet.html"), true, "--no-pdf-header-footer", "--print-to-pdf="+filepath.Join(b.dir, "report.pdf"))
	paper, err := os.ReadFile(filepath.Join(b.dir, "report.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	if pages := len(regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(paper, -1)); pages < 1 || pages > 4 {
		t.Errorf("got %d sheets of paper, want 1 to 4", pages)
	}
	b.keep("report.pdf")
}

// TestAHostilePageInABrowser: whatever hosts say, nothing runs and nothing is
// loaded, also without the page's policy.
func TestAHostilePageInABrowser(t *testing.T) {
	b := newBrowser(t)
	page := written(t, "html", hostilePage())
	b.readable(look{390, true}, b.measure(page, 390, true))
	b.shot("hostile", page, false)
}

// readable demands what holds for every page in every window.
func (b *browser) readable(l look, m measured) {
	b.t.Helper()
	if m.Width != l.width || m.Texts < 30 {
		b.t.Errorf("%+v: measured %d texts at width %d", l, m.Texts, m.Width)
	}
	if m.Overflow > 0 {
		b.t.Errorf("%+v: the page is %d pixels wider than its window", l, m.Overflow)
	}
	for _, faint := range m.Faint {
		b.t.Errorf("%+v: hard to read: %s", l, faint)
	}
	if len(m.Loaded) > 0 {
		b.t.Errorf("%+v: loads %q", l, m.Loaded)
	}
	if len(m.Images) != 1 || !m.Images[0] {
		b.t.Errorf("%+v: got pictures %v, want the one of the pair, drawn", l, m.Images)
	}
	if night := m.Ground == "rgb(20, 23, 29)"; night != l.dark {
		b.t.Errorf("%+v: got ground %s", l, m.Ground)
	}
}

// shot keeps a picture of the page as it is, with its policy, of which the
// browser may not complain.
func (b *browser) shot(name, page string, dark bool) {
	b.t.Helper()
	file := b.write(name+".html", page)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	picture := fmt.Sprintf("report-%s-%s.png", name, scheme)
	_, log := b.run(file, dark, "--window-size=1100,1900", "--hide-scrollbars", "--screenshot="+filepath.Join(b.dir, picture))
	if strings.Contains(log, "CONSOLE") {
		b.t.Errorf("%s: the browser complains:\n%s", name, log)
	}
	b.drawn(picture, dark)
	b.keep(picture)
}

// drawn demands that a screenshot shows something on the right ground.
func (b *browser) drawn(name string, dark bool) {
	b.t.Helper()
	f, err := os.Open(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	picture, _, err := image.Decode(f)
	if err != nil {
		b.t.Fatal(err)
	}
	ground := color.NRGBAModel.Convert(picture.At(2, 2))
	want := color.NRGBA{255, 255, 255, 255}
	if dark {
		want = color.NRGBA{20, 23, 29, 255}
	}
	if ground != want {
		b.t.Errorf("%s: got ground %v, want %v", name, ground, want)
	}
	other := 0
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y += 3 {
		for x := bounds.Min.X; x < bounds.Max.X; x += 3 {
			if color.NRGBAModel.Convert(picture.At(x, y)) != ground {
				other++
			}
		}
	}
	if all := bounds.Dx() * bounds.Dy() / 9; other < all/50 {
		b.t.Errorf("%s: got %d of %d points that show something", name, other, all)
	}
}
