package apply

import (
	"cmp"
	"net/netip"
	"path"
	"strings"

	"github.com/sshform/sshform/plan"
)

// An Endpoint is where an sshd takes logins, as its own host sees it.
type Endpoint struct {
	Address string
	Port    int
	// HostKeys are the public keys that it proves itself with, as they stand in
	// the files beside the private ones; empty where these cannot be read.
	HostKeys []string
}

// endpointOf reads sshd's own answer: "listenaddress 0.0.0.0:22". One that
// listens everywhere is reached at the loopback address.
func endpointOf(values map[string][]string) Endpoint {
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
		return Endpoint{Address: address.String(), Port: int(at.Port())}
	}
	return Endpoint{}
}

// or fills in what is not known.
func (e Endpoint) or(port int) Endpoint {
	e.Address, e.Port = cmp.Or(e.Address, "127.0.0.1"), cmp.Or(e.Port, port, 22)
	return e
}

// readHostKeys reads the public keys of the sshd whose answer this is.
func (t *transaction) readHostKeys(values map[string][]string) (keys []string) {
	for _, file := range values["hostkey"] {
		public, err := readPlain(t.fsys, path.Clean(file+".pub"))
		if err != nil || public.State != plan.Regular || !path.IsAbs(file) {
			continue
		}
		if key := strings.TrimSpace(string(public.Bytes)); key != "" && !strings.ContainsAny(key, "\n\r\x00") {
			keys = append(keys, key)
		}
	}
	return keys
}
