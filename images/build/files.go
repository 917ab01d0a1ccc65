package main

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// madeAt is the time of every file and image: none of them tells when it was made, so equal content is equal bytes.
var madeAt = time.Unix(0, 0).UTC()

// addRoot copies the tar of a whole system. Devices stay out, as do the files that a container gets from its runtime, and logs and caches that differ from run to run.
func addRoot(w *tar.Writer, root io.Reader) error {
	r := tar.NewReader(root)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		h.Name = strings.TrimPrefix(h.Name, "./")
		if h.Typeflag == tar.TypeLink {
			h.Linkname = strings.TrimPrefix(h.Linkname, "./")
		}
		if h.Name == "" || volatile(h) {
			continue
		}
		if err := add(w, h, r); err != nil {
			return err
		}
	}
}

// volatile says what to leave out. Folders of logs and caches stay, as apt wants them when somebody builds upon the image.
func volatile(h *tar.Header) bool {
	switch h.Name {
	case "etc/hostname", "etc/resolv.conf", "etc/machine-id", "var/cache/ldconfig/aux-cache":
		return true
	}
	for _, folder := range []string{"dev/", "proc/", "sys/", "run/", "tmp/"} {
		if strings.HasPrefix(h.Name, folder) && h.Name != folder {
			return true
		}
	}
	for _, folder := range []string{"var/log/", "var/cache/apt/", "var/cache/debconf/", "var/lib/apt/lists/"} {
		if strings.HasPrefix(h.Name, folder) && h.Typeflag != tar.TypeDir && !strings.HasSuffix(h.Name, ".dat") {
			return true
		}
	}
	return false
}

// addTree copies a folder to a place in the image, owned by root. Files that are one on the disk (hard links) are one in the image.
func addTree(w *tar.Writer, dir, to string) error {
	seen := map[uint64]string{}
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := path.Join(to, filepath.ToSlash(rel))
		if info.IsDir() {
			return add(w, &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}, nil)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(file)
			if err != nil {
				return err
			}
			return add(w, &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is neither a file, a folder nor a link", file)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
			if first, again := seen[st.Ino]; again {
				return add(w, &tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: first, Mode: plainMode(info)}, nil)
			}
			seen[st.Ino] = name
		}
		return addFile(w, file, name)
	})
}

// addFile copies one file, owned by root.
func addFile(w *tar.Writer, file, name string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return add(w, &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: plainMode(info)}, f)
}

func plainMode(info fs.FileInfo) int64 {
	if info.Mode()&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

func add(w *tar.Writer, h *tar.Header, content io.Reader) error {
	h.ModTime, h.AccessTime, h.ChangeTime = madeAt, time.Time{}, time.Time{}
	h.Uname, h.Gname = "", ""
	h.Format = tar.FormatUnknown
	if err := w.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	if _, err := io.Copy(w, content); err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	return nil
}
