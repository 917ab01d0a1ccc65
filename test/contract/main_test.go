// Package contract_test drives the real programs the way gc does, one test for each rule of the exec contract (docs/exec-provider.md).
package contract_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gascity/agentd/test/binaries"
)

// programs is the folder of the programs that the tests run.
var programs string

func TestMain(m *testing.M) {
	if agent, ok := agents[os.Getenv(agentVariable)]; ok {
		agent()
		return
	}
	// Most of their time these tests wait, for pods and for servers that are away. A -parallel on the command line holds.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(binaries.Test(m, &programs))
}

// otherVersion is the version of the programs that otherPrograms gives.
const otherVersion = "v0.99.0"

// otherPrograms builds another version of the programs, once.
var otherPrograms = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(programs, "other")
	return dir, binaries.BuildOther(filepath.Join(programs, "tmp"), dir, otherVersion)
})

// need gives the path of a program that a test can't do without.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		cannot(t, "%s is not installed", program)
	}
	return path
}

// cannot skips a test for which this machine lacks something, or fails it where AGENTD_REQUIRE_ALL says that it lacks nothing.
func cannot(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("AGENTD_REQUIRE_ALL") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
