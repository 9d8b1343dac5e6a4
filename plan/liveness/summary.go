package liveness

// A Summary is a prediction as a flat list of facts, for JSON and for
// conditions in a configuration. Names are stable. Seconds that are Never are
// null in JSON; who compares them should take null for infinitely late.
type Summary struct {
	ServerRelease  string  `json:"server_release"`
	ServerInterval Seconds `json:"server_interval"`
	ServerCountMax int64   `json:"server_count_max"`
	ClientProgram  Program `json:"client_program"`
	ClientRelease  string  `json:"client_release"`
	ClientInterval Seconds `json:"client_interval"`
	ClientCountMax int64   `json:"client_count_max"`
	Network        string  `json:"network"`
	// NetworkLimit is null when the network forgets nothing.
	NetworkLimit Seconds `json:"network_idle_timeout"`

	ProbedBy Prober `json:"probed_by"`
	// ServerAsksEvery and ClientAsksEvery are the effective intervals, null
	// when off.
	ServerAsksEvery Seconds `json:"server_asks_every"`
	ClientAsksEvery Seconds `json:"client_asks_every"`
	TrafficEvery    Seconds `json:"traffic_every"`

	IdleStaysOpen  bool      `json:"idle_stays_open"`
	IdleFreezes    Seconds   `json:"idle_freezes_after"`
	IdleClosed     Seconds   `json:"idle_closed_after"`
	IdleClosedBy   string    `json:"idle_closed_by"`
	FirstToHangUp  First     `json:"first_to_hang_up"`
	ServerDrops    Seconds   `json:"server_drops_after"`
	ServerDropsBy  Cause     `json:"server_drops_by"`
	ServerCounts   Seconds   `json:"server_drops_after_probes"`
	ServerEarliest Seconds   `json:"server_notices_death_earliest"`
	ServerLatest   Seconds   `json:"server_notices_death_latest"`
	ClientDrops    Seconds   `json:"client_drops_after"`
	ClientDropsBy  Cause     `json:"client_drops_by"`
	ClientCounts   Seconds   `json:"client_drops_after_probes"`
	ClientEarliest Seconds   `json:"client_notices_death_earliest"`
	ClientLatest   Seconds   `json:"client_notices_death_latest"`
	LoginGraceTime Seconds   `json:"login_grace_time"`
	Sentence       string    `json:"sentence"`
	HasWarnings    bool      `json:"has_warnings"`
	Warnings       []Warning `json:"warnings"`
}

// Summary returns the prediction as flat facts.
func (x Prediction) Summary() Summary {
	p := x.Pair
	s := Summary{
		ServerRelease: p.Server.Release.String(), ServerInterval: p.Server.Interval, ServerCountMax: p.Server.CountMax,
		ClientProgram: p.Client.Program.traits().program, ClientRelease: p.Client.Release.String(),
		ClientInterval: p.Client.Interval, ClientCountMax: p.Client.CountMax,
		Network: p.Network.Name, NetworkLimit: orNever(p.Network.Limit),
		ProbedBy: x.Prober, ServerAsksEvery: serverEnd(p.Server).every(), ClientAsksEvery: clientEnd(p.Client).every(),
		TrafficEvery: x.Gap, IdleStaysOpen: x.StaysOpen(), IdleFreezes: x.Forgets, IdleClosed: Never,
		FirstToHangUp: x.First,
		ServerDrops:   x.Server.After, ServerDropsBy: x.Server.By, ServerCounts: x.Server.AfterProbes,
		ServerEarliest: x.Server.FromDeathEarliest, ServerLatest: x.Server.FromDeathLatest,
		ClientDrops: x.Client.After, ClientDropsBy: x.Client.By, ClientCounts: x.Client.AfterProbes,
		ClientEarliest: x.Client.FromDeathEarliest, ClientLatest: x.Client.FromDeathLatest,
		LoginGraceTime: orNever(p.Server.LoginGraceTime),
		Sentence:       x.Sentence(), Warnings: x.Warnings,
	}
	if len(x.Closings) > 0 && x.Closings[0].Certain {
		s.IdleClosed, s.IdleClosedBy = x.Closings[0].After, string(x.Closings[0].Keyword)
	}
	for _, w := range x.Warnings {
		s.HasWarnings = s.HasWarnings || w.Severity != Note
	}
	if s.Warnings == nil {
		s.Warnings = []Warning{}
	}
	return s
}

// An Explanation is all there is to say about a pair, for JSON.
type Explanation struct {
	Summary
	// Quiet and Cut are the timelines of the same names.
	Quiet Timeline `json:"quiet"`
	Cut   Timeline `json:"cut"`
}

// Explanation returns the facts together with both timelines.
func (x Prediction) Explanation() Explanation {
	return Explanation{Summary: x.Summary(), Quiet: x.Quiet(), Cut: x.Cut()}
}

func orNever(s Seconds) Seconds {
	if s == 0 {
		return Never
	}
	return s
}

// A Link is a client and a server that talk to each other, by the names that
// the configuration has for them.
type Link struct {
	Client, Server string
	Pair           Pair
}

// A Group is links whose pairs are equal.
type Group struct {
	Prediction Prediction
	Links      []Link
}

// Groups predicts for many links, each different pair once, in the order of
// their first link.
func Groups(links []Link) []Group {
	var groups []Group
	at := make(map[Pair]int)
	for _, l := range links {
		i, known := at[l.Pair]
		if !known {
			i = len(groups)
			at[l.Pair] = i
			groups = append(groups, Group{Prediction: Predict(l.Pair)})
		}
		groups[i].Links = append(groups[i].Links, l)
	}
	return groups
}
