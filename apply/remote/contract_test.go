//go:build unix

package remote_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest"
	"github.com/sshform/sshform/schema/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContractOverRealSSHD(t *testing.T) {
	s := newSSHD(t)
	d := s.dialer()
	applytest.TestHost(t, func(t *testing.T) apply.Host { return mustDial(t, d, s.reach()) })
}

func TestContractWithOneSessionAConnection(t *testing.T) {
	s := newSSHD(t, "MaxSessions 1")
	d := s.dialer()
	applytest.TestHost(t, func(t *testing.T) apply.Host { return mustDial(t, d, s.reach()) })
}

func TestContractWithoutSubsystem(t *testing.T) {
	s := newSSHD(t, "Subsystem other /bin/false")
	d := s.dialer()
	applytest.TestHost(t, func(t *testing.T) apply.Host { return mustDial(t, d, s.reach()) })
}

func TestContractWithInternalSFTP(t *testing.T) {
	s := newSSHD(t, "Subsystem sftp internal-sftp")
	d := s.dialer()
	applytest.TestHost(t, func(t *testing.T) apply.Host { return mustDial(t, d, s.reach()) })
}

// The conductor's text is read by every shell that is /bin/sh somewhere.
func TestContractWithOtherShells(t *testing.T) {
	for name, words := range shells(t) {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.shell = words
			d := s.dialer()
			applytest.TestHost(t, func(t *testing.T) apply.Host { return mustDial(t, d, s.reach()) })
		})
	}
}

// The command that is sent is one word for every login shell.
func TestLoginShells(t *testing.T) {
	for _, name := range []string{"tcsh", "fish", "bash", "zsh", "ksh"} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.loginShell = testenv.Program(t, name)
			h := mustDial(t, s.dialer(), s.reach())
			if got, want := string(mustDo(t, h, `printf %s "$1"`, "$HOME 'x'").Stdout), "$HOME 'x'"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
