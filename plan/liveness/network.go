package liveness

import (
	"fmt"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A Network is what lies between a client and a server, and how soon it
// forgets a silent connection. The zero Network forgets nothing.
type Network struct {
	// Name is the preset's, or the name the configuration gives it; may be empty.
	Name string
	// Limit is the silence after which it forgets, in seconds; 0 is never. For
	// networks that differ it is the shortest seen.
	Limit Seconds
	// Longest is the longest seen; 0 where all are alike.
	Longest Seconds
}

// String names the network for a sentence: "aws-nat (forgets after 350 s)".
func (n Network) String() string {
	name := n.Name
	if name == "" {
		name = "the network"
	}
	switch {
	case n.Limit == 0:
		return name + " (forgets nothing)"
	case n.Longest > n.Limit:
		return fmt.Sprintf("%s (forgets after %d s to %s)", name, int64(n.Limit), n.Longest)
	}
	return fmt.Sprintf("%s (forgets after %s)", name, n.Limit)
}

// Safe is the longest gap between packets that one lost round does no harm to:
// half of the limit. It is Never where nothing is forgotten.
func (n Network) Safe() Seconds {
	if n.Limit == 0 {
		return Never
	}
	return max(n.Limit/2, 1)
}

// A Preset is a well-known kind of network and where its limit is documented.
type Preset struct {
	Network
	// What it is, in words.
	Title string
	// Source is the document that says so.
	Source string
	// Then is what happens to a packet of a forgotten connection; empty where
	// that is not documented.
	Then string
	// Adjustable says how the limit can be changed; empty if it cannot.
	Adjustable string
}

const (
	swallowed = "packets are dropped silently"
	reset     = "the next packet is answered with a reset"
)

// Presets returns the networks that have a name here, by name.
func Presets() []Preset {
	return []Preset{
		{
			Network: Network{Name: "aws-nat", Limit: 350}, Title: "AWS NAT gateway", Then: reset,
			Source: "Amazon VPC User Guide, Troubleshoot NAT gateways: internet connection drops after 350 seconds",
		},
		{
			Network: Network{Name: "aws-nlb", Limit: 350}, Title: "AWS Network Load Balancer", Then: reset,
			Source:     "Elastic Load Balancing, Network Load Balancers: Update the TCP idle timeout for your listener",
			Adjustable: "tcp.idle_timeout.seconds of a TCP listener, 60 to 6000; TLS listeners are fixed",
		},
		{
			Network: Network{Name: "aws-security-group", Limit: 432000}, Title: "AWS security group connection tracking",
			Source:     "Amazon EC2 API Reference: ConnectionTrackingSpecification",
			Adjustable: "tcpEstablishedTimeout of the network interface, 60 to 432000",
		},
		{
			Network: Network{Name: "azure-lb", Limit: 240}, Title: "Azure Load Balancer", Then: swallowed,
			Source:     "Azure Load Balancer: Configure load balancer TCP reset and idle timeout",
			Adjustable: "idle timeout of the rule, 4 to 100 minutes; TCP reset can be switched on",
		},
		{
			Network: Network{Name: "azure-nat", Limit: 240}, Title: "Azure NAT Gateway", Then: reset,
			Source:     "Azure NAT Gateway: idleTimeoutInMinutes",
			Adjustable: "idleTimeoutInMinutes, 4 to 120",
		},
		{
			Network: Network{Name: "cisco-asa", Limit: 3600}, Title: "Cisco ASA firewall", Then: swallowed,
			Source:     "Cisco ASA Series Firewall CLI Configuration Guide, Connection Settings: timeout conn",
			Adjustable: "timeout conn",
		},
		{
			Network: Network{Name: "gcp-nat", Limit: 1200}, Title: "Google Cloud NAT", Then: swallowed,
			Source:     "Cloud NAT: Tune NAT configuration, TCP established connection idle timeout",
			Adjustable: "--tcp-established-idle-timeout",
		},
		{
			Network: Network{Name: "gcp-vpc", Limit: 600}, Title: "Google Cloud VPC connection tracking", Then: swallowed,
			Source: "Compute Engine, General tips: connection tracking of VPC networks, 10 minutes",
		},
		{
			Network: Network{Name: "home-router", Limit: 240, Longest: 86400}, Title: "home routers, which differ widely",
			Source: "Hätönen et al., An Experimental Study of Home Gateway Characteristics, IMC 2010; RFC 5382 (REQ-5) asks for at least 2 h 4 min, and many forget sooner",
		},
		{
			Network: Network{Name: "ipvs", Limit: 900}, Title: "Linux IPVS: Docker swarm services, kube-proxy in IPVS mode", Then: swallowed,
			Source:     "ipvsadm -l --timeout: 900 seconds for TCP; moby issue 31208",
			Adjustable: "ipvsadm --set",
		},
		{
			Network: Network{Name: "linux-conntrack", Limit: 432000}, Title: "Linux connection tracking",
			Source:     "Linux, Documentation/networking/nf_conntrack-sysctl.rst: nf_conntrack_tcp_timeout_established",
			Adjustable: "net.netfilter.nf_conntrack_tcp_timeout_established",
		},
		{
			Network: Network{Name: "oci-nlb", Limit: 360}, Title: "Oracle Cloud network load balancer",
			Source:     "OCI Network Load Balancer: Changing a Listener's Idle Timeout",
			Adjustable: "--tcp-idle-timeout",
		},
	}
}

// ParseNetwork reads a preset's name or a time such as 350 or "5m"; empty and
// "none" are a network that forgets nothing.
func ParseNetwork(s string) (Network, error) {
	if s == "" || s == "none" {
		return Network{}, nil
	}
	names := make([]string, 0, len(Presets()))
	for _, p := range Presets() {
		if p.Name == s {
			return p.Network, nil
		}
		names = append(names, p.Name)
	}
	n, err := schema.ParseSeconds(s)
	if err != nil {
		return Network{}, fmt.Errorf("%q is neither a time nor a known network; known are %s", s, strings.Join(names, ", "))
	}
	return Network{Limit: Seconds(n)}, nil
}

// NetworkOf returns a network that the configuration declares.
func NetworkOf(n schema.Network) Network {
	return Network{Name: n.Name, Limit: secondsOf(n.IdleTimeout)}
}
