package main

import (
	"strings"
	"testing"
)

// TestShardFromTheEnvironment reads what each engine tells its processes.
func TestShardFromTheEnvironment(t *testing.T) {
	for _, test := range []struct {
		name, text, env, want, wrong string
	}{
		{name: "none", text: "", env: "CI_NODE_INDEX=1 CI_NODE_TOTAL=2", want: ""},
		{name: "written", text: "7/8", want: "7/8"},
		{name: "the only one", text: "0/1", want: "0/1"},
		{name: "counted from one", text: "8/8", wrong: "counted from 0"},
		{name: "one number", text: "3", wrong: "I/N"},
		{name: "no number", text: "a/b", wrong: "whole numbers"},
		{name: "negative", text: "-1/3", wrong: "counted from 0"},
		{name: "none at all", text: "0/0", wrong: "1 to 100000"},
		{name: "nowhere", text: "auto", wrong: "none of"},
		{name: "kubernetes", text: "auto", env: "JOB_COMPLETION_INDEX=31 SSHFORM_SHARD_TOTAL=32", want: "31/32"},
		{name: "kubernetes without a total", text: "auto", env: "JOB_COMPLETION_INDEX=0", wrong: "the completions of the Job"},
		{name: "nomad", text: "auto", env: "NOMAD_ALLOC_INDEX=0 SSHFORM_SHARD_TOTAL=3", want: "0/3"},
		{name: "gitlab", text: "auto", env: "CI_NODE_INDEX=1 CI_NODE_TOTAL=4", want: "0/4"},
		{name: "gitlab's last", text: "auto", env: "CI_NODE_INDEX=4 CI_NODE_TOTAL=4", want: "3/4"},
		{name: "gitlab and another total", text: "auto", env: "CI_NODE_INDEX=4 CI_NODE_TOTAL=4 SSHFORM_SHARD_TOTAL=5", wrong: "CI_NODE_TOTAL"},
		{name: "gitlab from 0", text: "auto", env: "CI_NODE_INDEX=0 CI_NODE_TOTAL=4", wrong: "counts from 1"},
		{name: "slurm from 0", text: "auto", env: slurm("5", "0", "7", "8"), want: "5/8"},
		{name: "slurm from 1", text: "auto", env: slurm("8", "1", "8", "8"), want: "7/8"},
		{name: "slurm, one task again", text: "auto", env: slurm("5", "5", "5", "1"), wrong: "some of a larger one"},
		{name: "slurm, the first task again", text: "auto", env: slurm("0", "0", "0", "1"), wrong: "some of a larger one"},
		{name: "slurm, some tasks again", text: "auto", env: slurm("1", "1", "6", "2"), wrong: "some of a larger one"},
		{name: "slurm with a total", text: "auto", env: slurm("5", "5", "5", "1") + " SSHFORM_SHARD_TOTAL=8", want: "5/8"},
		{name: "slurm from 1 with a total", text: "auto", env: slurm("8", "1", "8", "8") + " SSHFORM_SHARD_TOTAL=8", wrong: "counted from 0"},
		{name: "two engines", text: "auto", env: "JOB_COMPLETION_INDEX=0 CI_NODE_INDEX=1 CI_NODE_TOTAL=2", wrong: "both"},
		{name: "hostile", text: "auto", env: "JOB_COMPLETION_INDEX=99999999999999999999 SSHFORM_SHARD_TOTAL=2", wrong: "whole numbers"},
	} {
		env := map[string]string{}
		for _, word := range strings.Fields(test.env) {
			name, value, _ := strings.Cut(word, "=")
			env[name] = value
		}
		s := sharding{text: test.text}
		err := s.resolve(func(name string) string { return env[name] })
		switch {
		case test.wrong == "" && (err != nil || s.shard.String() != test.want):
			t.Errorf("%s: got %q, %v; want %q", test.name, s.shard, err, test.want)
		case test.wrong != "" && (err == nil || !strings.Contains(diagnosticsOf(err)[0].Detail, test.wrong)):
			t.Errorf("%s: got %q, %v; want an error about %q", test.name, s.shard, err, test.wrong)
		}
	}
}

func slurm(id, first, last, count string) string {
	return "SLURM_ARRAY_TASK_ID=" + id + " SLURM_ARRAY_TASK_MIN=" + first + " SLURM_ARRAY_TASK_MAX=" + last + " SLURM_ARRAY_TASK_COUNT=" + count
}
