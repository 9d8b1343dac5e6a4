package main

import (
	"context"
	"io"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
)

// SIGTERM lets what is in flight come to its end, and leaves it to the
// watchdogs before an engine would kill us. Ctrl-C waits for a second one.
func TestSIGTERMHasADeadline(t *testing.T) {
	for caught, ends := range map[os.Signal]bool{syscall.SIGTERM: true, os.Interrupt: false} {
		synctest.Test(t, func(t *testing.T) {
			nobody := view.Stream{Writer: io.Discard}
			p := &program{
				screen: view.NewHuman(view.Paper{Out: nobody, Err: nobody}),
				caught: caught, signals: make(chan os.Signal, 2), patient: make(chan struct{}),
			}
			ctx, interrupt := context.WithCancel(t.Context())
			stop, patient, release := p.patience(ctx)
			defer release()
			interrupt()
			<-stop
			time.Sleep(termination - time.Second) // of the bubble
			synctest.Wait()
			if patient.Err() != nil {
				t.Errorf("%s: the connections were cut before the deadline", caught)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := patient.Err() != nil; got != ends {
				t.Errorf("%s: got connections cut at the deadline: %t, want %t", caught, got, ends)
			}
		})
	}
}
