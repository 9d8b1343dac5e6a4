//go:build linux

// Command bench measures sshform against the floor: the least client that does
// the same work with the same libraries on the same simulated hosts, in the
// same run. It prints a table and writes it as JSON. The hosts run in a process
// of their own, so that only the client's CPU is counted.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
)

func main() {
	do := bench
	args := os.Args[1:]
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			do, args = serve, args[1:]
		case "child":
			do, args = child, args[1:]
		}
	}
	if err := do(args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// gate is by how much a CPU ratio may miss its target before -gate fails:
// machines are noisy.
const gate = 1.5

func bench(args []string) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	var o options
	flags.IntVar(&o.hosts, "hosts", 1000, "hosts of the rounds that are compared")
	flags.IntVar(&o.rounds, "rounds", 9, "interleaved rounds; the medians count")
	flags.IntVar(&o.parallel, "parallel", 50, "hosts in flight")
	flags.StringVar(&o.parts, "parts", "ratios,sizes,growth,memory,distance,program", "what to measure")
	flags.StringVar(&o.program, "program", "", "the built sshform, for its start-up and size")
	flags.StringVar(&o.examples, "examples", "examples", "the folder of examples")
	flags.StringVar(&o.out, "out", "", "file for the table as JSON")
	flags.StringVar(&o.profiles, "profiles", "", "folder for CPU profiles, one for each work and round: pprof adds those of one work up")
	gated := flags.Bool("gate", false, fmt.Sprintf("fail when a CPU ratio is above %v times its target", gate))
	flags.Parse(args)
	t, err := o.measure(context.Background())
	if err != nil {
		return err
	}
	t.print(os.Stdout)
	if o.out != "" {
		if err := t.write(o.out); err != nil {
			return err
		}
	}
	if *gated {
		return t.gate()
	}
	return nil
}
