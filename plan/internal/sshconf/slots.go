package sshconf

// A slot holds the value of one keyword while files are read. Some keywords
// have several slots, such as the volume and the time of RekeyLimit; their
// names are KEYWORD/PART.
type slot struct {
	set    bool
	values []string
	from   []int // indices of uses
	maybe  []int // uses in undecided blocks that would take effect
	// implied: the values are a default that other lines bring about.
	implied bool
}

// A use is one line that gives a slot a value, in one pass.
type use struct {
	slot     string
	row      *row
	written  string
	place    Place
	block    *Block
	values   []string
	standing Standing
	unset    bool // "none" that leaves the slot open
	pass     int
}

// A rule says how the values of several lines come together.
type rule int

const (
	first    rule = iota // the first line wins
	last                 // the last line wins
	addition             // lines add up
)

// slots are the values of one pass.
type slots map[string]*slot

func (s slots) at(key string) *slot {
	found := s[key]
	if found == nil {
		found = &slot{}
		s[key] = found
	}
	return found
}

// put lets a use take effect, as far as its block counts.
func (s slots) put(n int, u *use, how rule) {
	if u.standing == Out || u.unset {
		return
	}
	to := s.at(u.slot)
	if how == first && to.set {
		return
	}
	if u.standing == Maybe {
		to.maybe = append(to.maybe, n)
		return
	}
	switch how {
	case addition:
		to.values = append(to.values, u.values...)
		to.from = append(to.from, n)
	case last:
		to.values, to.from, to.maybe = u.values, []int{n}, nil
	default:
		to.values, to.from = u.values, []int{n}
	}
	to.set = true
}

// value returns the only value of a slot.
func (s slots) value(key string) (string, bool) {
	found := s[key]
	if found == nil || !found.set || len(found.values) == 0 {
		return "", false
	}
	return found.values[0], true
}

// isSet reports whether a definite line gave the slot a value.
func (s slots) isSet(key string) bool { return s[key] != nil && s[key].set }

// doubtful reports whether an undecided line may give the slot a value.
func (s slots) doubtful(key string) bool { return s[key] != nil && len(s[key].maybe) > 0 }
