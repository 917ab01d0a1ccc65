package hub

import (
	"fmt"
	"log/slog"
	"net"
	"os"
)

// ownPeers accepts connections of this user alone. The socket's folder is closed to others already; this holds even where its mode was changed.
type ownPeers struct {
	net.Listener
	log *slog.Logger
}

// Accept gives the next connection of this user.
func (l ownPeers) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := checkPeer(conn); err != nil {
			l.log.Warn("connection refused", "error", err)
			conn.Close()
			continue
		}
		return conn, nil
	}
}

func checkPeer(conn net.Conn) error {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("peer on %s, not on a unix socket", conn.RemoteAddr().Network())
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return fmt.Errorf("peer's uid: %w", err)
	}
	uid, uidErr := -1, error(nil)
	if err := raw.Control(func(fd uintptr) { uid, uidErr = peerUID(int(fd)) }); err != nil {
		return fmt.Errorf("peer's uid: %w", err)
	}
	if uidErr != nil {
		return fmt.Errorf("peer's uid: %w", uidErr)
	}
	return allowed(uid, os.Geteuid())
}

func allowed(peer, own int) error {
	if peer != own {
		return fmt.Errorf("peer is uid %d, this hub serves uid %d", peer, own)
	}
	return nil
}
