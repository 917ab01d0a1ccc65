package front

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// tarOf makes a tar; a name that ends in a slash is a folder.
func tarOf(t *testing.T, entries ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e[0], Typeflag: tar.TypeReg, Size: int64(len(e[1])), Mode: 0o644}
		if e[0][len(e[0])-1] == '/' {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCopyFromGivesAFilesBytesAndAFolderAsATar(t *testing.T) {
	t.Parallel()
	folder := tarOf(t, [2]string{"dir/", ""}, [2]string{"dir/f", "content"})
	long := "long/" + string(bytes.Repeat([]byte("n"), 150))
	for name, test := range map[string]struct{ sent, want []byte }{
		"a file":                  {tarOf(t, [2]string{"f", "content\n"}), []byte("content\n")},
		"an empty file":           {tarOf(t, [2]string{"f", ""}), nil},
		"a file with a long name": {tarOf(t, [2]string{long, "content"}), []byte("content")},
		"a folder":                {folder, folder},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, func(_ context.Context, x *mux.Exchange) (any, error) {
				_, err := x.Write(test.sent)
				return nil, err
			})
			if got, want := h.front("", "copy-from", "a", "f"), (result{stdout: string(test.want)}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestCopyFromThatBreaksOffIsNotBegunAnew(t *testing.T) {
	t.Parallel()
	sent := tarOf(t, [2]string{"f", string(make([]byte, 100<<10))})
	h := newHub(t, func(_ context.Context, x *mux.Exchange) (any, error) {
		if _, err := x.Write(sent[:50<<10]); err != nil {
			return nil, err
		}
		return nil, wire.Errorf(wire.CodeUnavailable, "gone")
	})
	if got := h.front("", "copy-from", "a", "f"); got.status != 1 || len(h.seen()) != 1 {
		t.Errorf("status %d after %d requests, want a failure after one: %s", got.status, len(h.seen()), got.stderr)
	}
}

func TestCopyToPutsAFileIntoAFolderThatHasTheName(t *testing.T) {
	t.Parallel()
	src := filepath.Join(t.TempDir(), "src.txt")
	if err := os.WriteFile(src, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ dst, there, want string }{
		"no destination":      {"", "", "src.txt"},
		"a folder, by slash":  {"d/", "", "d/src.txt"},
		"a folder that is":    {"d", "d/", "d/src.txt"},
		"a file that is":      {"d/f", "d/f", "d/f"},
		"a name not yet used": {"d/f", "", "d/f"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrived := make(chan string, 1)
			h := newHub(t, func(_ context.Context, x *mux.Exchange) (any, error) {
				if x.Op == wire.OpGet {
					if test.there == "" {
						return nil, wire.Errorf(wire.CodeFailed, "no such file")
					}
					_, err := x.Write(tarOf(t, [2]string{test.there, ""}))
					return nil, err
				}
				header, err := tar.NewReader(x).Next()
				if err != nil {
					return nil, err
				}
				arrived <- header.Name
				_, err = io.Copy(io.Discard, x)
				return wire.PutReply{}, err
			})
			if got := h.front("", "copy-to", "a", src, test.dst); got != (result{}) {
				t.Fatalf("got %+v", got)
			}
			if got := <-arrived; got != test.want {
				t.Errorf("the file went to %q, want %q", got, test.want)
			}
		})
	}
	if got := runFront(t.Context(), noHub, nil, "", "copy-to", "a", filepath.Join(filepath.Dir(src), "gone"), "d"); got != (result{}) {
		t.Errorf("a missing source: %+v, want success", got)
	}
}
