package main

import "runtime/debug"

// collectLess lets memory grow to three times what is in use, not to twice it,
// before garbage is collected, until the func it returns is called. While a
// configuration or a plan is read, a fifth of the CPU is collecting; while hosts
// are worked on, memory is what is short. GOGC in the environment goes before.
func (p *program) collectLess() (asBefore func()) {
	if p.env("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(200)
	return func() { debug.SetGCPercent(before) }
}
