package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema/testenv"
)

// TestSlurmArray carries one plan out as a job array of a real Slurm, with a
// controller and two nodes of its own on loopback. The node of one task dies in
// the middle; the task is run again on the other, and then the merged result
// has every host.
func TestSlurmArray(t *testing.T) {
	t.Parallel()
	testenv.Root(t) // munged and slurmd change to the users of jobs
	for _, name := range []string{"sshd", "ssh-keygen", "munged", "slurmctld", "slurmd", "sbatch", "sinfo", "scontrol"} {
		testenv.Program(t, name)
	}
	const shards = 3
	dir := t.TempDir()
	f := &privateFleet{program: testenv.Program(t, "sshd"), dir: filepath.Join(dir, "fleet")}
	t.Cleanup(f.stopAll)
	names := []string{"h1", "h2", "h3", "h4", "h5", "h6"}
	for _, name := range names {
		if err := f.start(name); err != nil {
			t.Fatal(err)
		}
	}
	s := slurmTest{T: t, dir: dir}
	s.write("fleet.sshform.hcl", f.hcl())
	s.write("main.sshform.hcl", slurmFleet)
	s.write("job.sh", "#!/bin/sh\nmkdir -p task-$SLURM_ARRAY_TASK_ID && cd task-$SLURM_ARRAY_TASK_ID || exit\n"+
		"echo $SLURMD_NODENAME >node; echo $$ >pid\n"+
		"exec sshform apply -input=false -shard=auto -detailed-exitcode -result=../results/ ../plan.gz\n")
	if err := os.Mkdir(filepath.Join(dir, "results"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.must(s.run("sshform", "plan", "-out=plan.gz"))
	s.startSlurm()

	// The last host of the fullest shard stands still until its node is dead.
	task, slow := fullestShard(names, shards)
	s.must(f.signal(slow, syscall.SIGSTOP))
	array := s.submit("0-" + strconv.Itoa(shards-1))
	s.until("the task works on "+slow, func() bool { return s.began(task, slow) })
	s.killNode(task)
	s.must(f.signal(slow, syscall.SIGCONT))
	array.Wait() // how it tells a lost node differs between versions; the results do not lie
	if _, err := s.run("sshform", "report", "merge", "results/"); err == nil {
		t.Error("got a whole result, want the lost shard missed")
	}

	// Only the lost task is run again, so the array does not say how many there are.
	s.env = append(s.env, totalVariable+"="+strconv.Itoa(shards))
	if err := s.submit(strconv.Itoa(task)).Wait(); err != nil {
		t.Errorf("the task that was run again: %v", err)
	}
	s.must(s.run("sshform", "report", "merge", "-detailed-exitcode", "-result=merged.json", "results/"))
	s.complete(names)
}

// complete demands that every host is changed, and that the result says so.
func (s *slurmTest) complete(names []string) {
	s.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, "merged.json"))
	if err != nil {
		s.Fatal(err)
	}
	var merged view.ResultDocument
	if err := json.Unmarshal(content, &merged); err != nil {
		s.Fatal(err)
	}
	var got []string
	for _, h := range merged.Hosts {
		got = append(got, h.Host)
		if h.Outcome != "changed" && h.Outcome != "already_done" {
			s.Errorf("%s: got %s, want changed or already_done", h.Host, h.Outcome)
		}
		text, err := os.ReadFile(filepath.Join(s.dir, "fleet", h.Host, "sshd_config"))
		if err != nil || !bytes.Contains(text, []byte("\nClientAliveInterval 30\n")) {
			s.Errorf("%s: the interval is not set: %v", h.Host, err)
		}
	}
	if diff := cmp.Diff(names, got); diff != "" {
		s.Errorf("hosts of the merged result (-want +got):\n%s", diff)
	}
}

const slurmFleet = fleetRollout + `
  wave "all" {
    percent     = 100
    parallelism = 1
  }
}
`

// fullestShard returns the shard with most hosts and the one whose turn comes
// last in it.
func fullestShard(names []string, shards int) (task int, last string) {
	in := make([][]string, shards)
	for _, name := range names {
		i := plan.Shard(name, shards)
		in[i] = append(in[i], name)
	}
	for i := range in {
		if len(in[i]) > len(in[task]) {
			task = i
		}
	}
	slices.SortFunc(in[task], func(a, b string) int { return strings.Compare(plan.ShardKey(a), plan.ShardKey(b)) })
	return task, in[task][len(in[task])-1]
}

// A slurmTest is a folder with a cluster in it.
type slurmTest struct {
	*testing.T
	dir   string
	env   []string             // of what it starts, besides its own
	nodes map[string]*exec.Cmd // the slurmds that run
}

func (s *slurmTest) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o700); err != nil {
		s.Fatal(err)
	}
}

func (s *slurmTest) must(values ...any) {
	s.Helper()
	if err, wrong := values[len(values)-1].(error); wrong {
		s.Fatal(append([]any{err}, values[:len(values)-1]...)...)
	}
}

// command is a program in the folder. The sshform in PATH is this test binary.
func (s *slurmTest) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(testenv.Program(s.T, program), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), s.env...)
	return cmd
}

// run runs a program to its end.
func (s *slurmTest) run(program string, args ...string) (string, error) {
	out, err := s.command(program, args...).CombinedOutput()
	return string(out), err
}

// until waits for something that other processes do.
func (s *slurmTest) until(what string, is func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Minute)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); !is(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			logs, _ := filepath.Glob(filepath.Join(s.dir, "*.log")) // a fixed pattern is well formed
			for _, name := range append(logs, filepath.Join(s.dir, "job-0")) {
				text, err := os.ReadFile(name)
				s.Logf("%s: %s %v", name, text, err)
			}
			s.Fatalf("it never came about that %s", what)
		}
	}
}

// startSlurm starts munged, the controller and two nodes, with files, sockets
// and ports of their own.
func (s *slurmTest) startSlurm() {
	s.Helper()
	key := make([]byte, 1024)
	rand.Read(key)
	s.write("munge.key", string(key))
	s.must(os.Chmod(filepath.Join(s.dir, "munge.key"), 0o400))
	at := func(name string) string { return filepath.Join(s.dir, name) }
	for _, folder := range []string{"state", "n1", "n2"} {
		s.must(os.Mkdir(at(folder), 0o755))
	}
	ports := s.freePorts(3)
	s.write("cgroup.conf", "CgroupAutomount=no\n")
	s.write("slurm.conf", strings.NewReplacer("DIR", s.dir, "PORT0", ports[0], "PORT1", ports[1], "PORT2", ports[2]).Replace(slurmConf))
	s.env = append(s.env, "SLURM_CONF="+at("slurm.conf"))
	s.start("munged", "--foreground", "--force", "--key-file="+at("munge.key"), "--socket="+at("munge.sock"),
		"--pid-file="+at("munged.pid"), "--log-file="+at("munged.log"), "--seed-file="+at("munge.seed"))
	s.until("munged listens", func() bool {
		_, err := os.Stat(at("munge.sock"))
		return err == nil
	})
	s.start("slurmctld", "-D", "-f", at("slurm.conf"))
	s.nodes = map[string]*exec.Cmd{}
	for _, node := range []string{"n1", "n2"} {
		s.nodes[node] = s.start("slurmd", "-D", "-N", node, "-f", at("slurm.conf"))
	}
	s.until("both nodes are idle", func() bool {
		out, err := s.run("sinfo", "-h", "-t", "idle", "-o", "%D")
		return err == nil && strings.TrimSpace(out) == "2"
	})
}

// slurmConf is a cluster without cgroups, accounting and units. Tasks of a node
// that is down are lost, and not started again by Slurm itself.
const slurmConf = `ClusterName=sshform
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=DIR/munge.sock
CredType=cred/munge
SlurmctldPort=PORT0
SlurmctldPidFile=DIR/slurmctld.pid
SlurmctldLogFile=DIR/slurmctld.log
SlurmdPidFile=DIR/%n.pid
SlurmdLogFile=DIR/%n.log
SlurmdSpoolDir=DIR/%n
StateSaveLocation=DIR/state
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
JobRequeue=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MailProg=/bin/true
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=PORT1 CPUs=2
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=PORT2 CPUs=2
PartitionName=all Nodes=n1,n2 Default=YES State=UP MaxTime=INFINITE
`

func (s *slurmTest) freePorts(n int) []string {
	s.Helper()
	var ports []string
	for range n {
		port, err := testenv.FreePort()
		s.must(err)
		ports = append(ports, strconv.Itoa(port))
	}
	return ports
}

// start starts a daemon that the test ends, by its process.
func (s *slurmTest) start(program string, args ...string) *exec.Cmd {
	s.Helper()
	cmd := s.command(program, args...)
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// submit starts an array and returns the sbatch that waits for its end.
func (s *slurmTest) submit(tasks string) *exec.Cmd {
	s.Helper()
	cmd := s.command("sbatch", "--wait", "--array="+tasks, "--chdir="+s.dir, "--output="+filepath.Join(s.dir, "job-%a"), filepath.Join(s.dir, "job.sh"))
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

// began reports whether the journal of a task says that a host was begun.
func (s *slurmTest) began(task int, host string) bool {
	journals, _ := filepath.Glob(filepath.Join(s.taskFolder(task), ".sshform/runs/*.jsonl"))
	for _, name := range journals {
		text, err := os.ReadFile(name)
		if err == nil && bytes.Contains(text, fmt.Appendf(nil, `"host":%q`, host)) {
			return true
		}
	}
	return false
}

func (s *slurmTest) taskFolder(task int) string {
	return filepath.Join(s.dir, fmt.Sprintf("task-%d", task))
}

func (s *slurmTest) fact(task int, name string) string {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.taskFolder(task), name))
	s.must(err)
	return strings.TrimSpace(string(text))
}

// killNode kills the node of a task as a power cut does: its slurmd, the step
// that it started, and the sshform in that.
func (s *slurmTest) killNode(task int) {
	s.Helper()
	node := s.nodes[s.fact(task, "node")]
	pid, err := strconv.Atoi(s.fact(task, "pid"))
	s.must(err)
	step, err := parentOf(pid)
	s.must(err)
	s.must(node.Process.Kill())
	s.must(syscall.Kill(step, syscall.SIGKILL))
	if err := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		s.must(err)
	}
	node.Wait()
	// Slurm notices by itself too, after a minute; the people who watch it are faster.
	s.must(s.run("scontrol", "update", "NodeName="+s.fact(task, "node"), "State=DOWN", "Reason=power"))
}

func parentOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, behind, named := strings.Cut(string(text), ") ") // behind the name of the program
	fields := strings.Fields(behind)
	if !named || len(fields) < 2 {
		return 0, fs.ErrInvalid
	}
	return strconv.Atoi(fields[1])
}
