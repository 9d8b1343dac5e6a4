package schema

import "time"

// A Middlebox is a well-known kind of network between clients and servers, and
// where it is documented how soon it forgets a silent connection.
type Middlebox struct {
	// Name is what people type instead of a time.
	Name string
	// IdleTimeout is the silence after which it forgets; where boxes of the
	// kind differ, the shortest seen.
	IdleTimeout time.Duration
	// Longest is the longest seen; 0 where all are alike.
	Longest time.Duration
	// Title is what it is, in words.
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

// Middleboxes returns the kinds of network that have a name here, by name.
func Middleboxes() []Middlebox {
	return []Middlebox{
		{
			Name: "aws-nat", IdleTimeout: 350 * time.Second, Title: "AWS NAT gateway", Then: reset,
			Source: "Amazon VPC User Guide, Troubleshoot NAT gateways: internet connection drops after 350 seconds",
		},
		{
			Name: "aws-nlb", IdleTimeout: 350 * time.Second, Title: "AWS Network Load Balancer", Then: reset,
			Source:     "Elastic Load Balancing, Network Load Balancers: Update the TCP idle timeout for your listener",
			Adjustable: "tcp.idle_timeout.seconds of a TCP listener, 60 to 6000; TLS listeners are fixed",
		},
		{
			Name: "aws-security-group", IdleTimeout: 432000 * time.Second, Title: "AWS security group connection tracking",
			Source:     "Amazon EC2 API Reference: ConnectionTrackingSpecification",
			Adjustable: "tcpEstablishedTimeout of the network interface, 60 to 432000",
		},
		{
			Name: "azure-lb", IdleTimeout: 240 * time.Second, Title: "Azure Load Balancer", Then: swallowed,
			Source:     "Azure Load Balancer: Configure load balancer TCP reset and idle timeout",
			Adjustable: "idle timeout of the rule, 4 to 100 minutes; TCP reset can be switched on",
		},
		{
			Name: "azure-nat", IdleTimeout: 240 * time.Second, Title: "Azure NAT Gateway", Then: reset,
			Source:     "Azure NAT Gateway: idleTimeoutInMinutes",
			Adjustable: "idleTimeoutInMinutes, 4 to 120",
		},
		{
			Name: "cisco-asa", IdleTimeout: 3600 * time.Second, Title: "Cisco ASA firewall", Then: swallowed,
			Source:     "Cisco ASA Series Firewall CLI Configuration Guide, Connection Settings: timeout conn",
			Adjustable: "timeout conn",
		},
		{
			Name: "gcp-nat", IdleTimeout: 1200 * time.Second, Title: "Google Cloud NAT", Then: swallowed,
			Source:     "Cloud NAT: Tune NAT configuration, TCP established connection idle timeout",
			Adjustable: "--tcp-established-idle-timeout",
		},
		{
			Name: "gcp-vpc", IdleTimeout: 600 * time.Second, Title: "Google Cloud VPC connection tracking", Then: swallowed,
			Source: "Compute Engine, General tips: connection tracking of VPC networks, 10 minutes",
		},
		{
			Name: "home-router", IdleTimeout: 240 * time.Second, Longest: 86400 * time.Second, Title: "home routers, which differ widely",
			Source: "Hätönen et al., An Experimental Study of Home Gateway Characteristics, IMC 2010; RFC 5382 (REQ-5) asks for at least 2 h 4 min, and many forget sooner",
		},
		{
			Name: "ipvs", IdleTimeout: 900 * time.Second, Title: "Linux IPVS: Docker swarm services, kube-proxy in IPVS mode", Then: swallowed,
			Source:     "ipvsadm -l --timeout: 900 seconds for TCP; moby issue 31208",
			Adjustable: "ipvsadm --set",
		},
		{
			Name: "linux-conntrack", IdleTimeout: 432000 * time.Second, Title: "Linux connection tracking",
			Source:     "Linux, Documentation/networking/nf_conntrack-sysctl.rst: nf_conntrack_tcp_timeout_established",
			Adjustable: "net.netfilter.nf_conntrack_tcp_timeout_established",
		},
		{
			Name: "oci-nlb", IdleTimeout: 360 * time.Second, Title: "Oracle Cloud network load balancer",
			Source:     "OCI Network Load Balancer: Changing a Listener's Idle Timeout",
			Adjustable: "--tcp-idle-timeout",
		},
	}
}
