package plan_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sshform/sshform/plan"
)

// beside are the members of a plan that take no part in its ID: times, the
// commits of the tool and of the configuration, and what is told and decides
// nothing.
var beside = []string{
	".CreatedAt", ".ValidUntil", ".Tool.Commit", ".Config.Commit",
	".Unreachable", ".Errored", ".Checks", ".Outputs", ".Drift", ".Contents",
}

// elsewhere are members that a file does not keep, or keeps as another member.
var elsewhere = []string{
	".BeforeDefault", ".AfterDefault", ".Settings.BeforeSource.File", ".Settings.BeforeSource.Line", // a source or none
	".Beside.BeforeSource.File", ".Beside.BeforeSource.Line", ".Beside.AfterSource.File", ".Beside.AfterSource.Line", ".Beside.Reason",
	".Machine.Hostname", ".Machine.UID", ".Machine.Home", // of local connections only
	".Changes.Host", // is HostPlan.Host
	".Address.HasKey", ".Listener.PID", ".Listener.Pending",
}

// leaves calls change for every value inside v, with the way to it. A value that
// was changed counts once keep was called.
func leaves(v reflect.Value, at string, keep func(), change func(v reflect.Value, at string, keep func())) {
	switch v.Kind() {
	case reflect.Struct:
		if h, host := v.Interface().(plan.HostPlan); host {
			inside(h, v, at, keep, change)
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				leaves(v.Field(i), at+"."+v.Type().Field(i).Name, keep, change)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			change(v, at, keep)
			return
		}
		for i := range v.Len() {
			leaves(v.Index(i), at, keep, change)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			leaves(v.Elem(), at, keep, change)
		}
	case reflect.Map:
		// Values of maps cannot be set in place.
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			leaves(value, at, func() { v.SetMapIndex(key, value) }, change)
		}
	default:
		change(v, at, keep)
	}
}

// inside calls change for what a host keeps to itself.
func inside(h plan.HostPlan, v reflect.Value, at string, keep func(), change func(v reflect.Value, at string, keep func())) {
	c, d := h.Connection(), h.Decision()
	put := func() {
		v.Set(reflect.ValueOf(v.Interface().(plan.HostPlan).Via(c).With(d)))
		keep()
	}
	leaves(reflect.ValueOf(&c).Elem(), at+".Connection", put, change)
	leaves(reflect.ValueOf(&d).Elem(), at, put, change)
}

// another puts another value into v.
func another(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "7")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1_000_000) // a millisecond, too
	case reflect.Uint32:
		v.SetUint(v.Uint() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Slice:
		v.SetBytes([]byte("7"))
	default:
		return false
	}
	return true
}

// TestTheIDCoversEverythingThatMatters changes every single value of a plan
// and demands another ID, and the same for what stands beside.
func TestTheIDCoversEverythingThatMatters(t *testing.T) {
	p := samplePlan()
	id := p.ID()
	changed := 0
	is := func(at string, list []string) bool {
		return slices.ContainsFunc(list, func(name string) bool {
			return at == name || strings.HasPrefix(at, name+".") || strings.HasSuffix(at, name)
		})
	}
	leaves(reflect.ValueOf(p), "", func() {}, func(v reflect.Value, at string, keep func()) {
		if is(at, elsewhere) {
			return
		}
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		if !another(v) {
			t.Fatalf("%s is a %s, which this test cannot change", at, v.Kind())
		}
		keep()
		changed++
		if same := p.ID() == id; same != is(at, beside) {
			t.Errorf("%s: the ID stays the same: %t, want %t", at, same, is(at, beside))
		}
		v.Set(old)
		keep()
	})
	if p.ID() != id || changed < 120 {
		t.Fatalf("changed %d values, and the plan is as it was: %t", changed, p.ID() == id)
	}
}
