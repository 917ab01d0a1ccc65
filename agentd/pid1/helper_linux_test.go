package pid1

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/process"
	"github.com/gascity/agentd/agentd/wire"
)

// The tests run real processes: this test binary as init, which starts it again as serve. What serve does is named by its arguments.

const (
	asInit  = "test-as-init"
	asServe = "test-as-serve"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case asInit:
			os.Exit(initMain(os.Args[2:]))
		case asServe:
			os.Exit(serveMain(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

// initMain is what cmd/agentd does for init, with switches for tests.
func initMain(args []string) int {
	flags := flag.NewFlagSet("init", flag.ExitOnError)
	noSubreaper := flags.Bool("no-subreaper", false, "")
	listen := flags.String("listen", "", "")
	mountProc := flags.Bool("mount-proc", false, "")
	_ = flags.Parse(args)
	c := Config{
		Child:               append([]string{"/proc/self/exe", asServe}, flags.Args()...),
		Logger:              slog.New(slog.NewTextHandler(os.Stderr, nil)),
		testOnlyNoSubreaper: *noSubreaper,
	}
	if self, err := os.Executable(); err == nil {
		c.Child[0] = self
	}
	if *mountProc {
		if err := remountProc(); err != nil {
			fmt.Fprintln(os.Stderr, "mount /proc:", err)
			return 1
		}
	}
	if *listen != "" {
		s, err := Listen(*listen)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer s.Close()
		c.Listener = s.File()
	}
	status, err := Run(context.Background(), c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "agentd:", err)
	}
	return status
}

// serveMain is a serve that does what a test wants.
func serveMain(args []string) int {
	p, err := Inherited()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	act, ok := acts[args[0]]
	if !ok {
		fmt.Fprintf(os.Stderr, "no act %q\n", args[0])
		return 1
	}
	if args[0] != "gone" {
		go func() { <-p.Gone(); os.Exit(3) }() // leave nothing behind when a test fails
	}
	act(p, args[1:])
	return 0
}

// acts are the ways to be a serve.
var acts = map[string]func(p *Parent, args []string){
	"exit": func(p *Parent, args []string) { must(p.Report(number(args[0]))) },

	// report twice: the later one counts; nonsense doesn't.
	"babble": func(p *Parent, args []string) {
		for _, line := range []string{"\n", "exit\n", "exit x\n", "exit 256\n", "exit -1\n", "news from a later build\n", "exit 12\n"} {
			must(p.say(line))
		}
	},

	// leave ends without a word.
	"leave": func(_ *Parent, args []string) { os.Exit(number(args[0])) },

	// crash n times, then report a status; a line of the time in milliseconds goes to a file each time.
	"crash": func(p *Parent, args []string) {
		f := must1(os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600))
		fmt.Fprintln(f, time.Now().UnixMilli())
		text := must1(os.ReadFile(args[0]))
		if bytes.Count(text, []byte("\n")) <= number(args[1]) {
			crash()
		}
		must(p.Report(number(args[2])))
	},

	// litter leaves a daemon that ignores SIGTERM when told to, prints its pid, and crashes.
	"litter": func(_ *Parent, args []string) {
		fmt.Println(daemon(args[0], args[1:]...))
		crash()
	},

	// abandon leaves one daemon that is to outlive the session and one that isn't, prints their pids, and reports.
	"abandon": func(p *Parent, args []string) {
		fmt.Println(daemon("stay", args[0]+"=1"), daemon("stay"))
		must(p.Report(0))
	},

	// orphan makes an orphan and reports 10 when init adopted it and reaped it at its end, 11 when it went elsewhere.
	"orphan": func(p *Parent, _ []string) {
		pid := daemon("stay")
		if parentOf(pid) != os.Getppid() {
			must(syscall.Kill(pid, syscall.SIGKILL))
			must(p.Report(11))
			return
		}
		must(syscall.Kill(pid, syscall.SIGKILL))
		until(func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH }) // a zombie would still be there
		must(p.Report(10))
	},

	// statuses runs commands while orphans die, and reports how many (at most 200) ended with another status than they should.
	"statuses": func(p *Parent, args []string) {
		if len(args) > 1 && args[1] == "steal" {
			go func() {
				for {
					_, _ = syscall.Wait4(-1, nil, 0, nil)
				}
			}()
		}
		var workers sync.WaitGroup
		stop := make(chan struct{})
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = exec.Command("sh", "-c", "true & true & true & true &").Run()
				}
			}
		})
		wrong := 0
		for i := range number(args[0]) {
			cmd := exec.Command("sh", "-c", fmt.Sprintf("exit %d", i%256))
			_ = cmd.Run()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != i%256 {
				wrong++
			}
		}
		close(stop)
		workers.Wait()
		must(p.Report(min(wrong, 200)))
	},

	// signals prints the signals it gets, and reports at the nth.
	"signals": func(p *Parent, args []string) {
		got := make(chan os.Signal, 16)
		signal.Notify(got, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
		must(p.Ready())
		fmt.Println("ready")
		for range number(args[0]) {
			fmt.Println(<-got)
		}
		must(p.Report(99))
	},

	// late is ready when it reads a line, and reports when it is told to stop.
	"late": func(p *Parent, _ []string) {
		fmt.Println("up")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		got := make(chan os.Signal, 1)
		signal.Notify(got, syscall.SIGTERM)
		must(p.Ready())
		<-got
		must(p.Report(42))
	},

	// crash-on-stop crashes at SIGTERM the first time, and reports the second time.
	"crash-on-stop": func(p *Parent, args []string) {
		got := make(chan os.Signal, 1)
		signal.Notify(got, syscall.SIGTERM)
		must(p.Ready())
		fmt.Println("ready")
		<-got
		if _, err := os.Stat(args[0]); err == nil {
			must(p.Report(5))
			return
		}
		must(os.WriteFile(args[0], nil, 0o600))
		crash()
	},

	// gone says when init has ended.
	"gone": func(p *Parent, _ []string) {
		fmt.Println("ready")
		<-p.Gone()
		fmt.Println("gone")
	},

	// linger reports and does not leave.
	"linger": func(p *Parent, _ []string) {
		must(p.Report(21))
		select {}
	},

	// accept answers one connection with its pid and crashes.
	"accept": func(p *Parent, _ []string) {
		l := must1(p.Listener())
		conn := must1(l.Accept())
		fmt.Fprint(conn, os.Getpid())
		must(conn.Close())
		crash()
	},

	// echo copies stdin to stdout, and a word to stderr.
	"echo": func(p *Parent, _ []string) {
		text, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		fmt.Print(text)
		fmt.Fprintln(os.Stderr, "talk")
		must(p.Report(0))
	},

	// inherit reports how many of init's descriptors and variables a child of serve has.
	"inherit": func(p *Parent, _ []string) {
		var inits []string // as /proc shows what descriptors are: "pipe:[4711]"
		for fd := 3; fd <= 5; fd++ {
			inits = append(inits, must1(os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))))
		}
		found := 0
		for line := range strings.Lines(string(must1(exec.Command("sh", "-c", "ls -l /proc/$$/fd; env").Output()))) {
			name, _, _ := strings.Cut(line, "=")
			if name == envName || name == wire.DetachedEnv || slices.ContainsFunc(inits, func(s string) bool { return strings.Contains(line, s) }) {
				fmt.Fprint(os.Stderr, line)
				found++
			}
		}
		must(p.Report(found))
	},

	// breed makes many orphans that end, waits for init to have reaped them, and prints init's memory in KiB before and after.
	"breed": func(p *Parent, args []string) {
		before := rss(os.Getppid())
		for range number(args[0]) {
			must(exec.Command("sh", "-c", "true & true & true & true & true & true & true & true & true & true &").Run())
		}
		last := daemon("stay")
		must(syscall.Kill(last, syscall.SIGKILL))
		until(func() bool { return syscall.Kill(last, 0) == syscall.ESRCH })
		fmt.Println(before, rss(os.Getppid()))
		must(p.Report(0))
	},
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(200)
	}
}

func must1[T any](v T, err error) T {
	must(err)
	return v
}

func number(s string) int { return must1(strconv.Atoi(s)) }

func crash() {
	must(syscall.Kill(os.Getpid(), syscall.SIGKILL))
	select {}
}

// daemon starts a process whose parent ends, and gives its pid once it has another parent. Its way is "stay", or "stubborn": it ignores
// SIGTERM. It ends by itself after a minute.
func daemon(way string, env ...string) int {
	script := `setsid sleep 60 >/dev/null 2>&1 </dev/null & echo $! $$`
	if way == "stubborn" {
		script = `trap "" TERM; ` + script
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), env...)
	var pid, shell int
	must1(fmt.Sscan(string(must1(cmd.Output())), &pid, &shell))
	until(func() bool { return parentOf(pid) != shell })
	return pid
}

// parentOf gives a process's parent, 0 when it has gone.
func parentOf(pid int) int {
	stat, _ := process.Stat(pid)
	return stat.Parent
}

func rss(pid int) int { return memory(pid, "VmRSS:") }

// memory reads one of a process's figures, in KiB.
func memory(pid int, name string) int {
	status := must1(os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)))
	_, rest, _ := strings.Cut(string(status), name)
	return number(strings.Fields(rest)[0])
}

// until polls for what can't be waited for, and gives up after ten seconds.
func until(what func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !what() {
		select {
		case <-tick.C:
		case <-deadline:
			fmt.Fprintln(os.Stderr, "waited for too long")
			os.Exit(201)
		}
	}
}
