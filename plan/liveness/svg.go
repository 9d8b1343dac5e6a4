package liveness

import (
	"fmt"
	"strings"

	"github.com/sshform/sshform/schema"
)

// Picture rules: one file without scripts, fonts or links; readable on light
// and dark ground; nothing is said by colour alone; numbers have one decimal,
// so that the same prediction gives the same bytes.

const (
	pictureWidth = 820
	laneLeft     = 90
	laneRight    = 590
	panelHeight  = 178
	lineHeight   = 20
)

const pictureStyle = `
svg { color-scheme: light dark; --ink: #1f2430; --soft: #687082; --ground: #ffffff; --open: #bfe3c8; --shut: #e4e6eb; --server: #1c5fb8; --client: #9a4a00; --end: #b3261e }
@media (prefers-color-scheme: dark) { svg { --ink: #e7e9ee; --soft: #a0a7b5; --ground: #14171d; --open: #23543a; --shut: #2b2f38; --server: #7db4ff; --client: #f0a35e; --end: #ff8a80 } }
text { font: 13px system-ui, sans-serif; fill: var(--ink) }
.sentence { font-size: 15px } .title { font-weight: 600 } .soft { fill: var(--soft) } .mark { font-weight: 600; text-anchor: middle }
.ground { fill: var(--ground) } .open { fill: var(--open) } .shut { fill: var(--shut) }
.server { stroke: var(--server) } .client { stroke: var(--client) } .dot { stroke: none } .dot.server { fill: var(--server) } .dot.client { fill: var(--client) }
.lane { stroke-width: 3 } .ask { stroke-width: 1.5 } .vain { stroke-dasharray: 3 3 } .end { stroke: var(--end); stroke-width: 3 } .scale { stroke: var(--soft) }
`

// SVG draws the prediction: the sentence, and both timelines.
func (x Prediction) SVG() []byte {
	var b strings.Builder
	sentence := strings.Split(strings.TrimRight(wrap(x.Sentence(), 104, ""), "\n"), "\n")
	top := 20 + len(sentence)*lineHeight + 8
	height := top + 2*panelHeight + 16
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="t d">`+"\n", pictureWidth, height)
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n<style>%s</style>\n", "Who hangs up first", escape(x.Sentence()), pictureStyle)
	fmt.Fprintf(&b, `<rect class="ground" width="%d" height="%d"/>`+"\n", pictureWidth, height)
	for i, line := range sentence {
		fmt.Fprintf(&b, `<text class="sentence" x="16" y="%d">%s</text>`+"\n", 26+i*lineHeight, escape(line))
	}
	x.Quiet().panel(&b, top)
	x.Cut().panel(&b, top+panelHeight)
	fmt.Fprintf(&b, `<text class="soft" x="16" y="%d">● asks and is answered   × asks in vain   | end of the session on this side   grey: the network swallows everything</text>`+"\n", height-8)
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// A pen draws a timeline at a height.
type pen struct {
	*strings.Builder
	Timeline
	top int
}

func (t Timeline) panel(b *strings.Builder, top int) {
	p := pen{b, t, top}
	fmt.Fprintf(b, `<text class="title" x="16" y="%d">%s</text>`+"\n", top+16, escape(t.Title))
	p.network()
	p.lane(schema.Server)
	p.lane(schema.Client)
	p.marks()
	p.scale()
}

// y is the height of a side's lane; the network lies between.
func (p pen) y(side schema.Side) int {
	if side == schema.Server {
		return p.top + 42
	}
	return p.top + 126
}

func (p pen) network() {
	y := p.top + 74
	broken := p.at(min(p.broken(), p.Span))
	fmt.Fprintf(p, `<text class="soft" x="16" y="%d">network</text>`+"\n", y+15)
	if broken > laneLeft {
		fmt.Fprintf(p, `<rect class="open" x="%d" y="%d" width="%.1f" height="20"/>`+"\n", laneLeft, y, broken-laneLeft)
	}
	if broken < laneRight {
		fmt.Fprintf(p, `<rect class="shut" x="%.1f" y="%d" width="%.1f" height="20"/>`+"\n", broken, y, laneRight-broken)
	}
	fmt.Fprintf(p, `<text class="soft" x="%d" y="%d">%s</text>`+"\n", laneRight+14, y+15, escape(p.remarkNetwork()))
}

func (p pen) lane(side schema.Side) {
	y := p.y(side)
	gone, _ := p.gone(side)
	end := p.at(min(gone, p.Span))
	fmt.Fprintf(p, `<text x="16" y="%d">%s</text>`+"\n", y+4, side)
	fmt.Fprintf(p, `<line class="lane %s" x1="%d" y1="%d" x2="%.1f" y2="%[3]d"/>`+"\n", side, laneLeft, y, end)
	if gone != Never {
		fmt.Fprintf(p, `<line class="end" x1="%.1f" y1="%d" x2="%.1[1]f" y2="%d"/>`+"\n", end, y-9, y+9)
	}
	fmt.Fprintf(p, `<text x="%d" y="%d">%s</text>`+"\n", laneRight+14, y+4, escape(p.remark(side)))
}

// tooClose is how near two marks of a side may come, in pixels.
const tooClose = 4

func (p pen) marks() {
	last := map[schema.Side]float64{schema.Server: -tooClose, schema.Client: -tooClose}
	for _, e := range p.Events {
		at := p.at(e.At)
		if e.Kind != Asks && e.Kind != AsksInVain && e.Kind != Segment || at-last[e.Side] < tooClose {
			continue
		}
		last[e.Side] = at
		p.mark(e, at)
	}
}

func (p pen) mark(e Event, at float64) {
	y, far := p.y(e.Side), p.y(opposite(e.Side))
	if e.Kind == AsksInVain {
		middle := p.top + 84
		fmt.Fprintf(p, `<line class="ask vain %s" x1="%.1f" y1="%d" x2="%.1[2]f" y2="%d"/>`+"\n", e.Side, at, y, middle)
		fmt.Fprintf(p, `<text class="mark" x="%.1f" y="%d">×</text>`+"\n", at, middle+5)
		return
	}
	fmt.Fprintf(p, `<line class="ask %s" x1="%.1f" y1="%d" x2="%.1[2]f" y2="%d"/>`+"\n", e.Side, at, y, far)
	fmt.Fprintf(p, `<circle class="dot %s" cx="%.1f" cy="%d" r="4.5"/>`+"\n", e.Side, at, y)
}

func (p pen) scale() {
	y := p.top + 146
	fmt.Fprintf(p, `<line class="scale" x1="%d" y1="%d" x2="%d" y2="%[2]d"/>`+"\n", laneLeft, y, laneRight)
	for _, tick := range ticks(p.Span, 8) {
		at := p.at(tick)
		fmt.Fprintf(p, `<line class="scale" x1="%.1f" y1="%d" x2="%.1[1]f" y2="%d"/>`, at, y, y+4)
		fmt.Fprintf(p, `<text class="soft" text-anchor="middle" x="%.1f" y="%d">%d</text>`+"\n", at, y+18, int64(tick))
	}
	fmt.Fprintf(p, `<text class="soft" x="%d" y="%d">seconds since the last data</text>`+"\n", laneRight+14, y+18)
}

// at is where a moment lies on the page.
func (p pen) at(s Seconds) float64 {
	return laneLeft + float64(s)/float64(p.Span)*(laneRight-laneLeft)
}

func opposite(side schema.Side) schema.Side {
	if side == schema.Server {
		return schema.Client
	}
	return schema.Server
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
