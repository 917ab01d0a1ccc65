package auth

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAUsedTokenIsKnownToTheNextServe(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	v, c := verifier(t, key)
	token := key.sign(t, good())
	if _, err := v.Verify(token); err != nil {
		t.Fatal(err)
	}
	// Not closed: the serve before this one crashed.
	if _, err := reopen(t, c).Verify(token); err == nil || !strings.Contains(err.Error(), "used before") {
		t.Errorf("a replay to the next serve gave %v", err)
	}
	if err := os.Remove(filepath.Join(c.Dir, "used-tokens")); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(t, c).Verify(token); err != nil {
		t.Errorf("the file is not what remembers, then: %v", err)
	}
}

func TestSpoiledLinesArePassedOver(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	v, c := verifier(t, key)
	token, later := key.sign(t, good()), key.sign(t, good())
	if _, err := v.Verify(token); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(c.Dir, "used-tokens")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text = append([]byte("x\n\n12 zz\n-1 00\n"), text...)
	text = append(text, "99999999999 0123"...) // cut off in the middle of a write
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time what the first appended is there, on a line of its own
		v := reopen(t, c)
		if _, err := v.Verify(token); err == nil {
			t.Error("a line between spoiled ones is not known")
		}
		_, _ = v.Verify(later)
		token = later
	}
}

// clock is a time that tests move.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func TestTokensAreForgottenOnceExpired(t *testing.T) {
	t.Parallel()
	clock := &clock{now}
	name := filepath.Join(t.TempDir(), "used")
	u, err := openUsed(name, clock.now, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	most := int64(0)
	for i := range 20_000 { // ten a second, for longer than a token's life
		clock.Time = clock.Add(100 * time.Millisecond)
		if err := u.use(fmt.Sprint(i), clock.Add(90*time.Second)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, info.Size())
	}
	if most > 500<<10 || len(u.until) > 5000 {
		t.Errorf("the file grew to %d bytes, the memory to %d tokens", most, len(u.until))
	}
	if err := u.use("19999", clock.Add(90*time.Second)); err == nil {
		t.Error("a token was forgotten before it expired")
	}
	if err := u.use("0", clock.Add(90*time.Second)); err != nil {
		t.Errorf("an id whose token is long expired: %v", err)
	}
}

func TestTooManyTokensAreRefused(t *testing.T) {
	t.Parallel()
	clock := &clock{now}
	u, err := openUsed(filepath.Join(t.TempDir(), "used"), clock.now, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	for i := range maxUsed {
		if err := u.use(fmt.Sprint(i), now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.use("one more", now.Add(time.Minute)); err == nil {
		t.Error("nothing bounds the memory")
	}
	clock.Time = now.Add(2 * time.Minute)
	if err := u.use("later", clock.Add(time.Minute)); err != nil {
		t.Errorf("refused after the others expired: %v", err)
	}
}

func TestAFullDiskLocksNobodyOut(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no /dev/full to fail writes: %v", err)
	}
	var log bytes.Buffer
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	u, err := openUsed(filepath.Join(dir, "used"), func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	u.closeFile()
	u.file = full
	if err := u.use("a", now.Add(time.Minute)); err != nil {
		t.Errorf("refused for want of space: %v", err)
	}
	if err := u.use("a", now.Add(time.Minute)); err == nil {
		t.Error("a token that could not be saved may be used twice")
	}
	if n := strings.Count(log.String(), "not saved"); n != 1 {
		t.Errorf("said %d times: %s", n, &log)
	}
	if err := u.use("b", now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(u.name)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n != 2 || !strings.Contains(log.String(), "saved again") {
		t.Errorf("once there is space again the file has %d lines; log: %s", n, &log)
	}
}

func FuzzLoadUsed(f *testing.F) {
	f.Add([]byte("1772366400 000102030405060708090a0b0c0d0e0f\n"))
	f.Add([]byte("x\n\n12 zz\n99999999999 0123"))
	f.Fuzz(func(t *testing.T, text []byte) {
		u := &usedTokens{now: func() time.Time { return now }, until: map[tokenID]int64{}}
		if err := u.load(bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		for id, until := range u.until {
			got, when, ok := parseUsed(bytes.TrimSpace(appendUsed(nil, id, until)))
			if !ok || got != id || when != until {
				t.Errorf("%x %d is read back as %x %d", id, until, got, when)
			}
		}
	})
}
