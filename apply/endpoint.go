package apply

import (
	"cmp"
	"net/netip"
)

// An endpoint is where an sshd takes logins, as its own host sees it.
type endpoint struct {
	address string
	port    int
}

// endpointOf reads sshd's own answer: "listenaddress 0.0.0.0:22". One that
// listens everywhere is reached at the loopback address.
func endpointOf(values map[string][]string) endpoint {
	for _, value := range values["listenaddress"] {
		at, err := netip.ParseAddrPort(value)
		if err != nil {
			continue // a routing domain stands behind it, or it is no number
		}
		address := at.Addr()
		switch {
		case address.IsUnspecified() && address.Is4():
			address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		case address.IsUnspecified():
			address = netip.IPv6Loopback()
		}
		return endpoint{address.String(), int(at.Port())}
	}
	return endpoint{}
}

// or fills in what is not known.
func (e endpoint) or(port int) endpoint {
	return endpoint{cmp.Or(e.address, "127.0.0.1"), cmp.Or(e.port, port, 22)}
}
