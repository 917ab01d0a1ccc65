package pid1

import (
	"os"
	"syscall"
	"testing"
)

// pidNamespace makes a process the first of a PID namespace, with mounts of its own.
func pidNamespace() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return a
}

// remountProc shows the PID namespace's processes in /proc.
func remountProc() error {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	return syscall.Mount("proc", "/proc", "proc", 0, "")
}

func TestTrimGivesBackTheProgramsPages(t *testing.T) {
	before := memory(os.Getpid(), "RssFile:")
	if err := Trim(); err != nil {
		t.Fatal(err)
	}
	if after := memory(os.Getpid(), "RssFile:"); after > before*3/4 {
		t.Errorf("%d KiB of files before, %d KiB after", before, after)
	}
}

func TestOnlyPagesThatHoldTheProgramsFileAreGivenBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		ok   bool
	}{
		{"00400000-00401000 r-xp 00000000 fe:00 42                     /bin/agentd", true},
		{"00401000-00402000 r--p 00001000 fe:00 42                     /bin/agentd", true},
		{"00402000-00403000 rw-p 00002000 fe:00 42                     /bin/agentd", false},
		{"00402000-00403000 r--p 00002000 fe:00 42                     /other/bin/agentd", false},
		{"00402000-00403000 r--p 00002000 fe:00 42                     /bin/agentd (deleted)", false},
		{"7ffc0000-7ffd0000 r-xp 00000000 00:00 0                      [vdso]", false},
		{"c0000000-c0400000 r--p 00000000 00:00 0", false},
		{"x-y r-xp 00000000 fe:00 42                     /bin/agentd", false},
		{"", false},
	} {
		if begin, end, ok := programPages(tt.line, "/bin/agentd"); ok != tt.ok {
			t.Errorf("%q: %x %x %v, want %v", tt.line, begin, end, ok, tt.ok)
		}
	}
}
