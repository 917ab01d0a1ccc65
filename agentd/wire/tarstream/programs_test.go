package tarstream

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// need skips without the program, except where all must be there.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("AGENTD_REQUIRE_ALL") != "" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
}

// run gives what a program writes.
func run(t *testing.T, dir string, argv ...string) []byte {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, &stderr)
	}
	return out
}

// The tars that people have come from these programs, each with habits of its own.
func TestUnpackTakesWhatOtherProgramsWrite(t *testing.T) {
	t.Parallel()
	for name, argv := range map[string][]string{
		"GNU tar of the folder itself":      {"tar", "-c", "."},
		"GNU tar in its own format, sparse": {"tar", "--format=gnu", "-S", "-c", "."},
		"GNU tar in POSIX format, sparse":   {"tar", "--format=posix", "-S", "-c", "."},
		"GNU tar of old":                    {"tar", "--format=v7", "-c", "./a", "./sparse"},
		"git archive":                       {"git", "archive", "HEAD"},
		"git archive under a folder":        {"git", "archive", "--prefix=./", "HEAD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need(t, argv[0])
			from := source(t)
			if argv[0] == "git" {
				run(t, from, "git", "init", "-q")
				run(t, from, "git", "add", ".")
				run(t, from, "git", "-c", "user.name=n", "-c", "user.email=e@example.com", "commit", "-q", "-m", "m")
			}
			root, outside := rooted(t)
			if _, err := Unpack(t.Context(), bytes.NewReader(run(t, from, argv...)), root); err != nil {
				t.Fatal(err)
			}
			untouched(t, outside)
			for file, want := range map[string]string{"a/script": "#!/bin/sh\n", "a/link/script": "#!/bin/sh\n", "sparse": string(make([]byte, 1<<20)) + "end"} {
				got, err := root.ReadFile(file)
				if err != nil || string(got) != want {
					t.Errorf("%s: %d bytes, %v; want %d", file, len(got), err, len(want))
				}
			}
			info, err := root.Stat("a/script")
			if err != nil || info.Mode().Perm()&0o100 == 0 {
				t.Errorf("a/script: %v, %v; want it executable", info, err)
			}
			if entries, err := os.ReadDir(root.Name()); err != nil || len(entries) != 2 {
				t.Errorf("the root has %v, %v; want two", entries, err)
			}
		})
	}
}

// source makes a folder with a script, a link, and a file with a hole.
func source(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "a"), 0o755), os.WriteFile(filepath.Join(dir, "a/script"), []byte("#!/bin/sh\n"), 0o755),
		os.Symlink(".", filepath.Join(dir, "a/link")), os.WriteFile(filepath.Join(dir, "sparse"), nil, 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, "sparse"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("end"), 1<<20); err != nil {
		t.Fatal(err)
	}
	return dir
}

// macOS' tar is bsdtar: a "./" first, folders with a slash at the end, and records of its own in PAX headers.
func TestUnpackTakesWhatBsdtarWrites(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: "./", Mode: 0o700},
		{Typeflag: tar.TypeDir, Name: "./a/", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: "./a/script", Mode: 0o755, PAXRecords: map[string]string{"LIBARCHIVE.creationtime": "1700000000.5", "SCHILY.dev": "16777232"}},
		{Typeflag: tar.TypeSymlink, Name: "./a/link", Linkname: "./script"},
		{Typeflag: tar.TypeLink, Name: "./hard", Linkname: "./a/script"},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	root, _ := rooted(t)
	before, err := root.Stat(".")
	if err != nil {
		t.Fatal(err)
	}
	if count, err := Unpack(t.Context(), &b, root); err != nil || count.Files != 5 {
		t.Errorf("%+v, %v", count, err)
	}
	for _, name := range []string{"a/script", "a/link", "hard"} {
		if info, err := root.Stat(name); err != nil || info.Mode() != 0o755 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if after, err := root.Stat("."); err != nil || after.Mode() != before.Mode() {
		t.Errorf("the root's own mode became %v, %v", after.Mode(), err)
	}
}
