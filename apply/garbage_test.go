package apply

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// gogc is the percentage that the collector goes by.
func gogc() int {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

func TestGarbageIsBoundedWhileHostsAreInFlight(t *testing.T) {
	t.Setenv("GOGC", "")
	runtime.GC()
	before := gogc()
	wave, soak := garbage.bound(), garbage.bound()
	if got := gogc(); got <= before {
		t.Errorf("with little in use: %d %%, want more than %d", got, before)
	}
	held := make([]byte, 256<<20)
	const most = garbagePercent + garbageAtLeast*100/(256<<20)
	for deadline := time.Now().Add(time.Minute); gogc() > most; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("with 256 MiB in use: %d %%, want at most %d", gogc(), most)
		}
		runtime.GC()
	}
	runtime.KeepAlive(held)
	wave()
	if got := gogc(); got > most {
		t.Errorf("hosts are in flight still: %d %%, want at most %d", got, most)
	}
	soak()
	if got := gogc(); got != before {
		t.Errorf("with no host in flight: %d %%, want %d as before", got, before)
	}
}

func TestGarbageIsThePersonsWhoSetsGOGC(t *testing.T) {
	t.Setenv("GOGC", "30")
	defer debug.SetGCPercent(debug.SetGCPercent(30))
	defer garbage.bound()()
	if got := gogc(); got != 30 {
		t.Errorf("got %d %%, want what the environment says", got)
	}
}
