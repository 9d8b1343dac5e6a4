package view

import (
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Both tells two views the same: -json-into.
type Both struct{ First, Second View }

// Diagnose tells both.
func (b Both) Diagnose(ds schema.Diagnostics) { b.First.Diagnose(ds); b.Second.Diagnose(ds) }

// Reading tells both.
func (b Both) Reading(r Reading) { b.First.Reading(r); b.Second.Reading(r) }

// Event tells both.
func (b Both) Event(e apply.Event) { b.First.Event(e); b.Second.Event(e) }

// ReadingDone tells both.
func (b Both) ReadingDone(d time.Duration) { b.First.ReadingDone(d); b.Second.ReadingDone(d) }

// Plan tells both.
func (b Both) Plan(s Shown) { b.First.Plan(s); b.Second.Plan(s) }

// Hint tells both.
func (b Both) Hint(text string) { b.First.Hint(text); b.Second.Hint(text) }

// Note tells both.
func (b Both) Note(text string) { b.First.Note(text); b.Second.Note(text) }

// Applying tells both.
func (b Both) Applying(p *plan.Plan) { b.First.Applying(p); b.Second.Applying(p) }

// Report tells both.
func (b Both) Report(p *plan.Plan, r *apply.Report) { b.First.Report(p, r); b.Second.Report(p, r) }

// Outputs tells both.
func (b Both) Outputs(outputs []Output) { b.First.Outputs(outputs); b.Second.Outputs(outputs) }

// Quiet takes what moves away.
func (b Both) Quiet() func() {
	first, second := b.First.Quiet(), b.Second.Quiet()
	return func() { first(); second() }
}
