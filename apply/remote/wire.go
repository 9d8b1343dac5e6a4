package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Packet types of SFTP version 3 (draft-ietf-secsh-filexfer-02).
const (
	fxpOpen     = 3
	fxpClose    = 4
	fxpWrite    = 6
	fxpFsetstat = 10
	fxpReaddir  = 12
	fxpStatus   = 101
	fxpHandle   = 102
)

// fxOK is the status of what was done.
const fxOK = 0

// Flags of SSH_FXP_OPEN and of attributes.
const (
	fxfCreate       = 0x08
	attrPermissions = 0x04
)

// maxPacket is the longest SFTP packet that is taken from a server (OpenSSH's
// own limit, sftp-common.h).
const maxPacket = 256 << 10

// ours marks the ids of requests that the wire makes itself; the library
// counts its own up from 1.
const ours = 1 << 31

// A sftpWire stands between the SFTP library and the channel and mends four
// things that the library has no option for:
//   - a file that is created gets mode 0600 from its first moment, not what
//     the server's umask leaves;
//   - nobody waits for the answer to the close of something that was only read;
//   - a listing is asked to go on before its first part has arrived;
//   - owner, mode, bytes and sync of a new file travel together: a server does
//     them in this order (sftp-server.c answers one request after the other),
//     settle waits for them, and the close tells the first that failed.
//
// It also bounds what a server may send: what was granted, and no more.
type sftpWire struct {
	r       io.Reader
	w       io.WriteCloser
	session *session

	writing sync.Mutex
	out     []byte // a request that is not whole yet
	sent    []byte // empty, for what is sent in its place

	mu      sync.Mutex
	more    *sync.Cond
	in      [][]byte // answers the library has not read yet
	granted int64    // bytes that the server may still send
	err     error

	// Of files that are written; nil until one is created.
	written  map[string]*writing // by handle
	creating map[uint32]string   // requests that open one, with its path
	waiting  map[uint32]promise  // requests about one that the library thinks done
	closing  map[uint32]*writing // their closes
	blames   map[string]string   // by path: what failed

	ahead   map[string]uint32 // handle -> id of the listing asked for ahead
	listing map[uint32]uint32 // id asked ahead -> id of the library's request that waits; 0 is none yet
	early   map[uint32][]byte // answers that came before they were asked for
	dropped map[uint32]bool   // answers nobody waits for
}

func newSFTPWire(r io.Reader, w io.WriteCloser, s *session) *sftpWire {
	wire := &sftpWire{
		r: r, w: w, session: s, granted: maxPacket,
		ahead: map[string]uint32{}, listing: map[uint32]uint32{}, early: map[uint32][]byte{}, dropped: map[uint32]bool{},
	}
	wire.more = sync.NewCond(&wire.mu)
	s.wg.Go(wire.pump)
	return wire
}

// A writing is a file that is being written.
type writing struct {
	path    string
	waiting int    // promises that the server has not kept yet
	failed  []byte // its answer to the first that it did not
	closed  []byte // its answer to the close, while others are waited for
}

// A promise is what the library was told to be done.
type promise struct {
	of   *writing
	what string
}

// grant allows the server n more bytes: what the next request may bring.
func (w *sftpWire) grant(n int64) {
	w.mu.Lock()
	w.granted += n
	w.mu.Unlock()
}

// Write takes the library's requests. It writes a packet in two parts.
func (w *sftpWire) Write(p []byte) (int, error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	if err := w.over(); err != nil {
		return 0, err
	}
	w.out = append(w.out, p...)
	send, rest := w.sent, w.out
	for len(rest) >= 4 {
		length := int(binary.BigEndian.Uint32(rest))
		if len(rest) < 4+length {
			break
		}
		send = append(send, w.request(rest[:4+length])...)
		rest = rest[4+length:]
	}
	w.out = kept(w.out[:copy(w.out, rest)])
	w.sent = kept(send[:0])
	if len(send) == 0 {
		return len(p), nil
	}
	if _, err := w.w.Write(send); err != nil {
		return 0, w.session.because(err)
	}
	return len(p), nil
}

// kept is a buffer that is used again, unless it is empty and has grown large.
func kept(buf []byte) []byte {
	if len(buf) == 0 && cap(buf) > 512 {
		return nil
	}
	return buf
}

// request returns what is sent in place of a request of the library.
func (w *sftpWire) request(packet []byte) []byte {
	if len(packet) < 9 {
		return packet // INIT
	}
	id, body := binary.BigEndian.Uint32(packet[5:]), packet[9:]
	w.mu.Lock()
	defer w.mu.Unlock()
	switch packet[4] {
	case fxpOpen:
		return w.open(id, packet)
	case fxpClose:
		return w.close(id, text(body), packet)
	case fxpReaddir:
		return w.readdir(id, text(body), packet)
	case fxpFsetstat:
		w.promise(id, text(body), "set owner or mode")
	case fxpWrite:
		w.promise(id, text(body), "write")
	}
	return packet
}

// promise tells the library that something is done to a file that is written.
// Whether it was, the answer to the close will tell.
func (w *sftpWire) promise(id uint32, handle, what string) {
	of := w.written[handle]
	if of == nil {
		return
	}
	of.waiting++
	w.waiting[id] = promise{of, what}
	w.deliver(status(id, fxOK))
}

// status is an answer without a message.
func status(id, code uint32) []byte {
	packet := append(make([]byte, 0, 21), 0, 0, 0, 17, fxpStatus)
	packet = binary.BigEndian.AppendUint32(packet, id)
	packet = binary.BigEndian.AppendUint32(packet, code)
	return packet[:21] // no message, no language
}

// settle waits until the server has answered all that was promised about a file
// that is still open.
func (w *sftpWire) settle(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && w.owes(path) {
		w.more.Wait()
	}
}

// owes reports whether a promise about a file is open. It is called with mu
// held.
func (w *sftpWire) owes(path string) bool {
	for _, of := range w.written {
		if of.path == path && of.waiting > 0 {
			return true
		}
	}
	return false
}

// blamed names what failed when a file was written; empty if nothing did.
func (w *sftpWire) blamed(path string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.blames[path]
}

// open gives new files their mode: path, flags, no attributes is what the
// library sends.
func (w *sftpWire) open(id uint32, packet []byte) []byte {
	path := text(packet[9:])
	at := 9 + 4 + len(path)
	if len(packet) != at+8 {
		return packet
	}
	if binary.BigEndian.Uint32(packet[at:])&fxfCreate == 0 {
		return packet
	}
	if w.creating == nil {
		w.written, w.creating, w.waiting = map[string]*writing{}, map[uint32]string{}, map[uint32]promise{}
		w.closing, w.blames = map[uint32]*writing{}, map[string]string{}
	}
	w.creating[id] = path
	out := append([]byte(nil), packet[:at+4]...)
	out = binary.BigEndian.AppendUint32(out, attrPermissions)
	out = binary.BigEndian.AppendUint32(out, 0o600)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

// close answers the library at once, unless the file was written: then the
// server's answer counts.
func (w *sftpWire) close(id uint32, handle string, packet []byte) []byte {
	if id, ok := w.ahead[handle]; ok {
		delete(w.ahead, handle)
		if _, came := w.early[id]; came {
			delete(w.early, id)
		} else {
			w.dropped[id] = true
		}
		delete(w.listing, id)
	}
	if of := w.written[handle]; of != nil {
		delete(w.written, handle)
		w.closing[id] = of
		return packet
	}
	w.dropped[id] = true
	w.deliver(status(id, fxOK))
	return packet
}

// readdir sends two requests for the first and gives the library the answer to
// the second when it asks again.
func (w *sftpWire) readdir(id uint32, handle string, packet []byte) []byte {
	if ahead, ok := w.ahead[handle]; ok {
		delete(w.ahead, handle)
		if answer, came := w.early[ahead]; came {
			delete(w.early, ahead)
			delete(w.listing, ahead)
			w.deliver(withID(answer, id))
		} else {
			w.listing[ahead] = id
		}
		return nil
	}
	ahead := id | ours
	w.ahead[handle] = ahead
	w.listing[ahead] = 0
	return append(append([]byte(nil), packet...), withID(append([]byte(nil), packet...), ahead)...)
}

func withID(packet []byte, id uint32) []byte {
	binary.BigEndian.PutUint32(packet[5:], id)
	return packet
}

// text reads a string of a packet; a wrong one is empty.
func text(b []byte) string {
	if len(b) < 4 {
		return ""
	}
	n := int(binary.BigEndian.Uint32(b))
	if n > len(b)-4 {
		return ""
	}
	return string(b[4 : 4+n])
}

// pump takes the server's answers.
func (w *sftpWire) pump() {
	err := w.take()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	w.more.Broadcast()
}

func (w *sftpWire) take() error {
	var head [4]byte
	for {
		if _, err := io.ReadFull(w.r, head[:]); err != nil {
			return err
		}
		length := binary.BigEndian.Uint32(head[:])
		if length < 5 || length > maxPacket {
			return fmt.Errorf("the SFTP server sent a packet of %d bytes", length)
		}
		packet := make([]byte, 4+length)
		copy(packet, head[:])
		if _, err := io.ReadFull(w.r, packet[4:]); err != nil {
			return err
		}
		if err := w.answer(packet); err != nil {
			w.w.Close()
			return err
		}
	}
}

// answer hands an answer to whoever waits for it.
func (w *sftpWire) answer(packet []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.granted -= int64(len(packet))
	if w.granted < 0 {
		return &LimitError{Path: "SFTP", What: "bytes than were asked for", Limit: 0}
	}
	if len(packet) < 9 {
		w.deliver(packet)
		return nil
	}
	id := binary.BigEndian.Uint32(packet[5:])
	if path, creates := w.creating[id]; creates {
		delete(w.creating, id)
		if packet[4] == fxpHandle {
			w.written[text(packet[9:])] = &writing{path: path}
		}
	}
	if p, promised := w.waiting[id]; promised {
		delete(w.waiting, id)
		w.settled(p, packet)
		return nil
	}
	if of, closes := w.closing[id]; closes {
		delete(w.closing, id)
		of.closed = packet
		w.conclude(of)
		return nil
	}
	switch waiting, listed := w.listing[id]; {
	case w.dropped[id]:
		delete(w.dropped, id)
	case listed && waiting == 0:
		w.early[id] = packet
	case listed:
		delete(w.listing, id)
		w.deliver(withID(packet, waiting))
	default:
		w.deliver(packet)
	}
	return nil
}

// settled looks whether the server did what was promised.
func (w *sftpWire) settled(p promise, packet []byte) {
	p.of.waiting--
	code := uint32(fxOK)
	if packet[4] == fxpStatus && len(packet) >= 13 {
		code = binary.BigEndian.Uint32(packet[9:])
	}
	if code != fxOK && p.of.failed == nil {
		p.of.failed = packet
		w.blames[p.of.path] = p.what
	}
	w.more.Broadcast()
	w.conclude(p.of)
}

// conclude answers the close of a file when the server has answered all before.
func (w *sftpWire) conclude(of *writing) {
	if of.closed == nil || of.waiting > 0 {
		return
	}
	id := binary.BigEndian.Uint32(of.closed[5:])
	if of.failed != nil {
		w.deliver(withID(of.failed, id))
		return
	}
	w.deliver(of.closed)
}

// deliver queues a packet for the library. It is called with mu held.
func (w *sftpWire) deliver(packet []byte) {
	w.in = append(w.in, packet)
	w.more.Broadcast()
}

// Read gives the library the answers.
func (w *sftpWire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.in) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		w.more.Wait()
	}
	n := copy(p, w.in[0])
	if w.in[0] = w.in[0][n:]; len(w.in[0]) == 0 {
		w.in = slices.Delete(w.in, 0, 1)
	}
	return n, nil
}

// Close ends the channel and whoever reads.
func (w *sftpWire) Close() error { return w.end(io.EOF) }

// bounded does f, which waits for answers over the wire, like within but without
// a goroutine: when the time is over or ctx is done, the wire ends, and f with it.
func bounded[T any](ctx context.Context, w *sftpWire, timeout time.Duration, what string, f func() (T, error)) (T, error) {
	end := func(cause error) { w.session.wg.Go(func() { w.end(cause) }) }
	late := time.AfterFunc(timeout, func() { end(&TimeoutError{What: what}) })
	defer late.Stop()
	defer context.AfterFunc(ctx, func() { end(io.EOF) })()
	value, err := f()
	switch {
	case err == nil:
		return value, nil
	case ctx.Err() != nil:
		var none T
		return none, context.Cause(ctx)
	}
	return value, w.because(err)
}

// end is Close with a reason.
func (w *sftpWire) end(cause error) error {
	w.mu.Lock()
	if w.err == nil {
		w.err = cause
	}
	w.more.Broadcast()
	w.mu.Unlock()
	w.release()
	return w.w.Close()
}

// release ends the connection if somebody still writes when a sign of life is
// due again: a host that takes no bytes and never confirms the close of a channel
// holds whoever writes to it.
func (w *sftpWire) release() {
	if w.writing.TryLock() {
		w.writing.Unlock() // whoever comes later finds the wire ended
		return
	}
	time.AfterFunc(w.session.keepalive, func() {
		if w.writing.TryLock() {
			w.writing.Unlock()
			return
		}
		w.session.fail(&TimeoutError{What: "the host took no bytes"})
	})
}

// over is why the wire has ended; nil while it has not.
func (w *sftpWire) over() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// because says why the wire ended, if we ended it.
func (w *sftpWire) because(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var limit *LimitError
	var late *TimeoutError
	if errors.As(w.err, &limit) || errors.As(w.err, &late) {
		return w.err
	}
	return w.session.because(err)
}
