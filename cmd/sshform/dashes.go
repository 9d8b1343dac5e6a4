package main

import (
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// doubleDashes respells -word and -word=value as --word, which is what pflag
// reads: Terraform's users type one dash, and pflag would read -json as -j -s
// -o -n. It stops at "--", leaves -h and - alone, and does not touch the
// value of an option that takes its value from the next word.
func doubleDashes(args []string, takesValue func(name string) bool) []string {
	spelled := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(spelled, args[i:]...)
		}
		if isWord(arg) {
			arg = "-" + arg
		}
		spelled = append(spelled, arg)
		name, isOption := strings.CutPrefix(arg, "--")
		if isOption && !strings.Contains(name, "=") && takesValue(name) && i+1 < len(args) {
			i++
			spelled = append(spelled, args[i])
		}
	}
	return spelled
}

// isWord reports whether arg is one dash, a letter, and more.
func isWord(arg string) bool {
	return len(arg) > 2 && arg[0] == '-' && arg[1] < unicode.MaxASCII && unicode.IsLetter(rune(arg[1]))
}

// takesValue knows the options whose value may be the next word. No name takes
// a value in one command and none in another; a test sees to it.
func takesValue(root *cobra.Command) func(string) bool {
	valued := map[string]bool{}
	everyCommand(root, func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.NoOptDefVal == "" {
				valued[f.Name] = true
			}
		})
	})
	return func(name string) bool { return valued[name] }
}

func everyCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, child := range c.Commands() {
		everyCommand(child, visit)
	}
}
