package testenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// FreePort returns a port of 127.0.0.1 on which nobody listens, for a server
// that is about to be started. It is below those that the kernel hands out by
// itself (net.ipv4.ip_local_port_range in ip(7) begins at 32768): one of these
// may belong to somebody's connection a moment later.
func FreePort() (int, error) {
	var errs []error
	for range 100 {
		port := 10000 + rand.IntN(20000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
		errs = append(errs, err)
	}
	return 0, fmt.Errorf("no port is free: %w", errors.Join(errs...))
}
