//go:build linux

package lab

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A builder finds images in the cache and builds those that are missing.
type builder struct {
	slots chan struct{} // builds at a time
	mu    sync.Mutex
	done  map[string]*built
}

// A built is an image that somebody asked for. Its lock keeps other labs from
// removing it while hosts stand on it.
type built struct {
	once   sync.Once
	layers []string // topmost first
	lock   *os.File
	err    error
}

func newBuilder() *builder {
	return &builder{slots: make(chan struct{}, runtime.NumCPU()), done: map[string]*built{}}
}

// layers returns the folders of the image, topmost first.
func (b *builder) layers(name string) ([]string, error) {
	b.mu.Lock()
	entry := b.done[name]
	if entry == nil {
		entry = &built{}
		b.done[name] = entry
	}
	b.mu.Unlock()
	entry.once.Do(func() { entry.err = b.provide(name, entry) })
	return entry.layers, entry.err
}

func (b *builder) close() {
	for _, entry := range b.done {
		if entry.lock != nil {
			entry.lock.Close()
		}
	}
}

// provide finds or builds an image, each after the one it lies over. Two test
// binaries that want the same wait for each other.
func (b *builder) provide(name string, entry *built) error {
	im, ok := images[name]
	if !ok {
		return fmt.Errorf("no image %q", name)
	}
	var below []string
	if im.over != "" {
		var err error
		if below, err = b.layers(im.over); err != nil {
			return err
		}
	}
	folder := filepath.Join(cacheDir(), "images")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	lock, err := os.Create(filepath.Join(folder, name+".lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	path := filepath.Join(folder, name+"-"+digest(name))
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		b.slots <- struct{}{}
		err := build(name, im, below, path)
		<-b.slots
		if err != nil {
			return fmt.Errorf("build image %s: %w", name, err)
		}
	}
	if entry.lock, err = os.Open(path); err != nil {
		return err
	}
	if err := unix.Flock(int(entry.lock.Fd()), unix.LOCK_SH); err != nil {
		return err
	}
	removeOthers(folder, name, path)
	entry.layers = append([]string{path}, below...)
	return nil
}

// buildVersion is to be raised when images are built in another way.
const buildVersion = 1

// digest changes with the definition of the image or of one below it.
func digest(name string) string {
	h := sha256.New()
	fmt.Fprint(h, buildVersion)
	for im := images[name]; ; im = images[im.over] {
		fmt.Fprintf(h, "%q", im)
		if im.over == "" {
			return fmt.Sprintf("%x", h.Sum(nil)[:6])
		}
	}
}

// removeOthers removes the image's former versions that no lab stands on.
func removeOthers(folder, name, path string) {
	old, _ := filepath.Glob(filepath.Join(folder, name+"-????????????"))
	for _, other := range old {
		if other == path {
			continue
		}
		if lock, err := lockFolder(other); err == nil {
			os.RemoveAll(other)
			os.Remove(other + ".log")
			lock.Close()
		}
	}
}

// build makes the image beside its place and moves it there when it is whole.
func build(name string, im image, below []string, path string) error {
	work := path + ".new"
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	log, err := os.Create(path + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	upper := filepath.Join(work, "upper")
	script := im.script
	if im.over == "" {
		if err := debootstrap(im, upper, log); err != nil {
			return endOf(log.Name(), err)
		}
		// An overlay needs a layer below, and this one has none.
		below = []string{filepath.Join(work, "empty")}
		if err := os.Mkdir(below[0], 0o755); err != nil {
			return err
		}
	} else {
		// The lists are as old as the layer below.
		install := "apt-get install -y --no-install-recommends " + im.packages
		script = install + " || { apt-get update; " + install + "; }\n" + script
	}
	resolve, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return err
	}
	s := system{
		Name: "image", Lower: below, Upper: upper, Work: filepath.Join(work, "work"), Root: filepath.Join(work, "root"),
		Env: append(proxies(), "DEBIAN_FRONTEND=noninteractive", "HOME=/root", "RESOLVE="+string(resolve)),
		Script: `set -x
rm -f /etc/resolv.conf; printf %s "$RESOLVE" > /etc/resolv.conf
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
( :
` + script + `
)
apt-get clean
rm -f /usr/sbin/policy-rc.d /etc/resolv.conf /etc/hostname /etc/machine-id`,
	}
	if err := runBuild(name, s, log); err != nil {
		return endOf(log.Name(), err)
	}
	return os.Rename(upper, path)
}

// debootstrap makes a Debian base system from where this machine's own apt
// gets its packages.
func debootstrap(im image, target string, log *os.File) error {
	mirror, err := ownMirror()
	if err != nil {
		return err
	}
	cmd := exec.Command("mmdebstrap", "--mode=root", "--variant=apt", "--format=directory",
		"--skip=cleanup/apt/lists", "--dpkgopt=force-unsafe-io",
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		"--include="+strings.Join(strings.Fields(im.packages), ","))
	options, err := exec.Command("apt-config", "dump").Output()
	if err != nil {
		return fmt.Errorf("apt-config: %w", err)
	}
	own := regexp.MustCompile(`(?m)^Acquire::(https?::|Check-).*`).FindAllString(string(options), -1)
	for _, option := range append(own, `Acquire::Languages "none";`, `Acquire::Retries "3";`) {
		cmd.Args = append(cmd.Args, "--aptopt="+option)
	}
	cmd.Args = append(cmd.Args, im.suite, target, "deb "+mirror+" "+im.suite+" main")
	cmd.Stdout, cmd.Stderr = log, log
	if err := onMachineNet(cmd.Start); err != nil {
		return err
	}
	return cmd.Wait()
}

// ownMirror is where this machine's apt gets its own release from.
func ownMirror() (string, error) {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	codename := regexp.MustCompile(`(?m)^VERSION_CODENAME=(\w+)`).FindSubmatch(release)
	targets, err := exec.Command("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)").Output()
	if err != nil || codename == nil {
		return "", fmt.Errorf("no codename, or no apt: %w", err)
	}
	for line := range strings.Lines(string(targets)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[1] == string(codename[1]) && f[2] == "main" {
			return f[0], nil
		}
	}
	return "", errors.New("this machine's apt sources name no Debian mirror")
}

func proxies() []string {
	var found []string
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value := os.Getenv(name); value != "" {
			found = append(found, name+"="+value)
		}
	}
	return found
}

func runBuild(name string, s system, log *os.File) error {
	group, err := cgroupFolder("build-" + name)
	if err != nil {
		return err
	}
	defer func() {
		removeCgroup(group.Name())
		group.Close()
	}()
	var cmd *exec.Cmd
	var gate *os.File
	err = onMachineNet(func() error {
		cmd, gate, err = s.start(group, false, log)
		return err
	})
	if err != nil {
		return err
	}
	gate.Close()
	return cmd.Wait()
}

// onMachineNet runs start, which forks, on the machine's own network.
func onMachineNet(start func() error) error {
	done := make(chan error)
	go func() {
		// Not unlocked: the thread ends with the goroutine, and nothing else
		// ever runs on that network.
		runtime.LockOSThread()
		if err := unix.Setns(machineNet, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter the machine's network: %w", err)
			return
		}
		done <- start()
	}()
	return <-done
}

// cgroupFolder makes a folder in the lab's cgroup.
func cgroupFolder(name string) (*os.File, error) {
	path := filepath.Join(cgroupPath, name)
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, err
	}
	return os.Open(path)
}

var cgroupPath = fmt.Sprintf("/proc/self/fd/%d", labCgroup)

// endOf adds the last lines of a log to an error.
func endOf(path string, err error) error {
	text, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%w; %s ends in\n%s", err, path, strings.Join(lines[max(0, len(lines)-15):], "\n"))
}
