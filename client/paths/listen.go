package paths

import (
	"net"
	"os"
)

// Listen makes the socket of a process that is to be started, in place of one that was left. The caller closes the file when that process has it: were it
// open here too, dials would wait for one that is dead.
func Listen(socket string) (*os.File, error) {
	os.Remove(socket)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	return l.File()
}
