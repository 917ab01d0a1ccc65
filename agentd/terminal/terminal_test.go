package terminal

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, size wire.Size, argv ...string) *Terminal {
	t.Helper()
	term, err := Start(Command{Argv: argv, Env: os.Environ(), Size: size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := term.Close(); err != nil {
			t.Error(err)
		}
	})
	return term
}

func TestTheSizeIsThereBeforeTheProgramStartsAndFollowsResize(t *testing.T) {
	t.Parallel()
	term := start(t, wire.Size{Columns: 123, Rows: 45}, "sh", "-c", `trap 'stty size' WINCH; stty size; while read x; do :; done`)
	lines := bufio.NewReader(term)
	if line, err := lines.ReadString('\n'); err != nil || strings.TrimSpace(line) != "45 123" {
		t.Fatalf("first size %q, %v", line, err)
	}
	if err := term.Resize(wire.Size{Columns: 60, Rows: 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := term.Write([]byte("\n")); err != nil { // read returns, and the trap runs
		t.Fatal(err)
	}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line = strings.TrimSpace(line); line != "" {
			if line != "20 60" {
				t.Fatalf("size after resize %q", line)
			}
			return
		}
	}
}

func TestAllOutputIsReadBeforeTheEnd(t *testing.T) {
	t.Parallel()
	term := start(t, wire.Size{}, "sh", "-c", "seq 20000; exit 3")
	out, err := io.ReadAll(term)
	if err != nil || !strings.HasSuffix(string(out), "20000\r\n") {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	var status *exec.ExitError
	if err := term.Wait(); !errors.As(err, &status) || status.ExitCode() != 3 {
		t.Errorf("wait: %v", err)
	}
}

// The kernel gives 4 KiB at a time.
func TestABurstIsReadInLargePieces(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	term := start(t, wire.Size{}, "head", "-c", strconv.Itoa(size), "/dev/zero")
	p := make([]byte, wire.FullChunk)
	total, reads := 0, 0
	for {
		n, err := term.Read(p)
		total, reads = total+n, reads+1
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if total != size || total/reads <= 8192 {
		t.Errorf("%d bytes of %d came, in %d pieces", total, size, reads)
	}
}

func TestCloseWakesARead(t *testing.T) {
	t.Parallel()
	term := start(t, wire.Size{}, "cat")
	if err := term.Resize(wire.Size{Columns: 10, Rows: 10}); err != nil { // what would make the file blocking
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { _, err := io.ReadAll(term); ended <- err }()
	if err := term.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("read: %v", err)
	}
}

func TestCloseEndsAProgramThatIgnoresTheHangup(t *testing.T) {
	t.Parallel()
	term := start(t, wire.Size{}, "sh", "-c", `trap '' HUP INT TERM; echo up; exec sleep 1000`)
	if _, err := bufio.NewReader(term).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := term.Close(); err != nil {
		t.Fatal(err)
	}
	if term.cmd.ProcessState == nil {
		t.Error("close returned while the program runs")
	}
}

func TestSizesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for _, size := range []wire.Size{{Columns: -1, Rows: 5}, {Columns: 5}, {Columns: 5, Rows: maxSide + 1}} {
		if _, err := Start(Command{Argv: []string{"true"}, Size: size}); wire.CodeOf(err) != wire.CodeBadRequest {
			t.Errorf("%+v: %v", size, err)
		}
	}
}

func TestAnUnknownTerminalTypeFallsBack(t *testing.T) {
	t.Parallel()
	for term, want := range map[string]string{
		"": fallback, "dumb": fallback, "xterm-from-the-future": fallback, "../../etc/passwd": fallback, "xterm": "xterm",
	} {
		if got := Type(term); got != want {
			t.Errorf("%q: %q, want %q", term, got, want)
		}
	}
}
