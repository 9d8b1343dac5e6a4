// Package lab starts complete Linux hosts on this machine for tests: a real
// sshd of several releases, real init systems as PID 1, sudo in its variants, a
// bastion with a host behind it, and faults on demand. It needs root on Debian
// and no container engine.
//
// A test binary that uses it has
//
//	func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }
//
// which runs the tests in PID, mount and network namespaces of their own: the
// hosts can be reached from there and from nowhere else, the machine's own
// network is untouched, and when the tests end, or are killed, the kernel ends
// the hosts with them. A test then opens a Lab and starts the kinds it names:
//
//	l := lab.Open(t)
//	hosts := l.Start("systemd", "runit")
//
// Images are Debian base systems, built once into the folder that
// SSHFORM_LAB_CACHE names (default /var/cache/sshform-lab), which must not lie
// on an overlay. A changed definition is built anew. The isolation guards
// against accidents, not against attacks: root on a host is root here.
package lab
