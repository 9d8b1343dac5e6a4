package apply_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sshform/sshform/apply"
)

type busyError struct{ again bool }

func (e busyError) Error() string  { return "the server is busy" }
func (e busyError) TryAgain() bool { return e.again }

// refusing fails as often as it has errors.
type refusing struct{ errs []error }

func (d *refusing) Dial(context.Context, apply.Reach) (apply.Host, error) {
	if len(d.errs) == 0 {
		return nil, nil
	}
	err := d.errs[0]
	d.errs = d.errs[1:]
	return nil, err
}

// A host that was busy is dialled once more, and that is told. Nothing else is
// tried again.
func TestDialTwice(t *testing.T) {
	busy := fmt.Errorf("web: banner: %w", busyError{again: true})
	for _, test := range []struct {
		name  string
		errs  []error
		fails bool
		told  int
		left  int
	}{
		{"at once", nil, false, 0, 0},
		{"busy once", []error{busy}, false, 1, 0},
		{"busy twice", []error{busy, busy, busy}, true, 1, 1},
		{"banned", []error{busyError{}, busy}, true, 0, 1},
		{"another error", []error{errors.New("no route"), busy}, true, 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := &refusing{errs: test.errs}
			told := 0
			_, err := apply.DialTwice(t.Context(), d, apply.Reach{Host: "web"}, func(e apply.Event) {
				if e.Kind != apply.DialTriedAgain || e.Host != "web" || e.Err == nil {
					t.Errorf("got event %+v, want one of a second try at web", e)
				}
				told++
			})
			if (err != nil) != test.fails || told != test.told || len(d.errs) != test.left {
				t.Errorf("got %v, told %d times, %d errors left; want an error: %t, told %d, left %d", err, told, len(d.errs), test.fails, test.told, test.left)
			}
		})
	}
}
