package contract_test

import "syscall"

// mountMemory puts a file system of that size in the place of dir, which takes root.
func mountMemory(dir, size, options string) error {
	var flags uintptr
	if options == "ro" {
		flags = syscall.MS_RDONLY
	}
	return syscall.Mount("tmpfs", dir, "tmpfs", flags, "mode=0700,size="+size)
}

func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
