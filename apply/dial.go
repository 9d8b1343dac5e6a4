package apply

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// busyPause is how long a host that was too busy to answer is left alone, at
// least; as long again is left to chance, so that many do not come back at
// once.
const busyPause = time.Second

// A Busy error says that a host, or a bastion on the way, hung up before it was
// known who it is, as sshd does when too many come at once (MaxStartups in
// sshd_config(5)). TryAgain is false where it refuses this address for a while,
// whoever comes (PerSourcePenalties).
type Busy interface {
	error
	TryAgain() bool
}

// DialTwice dials, and where the host was busy dials once more. The second try
// is told as an event of kind DialTriedAgain; events may be nil.
func DialTwice(ctx context.Context, d Dialer, reach Reach, events func(Event)) (Host, error) {
	host, err := d.Dial(ctx, reach)
	var busy Busy
	if err == nil || !errors.As(err, &busy) || !busy.TryAgain() || ctx.Err() != nil {
		return host, err
	}
	if events != nil {
		events(Event{Kind: DialTriedAgain, Time: time.Now(), Host: reach.Host, Err: err})
	}
	if wait(ctx, busyPause+rand.N(busyPause)) != nil {
		return nil, err
	}
	return d.Dial(ctx, reach)
}
