package main

import "regexp"

// traceparent is the W3C's form of a trace context: version, trace, parent and
// flags (Trace Context, section 3.2).
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}`)

// trace is the id of the trace that TRACEPARENT says this run belongs to, so
// that a pipeline can draw it; empty without one, or if it cannot be read.
func (p *program) trace() string {
	match := traceparent.FindStringSubmatch(p.env("TRACEPARENT"))
	if match == nil || match[1] == "00000000000000000000000000000000" {
		return ""
	}
	return match[1]
}
