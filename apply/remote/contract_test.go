package remote_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest"
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
