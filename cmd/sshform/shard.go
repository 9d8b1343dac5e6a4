package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// sharding is what -shard says: "3/8", "auto", or nothing.
type sharding struct {
	text  string
	by    string // the variable whose values shards keep apart
	shard apply.Shard
}

func (s *sharding) options(c *cobra.Command, what string) {
	options(c, "Which hosts", func(fs *pflag.FlagSet) {
		fs.StringVar(&s.by, "shard-by", "", "Split inside the values of this `VARIABLE` of hosts, such as region, so that a shard goes through one bastion. A saved plan keeps it.")
		fs.StringVar(&s.text, "shard", "", what+", `I/N`, counted from 0; auto takes it from the environment of a Kubernetes Indexed Job, "+
			"a Slurm array, Nomad or GitLab, and the number of shards, where the engine does not tell it, from SSHFORM_SHARD_TOTAL.")
	})
}

// resolve reads the option. It is called before any work.
func (s *sharding) resolve(env environment) (err error) {
	switch s.text {
	case "":
		return nil
	case "auto":
		s.shard, err = shardFrom(env)
	default:
		index, total, both := strings.Cut(s.text, "/")
		if !both {
			return problem("Wrong value for an option", fmt.Sprintf("-shard=%s: write it as I/N, such as 0/8 for the first of eight, or auto.", s.text))
		}
		s.shard, err = shardOf(index, total, "-shard="+s.text)
	}
	return err
}

// shardOf makes a shard of two numbers; from says who gave them.
func shardOf(index, total, from string) (apply.Shard, error) {
	i, err := strconv.Atoi(index)
	n, err2 := strconv.Atoi(total)
	switch {
	case err != nil || err2 != nil:
		return apply.Shard{}, problem("Shard cannot be read", fmt.Sprintf("%s: %q of %q are not two whole numbers.", from, index, total))
	case n < 1 || n > plan.MaxShards:
		return apply.Shard{}, problem("Shard cannot be read", fmt.Sprintf("%s: there can be 1 to %d shards, not %d.", from, plan.MaxShards, n))
	case i < 0 || i >= n:
		return apply.Shard{}, problem("Shard cannot be read", fmt.Sprintf("%s: shards are counted from 0, so that the last of %d is %d/%d.", from, n, n-1, n))
	}
	return apply.Shard{Index: i, Total: n}, nil
}

// totalVariable says how many shards there are, for engines that do not.
const totalVariable = "SSHFORM_SHARD_TOTAL"

// An engine starts the shards of a fleet as one job and tells each its number.
type engine struct {
	name, index string // index is the variable with the number
	// read makes the shard of the variables; total is what SSHFORM_SHARD_TOTAL
	// says, which may be nothing.
	read func(env environment, total string) (apply.Shard, error)
}

func engines() []engine {
	return []engine{
		{"a Kubernetes Indexed Job", "JOB_COMPLETION_INDEX", func(env environment, total string) (apply.Shard, error) {
			return withTotal(env, "JOB_COMPLETION_INDEX", total, "the completions of the Job")
		}},
		{"Nomad", "NOMAD_ALLOC_INDEX", func(env environment, total string) (apply.Shard, error) {
			return withTotal(env, "NOMAD_ALLOC_INDEX", total, "the count of the group")
		}},
		{"a Slurm array", "SLURM_ARRAY_TASK_ID", slurmShard},
		{"GitLab", "CI_NODE_INDEX", gitlabShard},
	}
}

// shardFrom finds out from the environment which shard this process is.
func shardFrom(env environment) (apply.Shard, error) {
	var found []engine
	for _, e := range engines() {
		if env(e.index) != "" {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 1:
		return found[0].read(env, env(totalVariable))
	case 0:
		return apply.Shard{}, problem("Shard is not known", "-shard=auto: none of JOB_COMPLETION_INDEX (Kubernetes), NOMAD_ALLOC_INDEX, "+
			"SLURM_ARRAY_TASK_ID and CI_NODE_INDEX (GitLab) is set here. Write the shard as -shard=I/N.")
	}
	return apply.Shard{}, problem("Shard is not known", fmt.Sprintf(
		"-shard=auto: both %s and %s are set here, by %s and %s. Write the shard as -shard=I/N.", found[0].index, found[1].index, found[0].name, found[1].name))
}

// withTotal is for engines that count from 0 and do not say how far.
func withTotal(env environment, index, total, where string) (apply.Shard, error) {
	if total == "" {
		return apply.Shard{}, problem("Shard is not known", fmt.Sprintf(
			"-shard=auto: %s is %s, and how many shards there are is not known. Set %s to %s.", index, env(index), totalVariable, where))
	}
	return shardOf(env(index), total, index+" and "+totalVariable)
}

// slurmShard counts from the first task of the array. An array in which only
// some tasks are run again does not tell how many there were, and would split
// the fleet another way: then SSHFORM_SHARD_TOTAL has to.
func slurmShard(env environment, total string) (apply.Shard, error) {
	const id = "SLURM_ARRAY_TASK_ID"
	if total != "" {
		return shardOf(env(id), total, id+" and "+totalVariable)
	}
	first, err := strconv.Atoi(env("SLURM_ARRAY_TASK_MIN"))
	last, err2 := strconv.Atoi(env("SLURM_ARRAY_TASK_MAX"))
	count, err3 := strconv.Atoi(env("SLURM_ARRAY_TASK_COUNT"))
	if err != nil || err2 != nil || err3 != nil || first < 0 || first > 1 || count < 2 || last-first+1 != count {
		return apply.Shard{}, problem("Shard is not known", fmt.Sprintf(
			"-shard=auto: this array runs %s tasks, %s to %s, which may be some of a larger one. Set %s to the number of shards, and number the tasks from 0.",
			orUnknown(env("SLURM_ARRAY_TASK_COUNT")), orUnknown(env("SLURM_ARRAY_TASK_MIN")), orUnknown(env("SLURM_ARRAY_TASK_MAX")), totalVariable))
	}
	task, err := strconv.Atoi(env(id))
	if err != nil {
		task = -1
	}
	return shardOf(strconv.Itoa(task-first), strconv.Itoa(count), "SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT")
}

func orUnknown(text string) string {
	if text == "" {
		return "an unknown number of"
	}
	return text
}

// gitlabShard counts from 1, as GitLab does.
func gitlabShard(env environment, total string) (apply.Shard, error) {
	nodes := env("CI_NODE_TOTAL")
	if total != "" && total != nodes {
		return apply.Shard{}, problem("Shard is not known", fmt.Sprintf(
			"-shard=auto: CI_NODE_TOTAL is %q and %s is %q. Leave the latter out under GitLab.", nodes, totalVariable, total))
	}
	index, err := strconv.Atoi(env("CI_NODE_INDEX"))
	if err != nil {
		index = 0
	}
	return shardOf(strconv.Itoa(index-1), nodes, "CI_NODE_INDEX, which counts from 1, and CI_NODE_TOTAL")
}

// splitsBy refuses a variable that no host has: shards would not be kept apart.
func splitsBy(cfg *schema.Config, variable string) error {
	if variable == "" {
		return nil
	}
	known := map[string]bool{}
	for _, t := range cfg.Targets {
		for name := range t.Host.Vars {
			known[name] = true
		}
	}
	if known[variable] {
		return nil
	}
	detail := fmt.Sprintf("-shard-by=%s: no host has a variable of this name.", variable)
	if near := nearest(variable, slices.Sorted(maps.Keys(known))); near != "" {
		detail += fmt.Sprintf(" Did you mean %q?", near)
	}
	return problem("Wrong value for an option", detail)
}

// sameSplit refuses to split a saved plan in another way than it was made for:
// it holds the values of one variable.
func (s *sharding) sameSplit(built *plan.Plan) error {
	if s.by == "" || s.by == built.Options.ShardBy {
		return nil
	}
	made := "without -shard-by"
	if built.Options.ShardBy != "" {
		made = "with -shard-by=" + built.Options.ShardBy
	}
	return problem("Plan is split in another way", fmt.Sprintf(
		"The plan was made %s, and a plan holds the values of one variable only. Make it with -shard-by=%s, or leave the option out: apply splits as the plan says.", made, s.by))
}
