package main

import (
	"context"
	"errors"
	"sync"

	"github.com/sshform/sshform/apply"
)

// A keeper is a dialer for commands that go to the same hosts twice: hosts
// that are closed are kept open, and given to whoever dials them next. It keeps
// no more than room, so that what is open is bounded by what is in flight and
// not by the fleet; hosts beyond that are dialled anew.
type keeper struct {
	apply.Dialer
	room int

	mu   sync.Mutex
	kept map[string]apply.Host
}

func newKeeper(d apply.Dialer, room int) *keeper {
	return &keeper{Dialer: d, room: room, kept: map[string]apply.Host{}}
}

// Dial returns a kept host, which is kept no longer, or dials.
func (k *keeper) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	k.mu.Lock()
	host, known := k.kept[reach.Host]
	delete(k.kept, reach.Host)
	k.mu.Unlock()
	if known {
		return host, nil
	}
	return k.Dialer.Dial(ctx, reach)
}

// keep takes a host that is needed no more for now.
func (k *keeper) keep(name string, host apply.Host) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, twice := k.kept[name]; twice || len(k.kept) >= k.room {
		return host.Close()
	}
	k.kept[name] = host
	return nil
}

// Close ends all that is kept. The dialer below is its owner's to close.
func (k *keeper) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for _, host := range k.kept {
		errs = append(errs, host.Close())
	}
	clear(k.kept)
	return errors.Join(errs...)
}
