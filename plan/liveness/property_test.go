package liveness

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/sshform/sshform/schema"
)

func drawPair(t *rapid.T) Pair {
	releases := []schema.Release{{}, {Major: 6, Minor: 6}, {Major: 7, Minor: 9}, {Major: 8, Minor: 1}, {Major: 8, Minor: 4}, {Major: 9, Minor: 2}, {Major: 9, Minor: 6}, {Major: 10, Minor: 5}}
	program := rapid.SampledFrom(Programs()).Draw(t, "program")
	atLeast := int64(0)
	if program == AsyncSSH {
		atLeast = 1 // it refuses 0
	}
	return Pair{
		Server: Server{
			Release:        rapid.SampledFrom(releases).Draw(t, "release"),
			Interval:       Seconds(rapid.Int64Range(0, 700).Draw(t, "server interval")),
			CountMax:       rapid.Int64Range(0, 5).Draw(t, "server count"),
			NoTCPKeepAlive: rapid.Bool().Draw(t, "server TCPKeepAlive no"),
		},
		Client: Client{
			Program:        program,
			Interval:       Seconds(rapid.Int64Range(0, 700).Draw(t, "client interval")),
			CountMax:       rapid.Int64Range(atLeast, 5).Draw(t, "client count"),
			NoTCPKeepAlive: rapid.Bool().Draw(t, "client TCPKeepAlive no"),
		},
		Network: Network{Limit: Seconds(rapid.Int64Range(0, 900).Draw(t, "network"))},
	}
}

// The formulas and a simulation that goes through time second by second were
// written apart, and agree on when each side of a dead path is gone.
func TestFormulasAgreeWithTheSimulation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPair(t)
		x := Predict(p)
		got := map[schema.Side]Event{}
		for _, e := range simulate(p, 0, 20000) {
			if e.Kind == HangsUp {
				got[e.Side] = e
			}
		}
		for side, want := range map[schema.Side]Ending{schema.Server: x.Server, schema.Client: x.Client} {
			e, gone := got[side]
			switch {
			case want.After == Never && gone:
				t.Fatalf("%s: got hang-up at %s, want never", side, e.At)
			case want.After != Never && (!gone || e.At != want.After || e.By != want.By && want.After != want.AfterProbes):
				t.Fatalf("%s: got %+v, want %s by %s", side, e, want.After, want.By)
			}
		}
	})
}

// What the network sees on a quiet path is never rarer than the gap says, and
// a prediction that a healthy session stays open is not broken by the
// simulation.
func TestQuietPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPair(t)
		p.Network = Network{}
		x := Predict(p)
		last := Seconds(0)
		for _, e := range simulate(p, Never, min(x.Gap.times(20), 30000)) {
			if e.Kind == Closes {
				if x.StaysOpen() && p.Server.Interval != p.Client.Interval {
					t.Fatalf("got a session closed by the %s at %s, want it to stay open: %+v", e.Side, e.At, p)
				}
				return
			}
			if e.At-last > x.Gap {
				t.Fatalf("got silence from %s to %s, want at most %s", last, e.At, x.Gap)
			}
			last = e.At
		}
	})
}

// Every prediction has a sentence, a picture of every width, and numbers that
// are in order; nothing overflows at the largest arguments OpenSSH takes.
func TestExtremes(t *testing.T) {
	for _, release := range []schema.Release{{}, {Major: 7, Minor: 9}, {Major: 9, Minor: 2}} {
		for _, interval := range []Seconds{0, 1, schema.Max} {
			for _, count := range []int64{0, 1, schema.Max} {
				x := Predict(Pair{
					Server: Server{Release: release, Interval: interval, CountMax: count},
					Client: Client{Interval: interval, CountMax: count}, Network: Network{Limit: schema.Max},
				})
				for _, e := range []Ending{x.Server, x.Client} {
					if e.After < 0 || e.Latest < e.After || e.FromDeathEarliest > e.FromDeathLatest || len(e.Probes) > maxProbes {
						t.Errorf("%v %d/%d: got %+v, want moments in order", release, interval, count, e)
					}
				}
				if x.Text(80, true) == "" || len(x.SVG()) == 0 {
					t.Errorf("%v %d/%d: got nothing to show", release, interval, count)
				}
			}
		}
	}
}

func TestSecondsArithmetic(t *testing.T) {
	for _, test := range []struct{ got, want Seconds }{
		{Seconds(2).times(3), 6},
		{Seconds(0).times(schema.Max), 0},
		{Never.times(2), Never},
		{Seconds(1 << 40).times(1 << 40), Never},
		{Never.plus(1), Never},
		{Seconds(1).plus(Never), Never},
		{Seconds(5).minus(7), 0},
		{Seconds(7).minus(5), 2},
		{Never.minus(5), Never},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}
