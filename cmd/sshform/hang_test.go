package main

import (
	"net"

	"github.com/rogpeppe/go-internal/testscript"
)

// A silent listener accepts connections and says nothing.
type silent struct {
	listener net.Listener
	accepted chan net.Conn
}

type silentKey struct{}

// hang stands for a host that hangs:
//
//	hang start   listens on a loopback port, $HANG
//	hang await   returns when somebody has connected
func hang(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hang start | await")
	}
	s := ts.Value(silentKey{}).(*silent)
	if args[0] == "await" {
		<-s.accepted
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	s.listener, s.accepted = l, make(chan net.Conn, 16)
	ts.Defer(func() { l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv("HANG", port)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.accepted <- conn
		}
	}()
}
