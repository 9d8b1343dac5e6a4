package plan

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"strconv"
	"unique"
)

// A sharing gives hosts that come one after the other what equal ones have in
// common. Equal is of what a plan file says the same.
type sharing struct {
	decisions   map[[sha256.Size]byte]*sharedDecision
	connections map[string]*Connection
	spelled     *recordWriter
	sum         hash.Hash
}

func newSharing() *sharing {
	return &sharing{
		decisions: map[[sha256.Size]byte]*sharedDecision{}, connections: map[string]*Connection{},
		spelled: newRecordWriter(io.Discard), sum: sha256.New(),
	}
}

// connection returns the host with the connection of the first that is reached
// like it.
func (s *sharing) connection(h HostPlan) HostPlan {
	s.spelled.encode(newConnectionRecord(*h.way)) // what Build and Read make is spelled without an error
	if first, met := s.connections[s.spelled.line.String()]; met {
		h.way = first
	} else {
		s.connections[s.spelled.line.String()] = h.way
	}
	return h
}

// whole returns the host with the connection and the decision of the first that
// is equal. Build needs no more than connection: a fleet shares its decisions.
func (s *sharing) whole(h HostPlan) HostPlan {
	h = s.connection(h)
	key := s.key(h)
	if first, met := s.decisions[key]; met {
		h.shared = first
	} else {
		s.decisions[key] = h.shared
	}
	h.Wave, h.Group = unique.Make(h.Wave).Value(), unique.Make(h.Group).Value()
	for i, key := range h.keys {
		if key == h.Host {
			h.keys[i] = h.Host // the same text, once
		}
	}
	return h
}

// key is equal for hosts of which a plan file says the same, once the host has
// no name and each of its addresses a number for a key.
func (s *sharing) key(h HostPlan) (key [sha256.Size]byte) {
	nameless := HostPlan{shared: h.shared, keys: make([]string, len(h.keys))}
	for i := range nameless.keys {
		nameless.keys[i] = strconv.Itoa(i)
	}
	s.sum.Reset()
	fmt.Fprint(s.sum, h.shared.serves)
	d := nameless.Decision()
	s.add(newHostRecord(nameless, d))
	for _, c := range d.Changes {
		s.add(newChangeRecord(c))
	}
	s.sum.Sum(key[:0])
	return key
}

func (s *sharing) add(record any) {
	s.spelled.encode(record)
	s.sum.Write(s.spelled.line.Bytes())
}
