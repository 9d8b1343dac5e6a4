//go:build linux

package lab

import (
	"errors"
	"fmt"
	"strings"
)

// Each lab has two networks, which are bridges in the namespace of the tests:
// the front one has an address there, the back one has none, so that only a
// bastion leads to it.
var nets = []struct{ bridge, prefix, mac string }{
	{"front", "10.213.", "02:77:00:00:"},
	{"back", "10.214.", "02:78:00:00:"},
}

// makeNetworks takes the first number that is free.
func makeNetworks() (int, error) {
	var errs []error
	for n := 1; n < 250; n++ {
		// The kernel refuses a name that exists.
		if err := ip(fmt.Sprintf("link add front%d address 02:77:00:00:%02x:01 type bridge", n, n)); err != nil {
			errs = append(errs, err)
			continue
		}
		return n, ip(fmt.Sprintf("addr add 10.213.%[1]d.1/24 dev front%[1]d\nlink set front%[1]d up\nlink add back%[1]d type bridge\nlink set back%[1]d up", n))
	}
	return 0, errors.Join(errs[0], errors.New("no network number is free"))
}

// removeNetworks gives the number back: the front one says that it is taken,
// and goes last. A network that does not go ends with the namespace.
func removeNetworks(n int) {
	_ = ip(fmt.Sprintf("link del back%[1]d\nlink del front%[1]d", n))
}

// A leg is a host's interface on one network.
type leg struct {
	bridge, port string // in the tests' namespace
	device       string // on the host
	address, mac string
	gateway      string // the bridge's address and mac, in front
	gatewayMAC   string
}

func (h *Host) legs() []leg {
	var legs []leg
	for i, net := range nets {
		if on := h.Kind.bothNets || (i == 1) == h.Kind.Behind; !on {
			continue
		}
		l := leg{
			bridge:  fmt.Sprintf("%s%d", net.bridge, h.lab.number),
			port:    fmt.Sprintf("%c%d-%d", net.bridge[0], h.lab.number, h.number),
			device:  fmt.Sprintf("eth%d", len(legs)),
			address: fmt.Sprintf("%s%d.%d", net.prefix, h.lab.number, h.number),
			mac:     fmt.Sprintf("%s%02x:%02x", net.mac, h.lab.number, h.number),
		}
		if i == 0 {
			l.gateway = fmt.Sprintf("%s%d.1", net.prefix, h.lab.number)
			l.gatewayMAC = fmt.Sprintf("%s%02x:01", net.mac, h.lab.number)
		}
		legs = append(legs, l)
	}
	return legs
}

// plug joins the host's network namespace, that of process pid, to its
// bridges. The neighbours are fixed: when packets are lost on purpose, nobody
// shall be told "no route to host".
func (h *Host) plug(pid int) error {
	var b strings.Builder
	for _, l := range h.legs() {
		fmt.Fprintf(&b, "link add %s type veth peer name %s address %s netns %d\n", l.port, l.device, l.mac, pid)
		fmt.Fprintf(&b, "link set %s master %s up\n", l.port, l.bridge)
		if l.gateway != "" {
			fmt.Fprintf(&b, "neigh replace %s lladdr %s dev %s nud permanent\n", l.address, l.mac, l.bridge)
		}
	}
	return ip(b.String())
}

// inside is what ip(8) does in the host's own namespace.
func (h *Host) inside() string {
	b := strings.Builder{}
	b.WriteString("link set lo up\n")
	for _, l := range h.legs() {
		fmt.Fprintf(&b, "link set %s up\naddr add %s/24 dev %s\n", l.device, l.address, l.device)
		if l.gateway != "" {
			fmt.Fprintf(&b, "neigh replace %s lladdr %s dev %s nud permanent\n", l.gateway, l.gatewayMAC, l.device)
		}
	}
	return b.String()
}

func (h *Host) unplug() {
	for _, l := range h.legs() {
		// Gone already where the host's namespace was faster.
		_ = ip("link del " + l.port)
	}
}

// Partition loses every packet to and from the host, silently, until Heal.
func (h *Host) Partition() error { return h.eachLeg("link set %[2]s nomaster") }

// Heal ends a partition.
func (h *Host) Heal() error { return h.eachLeg("link set %[2]s master %[1]s") }

func (h *Host) eachLeg(format string) error {
	var errs []error
	for _, l := range h.legs() {
		errs = append(errs, ip(fmt.Sprintf(format, l.bridge, l.port)))
	}
	return errors.Join(errs...)
}
