package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/sshform/sshform/apply"
)

// A live area stands at the end of a terminal while hosts are read or a plan
// is carried out: the wave, a bar, hosts by outcome, how fast it goes, the time
// left and the slowest hosts. What is printed meanwhile appears above it. The
// nil area shows nothing.
type live struct {
	to Stream

	drawing  sync.Mutex // guards progress, bar and quiet; taken before mu
	progress *mpb.Progress
	bar      *mpb.Bar
	quiet    int // questions that are being asked

	mu      sync.Mutex // guards the rest; frames are drawn by another goroutine
	doing   string     // "Wave canary" or "Reading"
	hosts   int
	began   time.Time
	counts  map[apply.Outcome]int
	working map[string]working // by host
}

// A working host is in flight.
type working struct {
	since time.Time
	what  string // the step of its transaction, or "reading"
}

// wasRead counts hosts whose files are read, beside the outcomes.
const wasRead apply.Outcome = "read"

const (
	liveFrames  = 200 * time.Millisecond // five a second
	liveSlowest = 3                      // hosts that are shown
)

func newLive(to Stream) *live {
	return &live{to: to, counts: map[apply.Outcome]int{}, working: map[string]working{}}
}

// draw begins to draw the wave, unless somebody is asked something. The caller
// holds drawing, as for erase.
func (l *live) draw() {
	if l.quiet > 0 || l.hosts == 0 || l.progress != nil {
		return
	}
	l.progress = mpb.New(mpb.WithOutput(l.to.Writer), mpb.WithRefreshRate(liveFrames), mpb.WithWidth(30))
	l.bar = l.progress.New(int64(l.hosts), mpb.BarStyle().Rbound("] ").Tip(">"),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return l.locked(l.title) })),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return l.locked(l.figures) })),
		mpb.BarExtender(mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
			_, err := io.WriteString(w, l.locked(func() string { return l.slowest(s.AvailableWidth) }))
			return err
		}), false),
	)
	l.bar.SetCurrent(int64(l.doneNow()))
}

// doneNow is done, for those who do not hold mu.
func (l *live) doneNow() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done()
}

func (l *live) locked(text func() string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return text()
}

func (l *live) title() string { return l.doing }

func (l *live) done() int {
	done := 0
	for _, n := range l.counts {
		done += n
	}
	return done
}

// figures are hosts by outcome, the rate and an estimate of the time left.
func (l *live) figures() string {
	done, elapsed := l.done(), time.Since(l.began)
	text := fmt.Sprintf("%d/%d", done, l.hosts)
	if outcomes := l.outcomes(); outcomes != "" {
		text += "  " + outcomes
	}
	if done > 0 && done < l.hosts && elapsed > time.Second {
		left := elapsed / time.Duration(done) * time.Duration(l.hosts-done)
		text += fmt.Sprintf("  %.1f/s  about %s left", float64(done)/elapsed.Seconds(), seconds(left))
	}
	return text
}

func (l *live) outcomes() string {
	var parts []string
	if n := l.counts[wasRead]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d %s", n, wasRead))
	}
	if rest := countsText(l.counts); rest != "" {
		parts = append(parts, rest)
	}
	return strings.Join(parts, ", ")
}

// slowest are the hosts that have been in flight for longest, one a line.
func (l *live) slowest(width int) string {
	type line struct {
		host string
		working
	}
	var all []line
	for host, w := range l.working {
		all = append(all, line{host, w})
	}
	slices.SortFunc(all, func(a, b line) int { return cmp.Or(a.since.Compare(b.since), strings.Compare(a.host, b.host)) })
	var b strings.Builder
	for _, w := range all[:min(len(all), liveSlowest)] {
		text := fmt.Sprintf("  %s: %s for %s", w.host, w.what, seconds(time.Since(w.since)))
		b.WriteString(ansi.Truncate(text, max(width, 20), "…") + "\n")
	}
	return b.String()
}

// event keeps what the next frame tells; clean makes names fit to print.
func (l *live) event(e apply.Event, clean func(string) string) {
	if l == nil {
		return
	}
	l.drawing.Lock()
	defer l.drawing.Unlock()
	switch e.Kind {
	case apply.WaveStarted:
		l.erase()
		l.begin("Wave "+clean(e.Wave.Name), e.Wave.Hosts)
		l.draw()
	case apply.WaveCompleted:
		l.erase()
		l.begin("", 0)
	case apply.ApplyProgressed:
		l.works(clean(e.Host), string(e.Step), e.Elapsed)
	case apply.RefreshStarted:
		l.works(clean(e.Host), "reading", e.Elapsed)
	case apply.ApplyCompleted, apply.ApplyErrored:
		l.ended(clean(e.Host), e.Outcome)
	case apply.RefreshCompleted:
		l.ended(clean(e.Host), wasRead)
	case apply.RefreshErrored:
		l.ended(clean(e.Host), apply.Unreachable)
	}
}

// read begins to show how hosts are read.
func (l *live) read(hosts int) {
	l.drawing.Lock()
	defer l.drawing.Unlock()
	l.begin("Reading", hosts)
	l.draw()
}

func (l *live) begin(doing string, hosts int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doing, l.hosts, l.began = doing, hosts, time.Now()
	l.counts, l.working = map[apply.Outcome]int{}, map[string]working{}
}

func (l *live) works(host, what string, elapsed time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.working[host]
	if w.since.IsZero() {
		w.since = time.Now().Add(-elapsed)
	}
	w.what = what
	l.working[host] = w
}

// ended counts a host that is done. The caller holds drawing.
func (l *live) ended(host string, o apply.Outcome) {
	done, all := l.counted(host, o)
	if l.bar != nil && done < all { // a full bar would remove itself; that is for erase
		l.bar.SetCurrent(int64(done))
	}
}

func (l *live) counted(host string, o apply.Outcome) (done, all int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.working, host)
	l.counts[o]++
	return l.done(), l.hosts
}

// erase takes the area away and returns when it is gone.
func (l *live) erase() {
	if l.progress == nil {
		return
	}
	l.bar.Abort(true)
	l.progress.Wait()
	l.progress, l.bar = nil, nil
}

// end takes the area away for good.
func (l *live) end() {
	if l == nil {
		return
	}
	l.drawing.Lock()
	defer l.drawing.Unlock()
	l.erase()
	l.begin("", 0)
}

// pause takes the area away while somebody is asked something.
func (l *live) pause() (resume func()) {
	if l == nil {
		return func() {}
	}
	l.drawing.Lock()
	defer l.drawing.Unlock()
	l.quiet++
	l.erase()
	return func() {
		l.drawing.Lock()
		defer l.drawing.Unlock()
		l.quiet--
		l.draw()
	}
}

// print puts text above the area; false says that there is none.
func (l *live) print(text string) bool {
	if l == nil {
		return false
	}
	l.drawing.Lock()
	defer l.drawing.Unlock()
	if l.progress == nil {
		return false
	}
	_, err := l.progress.Write([]byte(text))
	return err == nil
}
