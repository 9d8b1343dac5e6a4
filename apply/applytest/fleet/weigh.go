package fleet

import (
	"context"
	"runtime"
	"runtime/metrics"
	"strings"
)

// A Weight is what this process holds: live memory after a garbage collection.
type Weight struct {
	// Heap is in bytes, by who asked for it. What the standard library makes
	// for a package is that package's.
	Heap       map[Owner]int64
	Stacks     int64 // bytes, with those kept for goroutines to come
	Goroutines int64
}

// An Owner is a group of packages.
type Owner string

// The owners of memory.
const (
	SSHLibrary  Owner = "x/crypto/ssh"
	SFTPLibrary Owner = "pkg/sftp"
	Sshform     Owner = "sshform"
	Others      Owner = "others"
)

// Owners returns all owners.
func Owners() []Owner { return []Owner{SSHLibrary, SFTPLibrary, Sshform, Others} }

// Weigh looks at everything that was allocated since runtime.MemProfileRate was
// set to 1.
func Weigh() Weight {
	runtime.GC()
	runtime.GC() // the profile is that of the last but one
	w := Weight{Heap: map[Owner]int64{}}
	records := make([]runtime.MemProfileRecord, 1<<10)
	for {
		n, all := runtime.MemProfile(records, false)
		if all {
			records = records[:n]
			break
		}
		records = make([]runtime.MemProfileRecord, n+1<<8)
	}
	for i := range records {
		w.Heap[ownerOf(records[i].Stack())] += records[i].InUseBytes()
	}
	samples := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	w.Stacks, w.Goroutines = int64(samples[0].Value.Uint64()), int64(runtime.NumGoroutine())
	return w
}

// ownerOf is the innermost package that has an owner.
func ownerOf(stack []uintptr) Owner {
	frames := runtime.CallersFrames(stack)
	for more := len(stack) > 0; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "golang.org/x/crypto/"):
			return SSHLibrary
		case strings.HasPrefix(frame.Function, "github.com/pkg/sftp."):
			return SFTPLibrary
		case strings.HasPrefix(frame.Function, "github.com/sshform/sshform/apply/applytest"):
			return Others
		case strings.HasPrefix(frame.Function, "github.com/sshform/sshform/"):
			return Sshform
		}
	}
	return Others
}

// PerHost is what has been added since before, for each of n hosts.
func (w Weight) PerHost(before Weight, n int) Weight {
	each := Weight{
		Heap: map[Owner]int64{}, Stacks: (w.Stacks - before.Stacks) / int64(n),
		Goroutines: (w.Goroutines - before.Goroutines) / int64(n),
	}
	for _, owner := range Owners() {
		each.Heap[owner] = (w.Heap[owner] - before.Heap[owner]) / int64(n)
	}
	return each
}

// Halt returns a func that keeps its first n callers until all of them have
// come and meanwhile has run, or ctx is done. Later callers are not kept.
func Halt(ctx context.Context, n int, meanwhile func()) func() {
	came, goOn := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(goOn)
		for range n {
			select {
			case <-came:
			case <-ctx.Done():
				return
			}
		}
		meanwhile()
	}()
	return func() {
		select {
		case came <- struct{}{}:
			<-goOn
		case <-goOn:
		}
	}
}
