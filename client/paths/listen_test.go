package paths

import (
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"testing"
)

func TestASocketIsHeldByItsFileAloneAndTakesThePlaceOfOneThatWasLeft(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(short(t), "sock")
	for range 2 {
		f, err := Listen(socket)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		f.Close()
		if _, err := net.Dial("unix", socket); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a socket that nobody holds: %v", err)
		}
	}
}
