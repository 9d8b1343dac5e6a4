//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/apply/applytest/fleet"
)

// The floor: the least client that does the same work with the same libraries
// on the same hosts. It checks no fingerprint but the one it is given, keeps no
// deadline, asks for no sign of life and explains no error.

const configFile = "/etc/ssh/sshd_config"

// A floor is such a client.
type floor struct {
	keys []ssh.PublicKey // of the hosts
	port int
	halt func() // called when read has read the file; nil is not
}

// newFloor makes the keys of so many hosts, which costs the clients nothing.
func newFloor(f *fleet.Fleet, hosts int) floor {
	made := floor{port: f.Port}
	for i := range hosts {
		made.keys = append(made.keys, f.HostKey(i))
	}
	return made
}

func (f floor) login(i int) (*ssh.Client, error) {
	conn, err := net.Dial("tcp", net.JoinHostPort(fleet.Address(i), fmt.Sprint(f.port)))
	if err != nil {
		return nil, err
	}
	return f.loginOver(conn, i)
}

func (f floor) loginOver(conn net.Conn, i int) (*ssh.Client, error) {
	c, chans, reqs, err := ssh.NewClientConn(conn, fleet.Address(i), &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(client)},
		HostKeyCallback: ssh.FixedHostKey(f.keys[i]), HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	})
	if err != nil {
		return nil, err
	}
	return ssh.NewClient(c, chans, reqs), nil
}

// client is the key of every fleet, parsed once.
var client = fleet.New(0).Client()

func (f floor) loginOnly(i int) error {
	c, err := f.login(i)
	if err != nil {
		return err
	}
	return c.Close()
}

// read is a lean read over SFTP: what is known to be read is asked for, and
// nothing to find the end.
func (f floor) read(i int) error {
	c, err := f.login(i)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = f.readBy(c)
	return err
}

func (f floor) readBy(c *ssh.Client) ([]byte, error) {
	files, err := sftp.NewClient(c)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	content, err := readFile(files)
	if f.halt != nil {
		f.halt()
	}
	return content, err
}

func readFile(files *sftp.Client) ([]byte, error) {
	file, err := files.Open(configFile)
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	if _, err := file.WriteTo(&content); err != nil {
		return nil, err
	}
	return content.Bytes(), file.Close()
}

// ask asks for all that a plan has to know, one after the other, and makes
// nothing of it: the file, where its path leads, what is included, and what the
// shell tells.
func (f floor) ask(i int) error {
	c, err := f.login(i)
	if err != nil {
		return err
	}
	defer c.Close()
	files, err := sftp.NewClient(c)
	if err != nil {
		return err
	}
	defer files.Close()
	if _, err := readFile(files); err != nil {
		return err
	}
	if _, err := files.RealPath(configFile); err != nil {
		return err
	}
	if _, err := files.ReadDir(configFile + ".d"); err != nil {
		return err
	}
	return questions(c)
}

func questions(c *ssh.Client) error {
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	s.Stdin = strings.NewReader(fleet.Questions(nonce))
	out, err := s.Output("/bin/sh")
	if err == nil && (bytes.Count(out, []byte(nonce)) != 4 || !bytes.Contains(out, []byte("port 22"))) {
		err = fmt.Errorf("the shell said %q", out)
	}
	return err
}

const nonce = "0123456789abcdef0123456789abcdef"

// change is a naive edit by one exec: it reads, has one script write, check,
// rename and reload, and logs in anew to look.
func (f floor) change(i int, interval int) error {
	return f.changeAfter(i, interval, func(*ssh.Client) error { return nil })
}

// rehearsed is the same with a login before it through an sshd that one more exec
// becomes: three handshakes, and two connections at a time.
func (f floor) rehearsed(i int, interval int) error {
	return f.changeAfter(i, interval, func(c *ssh.Client) error { return f.rehearse(c, i) })
}

func (f floor) changeAfter(i int, interval int, first func(*ssh.Client) error) error {
	c, err := f.login(i)
	if err != nil {
		return err
	}
	defer c.Close()
	content, err := f.readBy(c)
	if err != nil {
		return err
	}
	if err := first(c); err != nil {
		return err
	}
	content = append(fmt.Appendf(nil, "ClientAliveInterval %d\n", interval), content...)
	if err := run(c, bytes.NewReader(content)); err != nil {
		return err
	}
	again, err := f.login(i)
	if err != nil {
		return err
	}
	defer again.Close()
	return run(again, bytes.NewReader(nil))
}

func (f floor) rehearse(c *ssh.Client, i int) error {
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		return err
	}
	defer ch.Close()
	go ssh.DiscardRequests(requests)
	started, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{fleet.RehearseCommand}))
	if err != nil || !started {
		return errors.Join(errors.New("no rehearsal"), err)
	}
	inner, err := f.loginOver(inside{ch, c.Conn}, i)
	if err != nil {
		return err
	}
	defer inner.Close()
	s, err := inner.NewSession()
	if err != nil {
		return err
	}
	return s.Close()
}

// inside is a connection through a channel of another one.
type inside struct {
	ssh.Channel
	ssh.Conn
}

func (i inside) Close() error                     { return i.Channel.Close() }
func (i inside) SetDeadline(time.Time) error      { return nil }
func (i inside) SetReadDeadline(time.Time) error  { return nil }
func (i inside) SetWriteDeadline(time.Time) error { return nil }

// run is one exec that takes the file on its standard input.
func run(c *ssh.Client, in io.Reader) error {
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	s.Stdin = in
	out, err := s.Output(fleet.NaiveCommand)
	if err == nil && !bytes.HasPrefix(out, []byte("port 22")) {
		err = errors.New("sshd -T was not heard")
	}
	return err
}

// fanOut does something to the first n hosts, parallel at a time.
func fanOut(ctx context.Context, n, parallel int, do func(int) error) error {
	limit := make(chan struct{}, parallel)
	errs := make(chan error, n)
	for i := range n {
		limit <- struct{}{}
		go func() {
			errs <- do(i)
			<-limit
		}()
	}
	var all []error
	for range n {
		if err := <-errs; err != nil {
			all = append(all, err)
		}
	}
	if len(all) > 0 {
		fmt.Fprintf(os.Stderr, "%d hosts failed\n", len(all))
		return all[0]
	}
	return ctx.Err()
}
