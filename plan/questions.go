package plan

import (
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/sshform/sshform/schema"
)

// Questions remembers what Asks has answered during one reading of a fleet,
// since most hosts of a fleet are equal. Two hosts share an answer if
// everything that it rests on is equal, as with decisions of Build. The zero
// Questions is ready; many goroutines may use it.
type Questions struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]Asking
	spare sync.Pool // of *fingerprint
}

// Asks is the func Asks.
func (q *Questions) Asks(targets []schema.Target, o *Observed) Asking {
	key := q.key(targets, o)
	q.mu.Lock()
	asking, found := q.known[key]
	q.mu.Unlock()
	if !found {
		asking = Asks(targets, o)
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.known == nil {
			q.known = map[[sha256.Size]byte]Asking{}
		}
		q.known[key] = asking
	}
	return Asking{
		Files: slices.Clip(asking.Files), Folders: slices.Clip(asking.Folders), Logins: slices.Clip(asking.Logins),
	}
}

func (q *Questions) key(targets []schema.Target, o *Observed) [sha256.Size]byte {
	b, reused := q.spare.Get().(*fingerprint)
	if !reused {
		b = new(fingerprint)
	}
	defer q.spare.Put(b)
	b.spelled = b.spelled[:0]
	b.host(o)
	b.number(len(targets))
	for _, t := range targets {
		b.target(t)
	}
	return sha256.Sum256(b.spelled)
}
