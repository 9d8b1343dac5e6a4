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
	pictureWidth = 860
	laneLeft     = 90
	laneRight    = 590
	panelHeight  = 178
	lineHeight   = 20
)

// pictureStyle names colours twice instead of using variables, which some
// viewers do not know.
const pictureStyle = `
text { font: 13px system-ui, sans-serif; fill: #1f2430 } .sentence { font-size: 15px } .title { font-weight: 600 }
.soft { fill: #5d6575 } .mark { font-weight: 600; text-anchor: middle }
.ground { fill: #ffffff } .open { fill: #bfe3c8 } .shut { fill: #d9dce3 }
.lane { stroke-width: 3 } .ask { stroke-width: 1.5 } .vain { stroke-dasharray: 3 3 } .end { stroke: #b3261e; stroke-width: 3 } .scale { stroke: #5d6575 }
line.server { stroke: #1c5fb8 } line.client { stroke: #9a4a00 } .dot.server { fill: #1c5fb8 } .dot.client { fill: #9a4a00 }
@media (prefers-color-scheme: dark) {
text { fill: #e7e9ee } .soft { fill: #a0a7b5 } .ground { fill: #14171d } .open { fill: #23543a } .shut { fill: #3a404c }
.end { stroke: #ff8a80 } .scale { stroke: #a0a7b5 }
line.server { stroke: #7db4ff } line.client { stroke: #f0a35e } .dot.server { fill: #7db4ff } .dot.client { fill: #f0a35e }
}
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
	fmt.Fprintf(&b, `<text class="soft" x="16" y="%d">● asks and is answered;  × asks in vain;  | hangs up or is closed;  grey: the network swallows everything</text>`+"\n", height-8)
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
		p.vertical("end", end, y-9, y+9)
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
	class := "ask " + string(e.Side)
	if e.Kind == AsksInVain {
		// The two sides end at different edges of the network.
		stop := p.top + 79
		if e.Side == schema.Client {
			stop = p.top + 90
		}
		p.vertical(class+" vain", at, y, stop)
		fmt.Fprintf(p, `<text class="mark" x="%.1f" y="%d">×</text>`+"\n", at, stop+5)
		return
	}
	p.vertical(class, at, y, far)
	fmt.Fprintf(p, `<circle class="dot %s" cx="%.1f" cy="%d" r="4.5"/>`+"\n", e.Side, at, y)
}

func (p pen) vertical(class string, x float64, from, to int) {
	fmt.Fprintf(p, `<line class="%s" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", class, x, from, x, to)
}

func (p pen) scale() {
	y := p.top + 146
	fmt.Fprintf(p, `<line class="scale" x1="%d" y1="%d" x2="%d" y2="%[2]d"/>`+"\n", laneLeft, y, laneRight)
	for _, tick := range ticks(p.Span, 8) {
		at := p.at(tick)
		p.vertical("scale", at, y, y+4)
		fmt.Fprintf(p, `<text class="soft" text-anchor="middle" x="%.1f" y="%d">%d</text>`+"\n", at, y+18, int64(tick))
	}
	fmt.Fprintf(p, `<text class="soft" x="%d" y="%d">seconds since the last data</text>`+"\n", laneRight+34, y+18)
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
