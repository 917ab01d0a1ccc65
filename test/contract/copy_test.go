package contract_test

import (
	"archive/tar"
	"io"
	"maps"
	"os"
	"strings"
	"testing"
)

func TestCopyToPutsFilesAndFoldersIntoTheWorkDir(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", config{"command": "cat"})
	script := g.write("#!/bin/sh\n", "from", "run.sh")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	g.write("deep", "from", "sub", "deep.txt")
	g.write("old", "work", "there", "run.sh")
	g.write("keep", "work", "there", "keep")

	g.ok("copy-to", "s", script, "new/name.sh")
	g.ok("copy-to", "s", script, "there")
	g.ok("copy-to", "s", script, "")
	g.ok("copy-to", "s", g.path("from"), "folder")
	g.ok("copy-to", "s", g.path("from"), "")
	g.ok("copy-to", "s", g.path("missing"), "missing")
	for file, want := range map[string]string{
		"new/name.sh": "#!/bin/sh\n", "there/run.sh": "#!/bin/sh\n", "there/keep": "keep", "run.sh": "#!/bin/sh\n",
		"folder/run.sh": "#!/bin/sh\n", "folder/sub/deep.txt": "deep", "sub/deep.txt": "deep", "missing": "",
	} {
		if got := g.file("work", file); got != want {
			t.Errorf("file %q holds %q, want %q", file, got, want)
		}
	}
	if info, err := os.Stat(g.path("work", "new", "name.sh")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the script's mode is lost: %v, %v", info, err)
	}
}

func TestNothingIsCopiedOutOfTheWorkDir(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", config{"command": "cat"})
	secret := g.write("secret", "secret")
	if err := os.Symlink(g.dir, g.path("work", "out")); err != nil {
		t.Fatal(err)
	}
	for _, dst := range []string{"../escaped", "out/escaped", "/tmp/escaped-contract-test", "a/../../escaped"} {
		g.fails("", "copy-to", "s", secret, dst)
	}
	if g.exists("escaped") {
		t.Error("a file was put beside the work dir")
	}
	for _, src := range []string{"../secret", "out/secret", secret, "/etc/passwd"} {
		g.fails("", "copy-from", "s", src)
	}
}

func TestCopyFromGivesAFilesBytesOrAFoldersTar(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	g.start("s", config{"command": "cat"})
	big := strings.Repeat("0123456789abcdef", 1<<20/16*3) + "\n\n"
	g.write(big, "work", "sub", "big")
	g.write("", "work", "sub", "empty")
	for _, path := range []string{"sub/big", g.path("work", "sub", "big")} {
		if r := g.run("", "copy-from", "s", path); r.status != 0 || r.stdout != big {
			t.Errorf("%s: status %d, %d bytes, want %d: %s", path, r.status, len(r.stdout), len(big), r.stderr)
		}
	}
	if r := g.run("", "copy-from", "s", "sub/empty"); r.status != 0 || r.stdout != "" {
		t.Errorf("an empty file: status %d, %q: %s", r.status, r.stdout, r.stderr)
	}
	r := g.run("", "copy-from", "s", "sub")
	got := map[string]string{}
	for archive := tar.NewReader(strings.NewReader(r.stdout)); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			got[h.Name[strings.LastIndex(h.Name, "/")+1:]] = string(b)
		}
	}
	if want := map[string]string{"big": big, "empty": ""}; !maps.Equal(got, want) {
		t.Errorf("the folder's tar holds %d files", len(got))
	}
	g.fails("", "copy-from", "s", "no-such-file")
}
