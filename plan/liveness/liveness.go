// Package liveness says what keepalive settings mean for a pair of programs
// that talk to each other: who probes, how often the path between sees
// traffic, who hangs up first when the other is gone and after how many
// seconds, and whether a healthy idle session is ever closed.
//
// It is arithmetic over tables: how each release of sshd counts (release.go),
// how each client program behaves (program.go), what networks forget
// (network.go). It reaches nothing, and its tests hold the tables against the
// real programs.
//
// All times are whole seconds. Unless said otherwise they count from the last
// data that both sides exchanged, on a path without delay, on Linux.
package liveness

import (
	"fmt"

	"github.com/sshform/sshform/schema"
)

// Values are effective arguments by keyword, as a configuration declares them
// or `sshd -T` and `ssh -G` report them. A keyword that is absent has
// OpenSSH's default.
type Values map[schema.Keyword]schema.Argument

// A Server is an sshd and the settings in force for a session. It compares by
// ==. The zero Server never probes and closes nothing, of unknown release.
type Server struct {
	// Release is from the banner. The zero Release is taken for a current one.
	Release schema.Release
	// Interval is ClientAliveInterval; 0 is off.
	Interval Seconds
	// CountMax is ClientAliveCountMax.
	CountMax int64
	// NoTCPKeepAlive is TCPKeepAlive no.
	NoTCPKeepAlive bool
	// LoginGraceTime limits the time until authentication is complete; 0 does not.
	LoginGraceTime Seconds
	// UnusedConnectionTimeout closes connections without open channels; 0 does not.
	UnusedConnectionTimeout Seconds
	// ChannelTimeout is the list of type=seconds pairs; "none" or empty is none.
	ChannelTimeout schema.Argument
	// ChannelTimeoutInMatch says that ChannelTimeout stands in a Match block,
	// where releases before 10.5 accept and ignore it.
	ChannelTimeoutInMatch bool
}

// A Client is a program that talks to a server, and its settings. It compares
// by ==. The zero Client is an ssh that never probes, of unknown release.
type Client struct {
	// Program is the program or library; empty is OpenSSH.
	Program Program
	// Release is of OpenSSH's ssh; zero for other programs or when unknown.
	Release schema.Release
	// Interval is ServerAliveInterval, or what the program has in its place
	// (Program.Setting); 0 is off.
	Interval Seconds
	// CountMax is ServerAliveCountMax, or what the program has in its place.
	// It does not count for programs that have nothing.
	CountMax int64
	// NoTCPKeepAlive is TCPKeepAlive no. It counts for OpenSSH only.
	NoTCPKeepAlive bool
	// ChannelTimeout is OpenSSH's list of type=seconds pairs (since 9.6).
	ChannelTimeout schema.Argument
}

// A Pair is a client, a server, and the network between them. It compares by
// ==, so equal pairs of a fleet are found by using it as a key.
type Pair struct {
	Server  Server
	Client  Client
	Network Network
}

// ServerWith returns the server with these effective arguments.
func ServerWith(release schema.Release, values Values) (Server, error) {
	r := reader{side: schema.Server, values: values}
	s := Server{
		Release:                 release,
		Interval:                Seconds(r.number("ClientAliveInterval")),
		CountMax:                r.number("ClientAliveCountMax"),
		NoTCPKeepAlive:          r.argument("TCPKeepAlive") == "no",
		LoginGraceTime:          Seconds(r.number("LoginGraceTime")),
		UnusedConnectionTimeout: Seconds(r.number("UnusedConnectionTimeout")),
		ChannelTimeout:          r.argument("ChannelTimeout"),
	}
	return s, r.err
}

// ClientWith returns OpenSSH's ssh with these effective arguments.
func ClientWith(release schema.Release, values Values) (Client, error) {
	r := reader{side: schema.Client, values: values}
	c := Client{
		Program:        OpenSSH,
		Release:        release,
		Interval:       Seconds(r.number("ServerAliveInterval")),
		CountMax:       r.number("ServerAliveCountMax"),
		NoTCPKeepAlive: r.argument("TCPKeepAlive") == "no",
		ChannelTimeout: r.argument("ChannelTimeout"),
	}
	return c, r.err
}

// ClientOf returns a client program that the configuration names and that
// sshform does not configure.
func ClientOf(peer schema.Peer) (Client, error) {
	program, known := ParseProgram(peer.Library)
	if !known {
		return Client{}, fmt.Errorf("there is no client program %q here; known are %s", peer.Library, programNames())
	}
	return Client{
		Program:  program,
		Interval: secondsOf(peer.Keepalive),
		CountMax: program.traits().countMax,
	}, nil
}

// A reader takes arguments out of Values, defaults included, and keeps the
// first error.
type reader struct {
	side   schema.Side
	values Values
	err    error
}

func (r *reader) argument(keyword schema.Keyword) schema.Argument {
	if argument, set := r.values[keyword]; set && argument != "" {
		return argument
	}
	definition, _ := schema.Define(r.side, string(keyword))
	return definition.Default
}

func (r *reader) number(keyword schema.Keyword) int64 {
	argument := r.argument(keyword)
	if argument == "none" {
		return 0
	}
	n, isNumber := argument.Seconds()
	if (!isNumber || n < 0) && r.err == nil {
		r.err = fmt.Errorf("%s %q is not a number of seconds", keyword, argument)
	}
	return n
}
