package apply

import (
	"context"
	"errors"
	"fmt"

	"github.com/sshform/sshform/schema"
)

// A local host has no SSH of its own. That its sshd lets people in can be seen
// all the same, where whoever runs this may log in to this machine. Whether
// that is so is found out before anything is replaced: a login that never
// worked proves nothing when it fails afterwards.

var errNoLogin = errors.New("no way to log in was given")

// tryHere logs in to the sshd of this machine as it is before the change.
func (t *transaction) tryHere(ctx context.Context) {
	if t.plan.Connection().Type != schema.Local {
		return
	}
	if t.noLogin = t.loginHere(ctx); t.noLogin == nil {
		t.letsIn = true
	}
}

// confirmHere logs in again after the change, if that worked before it.
func (t *transaction) confirmHere(ctx context.Context) error {
	if t.plan.Connection().Type != schema.Local {
		return nil
	}
	if !t.letsIn {
		t.note(fmt.Sprintf("the sshd of this machine was not logged in to, as it let nobody in before the change, either: %v", t.noLogin))
		return nil
	}
	// During a reload a login may be refused that is welcome a moment later.
	_, tried, err := tryAgain(ctx, func() (struct{}, error) { return struct{}{}, t.loginHere(ctx) })
	if err != nil {
		return fmt.Errorf("the sshd of this machine let us in before the change and does not now, in %s: %w", tries(tried), err)
	}
	return nil
}

func (t *transaction) loginHere(ctx context.Context) error {
	if t.opts.Login == nil {
		return errNoLogin
	}
	ctx, cancel := context.WithTimeout(ctx, stepDeadline/2)
	defer cancel()
	return t.opts.Login(ctx, t.port.or(0))
}
