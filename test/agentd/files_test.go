package agentd_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/tarstream"
)

// pack makes a tar of the entries.
func pack(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content = "content of " + filepath.Base(h.Name)
			h.Size = int64(len(content))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (d *daemon) put(c *mux.Conn, p wire.Put, tarball []byte) (wire.PutReply, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	var reply wire.PutReply
	_, err := stream(ctx, c, mux.Request{Op: wire.OpPut, Body: p}, tarball, &reply)
	return reply, err
}

func (d *daemon) fetch(c *mux.Conn, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	return stream(ctx, c, mux.Request{Op: wire.OpGet, Body: wire.Get{Path: path}}, nil, nil)
}

func file(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }

func link(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}
}

func TestFilesGoInBeforeAndAfterTheLaunch(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	work := d.path("work", "made", "for", "this")
	reply, err := d.put(c, wire.Put{WorkDir: work}, pack(t, file("a"), file("sub/b"), link("l", "sub/b")))
	if err != nil || reply.Files != 3 {
		t.Fatalf("put before the launch: %+v, %v", reply, err)
	}
	var state wire.StateReply
	if d.call(c, wire.OpState, nil, &state); state.State != wire.StateStaging {
		t.Errorf("state %s, want %s", state.State, wire.StateStaging)
	}
	d.launchAll(c, wire.Launch{Command: "cat a l; cat", WorkDir: work})
	d.waitText(c, "content of acontent of b")
	if _, err := d.put(c, wire.Put{Dir: "later/on"}, pack(t, file("c"))); err != nil {
		t.Fatalf("put after the launch: %v", err)
	}
	if got := read(t, filepath.Join(work, "later", "on", "c")); got != "content of c" {
		t.Errorf("the file holds %q", got)
	}
	for path, want := range map[string][]string{
		"a":                        {"a"},
		"sub":                      {"./", "b"},
		filepath.Join(work, "sub"): {"./", "b"},
		"l":                        {"l"},
	} {
		b, err := d.fetch(c, path)
		if err != nil {
			t.Errorf("get %s: %v", path, err)
			continue
		}
		var names []string
		for r := tar.NewReader(bytes.NewReader(b)); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("get %s: %v", path, err)
			}
			names = append(names, h.Name)
		}
		if len(names) != len(want) || names[0] != want[0] {
			t.Errorf("get %s: %q, want %q", path, names, want)
		}
	}
	if _, err := d.fetch(c, "missing"); wire.CodeOf(err) != wire.CodeFailed {
		t.Errorf("get of what isn't there: %v (%s)", err, wire.CodeOf(err))
	}
}

func TestNothingLeavesTheWorkDir(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "cat")
	if err := os.Symlink(d.path("keys"), d.path("work", "out")); err != nil {
		t.Fatal(err)
	}
	for name, entries := range map[string][]tar.Header{
		"a path with dots":            {file("../escaped")},
		"an absolute path":            {file(d.path("escaped"))},
		"through a link of the tar":   {link("l", d.dir), file("l/escaped")},
		"a relative link out":         {link("l2", "../.."), file("l2/escaped")},
		"through a link that is here": {file("out/escaped")},
	} {
		if _, err := d.put(c, wire.Put{}, pack(t, entries...)); wire.CodeOf(err) != wire.CodeForbidden {
			t.Errorf("%s: %v (%s)", name, err, wire.CodeOf(err))
		}
	}
	found, err := filepath.Glob(d.path("*", "escaped"))
	if above, _ := filepath.Glob(d.path("escaped")); err != nil || len(found)+len(above) > 0 {
		t.Errorf("escaped: %q %q %v", found, above, err)
	}
	for _, path := range []string{"out/signing.pem", "../keys/signing.pem", d.path("keys", "signing.pem"), "/etc/passwd", ""} {
		if b, err := d.fetch(c, path); wire.CodeOf(err) != wire.CodeForbidden {
			t.Errorf("get %q: %d bytes, %v", path, len(b), err)
		}
	}
	if _, err := d.put(c, wire.Put{Dir: "../elsewhere"}, pack(t, file("x"))); wire.CodeOf(err) != wire.CodeForbidden {
		t.Errorf("put beside the work dir: %v", err)
	}
	if _, err := d.put(c, wire.Put{}, []byte("this is no tar, is it? "+string(make([]byte, 1000)))); err == nil || wire.CodeOf(err) == wire.CodeInternal {
		t.Errorf("put of what is no tar: %v", err)
	}
}

func TestACompressedTarArrivesAndOneThatIsNotIsRefused(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	tarball := pack(t, file("a"), file("sub/b"))
	for _, encoding := range []string{wire.EncodingZstd, wire.EncodingS2} {
		ask := wire.Put{WorkDir: d.path("work", encoding), Encoding: encoding}
		var small bytes.Buffer
		z, err := tarstream.Compress(&small, encoding)
		if err != nil {
			t.Fatal(err)
		}
		_, err = z.Write(tarball)
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		if reply, err := d.put(c, ask, small.Bytes()); err != nil || reply.Files != 2 || read(t, d.path("work", encoding, "sub", "b")) == "" {
			t.Errorf("%s: %+v, %v", encoding, reply, err)
		}
		if _, err := d.put(c, ask, tarball); wire.CodeOf(err) != wire.CodeBadRequest {
			t.Errorf("%s: not compressed: %v", encoding, err)
		}
	}
	ask := wire.Put{WorkDir: d.path("work"), Encoding: "lzma"}
	if _, err := d.put(c, ask, tarball); wire.CodeOf(err) != wire.CodeBadRequest || !strings.Contains(err.Error(), `"lzma"`) {
		t.Errorf("an unknown encoding: %v", err)
	}
}
