package pid1

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// Socket is a listening socket that outlives those who accept from it.
type Socket struct {
	file *os.File
	lock *os.File // of a unix socket: its file can be taken over from a process that is gone, not from one that lives
}

// Listen opens the socket at an address "unix:PATH" or "tcp:HOST:PORT". What a process that crashed left at PATH is replaced; a live
// process that has it is an error.
func Listen(address string) (*Socket, error) {
	network, where, _ := strings.Cut(address, ":")
	switch {
	case network == "unix" && where != "":
		return listenUnix(where)
	case network == "tcp" && where != "":
		l, err := net.Listen("tcp", where)
		if err != nil {
			return nil, err
		}
		defer l.Close()
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return nil, fmt.Errorf("listen on %q: %w", address, err)
		}
		return &Socket{file: f}, nil
	default:
		return nil, fmt.Errorf("can't listen on %q: want unix:PATH or tcp:HOST:PORT", address)
	}
}

func listenUnix(path string) (*Socket, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", path, err)
	}
	s := &Socket{lock: lock}
	if s.file, err = s.bind(path); err != nil {
		lock.Close()
		return nil, fmt.Errorf("listen on %q: %w", path, err)
	}
	return s, nil
}

func (s *Socket) bind(path string) (*os.File, error) {
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if err == syscall.EWOULDBLOCK {
			return nil, errors.New("another agentd listens there")
		}
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, err
	}
	return l.File()
}

// File is the socket, for Config.Listener.
func (s *Socket) File() *os.File { return s.file }

// Close stops listening. The file of a unix socket stays: nobody answers there, and the next Listen replaces it.
func (s *Socket) Close() error {
	err := s.file.Close()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}
