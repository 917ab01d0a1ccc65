package pid1

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// Trim gives back the memory that isn't needed just now: some 6 MiB that starting took, and garbage. All of the program's packages are initialised, whatever the process is for,
// which touches most of the program's text once; little of it is needed again. What is, the kernel maps anew from its cache of the file.
// On other systems than Linux it does nothing.
func Trim() error {
	debug.FreeOSMemory()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if begin, end, ok := programPages(lines.Text(), self); ok {
			// Only pages that can't be written, and so hold nothing but what the file holds.
			if _, _, errno := unix.Syscall(unix.SYS_MADVISE, begin, end-begin, unix.MADV_DONTNEED); errno != 0 {
				return fmt.Errorf("give back pages: %w", errno)
			}
		}
	}
	return nil
}

// programPages reads a line of /proc/self/maps: "begin-end mode offset device inode file". It tells whether these are read-only pages of
// the file.
func programPages(line, file string) (begin, end uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || !strings.HasSuffix(line, " "+file) || strings.Contains(fields[1], "w") {
		return 0, 0, false
	}
	n, err := fmt.Sscanf(fields[0], "%x-%x", &begin, &end)
	return begin, end, n == 2 && err == nil && begin < end
}
