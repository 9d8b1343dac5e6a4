package liveness

import (
	"fmt"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A Network is what lies between a client and a server, and how soon it
// forgets a silent connection. The zero Network forgets nothing.
type Network struct {
	// Name is the kind's, or the name the configuration gives it; may be empty.
	Name string
	// Kind is the name of a schema.Middlebox; empty where a time was given.
	Kind string
	// Limit is the silence after which it forgets, in seconds; 0 is never. For
	// networks that differ it is the shortest seen.
	Limit Seconds
	// Longest is the longest seen; 0 where all are alike.
	Longest Seconds
}

// String names the network for a sentence: "aws-nat (forgets after 350 s)".
func (n Network) String() string {
	name := n.Name
	switch {
	case name == "":
		name = "the network"
	case n.Kind != "" && n.Kind != name:
		name += ", " + n.Kind
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

// networkLike is a network of a well-known kind.
func networkLike(name string, m schema.Middlebox) Network {
	return Network{Name: name, Kind: m.Name, Limit: secondsOf(m.IdleTimeout), Longest: secondsOf(m.Longest)}
}

// ParseNetwork reads the name of a schema.Middlebox or a time such as 350 or
// "5m"; empty and "none" are a network that forgets nothing.
func ParseNetwork(s string) (Network, error) {
	if s == "" || s == "none" {
		return Network{}, nil
	}
	var names []string
	for _, m := range schema.Middleboxes() {
		if m.Name == s {
			return networkLike(m.Name, m), nil
		}
		names = append(names, m.Name)
	}
	n, err := schema.ParseSeconds(s)
	if err != nil {
		return Network{}, fmt.Errorf("%q is neither a time nor a known network; known are %s", s, strings.Join(names, ", "))
	}
	return Network{Limit: Seconds(n)}, nil
}

// NetworkOf returns a network that the configuration declares.
func NetworkOf(n schema.Network) Network {
	for _, m := range schema.Middleboxes() {
		if m.Name == n.Kind {
			return networkLike(n.Name, m)
		}
	}
	return Network{Name: n.Name, Limit: secondsOf(n.IdleTimeout)}
}
