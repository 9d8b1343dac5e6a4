package liveness

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A Question is a pair as people type it, without any configuration. Empty
// fields are OpenSSH's defaults.
type Question struct {
	// Server and Client are INTERVAL or INTERVAL/COUNT: 600, 600/3, 1m30s/2.
	// Client may have a program before it, or be one: paramiko:30, putty.
	Server, Client string
	// ServerRelease and ClientRelease are like 9.2p1, or a whole banner.
	ServerRelease, ClientRelease string
	// Network is a preset's name or a time.
	Network string
}

// Pair returns the pair that the question is about.
func (q Question) Pair() (Pair, error) {
	var p Pair
	release, err := parseRelease(q.ServerRelease)
	if err != nil {
		return Pair{}, err
	}
	if p.Server, err = ServerWith(release, nil); err != nil {
		return Pair{}, err
	}
	if p.Server.Interval, p.Server.CountMax, err = parseAlive(q.Server, p.Server.CountMax); err != nil {
		return Pair{}, fmt.Errorf("server: %w", err)
	}
	if p.Client, err = parseClient(q.Client); err != nil {
		return Pair{}, fmt.Errorf("client: %w", err)
	}
	if p.Client.Release, err = parseRelease(q.ClientRelease); err != nil {
		return Pair{}, err
	}
	p.Network, err = ParseNetwork(q.Network)
	return p, err
}

func parseRelease(s string) (schema.Release, error) {
	if s == "" {
		return schema.Release{}, nil
	}
	if r, isBanner := schema.ParseBanner(s); isBanner {
		return r, nil
	}
	return schema.ParseRelease(s)
}

func parseClient(s string) (Client, error) {
	name, alive, found := strings.Cut(s, ":")
	if _, isProgram := ParseProgram(name); !found && !isProgram {
		name, alive = "", s
	}
	program, known := ParseProgram(name)
	if !known {
		return Client{}, fmt.Errorf("there is no client program %q here; known are %s", name, programNames())
	}
	t := program.traits()
	c := Client{Program: program, CountMax: t.countMax}
	if _, _, counted := strings.Cut(alive, "/"); counted && (!t.drops || program == Dropbear) {
		return Client{}, fmt.Errorf("%s has no count to set; write %s:%s", t.title, program, alive[:strings.Index(alive, "/")])
	}
	var err error
	c.Interval, c.CountMax, err = parseAlive(alive, c.CountMax)
	if err == nil && c.CountMax == 0 && program == AsyncSSH {
		err = fmt.Errorf("asyncssh takes no keepalive_count_max of 0; write 1 or more")
	}
	return c, err
}

// parseAlive reads INTERVAL/COUNT; an absent count is the default.
func parseAlive(s string, count int64) (Seconds, int64, error) {
	if s == "" {
		return 0, count, nil
	}
	interval, number, counted := strings.Cut(s, "/")
	n, err := schema.ParseSeconds(interval)
	if err != nil {
		return 0, 0, fmt.Errorf("%q is not an interval and count; write them like 600/3, or 0 for off", s)
	}
	if !counted {
		return Seconds(n), count, nil
	}
	c, err := strconv.ParseInt(number, 10, 64)
	if err != nil || c < 0 || c > schema.Max {
		return 0, 0, fmt.Errorf("%q has no number behind the slash; write it like 600/3", s)
	}
	return Seconds(n), c, nil
}
