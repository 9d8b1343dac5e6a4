package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestDoubleDashes(t *testing.T) {
	takes := takesValue(thisProcess().rootCommand())
	for _, c := range []struct{ typed, want []string }{
		{[]string{"plan", "-out", "x"}, []string{"plan", "--out", "x"}},
		{[]string{"plan", "-out=x", "--json"}, []string{"plan", "--out=x", "--json"}},
		{[]string{"plan", "-refresh=false"}, []string{"plan", "--refresh=false"}},
		{[]string{"plan", "-var", "n=-1", "-var", "l=a,b"}, []string{"plan", "--var", "n=-1", "--var", "l=a,b"}},
		{[]string{"plan", "-target", `server.x["a,b"]`}, []string{"plan", "--target", `server.x["a,b"]`}},
		{[]string{"plan", "-out", "-odd"}, []string{"plan", "--out", "-odd"}},
		{[]string{"plan", "-json", "-out"}, []string{"plan", "--json", "--out"}},
		{[]string{"plan", "-h"}, []string{"plan", "-h"}},
		{[]string{"fmt", "-"}, []string{"fmt", "-"}},
		{[]string{"fmt", "--", "-odd.sshform.hcl"}, []string{"fmt", "--", "-odd.sshform.hcl"}},
		{[]string{"plan", "-1"}, []string{"plan", "-1"}},
	} {
		if diff := cmp.Diff(c.want, doubleDashes(c.typed, takes)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.typed, diff)
		}
	}
}

// TestOneNameOneKind sees to it that doubleDashes can tell by the name alone
// whether an option takes a value.
func TestOneNameOneKind(t *testing.T) {
	kinds := map[string]bool{}
	everyCommand(thisProcess().rootCommand(), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			takes := f.NoOptDefVal == ""
			if before, known := kinds[f.Name]; known && before != takes {
				t.Errorf("-%s takes a value in one command and none in another, such as %s", f.Name, c.CommandPath())
			}
			kinds[f.Name] = takes
		})
	})
}

// TestHelpIsWhole demands a text of every command and a text and a heading of
// every option that is shown, and no shorthands but -h.
func TestHelpIsWhole(t *testing.T) {
	everyCommand(thisProcess().rootCommand(), func(c *cobra.Command) {
		if c.HasParent() && c.IsAvailableCommand() && (c.Short == "" || c.Long == "") {
			t.Errorf("%s has no help", c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Shorthand != "" && f.Shorthand != "h" {
				t.Errorf("%s has a shorthand -%s", c.CommandPath(), f.Shorthand)
			}
			own := []string{"help", "version"}
			if !f.Hidden && !slices.Contains(own, f.Name) && (f.Usage == "" || headingOf(f) == "") {
				t.Errorf("%s: -%s has no text or no heading", c.CommandPath(), f.Name)
			}
			if f.Value.Type() == "stringSlice" {
				t.Errorf("%s: -%s would split its value at commas", c.CommandPath(), f.Name)
			}
		})
	})
}
