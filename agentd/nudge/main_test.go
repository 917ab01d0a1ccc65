package nudge_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// programVariable names the program that this binary runs instead of the tests, in a terminal of theirs.
const programVariable = "NUDGE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if name := os.Getenv(programVariable); name != "" {
		if err := programs[name](); err != nil {
			os.Stdout.WriteString(err.Error() + "\r\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
