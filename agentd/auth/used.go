package auth

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	// maxUsed bounds how many used tokens are remembered. A token is remembered for five and a half minutes at most, so this is two
	// hundred connections a second; beyond, tokens are refused. Only the holder of a signing key can get there.
	maxUsed = 1 << 16
	// compactAfter is how many lines are appended at least before the file is written anew.
	compactAfter = 1024
)

// tokenID is a token's id, hashed: all are as long, and safe in a line of a file.
type tokenID [16]byte

// usedTokens remembers the tokens that were shown until they expire, in memory and in a file for the next process.
//
// A line of the file is a time in Unix seconds, a space, and a hashed id in hex. Lines are appended as tokens are used, and not synced:
// the file has to survive a crash of this process, not of the machine, which ends the session anyway.
type usedTokens struct {
	name   string
	now    func() time.Time
	logger *slog.Logger

	mu    sync.Mutex
	until map[tokenID]int64
	file  *os.File
	lines int
	// limit is how many lines make the file worth writing anew: twice what counted at the last time, and some.
	limit int
	// unsaved: the last write failed. Said once, until one succeeds.
	unsaved bool
}

// openUsed reads what the process before remembered. A line that makes no sense is passed over: a crash may have cut the last one.
func openUsed(name string, now func() time.Time, logger *slog.Logger) (*usedTokens, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	u := &usedTokens{name: name, now: now, logger: logger, until: map[tokenID]int64{}}
	f, err := os.Open(name)
	if err == nil {
		err = u.load(f)
		f.Close()
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the used tokens: %w", err)
	}
	if err := u.compact(); err != nil {
		return nil, fmt.Errorf("write the used tokens: %w", err)
	}
	return u, nil
}

func (u *usedTokens) load(r io.Reader) error {
	now := u.now().Unix()
	lines := bufio.NewScanner(r)
	for lines.Scan() && len(u.until) < maxUsed {
		if id, until, ok := parseUsed(lines.Bytes()); ok && until >= now {
			u.until[id] = until
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return err
	}
	return nil
}

func parseUsed(line []byte) (id tokenID, until int64, ok bool) {
	var hex []byte
	if n, err := fmt.Fscanf(bytes.NewReader(line), "%d %x", &until, &hex); n != 2 || err != nil || len(hex) != len(id) {
		return id, 0, false
	}
	return tokenID(hex), until, true
}

func appendUsed(line []byte, id tokenID, until int64) []byte {
	return fmt.Appendf(line, "%d %x\n", until, id[:])
}

// use marks a token as used; an error means that it can't be, as it already was. Of several callers at once one succeeds.
func (u *usedTokens) use(name string, until time.Time) error {
	sum := sha256.Sum256([]byte(name))
	id := tokenID(sum[:len(tokenID{})])
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now().Unix()
	if t, ok := u.until[id]; ok && t >= now {
		return errors.New("the token was used before")
	}
	if len(u.until) >= maxUsed {
		u.forget(now)
	}
	if len(u.until) >= maxUsed {
		return fmt.Errorf("over %d tokens were used in the last minutes", maxUsed)
	}
	u.until[id] = until.Unix() + 1 // the fraction of a second counts as whole
	u.save(id)
	return nil
}

// save appends a token to the file. Failing to is no reason to refuse the token: a full disk, which the agent can bring about, must not
// lock people out. This process knows the token either way.
func (u *usedTokens) save(id tokenID) {
	var err error
	if u.file == nil || u.lines >= u.limit {
		u.forget(u.now().Unix())
		err = u.compact()
	} else if _, err = u.file.Write(appendUsed(nil, id, u.until[id])); err == nil {
		u.lines++
	}
	switch {
	case err != nil && !u.unsaved:
		u.unsaved = true
		u.logger.Warn("used tokens are not saved: after a restart of serve they could be used again until they expire", "error", err)
	case err == nil && u.unsaved:
		u.unsaved = false
		u.logger.Info("used tokens are saved again")
	}
	if err != nil {
		// Part of a line may be in the file: the next write is of the whole.
		u.closeFile()
	}
}

func (u *usedTokens) forget(now int64) {
	for id, until := range u.until {
		if until < now {
			delete(u.until, id)
		}
	}
}

// compact writes the file anew with what still counts, and leaves it open to append to.
func (u *usedTokens) compact() error {
	next := u.name + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	var text []byte
	for id, until := range u.until {
		text = appendUsed(text, id, until)
	}
	_, err = f.Write(text)
	if err == nil {
		err = os.Rename(next, u.name)
	}
	if err != nil {
		f.Close()
		os.Remove(next)
		return err
	}
	u.closeFile()
	u.file, u.lines = f, len(u.until)
	u.limit = 2*u.lines + compactAfter
	return nil
}

func (u *usedTokens) closeFile() {
	if u.file != nil {
		u.file.Close()
		u.file = nil
	}
}

func (u *usedTokens) close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == nil {
		return nil
	}
	err := u.file.Close()
	u.file = nil
	return err
}
